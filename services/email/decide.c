#include "services/email/decide.h"

enum { NEW = EMAIL_STATE_NEW, SENDING = EMAIL_STATE_SENDING, SENT = EMAIL_STATE_SENT, FAILED = EMAIL_STATE_FAILED, SEND = EMAIL_ASK_SEND };

#define CREATED FACT(ORDER_CREATED)
#define CONFIRMED FACT(ORDER_CONFIRMED)
#define CANCELLED FACT(ORDER_CANCELLED)
#define AGAIN (FACT(EMAIL_RETRY) | FACT(EMAIL_REDRIVE))
#define HEARD (CREATED | CONFIRMED | CANCELLED)

/* clang-format off */
static const struct transition transitions[] = {
    /* state         on                 known                unless  next     ask       reason */

    /* nothing is announced */
    {STATE(NEW),     0,                 CREATED | CONFIRMED, 0,      SENDING, SEND,     "confirmed: the mail is announced"},
    {STATE(NEW),     0,                 CREATED | CANCELLED, 0,      SENDING, SEND,     "cancelled: the mail is announced"},

    /* a mail is announced */
    {STATE(SENDING), EMAIL_ACCEPTED,    0,                   0,      SENT,    ASK_NONE, "sent"},
    {STATE(SENDING), EMAIL_UNADDRESSED, 0,                   0,      SENT,    ASK_NONE, "the order has no address: no mail is due"},
    {STATE(SENDING), EMAIL_REFUSED,     0,                   0,      FAILED,  ASK_NONE, "the mail can never be delivered"},
    {STATE(SENDING), EMAIL_UNANSWERED,  0,                   0,      SENDING, ASK_NONE, "the transport is away: tried again later"},
    {STATE(SENDING), HEARD | AGAIN,     0,                   0,      SENDING, SEND,     "a mail was announced and may not be out: sent again under the same id"},
};

static const struct answer answers[] = {
    /* state        on             known  unless  emits */

    /* what the mail came to */
    {STATE(SENT),   HEARD | AGAIN, 0,     0,      EMAIL_SENT},
    {STATE(FAILED), HEARD | AGAIN, 0,     0,      EMAIL_FAILED},
};
/* clang-format on */

static const char *const state_names[] = {"NEW", "SENDING", "SENT", "FAILED"};
static const char *const ask_names[] = {"", "send"};
static const char *const own_facts[] = {"accepted", "refused", "no answer", "no address", NULL};
static const char *const passing_facts[] = {NULL};

const struct saga_table email_table = {
    .state_names = state_names,
    .state_count = EMAIL_STATES,
    .ask_names = ask_names,
    .own_facts = own_facts,
    .passing_facts = passing_facts,
    .transitions = transitions,
    .transition_count = sizeof transitions / sizeof transitions[0],
    .answers = answers,
    .answer_count = sizeof answers / sizeof answers[0],
};

/* The first verdict is the one that is mailed: another is none of this order. */
bool email_contradicts(const struct saga *saga, const struct input *input, struct error *why)
{
    const bool contradicts = (input->on == CONFIRMED && (saga->facts & CANCELLED) != 0) || (input->on == CANCELLED && (saga->facts & CONFIRMED) != 0);

    if (contradicts && why != NULL)
        error_set(why, STATUS_WRONG, "%s of an order that is %s already", message_type_name(input->message->type), email_kind(saga));
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
    saga_learn(saga, input->on & HEARD);
}

static void learn_outcome(struct email_row *row, const struct input *input)
{
    const struct email_outcome *outcome = input->outcome;

    row->saga.changed = true;
    if (row->saga.state != SENDING) /* late, or of another instance: the first outcome counts */
        return;
    if (input->on == EMAIL_UNANSWERED)
        row->saga.attempts++;
    else
        row->decided_us = input->now_us;
    if (outcome->reason != NULL)
        row->refusal = outcome->reason;
    saga_learn(&row->saga, input->on);
}

const struct transition *email_decide(const void *rules, struct saga *saga, const struct input *input)
{
    const struct email_rules *limits = rules;
    struct email_row *row = (struct email_row *)(void *)saga;
    const struct transition *transition;
    int64_t due_us;

    if (email_contradicts(saga, input, NULL))
        return NULL;
    if (input->outcome != NULL)
        learn_outcome(row, input);
    else
        learn(row, input);
    transition = saga_move(saga, transition_find(&email_table, saga->state, input->on, saga->facts));
    if (transition == NULL)
        return NULL;
    due_us = saga->state == SENDING && (transition->ask == ASK_NONE || saga->next_due_us != 0)
                 ? input->now_us + saga_backoff_us(saga, limits->retry_us) : 0; /* as in payment: not while it is tried the first time */
    if (due_us != saga->next_due_us) {
        saga->next_due_us = due_us;
        saga->changed = true;
    }
    return transition;
}

uint64_t email_answers(const struct saga *saga, const struct input *input)
{
    return email_contradicts(saga, input, NULL) ? 0 : answers_find(&email_table, saga->state, input->on, saga->facts);
}

const char *email_kind(const struct saga *saga)
{
    if ((saga->facts & CONFIRMED) != 0)
        return "confirmed";
    return (saga->facts & CANCELLED) != 0 ? "cancelled" : NULL;
}
