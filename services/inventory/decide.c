#include "services/inventory/decide.h"

#include <string.h>

#include "events/claim.h"

enum {
    NEW = INVENTORY_STATE_NEW,
    RESERVED = INVENTORY_STATE_RESERVED,
    FAILED = INVENTORY_STATE_FAILED,
    RELEASED = INVENTORY_STATE_RELEASED,
    VOID = INVENTORY_STATE_VOID,
    RESERVE = INVENTORY_EFFECT_RESERVE,
    RELEASE = INVENTORY_EFFECT_RELEASE
};

#define READY PASSING_FACT(0) /* every fact that the order's flow waits for is known */

#define CANCEL FACT(ORDER_CANCELLED)
#define WAITED_FOR (FACT(ORDER_CREATED) | FACT(PAYMENT_COMPLETED))
#define AGAIN FACT(INVENTORY_REPUBLISH)

/* clang-format off */
static const struct transition transitions[] = {
    /* state          on               known   unless  next      effect       reason */

    /* nothing is reserved */
    {STATE(NEW),      0,               CANCEL, 0,      VOID,     EFFECT_NONE, "cancelled before anything was reserved: nothing will be"},
    {STATE(NEW),      INVENTORY_TAKEN, 0,      0,      RESERVED, EFFECT_NONE, "all lines are reserved"},
    {STATE(NEW),      INVENTORY_SHORT, 0,      0,      FAILED,   EFFECT_NONE, "of one SKU there is too little: nothing is reserved"},
    {STATE(NEW),      0,               READY,  0,      NEW,      RESERVE,     "every fact it waits for is known: the stock is asked"},

    /* reserved, then cancelled */
    {STATE(RESERVED), CANCEL,          0,      0,      RELEASED, RELEASE,     "cancelled: what was reserved is free again"},
};

static const struct emission emissions[] = {
    /* state                            on                  known   unless  emits */

    /* what the reservation came to */
    {STATE(RESERVED) | STATE(RELEASED), WAITED_FOR | AGAIN, 0,      0,      INVENTORY_RESERVED},
    {STATE(FAILED),                     WAITED_FOR | AGAIN, 0,      0,      INVENTORY_FAILED},

    /* what the compensation came to */
    {STATE(RELEASED),                   CANCEL | AGAIN,     CANCEL, 0,      INVENTORY_RELEASED},
    {STATE(VOID) | STATE(FAILED),       CANCEL | AGAIN,     CANCEL, 0,      INVENTORY_VOIDED},
};
/* clang-format on */

static const char *const state_names[] = {"NEW", "RESERVED", "FAILED", "RELEASED", "VOID"};
static const char *const effect_names[] = {"", "reserve", "release"};
static const char *const own_facts[] = {"taken", "too little", NULL};
static const char *const passing_facts[] = {"ready", NULL};

const struct saga_table inventory_table = {
    .state_names = state_names,
    .state_count = INVENTORY_STATES,
    .effect_names = effect_names,
    .own_facts = own_facts,
    .passing_facts = passing_facts,
    .transitions = transitions,
    .transition_count = sizeof transitions / sizeof transitions[0],
    .emissions = emissions,
    .emission_count = sizeof emissions / sizeof emissions[0],
};

bool inventory_waits_for(const struct flow *flow, enum message_type type)
{
    return flow_consumes(flow, FLOW_RESERVE, type);
}

/* A payment is one of this order when it is of its amount; of a reservation that an earlier version
 * made, no amount is known. */
bool inventory_contradicts(const struct saga *saga, const struct input *input, struct error *why)
{
    const struct inventory_row *row = (const struct inventory_row *)(const void *)saga;
    const struct order_created *created;

    if (saga_is_foreign(saga, FLOW_RESERVE, input))
        return false;
    if (input->on == FACT(PAYMENT_COMPLETED))
        return row->currency != NULL
                   ? !claim_fits(input->message, row->amount_minor, row->currency, why)
                   : !claim_has_room(row->claims, input->message, why);
    if (input->on != FACT(ORDER_CREATED) || row->currency == NULL)
        return false;
    created = &input->message->order_created;
    if (created->amount_minor == row->amount_minor && strcmp(created->currency, row->currency) == 0)
        return false;
    if (why != NULL)
        error_set(why, STATUS_INVALID, "order.created is over %lld %s, before it was over %lld %s",
                  (long long)created->amount_minor, created->currency, (long long)row->amount_minor,
                  row->currency);
    return true;
}

static void learn(struct inventory_row *row, const struct input *input)
{
    struct saga *saga = &row->saga;

    saga_learn_flow(saga, input);
    if (input->on == FACT(ORDER_CREATED)) {
        saga->content_is_new = saga->content_is_new || (saga->facts & FACT(ORDER_CREATED)) == 0;
        row->created = &input->message->order_created;
        if (row->currency == NULL) {
            row->amount_minor = row->created->amount_minor;
            row->currency = row->created->currency;
            claims_settle(saga, &row->claims, row->amount_minor, row->currency, input->arena);
            saga->changed = true;
        }
    }
    if (input->on == FACT(PAYMENT_COMPLETED) && (saga->facts & FACT(ORDER_CREATED)) == 0) {
        const char *claims = claims_add(row->claims, input->message, input->arena);

        saga->changed = saga->changed || claims != row->claims;
        row->claims = claims;
    }
    saga_learn(saga, input->on & (WAITED_FOR | CANCEL));
}

static void learn_result(struct inventory_row *row, const struct input *input)
{
    const struct inventory_result *result = input->result;

    if (row->saga.state != NEW)
        return;
    row->short_sku = result->sku;
    row->wanted = result->wanted;
    row->available = result->available;
    row->decided_us = input->now_us;
    saga_learn(&row->saga, input->on);
}

const struct transition *inventory_decide(const void *rules, struct saga *saga,
                                          const struct input *input)
{
    struct inventory_row *row = (struct inventory_row *)(void *)saga;
    const struct transition *transition;

    (void)rules;
    if (saga_is_foreign(saga, FLOW_RESERVE, input) || inventory_contradicts(saga, input, NULL))
        return NULL;
    if (input->result != NULL)
        learn_result(row, input);
    else
        learn(row, input);
    transition = saga_move(
        saga, transition_find(&inventory_table, saga->state, input->on,
                              saga->facts | (saga_is_ready(saga, FLOW_RESERVE) ? READY : 0)));
    if (transition != NULL && (saga->state == VOID || saga->state == RELEASED) &&
        row->released_us == 0)
        row->released_us = input->now_us;
    return transition;
}

uint64_t inventory_emits(const struct saga *saga, const struct input *input)
{
    if (saga_is_foreign(saga, FLOW_RESERVE, input) || inventory_contradicts(saga, input, NULL))
        return 0;
    return emissions_find(&inventory_table, saga->state, input->on, saga->facts);
}
