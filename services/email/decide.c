#include "services/email/decide.h"

enum {
    NEW = EMAIL_STATE_NEW,
    SENDING = EMAIL_STATE_SENDING,
    SENT = EMAIL_STATE_SENT,
    FAILED = EMAIL_STATE_FAILED,
    SEND = EMAIL_EFFECT_SEND
};

#define CREATED FACT(ORDER_CREATED)
#define CONFIRMED FACT(ORDER_CONFIRMED)
#define CANCELLED FACT(ORDER_CANCELLED)
#define AGAIN (FACT(EMAIL_RETRY) | FACT(EMAIL_REPUBLISH))
#define CONSUMED (CREATED | CONFIRMED | CANCELLED)
#define SILENCES (EMAIL_UNANSWERED | EMAIL_UNAVAILABLE)

/* clang-format off */
static const struct transition transitions[] = {
    /* state         on                 known                unless  next     effect       reason */

    /* nothing is announced */
    {STATE(NEW),     0,                 CREATED | CONFIRMED, 0,      SENDING, SEND,        "confirmed: the mail is announced"},
    {STATE(NEW),     0,                 CREATED | CANCELLED, 0,      SENDING, SEND,        "cancelled: the mail is announced"},

    /* a mail is announced */
    {STATE(SENDING), EMAIL_ACCEPTED,    0,                   0,      SENT,    EFFECT_NONE, "sent"},
    {STATE(SENDING), EMAIL_UNADDRESSED, 0,                   0,      SENT,    EFFECT_NONE, "the order has no address: no mail is due"},
    {STATE(SENDING), EMAIL_REFUSED,     0,                   0,      FAILED,  EFFECT_NONE, "the mail can never be delivered"},
    {STATE(SENDING), EMAIL_UNANSWERED,  0,                   0,      SENDING, EFFECT_NONE, "the transport is unavailable: tried again later"},
    {STATE(SENDING), EMAIL_UNAVAILABLE, 0,                   0,      SENDING, EFFECT_NONE, "the transport cannot be asked now: tried later"},
    {STATE(SENDING), CONSUMED | AGAIN,  0,                   0,      SENDING, SEND,        "a mail was announced and may not be out: sent again under the same id"},
};

static const struct emission emissions[] = {
    /* state        on                known  unless  emits */

    /* what the mail came to */
    {STATE(SENT),   CONSUMED | AGAIN, 0,     0,      EMAIL_SENT},
    {STATE(FAILED), CONSUMED | AGAIN, 0,     0,      EMAIL_FAILED},
};
/* clang-format on */

static const char *const state_names[] = {"NEW", "SENDING", "SENT", "FAILED"};
static const char *const effect_names[] = {"", "send"};
static const char *const own_facts[] = {"accepted",   "refused",     "no answer",
                                        "no address", "unavailable", NULL};
static const char *const passing_facts[] = {NULL};

const struct saga_table email_table = {
    .state_names = state_names,
    .state_count = EMAIL_STATES,
    .effect_names = effect_names,
    .own_facts = own_facts,
    .passing_facts = passing_facts,
    .transitions = transitions,
    .transition_count = sizeof transitions / sizeof transitions[0],
    .emissions = emissions,
    .emission_count = sizeof emissions / sizeof emissions[0],
};

/* The first decision is the one that is mailed: another is none of this order. */
bool email_contradicts(const struct saga *saga, const struct input *input, struct error *why)
{
    const bool contradicts = (input->on == CONFIRMED && (saga->facts & CANCELLED) != 0) ||
                             (input->on == CANCELLED && (saga->facts & CONFIRMED) != 0);

    if (contradicts && why != NULL)
        error_set(why, STATUS_INVALID, "%s of an order that is %s already",
                  message_type_name(input->message->type), email_kind(saga));
    return contradicts;
}

static void learn(struct email_row *row, const struct input *input)
{
    struct saga *saga = &row->saga;

    saga_learn_flow(saga, input);
    if (input->on == CREATED) {
        saga->content_is_new = saga->content_is_new || (saga->facts & CREATED) == 0;
        row->created = &input->message->order_created;
    }
    if (input->on == CANCELLED && row->why == NULL) {
        row->why = input->message->order_cancelled.reason;
        row->detail = input->message->order_cancelled.detail;
    }
    saga_learn(saga, input->on & CONSUMED);
}

/* Nobody was asked: a try that is none. */
static bool is_put_off(const struct input *input)
{
    const struct email_result *result = input->result;

    return input->on == EMAIL_UNAVAILABLE && result != NULL && !result->was_asked;
}

static void learn_result(struct email_row *row, const struct input *input)
{
    const struct email_result *result = input->result;

    row->saga.changed = true;
    if (row->saga.state != SENDING) /* late, or of another instance: the first outcome counts */
        return;
    if ((input->on & SILENCES) == 0)
        row->decided_us = input->now_us;
    row->saga.attempts += (input->on & SILENCES) != 0 && !is_put_off(input);
    if (result->reason != NULL)
        row->refusal = result->reason;
    saga_learn(&row->saga, (input->on & SILENCES) == 0 ? input->on : EMAIL_UNANSWERED);
}

const struct transition *email_decide(const void *rules, struct saga *saga,
                                      const struct input *input)
{
    const struct email_rules *limits = rules;
    const struct email_result *result = input->result;
    const int64_t retry_after_us = result == NULL ? 0 : result->retry_after_us;
    struct email_row *row = (struct email_row *)(void *)saga;
    const struct transition *transition;
    int64_t due_us;

    if (email_contradicts(saga, input, NULL))
        return NULL;
    if (input->result != NULL)
        learn_result(row, input);
    else
        learn(row, input);
    transition =
        saga_move(saga, transition_find(&email_table, saga->state, input->on, saga->facts));
    if (transition == NULL)
        return NULL;
    due_us = saga->state == SENDING && (transition->effect == EFFECT_NONE || saga->next_due_us != 0)
                 ? input->now_us + retry_after_us +
                       (is_put_off(input) ? saga_first_backoff_us(saga, limits->retry_us)
                                          : saga_backoff_us(saga, limits->retry_us))
                 : 0; /* as in payment: not while it is tried the first time */
    if (due_us != saga->next_due_us) {
        saga->next_due_us = due_us;
        saga->changed = true;
    }
    return transition;
}

uint64_t email_emits(const struct saga *saga, const struct input *input)
{
    return email_contradicts(saga, input, NULL)
               ? 0
               : emissions_find(&email_table, saga->state, input->on, saga->facts);
}

const char *email_kind(const struct saga *saga)
{
    if ((saga->facts & CONFIRMED) != 0)
        return "confirmed";
    return (saga->facts & CANCELLED) != 0 ? "cancelled" : NULL;
}
