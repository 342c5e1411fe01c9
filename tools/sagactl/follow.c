#include "tools/sagactl/follow.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buffer.h"
#include "base/index.h"
#include "events/message.h"
#include "services/catalog.h"
#include "services/order/decide.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

struct followed {
    const char *order_id;
    const char *reason; /* of the cancellation */
    uint64_t facts;
    int64_t placed_us, decided_us, closed_us; /* 0: not yet */
    /* when it was placed once more, and by which command; 0: once only */
    int64_t again_us;
    uint64_t command;
    bool answered, finished; /* since it was placed last */
    /* it has no address, so email.sent is about no mail */
    bool unaddressed;
};

struct follow {
    struct reader *reader;
    struct arena *arena;   /* of all orders */
    struct arena *scratch; /* of one message */
    struct decoder *decoder;
    struct followed *orders;
    size_t count, capacity, unanswered, unfinished, rejected;
    struct index index; /* of the orders, by id */
};

#define EMITS_TO(number, name, topic, ...) topic,

static const char *const topics[] = {CATALOG(EMITS_TO)};

struct follow *follow_new(const struct broker_settings *broker, struct error *error)
{
    struct follow *follow = calloc(1, sizeof *follow);

    if (follow == NULL)
        abort();
    follow->reader = reader_new(
        broker,
        &(struct reader_scope){
            .topics = topics, .topic_count = sizeof topics / sizeof topics[0], .from = READER_END},
        error);
    if (follow->reader == NULL) {
        free(follow);
        return NULL;
    }
    follow->arena = arena_new();
    follow->scratch = arena_new();
    follow->decoder = decoder_new();
    return follow;
}

void follow_free(struct follow *follow)
{
    if (follow == NULL)
        return;
    reader_free(follow->reader);
    arena_free(follow->arena);
    arena_free(follow->scratch);
    decoder_free(follow->decoder);
    free(follow->orders);
    index_free(&follow->index);
    free(follow);
}

static bool is_followed(const void *orders, size_t number, const void *order_id)
{
    return strcmp(((const struct followed *)orders)[number].order_id, order_id) == 0;
}

/* INDEX_NONE: it is not followed. */
static size_t followed_number(const struct follow *follow, const char *order_id)
{
    return index_find(&follow->index, text_hash(order_id), is_followed, follow->orders, order_id);
}

void follow_order(struct follow *follow, const char *order_id, const char *command_id,
                  int64_t placed_us)
{
    size_t number = followed_number(follow, order_id);

    if (number != INDEX_NONE) {
        struct followed *order = &follow->orders[number];

        follow->unanswered += order->answered;
        follow->unfinished += order->finished;
        order->answered = order->finished = false;
        order->again_us = placed_us;
        order->command = text_hash(command_id);
        return;
    }
    follow->orders =
        array_grow(follow->orders, follow->count, &follow->capacity, sizeof *follow->orders);
    follow->orders[follow->count] = (struct followed){
        .order_id = arena_copy(follow->arena, order_id, strlen(order_id)), .placed_us = placed_us};
    index_add(&follow->index, text_hash(order_id), follow->count++);
    follow->unanswered++;
    follow->unfinished++;
}

/* What was emitted before the order was placed once more answers the place before.  The clock of
 * another machine may be late. */
static void answered(struct follow *follow, struct followed *order, const struct message *message,
                     int64_t emitted_us)
{
    const char *cause = message->envelope.causation_id;

    if (emitted_us < order->again_us && (cause == NULL || text_hash(cause) != order->command))
        return;
    follow->unanswered -= !order->answered;
    order->answered = true;
}

static void finished(struct follow *follow, struct followed *order)
{
    follow->unfinished -= !order->finished;
    order->finished = true;
}

static void rejected(struct follow *follow, struct followed *order, const struct message *message,
                     int64_t emitted_us, bool json)
{
    struct buffer body = {.arena = follow->scratch};
    struct json_object *line;
    struct error error;

    follow->rejected++;
    answered(follow, order, message, emitted_us);
    /* else an order of this id stands, and goes on */
    if ((order->facts & FACT(ORDER_CREATED)) == 0)
        finished(follow, order);
    if (!json) {
        line_say(stderr, "rejected: order %s: %s", order->order_id, message->refusal.reason);
        return;
    }
    if (message_encode(message, &body, &error) != STATUS_OK)
        return;
    line = json_object_new_object();
    json_add_text(line, "event", message_type_name(ORDER_REJECTED));
    json_add_as_is(line, "body", body.data);
    json_line_print(line);
}

static void see(struct follow *follow, struct followed *order, const struct message *message,
                int64_t emitted_us, bool json)
{
    int64_t now_us = clock_us();

    order->facts |= FACT(message->type);
    if (message->type == ORDER_REJECTED)
        rejected(follow, order, message, emitted_us, json);
    if (message->type == EMAIL_SENT)
        order->unaddressed = message->email_sent.message_id == NULL;
    if (message->type == ORDER_CREATED)
        answered(follow, order, message, emitted_us);
    if (message->type == ORDER_CANCELLED && order->reason == NULL)
        order->reason = arena_copy(follow->arena, message->order_cancelled.reason,
                                   strlen(message->order_cancelled.reason));
    if ((message->type == ORDER_CONFIRMED || message->type == ORDER_CANCELLED) &&
        order->decided_us == 0)
        order->decided_us = now_us;
    if (!order_closed(order_state_emitted(order->facts), order->facts))
        return;
    if (order->closed_us == 0)
        order->closed_us = now_us;
    if (order->answered)
        finished(follow, order);
}

/* Bodies are read only where they tell more than that they were emitted. */
static void take_in(struct follow *follow, const struct incoming *incoming, bool json)
{
    struct message message = {0};
    struct error error;
    enum message_type type;
    size_t number;

    if (follow->count == 0 ||
        envelope_decode(follow->scratch, incoming->headers, incoming->header_count,
                        &message.envelope, &error) != STATUS_OK ||
        message.envelope.subject == NULL || !message_type_find(message.envelope.type, &type))
        return;
    number = followed_number(follow, message.envelope.subject);
    if (number == INDEX_NONE)
        return;
    message.type = type;
    if ((type == ORDER_REJECTED || type == ORDER_CANCELLED || type == EMAIL_SENT) &&
        message_decode(follow->decoder, follow->scratch, type, incoming->value,
                       incoming->value_length, &message, &error) != STATUS_OK)
        return;
    see(follow, &follow->orders[number], &message, incoming->timestamp_ms * 1000 + 999, json);
}

void follow_poll(struct follow *follow, int timeout_ms, bool json)
{
    struct incoming incoming;

    while (reader_take(follow->reader, timeout_ms, &incoming)) {
        take_in(follow, &incoming, json);
        incoming_release(&incoming);
        arena_reset(follow->scratch);
        timeout_ms = 0;
    }
}

size_t follow_count(const struct follow *follow)
{
    return follow->count;
}

size_t follow_unanswered(const struct follow *follow)
{
    return follow->unanswered;
}

size_t follow_unfinished(const struct follow *follow)
{
    return follow->unfinished;
}

size_t follow_rejected(const struct follow *follow)
{
    return follow->rejected;
}

void follow_print_unfinished(const struct follow *follow, FILE *out)
{
    size_t printed = 0;

    for (size_t i = 0; i < follow->count && printed < 10; i++) {
        const struct followed *order = &follow->orders[i];

        if (order->finished)
            continue;
        fprintf(out, "  order %s: %s\n", order->order_id,
                !order->answered         ? "not answered"
                : order->decided_us == 0 ? "created, no decision"
                                         : "decided, not closed");
        printed++;
    }
    if (follow->unfinished > printed)
        fprintf(out, "  and %zu more\n", follow->unfinished - printed);
}

/* ---- the summary ---- */

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

struct spread {
    double p50_ms, p99_ms;
};

/* Nearest rank. */
static struct spread spread_of(const struct follow *follow, bool closed)
{
    int64_t *values = calloc(follow->count + 1, sizeof *values);
    struct spread spread = {0};
    size_t count = 0;

    if (values == NULL)
        abort();
    for (size_t i = 0; i < follow->count; i++) {
        int64_t end_us = closed ? follow->orders[i].closed_us : follow->orders[i].decided_us;

        if (end_us != 0)
            values[count++] = end_us - follow->orders[i].placed_us;
    }
    qsort(values, count, sizeof *values, by_value);
    if (count > 0) {
        size_t half = (count - 1) / 2, nearly_all = (count - 1) * 99 / 100;

        spread.p50_ms = (double)values[half] / 1000;
        spread.p99_ms = (double)values[nearly_all] / 1000;
    }
    free(values);
    return spread;
}

static size_t count_fact(const struct follow *follow, enum message_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < follow->count; i++)
        count += (follow->orders[i].facts & FACT(type)) != 0 &&
                 !(type == EMAIL_SENT && follow->orders[i].unaddressed);
    return count;
}

static size_t count_reason(const struct follow *follow, const char *reason)
{
    size_t count = 0;

    for (size_t i = 0; i < follow->count; i++)
        count += follow->orders[i].reason != NULL && strcmp(follow->orders[i].reason, reason) == 0;
    return count;
}

/* Closed orders by the time from the first that was placed to the last that was closed. */
static double rate_of(const struct follow *follow)
{
    int64_t first_us = INT64_MAX, last_us = 0;
    size_t closed = 0;

    for (size_t i = 0; i < follow->count; i++) {
        const struct followed *order = &follow->orders[i];

        if (order->placed_us < first_us)
            first_us = order->placed_us;
        if (order->closed_us > last_us)
            last_us = order->closed_us;
        closed += order->closed_us != 0;
    }
    return last_us > first_us ? (double)closed * 1e6 / (double)(last_us - first_us) : 0;
}

static const struct row {
    const char *label, *name;
    enum message_type type;
    bool is_reason;
} rows[] = {
    {"confirmed", "confirmed", ORDER_CONFIRMED, false},
    {"cancelled", "cancelled", ORDER_CANCELLED, false},
    {"  by the customer", "cancelled_order_cancel", ORDER_CANCEL, true},
    {"  payment failed", "cancelled_payment_failed", PAYMENT_FAILED, true},
    {"  out of stock", "cancelled_inventory_failed", INVENTORY_FAILED, true},
    {"  timed out", "cancelled_order_timeout", ORDER_TIMEOUT, true},
    {"payments refunded", "refunded", PAYMENT_REFUNDED, false},
    {"payments voided", "payments_voided", PAYMENT_VOIDED, false},
    {"stock released", "released", INVENTORY_RELEASED, false},
    {"stock voided", "stock_voided", INVENTORY_VOIDED, false},
    {"mails sent", "mails_sent", EMAIL_SENT, false},
    {"mails failed", "mails_failed", EMAIL_FAILED, false},
    {"rejected", "rejected", ORDER_REJECTED, false},
};

static size_t count_row(const struct follow *follow, const struct row *row)
{
    return row->is_reason ? count_reason(follow, message_type_name(row->type))
                          : count_fact(follow, row->type);
}

static void spread_add(struct json_object *line, const char *name, const struct spread *spread)
{
    struct json_object *part = json_add_object(line, name);

    json_add_decimal(part, "p50", spread->p50_ms);
    json_add_decimal(part, "p99", spread->p99_ms);
}

static void print_summary_json(const struct follow *follow)
{
    struct spread decision = spread_of(follow, false), closed = spread_of(follow, true);
    struct json_object *line = json_object_new_object();

    json_add_count(line, "orders", follow->count);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        json_add_count(line, rows[i].name, count_row(follow, &rows[i]));
    json_add_count(line, "unfinished", follow->unfinished);
    json_add_decimal(line, "sagas_per_s", rate_of(follow));
    spread_add(line, "decided_ms", &decision);
    spread_add(line, "closed_ms", &closed);
    json_line_print(line);
}

static void print_summary(const struct follow *follow)
{
    struct spread decision = spread_of(follow, false), closed = spread_of(follow, true);

    printf("%-22s %8zu\n", "orders", follow->count);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        printf("%-22s %8zu\n", rows[i].label, count_row(follow, &rows[i]));
    printf("%-22s %8.0f\n%-22s %8.1f ms p50 %8.1f ms p99\n%-22s %8.1f ms p50 %8.1f ms p99\n",
           "sagas/s", rate_of(follow), "placed to decided", decision.p50_ms, decision.p99_ms,
           "placed to closed", closed.p50_ms, closed.p99_ms);
}

void follow_print_summary(const struct follow *follow, bool json)
{
    json ? print_summary_json(follow) : print_summary(follow);
}
