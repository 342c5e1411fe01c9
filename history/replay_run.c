#include "history/replay_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "events/flow.h"
#include "services/catalog.h"
#include "services/email/decide.h"
#include "services/inventory/decide.h"
#include "services/order/decide.h"
#include "services/payment/decide.h"
#include "services/runtime/rows.h"

enum { INPUTS_MAX = 256 };

static const uint64_t charge_words = FACT(PAYMENT_COMPLETED) | FACT(PAYMENT_FAILED),
                      settle_words = FACT(PAYMENT_REFUNDED) | FACT(PAYMENT_VOIDED),
                      reserve_words = FACT(INVENTORY_RESERVED) | FACT(INVENTORY_FAILED),
                      send_words = FACT(EMAIL_SENT) | FACT(EMAIL_FAILED);

/* A service on its way through a history. */
struct replay_run {
    const struct order_histories *log;
    const struct order_history *history;
    const struct service *service;
    int number;
    struct arena *arena;
    struct replayed *out;
    const struct history_record
        *records[INPUTS_MAX]; /* what it takes, in the order in which it is fed */
    struct message messages[INPUTS_MAX];
    size_t count;
    int settled;       /* how often the provider was told to settle */
    int64_t unsaid_us; /* the time of what the log does not tell */
    bool all_ways;     /* also find what may be said in some order of batches and redeliveries */
    const void *rules;
};

const char *facts_text(uint64_t facts, const char *between, struct arena *arena)
{
    struct buffer out = {.arena = arena};

    buffer_text(&out, "");
    for (int type = 0; type < MESSAGE_TYPES; type++)
        if ((facts & FACT(type)) != 0)
            buffer_format(&out, "%s%s", out.length > 0 ? between : "",
                          message_type_name((enum message_type)type));
    return out.data;
}

static int64_t time_said(const struct order_history *history, enum message_type type)
{
    const struct history_record *record = record_find(history, type);

    return record == NULL ? 0 : record->time_us;
}

/* Of the two the one that was said. */
static int64_t time_of_either(const struct order_history *history, enum message_type one,
                              enum message_type other)
{
    int64_t time_us = time_said(history, one);

    return time_us != 0 ? time_us : time_said(history, other);
}

int speaker_number(enum message_type type)
{
    return catalog_find(message_speaker(type));
}

uint64_t own_words(int service)
{
    uint64_t words = 0;

    for (int type = 0; type < MESSAGE_TYPES; type++)
        if (speaker_number((enum message_type)type) == service)
            words |= FACT(type);
    return words;
}

uint64_t replay_words(int service, const struct saga *row, struct arena *arena)
{
    const struct message message = {.type = catalog[service].republish};

    return catalog[service].service->answers(
        row, &(struct input){.on = FACT(message.type), .message = &message, .arena = arena});
}

uint64_t causes_of(enum message_type says)
{
    int speaker = speaker_number(says);
    uint64_t causes = 0;

    for (size_t i = 0; speaker >= 0 && i < catalog[speaker].service->table->answer_count; i++)
        if (catalog[speaker].service->table->answers[i].says == says)
            causes |= catalog[speaker].service->table->answers[i].on;
    return causes & ((UINT64_C(1) << MESSAGE_TYPES) - 1);
}

/* ---- messages from records ---- */

static const char *flow_of(const struct order_history *history)
{
    return history->flow == NULL ? NULL : history->flow->name;
}

void record_message(const struct history_record *record, const struct order_history *history,
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

/* ---- what came of asks, as the log tells ---- */

struct told {
    uint64_t on; /* 0: the log does not tell */
    int64_t now_us;
    const void *outcome;
};

static struct told provider_told(const struct order_history *history, enum message_type word,
                                 uint64_t on, struct arena *arena)
{
    const struct history_record *record = record_find(history, word);
    struct payment_outcome *outcome = arena_alloc(arena, sizeof *outcome);
    bool moved = word == PAYMENT_COMPLETED || word == PAYMENT_REFUNDED;

    if (record == NULL)
        return (struct told){0};
    outcome->payment_id = moved ? record->text : NULL;
    outcome->reason = word == PAYMENT_FAILED || word == PAYMENT_REFUND_FAILED ? record->text : NULL;
    return (struct told){on, record->time_us, outcome};
}

static struct told charge_told(const struct order_history *history, struct arena *arena)
{
    struct told told = provider_told(history, PAYMENT_COMPLETED, PAYMENT_CHARGED, arena);

    return told.on != 0 ? told : provider_told(history, PAYMENT_FAILED, PAYMENT_DECLINED, arena);
}

/* A refund that was refused, then made, was asked for twice. */
static struct told settle_told(struct replay_run *run)
{
    const struct order_history *history = run->history;
    struct told told = {0};

    if (run->settled++ == 0)
        told = provider_told(history, PAYMENT_REFUND_FAILED, PAYMENT_SETTLE_REFUSED, run->arena);
    if (told.on == 0)
        told = provider_told(history, PAYMENT_REFUNDED, PAYMENT_SETTLED_REFUND, run->arena);
    return told.on != 0 ? told
                        : provider_told(history, PAYMENT_VOIDED, PAYMENT_SETTLED_VOID, run->arena);
}

static struct told reserve_told(const struct order_history *history, struct arena *arena)
{
    const struct history_record *taken = record_find(history, INVENTORY_RESERVED),
                                *failed = record_find(history, INVENTORY_FAILED);
    struct inventory_outcome *outcome = arena_alloc(arena, sizeof *outcome);

    if (taken != NULL)
        return (struct told){INVENTORY_TAKEN, taken->time_us, outcome};
    if (failed == NULL)
        return (struct told){0};
    *outcome =
        (struct inventory_outcome){failed->text, failed->number, strtoll(failed->detail, NULL, 10)};
    return (struct told){INVENTORY_SHORT, failed->time_us, outcome};
}

static struct told send_told(const struct order_history *history, struct arena *arena)
{
    const struct history_record *sent = record_find(history, EMAIL_SENT),
                                *failed = record_find(history, EMAIL_FAILED);
    struct email_outcome *outcome = arena_alloc(arena, sizeof *outcome);

    if (sent != NULL)
        return (struct told){sent->detail == NULL ? EMAIL_UNADDRESSED : EMAIL_ACCEPTED,
                             sent->time_us, outcome};
    if (failed == NULL)
        return (struct told){0};
    outcome->reason = failed->text;
    return (struct told){EMAIL_REFUSED, failed->time_us, outcome};
}

static struct told told_of(struct replay_run *run, int ask)
{
    if (run->number == SERVICE_PAYMENT)
        return ask == PAYMENT_ASK_CHARGE ? charge_told(run->history, run->arena) : settle_told(run);
    if (run->number == SERVICE_INVENTORY)
        return ask == INVENTORY_ASK_RESERVE ? reserve_told(run->history, run->arena)
                                            : (struct told){0};
    return send_told(run->history, run->arena);
}

/* What the service would say once it knew. */
static uint64_t words_of(const struct replay_run *run, int ask)
{
    if (run->number == SERVICE_PAYMENT)
        return ask == PAYMENT_ASK_CHARGE ? charge_words : settle_words;
    if (run->number == SERVICE_INVENTORY)
        return ask == INVENTORY_ASK_RESERVE ? reserve_words : 0;
    return send_words;
}

/* ---- feeding ---- */

/* The time that the row took for itself when it heard this: as it told it with what it said then. */
static int64_t time_heard(const struct replay_run *run, enum message_type type)
{
    const struct order_history *history = run->history;

    if (run->number == SERVICE_ORDER)
        return type == ORDER_PLACE && time_said(history, ORDER_CREATED) != 0
                   ? time_said(history, ORDER_CREATED)
                   : time_of_either(history, ORDER_CONFIRMED, ORDER_CANCELLED);
    if (run->number ==
        SERVICE_PAYMENT) /* of an order over nothing it is paid, or refunded, when it is heard of */
        return type == ORDER_CANCELLED ? time_of_either(history, PAYMENT_VOIDED, PAYMENT_REFUNDED)
                                       : time_said(history, PAYMENT_COMPLETED);
    if (run->number == SERVICE_INVENTORY)
        return time_of_either(history, INVENTORY_RELEASED, INVENTORY_VOIDED);
    return 0;
}

static struct input input_of(const struct replay_run *run, size_t number)
{
    const struct history_record *record = run->records[number];
    int64_t told_us = time_heard(run, (enum message_type)record->type);

    return (struct input){.on = FACT(record->type),
                          .message = &run->messages[number],
                          .content_id = record->type != ORDER_PLACE ? NULL
                                        : record->detail != NULL    ? record->detail
                                                                    : "",
                          .now_us = told_us != 0 ? told_us : run->unsaid_us,
                          .arena = run->arena};
}

/* Whatever was heard so far may come again. */
static void may_say(struct replay_run *run, size_t fed)
{
    for (size_t i = 0; run->all_ways && i < fed; i++) {
        const struct input input = input_of(run, i);

        run->out->may |= run->service->answers(run->out->row, &input);
    }
}

/* The provider's silence is told by payment.pending, whatever it said afterwards. */
static int answer_ask(struct replay_run *run, int ask, size_t fed)
{
    const struct transition *transition = NULL;
    struct told told = {0};

    if (run->number == SERVICE_PAYMENT && ask == PAYMENT_ASK_CHARGE &&
        (run->out->row->facts & PAYMENT_UNANSWERED) == 0) {
        told = provider_told(run->history, PAYMENT_PENDING, PAYMENT_UNANSWERED, run->arena);
        if (told.on != 0) {
            run->service->decide(
                run->rules, run->out->row,
                &(struct input){.on = told.on, .outcome = told.outcome, .now_us = told.now_us});
            may_say(run, fed);
        }
    }
    told = told_of(run, ask);
    run->out->awaits =
        told.on != 0 || (run->out->row->facts & PAYMENT_UNANSWERED) != 0 ? 0 : words_of(run, ask);
    if (told.on != 0)
        transition = run->service->decide(
            run->rules, run->out->row,
            &(struct input){.on = told.on, .outcome = told.outcome, .now_us = told.now_us});
    return transition == NULL ? ASK_NONE : transition->ask;
}

static void feed(struct replay_run *run, size_t number)
{
    const struct input input = input_of(run, number);
    const struct service *service = run->service;
    const struct transition *transition =
        service->contradicts != NULL && service->contradicts(run->out->row, &input, NULL)
            ? NULL
            : service->decide(run->rules, run->out->row, &input);
    int ask = transition == NULL ? ASK_NONE : transition->ask;

    if (transition != NULL)
        run->out->awaits = 0;
    for (int i = 0; ask != ASK_NONE && i < 4; i++) /* a chain is short: charge, then settle */
        ask = answer_ask(run, ask, number + 1);
    run->out->must |= run->service->answers(run->out->row, &input);
    may_say(run, number + 1);
}

/* ---- in which order ---- */

static const uint64_t failures =
    FACT(ORDER_CANCEL) | FACT(PAYMENT_FAILED) | FACT(INVENTORY_FAILED) | FACT(ORDER_TIMEOUT);

/* What the order service must have heard first, for the verdict that it gave. */
static uint64_t heard_first(const struct order_history *history)
{
    const struct history_record *cancelled = record_find(history, ORDER_CANCELLED);
    enum message_type reason;

    if (record_find(history, ORDER_CONFIRMED) != NULL)
        return FACT(ORDER_PLACE) | FACT(PAYMENT_COMPLETED) | FACT(INVENTORY_RESERVED);
    if (cancelled != NULL && message_type_find(cancelled->text, &reason) &&
        (failures & FACT(reason)) != 0)
        return FACT(ORDER_PLACE) | FACT(reason);
    return 0;
}

/* What payment and inventory must have heard before a cancellation: what they acted on, if they say that they acted. */
static uint64_t acted_on(const struct replay_run *run)
{
    const uint64_t payment = charge_words | FACT(PAYMENT_PENDING);

    if (run->number == SERVICE_PAYMENT && (run->history->said & payment) != 0)
        return FACT(ORDER_CREATED) | FACT(INVENTORY_RESERVED);
    if (run->number == SERVICE_INVENTORY && (run->history->said & reserve_words) != 0)
        return FACT(ORDER_CREATED) | FACT(PAYMENT_COMPLETED);
    return 0;
}

bool record_is_for(const struct order_histories *log, const struct order_history *history,
                   int service, const struct history_record *record)
{
    enum message_type type = (enum message_type)record->type;
    const struct flow *flow = history->flow;

    return service_takes(catalog[service].service, record->topic, type) &&
           (flow == NULL || catalog[service].service->awaits == NULL ||
            catalog[service].service->awaits(flow, type)) &&
           !histories_is_dead_letter(log, service, record);
}

static bool is_for(const struct replay_run *run, const struct history_record *record)
{
    return record_is_for(run->log, run->history, run->number, record);
}

static bool is_chosen(const struct replay_run *run, const struct history_record *record)
{
    for (size_t i = 0; i < run->count; i++)
        if (run->records[i] == record)
            return true;
    return false;
}

static void choose_one(struct replay_run *run, const struct history_record *record)
{
    if (run->count == INPUTS_MAX || is_chosen(run, record))
        return;
    record_message(record, run->history, run->arena, &run->messages[run->count]);
    run->records[run->count++] = record;
}

static const struct history_record *verdict_of(const struct order_history *history)
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

/* What brought the order service's verdict came last of what the verdict needs: the cause that it names.  A cancellation without an id
 * is named by nobody, but brought the verdict of an order that had been created before.  Of several in one batch the first did, and the
 * verdict has its words, whichever is named.  A place brought it only where a cancellation came before; else somebody placed the order
 * again and was told. */
static const struct history_record *decider_of(const struct replay_run *run, uint64_t first)
{
    const struct order_history *history = run->history;
    const struct history_record *verdict = verdict_of(history), *cause = cause_of(history, verdict);
    bool cancelled = (first & FACT(ORDER_CANCEL)) != 0;

    if (run->number != SERVICE_ORDER || verdict == NULL ||
        (cause != NULL && (!is_for(run, cause) || (cause->type == ORDER_PLACE && !cancelled))))
        return NULL;
    if (!cancelled || (cause != NULL && cause->type != ORDER_CANCEL) ||
        (cause == NULL && verdict->time_us == time_said(history, ORDER_CREATED)))
        return cause;
    for (const struct history_record *record = history->records; record != NULL;
         record = record->next)
        if (record->type == ORDER_CANCEL && same_text(record->text, verdict->detail) &&
            is_for(run, record))
            return record;
    return cause;
}

/* Those of the set first, once each, then the rest, both in order of time. */
static void choose(struct replay_run *run, uint64_t first)
{
    const struct history_record *decider = decider_of(run, first);
    uint64_t left = decider == NULL ? first : first & ~FACT(decider->type);

    for (const struct history_record *record = run->history->records; record != NULL && left != 0;
         record = record->next) {
        if ((left & FACT(record->type)) == 0 || !is_for(run, record))
            continue;
        left &= ~FACT(record->type);
        choose_one(run, record);
    }
    if (decider != NULL && (first & FACT(decider->type)) != 0)
        choose_one(run, decider);
    for (const struct history_record *record = run->history->records; record != NULL;
         record = record->next)
        if (is_for(run, record))
            choose_one(run, record);
}

/* A decision has the time that was emitted with it, whichever of the messages of two topics brought it. */
static void decision_time_take(const struct replay_run *run)
{
    struct order_row *row = (struct order_row *)(void *)run->out->row;
    int64_t told_us = time_of_either(run->history, ORDER_CONFIRMED, ORDER_CANCELLED);

    if (run->number == SERVICE_ORDER && row->decided_us != 0 && told_us != 0)
        row->decided_us = told_us;
}

/* Through all that it takes, from an empty row on. */
static void lead(struct replay_run *run, bool all_ways)
{
    *run->out = (struct replayed){.row = arena_alloc(run->arena, run->service->rows->row_size)};
    run->out->row->order_id = run->history->order_id;
    run->settled = 0;
    run->all_ways = all_ways;
    for (size_t i = 0; i < run->count; i++)
        feed(run, i);
    decision_time_take(run);
}

void replay_service(const struct order_histories *log, const struct order_history *history,
                    int service, int64_t unsaid_us, struct arena *arena, struct replayed *out)
{
    struct replay_run *run = arena_room(arena, sizeof *run);
    int64_t created_us = time_said(history, ORDER_CREATED);
    const struct flow *flow = history->flow;
    const struct order_rules order_rules = {flow != NULL ? flow : &flows[0],
                                            history->deadline_us - created_us, 1000000};
    const struct payment_rules payment_rules = {1, 1000000};
    const struct email_rules email_rules = {1000000};
    const void *const rules[SERVICES] = {[SERVICE_ORDER] = &order_rules,
                                         [SERVICE_PAYMENT] = &payment_rules,
                                         [SERVICE_EMAIL] = &email_rules};

    run->log = log;
    run->history = history;
    run->service = catalog[service].service;
    run->unsaid_us = unsaid_us;
    run->number = service;
    run->arena = arena;
    run->out = out;
    run->count = 0;
    run->rules = rules[service];
    choose(run, service == SERVICE_ORDER ? heard_first(history) : acted_on(run));
    lead(run, false);
    if ((history->said & own_words(service) & ~out->must) !=
        0) /* seldom: more was said than must have been */
        lead(run, true);
    out->may |= out->must;
}
