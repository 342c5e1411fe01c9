#include "services/payment/decide.h"

#include <string.h>

#include "base/arena.h"
#include "events/identity.h"

enum {
    NEW = PAYMENT_STATE_NEW,
    CHARGING = PAYMENT_STATE_CHARGING,
    COMPLETED = PAYMENT_STATE_COMPLETED,
    FAILED = PAYMENT_STATE_FAILED,
    SETTLING = PAYMENT_STATE_SETTLING,
    REFUNDED = PAYMENT_STATE_REFUNDED,
    VOID = PAYMENT_STATE_VOID,
    REFUND_FAILED = PAYMENT_STATE_REFUND_FAILED,
    CHARGE = PAYMENT_EFFECT_CHARGE,
    SETTLE = PAYMENT_EFFECT_SETTLE
};

#define READY PASSING_FACT(0) /* every fact that the order's flow waits for is known */
#define FREE PASSING_FACT(1)  /* nothing is to be paid */
#define PAID PASSING_FACT(2)  /* the row was COMPLETED once */
#define LATE PASSING_FACT(3)  /* a charge was left without an answer once */

#define CANCEL FACT(ORDER_CANCELLED)
#define WAITED_FOR (FACT(ORDER_CREATED) | FACT(INVENTORY_RESERVED))
#define AGAIN (FACT(PAYMENT_RETRY) | FACT(PAYMENT_REPUBLISH))
#define RECORDED (WAITED_FOR | CANCEL)
#define AFTER_CHARGE (STATE(COMPLETED) | STATE(SETTLING) | STATE(REFUNDED) | STATE(REFUND_FAILED))
#define CHARGE_RESULTS (PAYMENT_CHARGED | PAYMENT_DECLINED | PAYMENT_PREPARED)
#define SILENCES (PAYMENT_UNANSWERED | PAYMENT_UNAVAILABLE)

/* clang-format off */
static const struct transition transitions[] = {
    /* state                      on                                 known         unless  next           effect       reason */

    /* nothing is announced */
    {STATE(NEW),                  0,                                 CANCEL,       0,      VOID,          EFFECT_NONE, "cancelled before anything was charged: nothing will be"},
    {STATE(NEW),                  0,                                 READY | FREE, 0,      COMPLETED,     EFFECT_NONE, "nothing is to be paid: it is paid by definition"},
    {STATE(NEW),                  0,                                 READY,        0,      CHARGING,      CHARGE,      "every fact it waits for is known: the charge is announced"},

    /* a charge is announced */
    {STATE(CHARGING),             CANCEL,                            0,            0,      SETTLING,      SETTLE,      "cancelled while a charge is announced: the provider is told to settle"},
    {STATE(CHARGING),             PAYMENT_CHARGED,                   0,            0,      COMPLETED,     EFFECT_NONE, "charged"},
    {STATE(CHARGING),             PAYMENT_DECLINED,                  0,            0,      FAILED,        EFFECT_NONE, "declined"},
    {STATE(CHARGING),             PAYMENT_UNANSWERED,                0,            0,      CHARGING,      EFFECT_NONE, "the provider does not answer: it is asked again later"},
    {STATE(CHARGING),             PAYMENT_UNAVAILABLE,               0,            0,      CHARGING,      EFFECT_NONE, "the provider cannot be asked now: it is asked later"},
    {STATE(CHARGING),             PAYMENT_PREPARED,                  0,            0,      CHARGING,      CHARGE,      "the charge is prepared and its id on record: it is made"},
    {STATE(CHARGING),             WAITED_FOR | AGAIN,                0,            0,      CHARGING,      CHARGE,      "a charge was announced and its outcome is unknown: asked again with the same key"},

    /* charged, then cancelled */
    {STATE(COMPLETED),            CANCEL,                            FREE,         0,      REFUNDED,      EFFECT_NONE, "cancelled: nothing was paid and nothing is to be refunded"},
    {STATE(COMPLETED),            CANCEL,                            0,            0,      SETTLING,      SETTLE,      "cancelled after the charge: the refund is announced"},

    /* a settlement is announced */
    {STATE(SETTLING),             PAYMENT_SETTLED_VOID,              0,            0,      VOID,          EFFECT_NONE, "settled: nothing was charged and nothing can be"},
    {STATE(SETTLING),             PAYMENT_SETTLED_REFUND,            0,            0,      REFUNDED,      EFFECT_NONE, "settled: refunded"},
    {STATE(SETTLING),             PAYMENT_SETTLE_REFUSED,            0,            0,      REFUND_FAILED, EFFECT_NONE, "the provider refuses the refund: a person must look"},
    {STATE(SETTLING),             PAYMENT_UNANSWERED,                0,            0,      SETTLING,      EFFECT_NONE, "the provider does not answer: it is told again later"},
    {STATE(SETTLING),             PAYMENT_UNAVAILABLE,               0,            0,      SETTLING,      EFFECT_NONE, "the provider cannot be told now: it is told later"},
    {STATE(SETTLING),             RECORDED | AGAIN | CHARGE_RESULTS, 0,            0,      SETTLING,      SETTLE,      "a settlement was announced and its outcome is unknown: told again"},

    /* over, and not over after all */
    {STATE(VOID) | STATE(FAILED), PAYMENT_CHARGED,                   0,            0,      SETTLING,      SETTLE,      "charged after all: it is compensated"},
    {STATE(REFUND_FAILED),        AGAIN,                             0,            0,      SETTLING,      SETTLE,      "a person wants the refund tried again"},
};

static const struct emission emissions[] = {
    /* state                                                       on                  known                            unless  emits */

    /* what the charge came to */
    {AFTER_CHARGE,                                                 WAITED_FOR | AGAIN, PAID,                            0,      PAYMENT_COMPLETED},
    {STATE(FAILED),                                                WAITED_FOR | AGAIN, 0,                               0,      PAYMENT_FAILED},
    {STATE(CHARGING) | STATE(FAILED) | STATE(VOID) | AFTER_CHARGE, WAITED_FOR | AGAIN, LATE,                            0,      PAYMENT_PENDING},

    /* what the compensation came to, whichever message brought it about */
    {STATE(REFUNDED),                                              RECORDED | AGAIN,   CANCEL,                          0,      PAYMENT_REFUNDED},
    {STATE(VOID) | STATE(FAILED),                                  RECORDED | AGAIN,   CANCEL,                          0,      PAYMENT_VOIDED},
    {STATE(REFUNDED) | STATE(VOID) | STATE(REFUND_FAILED),         RECORDED | AGAIN,   CANCEL | PAYMENT_SETTLE_REFUSED, 0,      PAYMENT_REFUND_FAILED},
};
/* clang-format on */

static const char *const state_names[] = {"NEW",      "CHARGING", "COMPLETED", "FAILED",
                                          "SETTLING", "REFUNDED", "VOID",      "REFUND_FAILED"};
static const char *const effect_names[] = {"", "charge", "settle"};
static const char *const own_facts[] = {"charged",       "declined",          "no answer",
                                        "settled: void", "settled: refunded", "refund refused",
                                        "prepared",      "unavailable",       NULL};
static const char *const passing_facts[] = {"ready", "free", "paid", "answered late", NULL};

const struct saga_table payment_table = {
    .state_names = state_names,
    .state_count = PAYMENT_STATES,
    .effect_names = effect_names,
    .own_facts = own_facts,
    .passing_facts = passing_facts,
    .transitions = transitions,
    .transition_count = sizeof transitions / sizeof transitions[0],
    .emissions = emissions,
    .emission_count = sizeof emissions / sizeof emissions[0],
};

bool payment_waits_for(const struct flow *flow, enum message_type type)
{
    return flow_consumes(flow, FLOW_CHARGE, type);
}

/* The payment of an order over nothing has an id of our own making: a provider is never asked, and
 * would refuse. */
static void free_payment_id(const char *order_id, char id[IDENTITY_SIZE])
{
    char name[ORDER_ID_MAX + 8] = "free/";

    strncat(name, order_id, ORDER_ID_MAX);
    name_id(name, strlen(name), id);
}

static bool is_free(const struct payment_row *row)
{
    char id[IDENTITY_SIZE];

    if (row->currency == NULL || row->amount_minor != 0)
        return false;
    free_payment_id(row->saga.order_id, id);
    return row->payment_id == NULL || strcmp(row->payment_id, id) == 0;
}

/* What holds of the row while this input is decided or answered. */
static uint64_t passing(const struct payment_row *row)
{
    const uint64_t facts = row->saga.facts;
    uint64_t holds = saga_is_ready(&row->saga, FLOW_CHARGE) ? READY : 0;

    if (is_free(row))
        holds |= FREE;
    if (row->decided_us != 0 && (facts & PAYMENT_CHARGED) != 0 && (facts & PAYMENT_DECLINED) == 0)
        holds |= PAID;
    if (row->pending_us != 0)
        holds |= LATE;
    return holds;
}

bool payment_contradicts(const struct saga *saga, const struct input *input, struct error *why)
{
    const struct payment_row *row = (const struct payment_row *)(const void *)saga;
    const struct order_created *created;

    if (input->on != FACT(ORDER_CREATED) || row->currency == NULL)
        return false;
    created = &input->message->order_created;
    if (created->amount_minor == row->amount_minor &&
        strcmp(created->currency, row->currency) == 0 &&
        strcmp(created->payment_method, row->payment_method) == 0)
        return false;
    if (why != NULL)
        error_set(why, STATUS_INVALID,
                  "order.created is over %lld %s by %s, before it was over %lld %s by %s",
                  (long long)created->amount_minor, created->currency, created->payment_method,
                  (long long)row->amount_minor, row->currency, row->payment_method);
    return true;
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

/* What a charge came to is decided once, while it is announced.  That it was made counts whenever
 * the provider says so, so that it is compensated where it must not stand. */
static void learn_charge(struct payment_row *row, const struct input *input)
{
    const struct payment_result *result = input->result;

    if (row->payment_id == NULL)
        row->payment_id = result->payment_id;
    if (row->saga.state == CHARGING) {
        row->decided_us = input->now_us;
        row->reason = result->reason;
        saga_learn(&row->saga, input->on);
    } else if (input->on == PAYMENT_CHARGED) {
        saga_learn(&row->saga, input->on);
    }
}

/* What a settlement came to counts while it is announced; the first of its kind gives the time. */
static void learn_settlement(struct payment_row *row, const struct input *input)
{
    const struct payment_result *result = input->result;

    if (row->saga.state != SETTLING)
        return;
    if (row->payment_id == NULL)
        row->payment_id = result->payment_id;
    if (input->on == PAYMENT_SETTLE_REFUSED && row->refused_us == 0) {
        row->refused_us = input->now_us;
        row->refusal = result->reason;
    }
    if (input->on != PAYMENT_SETTLE_REFUSED && row->settled_us == 0)
        row->settled_us = input->now_us;
    saga_learn(&row->saga, input->on | (input->on == PAYMENT_SETTLED_REFUND ? PAYMENT_CHARGED : 0));
}

/* Nobody was asked: a try that is none. */
static bool is_put_off(const struct input *input)
{
    const struct payment_result *result = input->result;

    return input->on == PAYMENT_UNAVAILABLE && result != NULL && !result->was_asked;
}

/* That the provider was silent, or was not asked, counts only while nothing better is known.  What
 * payment.pending says of it is the first. */
static void learn_silence(struct payment_row *row, const struct input *input)
{
    if (row->saga.state != CHARGING && row->saga.state != SETTLING)
        return;
    if (row->saga.state == CHARGING && row->pending_us == 0) {
        row->pending_us = input->now_us;
        saga_learn(&row->saga, input->on);
    }
    row->saga.attempts += !is_put_off(input);
    saga_learn(&row->saga, PAYMENT_UNANSWERED);
}

/* The first id counts: the provider has one charge under one idempotency key. */
static void learn_prepared(struct payment_row *row, const struct input *input)
{
    const struct payment_result *result = input->result;

    if ((row->saga.state == CHARGING || row->saga.state == SETTLING) && row->provider_ref == NULL)
        row->provider_ref = result->provider_ref;
}

/* What the provider said is a fact of its own.  It may come late, or a second time from another
 * instance: what the row knows already stays as it is. */
static void learn_result(struct payment_row *row, const struct input *input)
{
    if ((input->on & SILENCES) != 0) {
        learn_silence(row, input);
    } else {
        if (input->on == PAYMENT_PREPARED)
            learn_prepared(row, input);
        else if ((input->on & CHARGE_RESULTS) != 0)
            learn_charge(row, input);
        else
            learn_settlement(row, input);
        row->saga.attempts = 0;
    }
    row->saga.changed = true;
}

/* An order over nothing: what a provider would have said. */
static void pay_nothing(struct payment_row *row, const struct input *input)
{
    char id[IDENTITY_SIZE];

    free_payment_id(row->saga.order_id, id);
    row->payment_id = arena_text(input->arena, id);
    row->decided_us = input->now_us;
    saga_learn(&row->saga, PAYMENT_CHARGED);
}

/* Due is what was asked without an answer.  What is asked for the first time is not: whoever dies
 * while asking has not committed the offset of the message that led to it, which comes again.  So
 * the usual payment is never in the index of what is due, and both its writes stay where they are
 * (heap-only tuples). */
static void remind(struct saga *saga, const struct payment_rules *rules, const struct input *input,
                   int effect)
{
    const struct payment_result *result = input->result;
    const int64_t retry_after_us = result == NULL ? 0 : result->retry_after_us;
    int64_t due_us = 0;

    if (effect != EFFECT_NONE && saga->next_due_us != 0)
        due_us = input->now_us + rules->timeout_us + saga_backoff_us(saga, rules->retry_us);
    else if (effect == EFFECT_NONE && (saga->state == CHARGING || saga->state == SETTLING))
        due_us = input->now_us + retry_after_us +
                 (is_put_off(input) ? saga_first_backoff_us(saga, rules->retry_us)
                                    : saga_backoff_us(saga, rules->retry_us));
    if (due_us == saga->next_due_us)
        return;
    saga->next_due_us = due_us;
    saga->changed = true;
}

const struct transition *payment_decide(const void *rules, struct saga *saga,
                                        const struct input *input)
{
    struct payment_row *row = (struct payment_row *)(void *)saga;
    const int before = saga->state;
    const struct transition *transition;

    if (saga_is_foreign(saga, FLOW_CHARGE, input) || payment_contradicts(saga, input, NULL))
        return NULL;
    if (input->result != NULL)
        learn_result(row, input);
    else
        learn(row, input);
    transition = saga_move(
        saga, transition_find(&payment_table, saga->state, input->on, saga->facts | passing(row)));
    if (transition == NULL)
        return NULL;
    if (before == NEW && saga->state == COMPLETED)
        pay_nothing(row, input);
    if ((saga->state == VOID || saga->state == REFUNDED) && row->settled_us == 0)
        row->settled_us = input->now_us;
    remind(saga, rules, input, transition->effect);
    return transition;
}

uint64_t payment_emits(const struct saga *saga, const struct input *input)
{
    const struct payment_row *row = (const struct payment_row *)(const void *)saga;

    if (saga_is_foreign(saga, FLOW_CHARGE, input) || payment_contradicts(saga, input, NULL))
        return 0;
    return emissions_find(&payment_table, saga->state, input->on, saga->facts | passing(row));
}
