#include "services/shipping/decide.h"

enum { NEW = SHIPPING_STATE_NEW, REQUESTED = SHIPPING_STATE_REQUESTED };

#define CONFIRMED FACT(ORDER_CONFIRMED)
#define AGAIN FACT(SHIPPING_REPUBLISH)

/* clang-format off */
static const struct transition transitions[] = {
    /* state     on known      unless next       effect       reason */
    {STATE(NEW), 0, CONFIRMED, 0,     REQUESTED, EFFECT_NONE, "confirmed: its shipment is requested"},
};

static const struct emission emissions[] = {
    /* state           on                 known unless emits */
    {STATE(REQUESTED), CONFIRMED | AGAIN, 0,    0,     SHIPPING_REQUESTED},
};
/* clang-format on */

static const char *const state_names[] = {"NEW", "REQUESTED"};
static const char *const effect_names[] = {""};
static const char *const none[] = {NULL};

const struct saga_table shipping_table = {
    .state_names = state_names,
    .state_count = SHIPPING_STATES,
    .effect_names = effect_names,
    .own_facts = none,
    .passing_facts = none,
    .transitions = transitions,
    .transition_count = sizeof transitions / sizeof transitions[0],
    .emissions = emissions,
    .emission_count = sizeof emissions / sizeof emissions[0],
};

const struct transition *shipping_decide(const void *rules, struct saga *saga,
                                         const struct input *input)
{
    struct shipment_row *row = (struct shipment_row *)(void *)saga;
    const struct transition *transition;

    (void)rules;
    saga_learn_flow(saga, input);
    saga_learn(saga, input->on & CONFIRMED);
    transition = transition_find(&shipping_table, saga->state, input->on, saga->facts);
    if (transition != NULL)
        row->requested_us = input->now_us;
    return saga_move(saga, transition);
}

uint64_t shipping_emits(const struct saga *saga, const struct input *input)
{
    return emissions_find(&shipping_table, saga->state, input->on, saga->facts);
}
