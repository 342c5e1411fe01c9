#include "history/input_order.h"

#include <stdlib.h>

#include "base/arena.h"
#include "history/routes.h"
#include "services/catalog.h"

struct choice {
    const struct order_histories *log;
    const struct order_history *history;
    int service;
    struct arena *arena;
    struct input_order *out;
};

/* ---- messages from records ---- */

static const char *flow_of(const struct order_history *history)
{
    return history->flow == NULL ? NULL : history->flow->name;
}

static void record_message(const struct history_record *record, const struct order_history *history,
                           struct arena *arena, struct message *out)
{
    struct line *line;

    *out = (struct message){.type = (enum message_type)record->type,
                            .envelope = {.flow = flow_of(history)}};
    switch (out->type) {
    case ORDER_PLACE: /* one line that is worth as much as all */
        line = arena_alloc(arena, sizeof *line);
        *line = (struct line){.quantity = 1, .unit_price_minor = record->number};
        out->order_place =
            (struct order_place){.currency = record->text, .lines = line, .line_count = 1};
        break;
    case ORDER_CREATED:
        out->order_created = (struct order_created){.flow = flow_of(history),
                                                    .currency = record->text,
                                                    .amount_minor = record->number,
                                                    .payment_method = record->detail,
                                                    .deadline_us = history->deadline_us};
        break;
    case ORDER_CANCEL:
        out->order_cancel.reason = record->text;
        break;
    case ORDER_CONFIRMED:
        out->order_confirmed =
            (struct order_confirmed){.amount_minor = record->number, .currency = record->text};
        break;
    case ORDER_CANCELLED:
        out->order_cancelled = (struct order_cancelled){
            .reason = record->text, .detail = record->detail, .amount_minor = record->number};
        break;
    case PAYMENT_COMPLETED:
    case PAYMENT_REFUNDED:
        out->payment_made = (struct payment_made){
            .payment_id = record->text, .amount_minor = record->number, .currency = record->detail};
        break;
    case INVENTORY_FAILED:
        out->inventory_failed =
            (struct inventory_failed){.reason = "out_of_stock",
                                      .sku = record->text,
                                      .wanted = record->number,
                                      .available = strtoll(record->detail, NULL, 10)};
        break;
    case EMAIL_SENT:
        out->email_sent = (struct email_sent){.kind = record->text, .message_id = record->detail};
        break;
    default:
        out->outcome.reason = record->text;
        break;
    }
    out->subject = history->order_id;
}

/* ---- which comes first ---- */

static const uint64_t order_failures =
    FACT(ORDER_CANCEL) | FACT(PAYMENT_FAILED) | FACT(INVENTORY_FAILED) | FACT(ORDER_TIMEOUT);

/* What the order service must have consumed first, for the decision that it made. */
static uint64_t consumed_first(const struct order_history *history)
{
    const struct history_record *cancelled = record_find(history, ORDER_CANCELLED);
    enum message_type reason;

    if (record_find(history, ORDER_CONFIRMED) != NULL)
        return FACT(ORDER_PLACE) | FACT(PAYMENT_COMPLETED) | FACT(INVENTORY_RESERVED);
    if (cancelled != NULL && message_type_find(cancelled->text, &reason) &&
        (order_failures & FACT(reason)) != 0)
        return FACT(ORDER_PLACE) | FACT(reason);
    return 0;
}

/* What payment and inventory must have consumed before a cancellation: what they acted on, if their
 * events say that they did. */
static uint64_t acted_on(const struct choice *choice)
{
    const uint64_t payment = FACT(PAYMENT_COMPLETED) | FACT(PAYMENT_FAILED) | FACT(PAYMENT_PENDING);
    const uint64_t inventory = FACT(INVENTORY_RESERVED) | FACT(INVENTORY_FAILED);

    if (choice->service == SERVICE_PAYMENT && (choice->history->genuine & payment) != 0)
        return FACT(ORDER_CREATED) | FACT(INVENTORY_RESERVED);
    if (choice->service == SERVICE_INVENTORY && (choice->history->genuine & inventory) != 0)
        return FACT(ORDER_CREATED) | FACT(PAYMENT_COMPLETED);
    return 0;
}

static bool is_for(const struct choice *choice, const struct history_record *record)
{
    return record_is_for(choice->log, choice->history, choice->service, record);
}

static bool is_chosen(const struct choice *choice, const struct history_record *record)
{
    for (size_t i = 0; i < choice->out->count; i++)
        if (choice->out->records[i] == record)
            return true;
    return false;
}

static void choose_one(struct choice *choice, const struct history_record *record)
{
    if (choice->out->count == INPUTS_MAX || is_chosen(choice, record))
        return;
    record_message(record, choice->history, choice->arena,
                   &choice->out->messages[choice->out->count]);
    choice->out->records[choice->out->count++] = record;
}

static const struct history_record *decision_of(const struct order_history *history)
{
    const struct history_record *confirmed = record_find(history, ORDER_CONFIRMED);

    return confirmed != NULL ? confirmed : record_find(history, ORDER_CANCELLED);
}

static const struct history_record *cause_of(const struct order_history *history,
                                             const struct history_record *effect)
{
    for (const struct history_record *record = history->records;
         effect != NULL && effect->cause != 0 && record != NULL; record = record->next)
        if (record->id == effect->cause)
            return record;
    return NULL;
}

/* The cause that the order service's decision names came last of what the decision needs.  A
 * cancellation without an id is named by nobody, but decided an order that had been created
 * before.  Of several in one batch the first did, and the decision has its reason, whichever is
 * named.  A place decided only where a cancellation came before; else somebody placed the order
 * again and was told. */
static const struct history_record *decider_of(const struct choice *choice, uint64_t first)
{
    const struct order_history *history = choice->history;
    const struct history_record *decision = decision_of(history),
                                *cause = cause_of(history, decision);
    bool cancelled = (first & FACT(ORDER_CANCEL)) != 0;

    if (choice->service != SERVICE_ORDER || decision == NULL ||
        (cause != NULL && (!is_for(choice, cause) || (cause->type == ORDER_PLACE && !cancelled))))
        return NULL;
    if (!cancelled || (cause != NULL && cause->type != ORDER_CANCEL) ||
        (cause == NULL && decision->time_us == event_time_us(history, ORDER_CREATED)))
        return cause;
    for (const struct history_record *record = history->records; record != NULL;
         record = record->next)
        if (record->type == ORDER_CANCEL && same_text(record->text, decision->detail) &&
            is_for(choice, record))
            return record;
    return cause;
}

/* Those of the set first, once each, then the rest, both in order of time. */
static void choose(struct choice *choice, uint64_t first)
{
    const struct history_record *decider = decider_of(choice, first);
    uint64_t left = decider == NULL ? first : first & ~FACT(decider->type);

    for (const struct history_record *record = choice->history->records;
         record != NULL && left != 0; record = record->next) {
        if ((left & FACT(record->type)) == 0 || !is_for(choice, record))
            continue;
        left &= ~FACT(record->type);
        choose_one(choice, record);
    }
    if (decider != NULL && (first & FACT(decider->type)) != 0)
        choose_one(choice, decider);
    for (const struct history_record *record = choice->history->records; record != NULL;
         record = record->next)
        if (is_for(choice, record))
            choose_one(choice, record);
}

void input_order_find(const struct order_histories *log, const struct order_history *history,
                      int service, struct arena *arena, struct input_order *out)
{
    struct choice choice = {log, history, service, arena, out};

    out->count = 0;
    choose(&choice, service == SERVICE_ORDER ? consumed_first(history) : acted_on(&choice));
}
