#include "services/payment/decide.h"

enum {
    NEW = PAYMENT_STATE_NEW,
    CHARGING = PAYMENT_STATE_CHARGING,
    COMPLETED = PAYMENT_STATE_COMPLETED,
    FAILED = PAYMENT_STATE_FAILED,
    SETTLING = PAYMENT_STATE_SETTLING,
    REFUNDED = PAYMENT_STATE_REFUNDED,
    VOID = PAYMENT_STATE_VOID,
    REFUND_FAILED = PAYMENT_STATE_REFUND_FAILED,
    CHARGE = PAYMENT_ASK_CHARGE,
    SETTLE = PAYMENT_ASK_SETTLE
};

#define READY PASSING_FACT(0) /* every fact that the order's flow awaits is known */

#define CANCEL FACT(ORDER_CANCELLED)
#define AWAITED (FACT(ORDER_CREATED) | FACT(INVENTORY_RESERVED))
#define AGAIN (FACT(PAYMENT_RETRY) | FACT(PAYMENT_REDRIVE))
#define RECORDED (AWAITED | CANCEL)

static const struct transition transitions[] = {
    {STATE(NEW), 0, CANCEL, 0, VOID, ASK_NONE, "cancelled before anything was charged: nothing will be"},
    {STATE(NEW), 0, READY, 0, CHARGING, CHARGE, "every awaited fact is known: the charge is announced"},
    {STATE(CHARGING), CANCEL, 0, 0, SETTLING, SETTLE, "cancelled while a charge is announced: the provider is told to settle"},
    {STATE(CHARGING), PAYMENT_CHARGED, 0, 0, COMPLETED, ASK_NONE, "charged"},
    {STATE(CHARGING), PAYMENT_DECLINED, 0, 0, FAILED, ASK_NONE, "declined"},
    {STATE(CHARGING), PAYMENT_UNANSWERED, 0, 0, CHARGING, ASK_NONE, "the provider does not answer: it is asked again later"},
    {STATE(CHARGING), AWAITED | AGAIN, 0, 0, CHARGING, CHARGE, "a charge was announced and its outcome is unknown: asked again with the same key"},
    {STATE(COMPLETED), CANCEL, 0, 0, SETTLING, SETTLE, "cancelled after the charge: the refund is announced"},
    {STATE(SETTLING), PAYMENT_SETTLED_VOID, 0, 0, VOID, ASK_NONE, "settled: nothing was charged and nothing can be"},
    {STATE(SETTLING), PAYMENT_SETTLED_REFUND, 0, 0, REFUNDED, ASK_NONE, "settled: given back"},
    {STATE(SETTLING), PAYMENT_SETTLE_REFUSED, 0, 0, REFUND_FAILED, ASK_NONE, "the provider refuses the refund: a person must look"},
    {STATE(SETTLING), PAYMENT_UNANSWERED, 0, 0, SETTLING, ASK_NONE, "the provider does not answer: it is told again later"},
    {STATE(SETTLING), RECORDED | AGAIN | PAYMENT_CHARGED | PAYMENT_DECLINED, 0, 0, SETTLING, SETTLE, "an undoing was announced and its outcome is unknown: told again"},
    {STATE(VOID) | STATE(FAILED), PAYMENT_CHARGED, 0, 0, SETTLING, SETTLE, "charged after all: it is undone"},
    {STATE(REFUND_FAILED), AGAIN, 0, 0, SETTLING, SETTLE, "a person wants the refund tried again"},
};

static const struct answer answers[] = {
    {STATE(COMPLETED) | STATE(REFUNDED) | STATE(REFUND_FAILED), AWAITED | AGAIN, PAYMENT_CHARGED, 0, PAYMENT_COMPLETED},
    {STATE(FAILED), AWAITED | AGAIN, 0, 0, PAYMENT_FAILED},
    {STATE(CHARGING), AWAITED | AGAIN, PAYMENT_UNANSWERED, 0, PAYMENT_PENDING},
    {STATE(REFUNDED), CANCEL | AGAIN, CANCEL, 0, PAYMENT_REFUNDED},
    {STATE(VOID) | STATE(FAILED), CANCEL | AGAIN, CANCEL, 0, PAYMENT_VOIDED},
    {STATE(REFUND_FAILED), CANCEL | AGAIN, CANCEL, 0, PAYMENT_REFUND_FAILED},
};

static const char *const state_names[] = {"NEW",      "CHARGING", "COMPLETED", "FAILED",
                                          "SETTLING", "REFUNDED", "VOID",      "REFUND_FAILED"};
static const char *const ask_names[] = {"", "charge", "settle"};
static const char *const own_facts[] = {"charged", "declined", "no answer", "settled: void", "settled: refunded", "refund refused", NULL};
static const char *const passing_facts[] = {"ready", NULL};

const struct saga_table payment_table = {
    .state_names = state_names,
    .state_count = PAYMENT_STATES,
    .ask_names = ask_names,
    .own_facts = own_facts,
    .passing_facts = passing_facts,
    .transitions = transitions,
    .transition_count = sizeof transitions / sizeof transitions[0],
    .answers = answers,
    .answer_count = sizeof answers / sizeof answers[0],
};

bool payment_awaits(const struct flow *flow, enum message_type type)
{
    return flow_hears(flow, FLOW_CHARGE, type);
}

static void learn(struct payment_row *row, const struct input *input)
{
    struct saga *saga = &row->saga;

    saga_learn_flow(saga, input);
    if (input->on == FACT(ORDER_CREATED) && row->currency == NULL) {
        row->payment_method = input->message->order_created.payment_method;
        row->amount_minor = input->message->order_created.amount_minor;
        row->currency = input->message->order_created.currency;
    }
    saga_learn(saga, input->on & RECORDED);
}

/* What the provider said is a fact of its own.  That it was silent counts only while nothing better is known. */
static void learn_outcome(struct payment_row *row, const struct input *input)
{
    const struct payment_outcome *outcome = input->outcome;
    struct saga *saga = &row->saga;

    if (outcome->payment_id != NULL)
        row->payment_id = outcome->payment_id;
    if (input->on == PAYMENT_UNANSWERED) {
        if (row->pending_us == 0)
            row->pending_us = input->now_us;
        saga->attempts++;
    } else if (input->on == PAYMENT_CHARGED || input->on == PAYMENT_DECLINED) {
        row->decided_us = input->now_us;
        saga->attempts = 0;
    } else {
        row->settled_us = input->now_us;
        saga->attempts = 0;
    }
    if (outcome->reason != NULL)
        row->reason = outcome->reason;
    saga_learn(saga, input->on | (input->on == PAYMENT_SETTLED_REFUND ? PAYMENT_CHARGED : 0));
    saga->changed = true;
}

/* Due is what was asked without an answer.  What is asked for the first time is not: whoever dies while asking has not committed
 * the offset of the message that led to it, which comes again.  So the usual payment is never in the index of what is due, and
 * both its writes stay where they are (heap-only tuples). */
static void remind(struct saga *saga, const struct payment_rules *rules, const struct input *input, int ask)
{
    int64_t due_us = 0;

    if (ask != ASK_NONE && saga->next_due_us != 0)
        due_us = input->now_us + rules->timeout_us + saga_backoff_us(saga, rules->retry_us);
    else if (ask == ASK_NONE && (saga->state == CHARGING || saga->state == SETTLING))
        due_us = input->now_us + saga_backoff_us(saga, rules->retry_us);
    if (due_us == saga->next_due_us)
        return;
    saga->next_due_us = due_us;
    saga->changed = true;
}

const struct transition *payment_decide(const void *rules, struct saga *saga, const struct input *input)
{
    struct payment_row *row = (struct payment_row *)(void *)saga;
    const struct transition *transition;

    if (saga_is_foreign(saga, FLOW_CHARGE, input))
        return NULL;
    if (input->outcome != NULL)
        learn_outcome(row, input);
    else
        learn(row, input);
    transition = saga_move(saga, transition_find(&payment_table, saga->state, input->on,
                                                 saga->facts | (saga_is_ready(saga, FLOW_CHARGE) ? READY : 0)));
    if (transition == NULL)
        return NULL;
    if (saga->state == VOID && row->settled_us == 0)
        row->settled_us = input->now_us;
    remind(saga, rules, input, transition->ask);
    return transition;
}

uint64_t payment_answers(const struct saga *saga, const struct input *input)
{
    return saga_is_foreign(saga, FLOW_CHARGE, input) ? 0 : answers_find(&payment_table, saga->state, input->on, saga->facts);
}
