#include "services/order/decide.h"

#include <string.h>

#include "events/claim.h"

enum {
    NEW = ORDER_STATE_NEW,
    PENDING = ORDER_STATE_PENDING,
    CONFIRMED = ORDER_STATE_CONFIRMED,
    CANCELLED = ORDER_STATE_CANCELLED
};

#define DOOMED ORDER_DOOMED
#define DECIDER PASSING_FACT(0)  /* this input is the one that brought the decision */
#define CONFLICT PASSING_FACT(1) /* another content under an id that is taken */
#define HEEDED PASSING_FACT(2)   /* the order was cancelled because its customer wanted it so */
#define MAILED PASSING_FACT(3)   /* the mail's fate is known */

#define PLACE FACT(ORDER_PLACE)
#define SUCCESSES (FACT(PAYMENT_COMPLETED) | FACT(INVENTORY_RESERVED))
#define FAILURES \
    (FACT(ORDER_CANCEL) | FACT(PAYMENT_FAILED) | FACT(INVENTORY_FAILED) | FACT(ORDER_TIMEOUT))
#define DECIDED (STATE(CONFIRMED) | STATE(CANCELLED))

/* clang-format off */
static const struct transition transitions[] = {
    /* state                      on                      known              unless  next       effect       reason */

    /* paid and reserved, in whatever order that came */
    {STATE(NEW) | STATE(PENDING), 0,                      PLACE | SUCCESSES, DOOMED, CONFIRMED, EFFECT_NONE, "paid and reserved"},

    /* placed */
    {STATE(NEW),                  PLACE,                  DOOMED,            0,      CANCELLED, EFFECT_NONE, "it was doomed before it was placed"},
    {STATE(NEW),                  PLACE,                  PLACE,             0,      PENDING,   EFFECT_NONE, "placed"},

    /* the first failure before the decision */
    {STATE(PENDING),              FACT(ORDER_CANCEL),     0,                 0,      CANCELLED, EFFECT_NONE, "the customer wants it no more"},
    {STATE(PENDING),              FACT(PAYMENT_FAILED),   0,                 0,      CANCELLED, EFFECT_NONE, "it cannot be paid"},
    {STATE(PENDING),              FACT(INVENTORY_FAILED), 0,                 0,      CANCELLED, EFFECT_NONE, "there is too little in stock"},
    {STATE(PENDING),              FACT(ORDER_TIMEOUT),    0,                 0,      CANCELLED, EFFECT_NONE, "the deadline passed without a decision"},
};

static const struct emission emissions[] = {
    /* state                                on                     known     unless    emits */

    /* placed, or placed again */
    {STATE(PENDING) | DECIDED,              PLACE,                 0,        CONFLICT, ORDER_CREATED},
    {STATE(NEW) | STATE(PENDING) | DECIDED, PLACE,                 CONFLICT, 0,        ORDER_REJECTED},
    {STATE(CONFIRMED),                      PLACE,                 0,        CONFLICT, ORDER_CONFIRMED},
    {STATE(CANCELLED),                      PLACE,                 0,        CONFLICT, ORDER_CANCELLED},

    /* what brought the decision */
    {STATE(CONFIRMED),                      SUCCESSES,             DECIDER,  0,        ORDER_CONFIRMED},
    {STATE(CANCELLED),                      FAILURES,              DECIDER,  0,        ORDER_CANCELLED},

    /* a cancellation, first or repeated */
    {STATE(CANCELLED),                      FACT(ORDER_CANCEL),    HEEDED,   0,        ORDER_CANCELLED},
    {DECIDED,                               FACT(ORDER_CANCEL),    0,        HEEDED,   ORDER_CANCEL_REJECTED},

    /* emitted again on demand */
    {STATE(PENDING),                        FACT(ORDER_REPUBLISH), 0,        0,        ORDER_CREATED},
    {DECIDED,                               FACT(ORDER_REPUBLISH), 0,        MAILED,   ORDER_CREATED},
    {STATE(CONFIRMED),                      FACT(ORDER_REPUBLISH), 0,        0,        ORDER_CONFIRMED},
    {STATE(CANCELLED),                      FACT(ORDER_REPUBLISH), 0,        0,        ORDER_CANCELLED},
};
/* clang-format on */

static const char *const state_names[] = {"NEW", "PENDING", "CONFIRMED", "CANCELLED"};
static const char *const effect_names[] = {""};
static const char *const own_facts[] = {"doomed", NULL};
static const char *const passing_facts[] = {"decided by this", "another content",
                                            "cancelled as asked", "mailed", NULL};

const struct saga_table order_table = {
    .state_names = state_names,
    .state_count = ORDER_STATES,
    .effect_names = effect_names,
    .own_facts = own_facts,
    .passing_facts = passing_facts,
    .transitions = transitions,
    .transition_count = sizeof transitions / sizeof transitions[0],
    .emissions = emissions,
    .emission_count = sizeof emissions / sizeof emissions[0],
};

int order_state_emitted(uint64_t facts)
{
    if ((facts & FACT(ORDER_CONFIRMED)) != 0)
        return ORDER_STATE_CONFIRMED;
    if ((facts & FACT(ORDER_CANCELLED)) != 0)
        return ORDER_STATE_CANCELLED;
    return (facts & FACT(ORDER_CREATED)) != 0 ? ORDER_STATE_PENDING : ORDER_STATE_NEW;
}

bool order_closed(int state, uint64_t facts)
{
    bool mailed = (facts & (FACT(EMAIL_SENT) | FACT(EMAIL_FAILED))) != 0;
    bool paid_back = (facts & (FACT(PAYMENT_REFUNDED) | FACT(PAYMENT_VOIDED))) != 0;
    bool put_back = (facts & (FACT(INVENTORY_RELEASED) | FACT(INVENTORY_VOIDED))) != 0;

    return mailed && (state == CONFIRMED || (state == CANCELLED && paid_back && put_back));
}

static bool conflicts(const struct order_row *row, const struct input *input)
{
    return input->on == PLACE && row->content_id != NULL &&
           strcmp(row->content_id, input->content_id) != 0;
}

/* A payment, or a refund, is one of this order when it is of its amount. */
bool order_contradicts(const struct saga *saga, const struct input *input, struct error *why)
{
    const struct order_row *row = (const struct order_row *)(const void *)saga;

    if ((input->on & (FACT(PAYMENT_COMPLETED) | FACT(PAYMENT_REFUNDED))) == 0)
        return false;
    return row->currency != NULL
               ? !claim_fits(input->message, row->amount_minor, row->currency, why)
               : !claim_has_room(row->claims, input->message, why);
}

static void place(struct order_row *row, const struct order_rules *rules, const struct input *input)
{
    const struct order_place *order = &input->message->order_place;

    row->place = order;
    row->saga.content = input->content;
    row->saga.content_is_new = true;
    row->content_id = input->content_id;
    row->currency = order->currency;
    lines_amount(order->lines, order->line_count, &row->amount_minor);
    claims_settle(&row->saga, &row->claims, row->amount_minor, row->currency, input->arena);
    row->placed_us = input->now_us;
    row->deadline_us = input->now_us + rules->deadline_us;
    row->saga.flow = rules->flow->name;
    row->saga.next_due_us =
        input->now_us +
        (rules->republish_us < rules->deadline_us ? rules->republish_us : rules->deadline_us);
}

/* The first failure is the one that counts: what it says is kept for order.cancelled. */
static void doom(struct order_row *row, const struct message *message)
{
    row->reason = message_type_name(message->type);
    if (message->type == ORDER_CANCEL)
        row->detail = message->order_cancel.reason;
    else if (message->type == PAYMENT_FAILED)
        row->detail = message->outcome.reason;
    else if (message->type == INVENTORY_FAILED)
        row->detail = message->inventory_failed.sku;
    saga_learn(&row->saga, DOOMED);
}

static void claim(struct order_row *row, const struct input *input)
{
    const char *claims = claims_add(row->claims, input->message, input->arena);

    row->saga.changed = row->saga.changed || claims != row->claims;
    row->claims = claims;
}

/* The customer's, payment's and inventory's events are facts whenever they come; a time-out is one
 * only while the order is PENDING. */
static void learn(struct order_row *row, const struct order_rules *rules, const struct input *input)
{
    bool open = row->saga.state == NEW || row->saga.state == PENDING;

    if (input->on == FACT(ORDER_TIMEOUT) && row->saga.state != PENDING)
        return;
    if (input->on == PLACE && row->content_id == NULL)
        place(row, rules, input);
    if (open && (input->on & FAILURES) != 0 && row->reason == NULL)
        doom(row, input->message);
    if ((input->on & (FACT(PAYMENT_COMPLETED) | FACT(PAYMENT_REFUNDED))) != 0 &&
        row->content_id == NULL)
        claim(row, input);
    saga_learn(&row->saga, input->on & ORDER_FACTS);
}

/* When the sweeper should look again. */
static void remind(struct order_row *row, const struct order_rules *rules,
                   const struct input *input)
{
    struct saga *saga = &row->saga;
    int64_t due_us = saga->next_due_us;

    if (saga->state == NEW)
        return;
    if (order_closed(saga->state, saga->facts)) {
        due_us = 0;
    } else if (input->on == FACT(ORDER_REPUBLISH) || input->on == FACT(ORDER_TIMEOUT)) {
        due_us = input->now_us + saga_backoff_us(saga, rules->republish_us);
        if (saga->state == PENDING && row->deadline_us > input->now_us && row->deadline_us < due_us)
            due_us = row->deadline_us;
        saga->attempts++;
    }
    if (due_us != saga->next_due_us) {
        saga->next_due_us = due_us;
        saga->changed = true;
    }
}

const struct transition *order_decide(const void *rules, struct saga *saga,
                                      const struct input *input)
{
    struct order_row *row = (struct order_row *)(void *)saga;
    const struct transition *transition;

    if (conflicts(row, input) || order_contradicts(saga, input, NULL))
        return NULL;
    learn(row, rules, input);
    transition =
        saga_move(saga, transition_find(&order_table, saga->state, input->on, saga->facts));
    if (transition != NULL && (STATE(saga->state) & DECIDED) != 0) {
        row->decided_us = input->now_us;
        row->decided_by = input->message->type;
    }
    remind(row, rules, input);
    return transition;
}

/* What holds of the row while this input is answered. */
static uint64_t passing(const struct order_row *row, const struct input *input)
{
    uint64_t facts = 0;

    if (conflicts(row, input))
        facts |= CONFLICT;
    else if (row->decided_us != 0 && input->on == FACT(row->decided_by))
        facts |= DECIDER;
    if (row->reason != NULL && strcmp(row->reason, message_type_name(ORDER_CANCEL)) == 0)
        facts |= HEEDED;
    if ((row->saga.facts & (FACT(EMAIL_SENT) | FACT(EMAIL_FAILED))) != 0)
        facts |= MAILED;
    return facts;
}

uint64_t order_emits(const struct saga *saga, const struct input *input)
{
    const struct order_row *row = (const struct order_row *)(const void *)saga;

    if (order_contradicts(saga, input, NULL))
        return 0;
    return emissions_find(&order_table, saga->state, input->on, saga->facts | passing(row, input));
}
