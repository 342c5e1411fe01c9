/* Does reading ahead with several threads keep the order, lose nothing, release everything, and
 * race nowhere?
 *
 * For ThreadSanitizer, which cannot watch librdkafka: its threads are C11's, and it is not built
 * for that.  So the reader is one of our own here, which makes up messages of orders; all behind it
 * is what sagactl runs. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brokers/broker.h"
#include "history/assemble.h"
#include "history/order_history.h"
#include "tools/sagactl/command.h"

enum { ORDERS = 5000, KINDS = 3, MESSAGES = ORDERS * KINDS, VALUE_MAX = 600 };

/* ---- what stands for the broker ---- */

struct reader {
    size_t taken;
    unsigned random;
};

static struct reader the_reader;
static atomic_size_t released;

static const struct {
    const char *type, *source, *topic, *value;
} kinds[KINDS] = {
    {"order.place", NULL, "orders.commands",
     "{\"order_id\":\"o-%zu\",\"customer\":{\"name\":\"Ada\",\"email\":\"a@example.com\"},"
     "\"currency\":\"GBP\",\"payment_method\":\"pm\","
     "\"lines\":[{\"sku\":\"a\",\"name\":\"A \\\"quoted\\\" "
     "thing\",\"quantity\":1,\"unit_price\":%zu}]}"},
    {"payment.completed", "/quadrille/payment", "payments",
     "{\"order_id\":\"o-%zu\",\"payment_id\":\"p\",\"amount\":%zu,\"currency\":\"GBP\"}"},
    {"order.confirmed", "/quadrille/order", "orders",
     "{\"order_id\":\"o-%zu\",\"amount\":%zu,\"currency\":\"GBP\"}"},
};

struct reader *reader_new(const struct broker_settings *settings, const struct reader_scope *scope,
                          struct error *error)
{
    (void)settings;
    (void)scope;
    (void)error;
    the_reader = (struct reader){.random = 1};
    return &the_reader;
}

/* The three words of an order lie far apart, as in partitions. */
size_t reader_take_batch(struct reader *reader, int timeout_ms, struct incoming *messages,
                         size_t most)
{
    size_t count = 0, wanted = 1 + (size_t)rand_r(&reader->random) % most;

    (void)timeout_ms;
    for (; count < wanted && reader->taken < MESSAGES; count++, reader->taken++) {
        size_t order = reader->taken % ORDERS, kind = reader->taken / ORDERS;
        char *value = malloc(VALUE_MAX);

        if (value == NULL)
            abort();
        snprintf(value, VALUE_MAX, kinds[kind].value, order, order + 1);
        messages[count] = (struct incoming){.topic = kinds[kind].topic,
                                            .offset = (int64_t)order,
                                            .timestamp_ms = (int64_t)reader->taken + 1,
                                            .key = "",
                                            .value = value,
                                            .value_length = strlen(value),
                                            .handle = value};
    }
    return count;
}

void incoming_headers(struct incoming *message)
{
    size_t kind = 0;

    while (strcmp(kinds[kind].topic, message->topic) != 0)
        kind++;
    message->headers = calloc(2, sizeof *message->headers);
    if (message->headers == NULL)
        abort();
    message->headers[message->header_count++] =
        (struct header){"ce_type", kinds[kind].type, strlen(kinds[kind].type)};
    if (kinds[kind].source != NULL)
        message->headers[message->header_count++] =
            (struct header){"ce_source", kinds[kind].source, strlen(kinds[kind].source)};
}

void incoming_release(struct incoming *message)
{
    if (message->handle == NULL)
        return;
    free(message->handle);
    free(message->headers);
    message->handle = NULL;
    message->headers = NULL;
    atomic_fetch_add(&released, 1);
}

bool reader_caught_up(const struct reader *reader)
{
    return reader->taken == MESSAGES;
}

int64_t reader_total(const struct reader *reader)
{
    (void)reader;
    return MESSAGES;
}

const int64_t *reader_starts(const struct reader *reader)
{
    (void)reader;
    return NULL;
}

const struct position *reader_ends(const struct reader *reader, size_t *count)
{
    (void)reader;
    *count = 0;
    return NULL;
}

enum status reader_status(const struct reader *reader, struct error *error)
{
    (void)reader;
    return error->status = STATUS_OK;
}

void reader_free(struct reader *reader)
{
    (void)reader;
}

/* ---- what stands for the rest of sagactl ---- */

#define NAME(number, word, ...) [SERVICE_##number] = {.name = #word, .dead_letters = #word ".dlq"},

const struct catalog_entry catalog[SERVICES] = {CATALOG(NAME)};

/* ---- the test ---- */

static int failures;

static void check(bool holds, const char *what, size_t number)
{
    if (holds)
        return;
    printf("threads: %s, at %zu\n", what, number);
    failures++;
}

static void check_order(const struct order_history *order, size_t number)
{
    char id[32];
    size_t records = 0;
    int64_t last_ms = 0;

    snprintf(id, sizeof id, "o-%zu", number);
    check(strcmp(order->order_id, id) == 0, "orders are not met as they were read", number);
    for (const struct history_record *record = order->records; record != NULL;
         record = record->next, records++) {
        check(record->timestamp_ms > last_ms && record->number == (int64_t)number + 1,
              "a record is not what was read", number);
        last_ms = record->timestamp_ms;
    }
    check(records == KINDS, "records are missing", number);
    check(order->records != NULL && order->records->detail != NULL, "the content has no identity",
          number);
}

static size_t seen;

static void listen(void *context, const struct incoming *incoming, const struct message *message,
                   struct order_history *history)
{
    (void)context;
    check(incoming->handle != NULL && message != NULL && history != NULL &&
              strcmp(message->subject, history->order_id) == 0,
          "who listens does not hear", seen);
    seen++;
}

static void run(bool listens)
{
    const struct log_source source = {0};
    const struct history_scope scope = {.contents = true, .listen = listens ? listen : NULL};
    struct order_histories *log = histories_new();
    struct error error = {0};

    atomic_store(&released, 0);
    seen = 0;
    check(histories_read(log, &source, &scope, &error) == STATUS_OK, error.message, 0);
    check(histories_messages(log) == MESSAGES && atomic_load(&released) == MESSAGES,
          "not every message was taken and released", atomic_load(&released));
    check(seen == (listens ? MESSAGES : 0), "not every message was consumed", seen);
    check(histories_count(log) == ORDERS, "not every order is there", histories_count(log));
    for (size_t i = 0; i < histories_count(log); i++)
        check_order(histories_at(log, i), i);
    histories_free(log);
}

int main(void)
{
    run(false);
    run(true);
    printf("threads: %d messages read ahead twice, %d failures\n", MESSAGES, failures);
    return failures == 0 ? 0 : 1;
}
