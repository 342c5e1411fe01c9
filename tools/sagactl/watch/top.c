#include "tools/sagactl/watch/top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "history/assemble.h"
#include "history/lags.h"
#include "history/order_history.h"
#include "history/reading.h"
#include "services/order/decide.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/output.h"
#include "tools/sagactl/terminal/terminal.h"
#include "tools/sagactl/when.h"

enum { CLOSINGS_KEPT = 65536, WINDOW_MS = 60000, AGES = 4 };

/* The upper ends of the columns of ages. */
static const struct age {
    const char *name;
    int64_t below_ms;
} ages[AGES] = {{"< 10 s", 10000}, {"< 1 min", 60000}, {"< 10 min", 600000}, {"older", INT64_MAX}};

static const char *const open_names[] = {"placed, not created", "pending", "confirmed, no mail",
                                         "not compensated"};

struct top {
    const struct settings *from;
    struct order_histories *log;
    struct history_scope scope;
    /* a ring of orders in the order in which they were seen closed */
    const struct order_history **closings;
    size_t closing_count; /* ever */
    size_t open[ORDER_STATES][AGES], orders, closed, overdue;
    int64_t lags[SERVICES], shown_us;
    bool lags_known, once;
    size_t messages_before; /* at the last refresh */
};

/* An order that has just been closed. */
static void listen(void *context, const struct incoming *incoming, const struct message *message,
                   struct order_history *history)
{
    struct top *top = context;

    (void)incoming;
    (void)message;
    if (history == NULL || history->marked ||
        !order_closed(order_state_emitted(history->genuine), history->genuine))
        return;
    history->marked = true;
    top->closings[top->closing_count++ % CLOSINGS_KEPT] = history;
}

static void take(void *context, const struct incoming *incoming)
{
    struct top *top = context;

    histories_take(top->log, &top->scope, incoming);
}

/* Of all that closed an order the last to be emitted, each for the first time.  Topics are read
 * side by side: what is read last may have been emitted before. */
static int64_t closed_at_ms(const struct order_history *order)
{
    uint64_t left = order->genuine & ~(FACT(ORDER_PLACE) | FACT(ORDER_CANCEL) |
                                       FACT(ORDER_CANCEL_REJECTED) | FACT(ORDER_REJECTED));
    int64_t at_ms = 0;

    for (int type = 0; type < MESSAGE_TYPES; type++) {
        const struct history_record *record =
            (left & FACT(type)) == 0 ? NULL : record_find(order, (enum message_type)type);

        for (const struct history_record *other = record; other != NULL; other = other->next)
            if (other->type == type && other->timestamp_ms < record->timestamp_ms)
                record = other;
        if (record != NULL && record->timestamp_ms > at_ms)
            at_ms = record->timestamp_ms;
    }
    return at_ms;
}

static int64_t begun_at_ms(const struct order_history *order)
{
    int64_t at_ms = order->records->timestamp_ms;

    for (const struct history_record *record = order->records->next; record != NULL;
         record = record->next)
        if (record->timestamp_ms < at_ms)
            at_ms = record->timestamp_ms;
    return at_ms;
}

static void count_open(struct top *top, int64_t now_ms)
{
    memset(top->open, 0, sizeof top->open);
    top->orders = top->closed = top->overdue = 0;
    for (size_t i = 0; i < histories_count(top->log); i++) {
        const struct order_history *order = histories_at(top->log, i);
        int state = order_state_emitted(order->genuine), age = 0;

        if ((order->genuine & (FACT(ORDER_PLACE) | FACT(ORDER_CREATED))) == 0 ||
            (order->genuine & (FACT(ORDER_CREATED) | FACT(ORDER_REJECTED))) == FACT(ORDER_REJECTED))
            continue;
        top->orders++;
        if (order->marked) {
            top->closed++;
            continue;
        }
        while (now_ms - begun_at_ms(order) >= ages[age].below_ms)
            age++;
        top->open[state][age]++;
        top->overdue += state == ORDER_STATE_PENDING && order->deadline_us / 1000 < now_ms;
    }
}

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

struct spread {
    size_t count;
    int64_t p50_ms, p99_ms;
};

/* Of what was closed in the last minute. */
static struct spread spread_of(const struct top *top, int64_t now_ms)
{
    size_t kept = top->closing_count < CLOSINGS_KEPT ? top->closing_count : CLOSINGS_KEPT;
    int64_t *took_ms = calloc(kept + 1, sizeof *took_ms);
    struct spread spread = {0};

    if (took_ms == NULL)
        abort();
    for (size_t i = 0; i < kept; i++) {
        int64_t at_ms = closed_at_ms(top->closings[i]);

        if (at_ms > now_ms - WINDOW_MS)
            took_ms[spread.count++] = at_ms - begun_at_ms(top->closings[i]);
    }
    if (spread.count > 0) {
        qsort(took_ms, spread.count, sizeof *took_ms, by_value);
        spread.p50_ms = took_ms[(spread.count - 1) / 2];
        spread.p99_ms = took_ms[(spread.count * 99 + 99) / 100 - 1]; /* the nearest rank */
    }
    free(took_ms);
    return spread;
}

static void print(const struct top *top, const struct spread *spread, double messages_a_second)
{
    char now[32], p50[16], p99[16];
    time_t second = time(NULL);
    struct tm tm;

    localtime_r(&second, &tm);
    strftime(now, sizeof now, "%H:%M:%S", &tm);
    span_format(spread->p50_ms, p50);
    span_format(spread->p99_ms, p99);
    printf("%s  %zu orders, %zu closed, %zu open", now, top->orders, top->closed,
           top->orders - top->closed);
    printf("\n\n%-24s", "open");
    for (int age = 0; age < AGES; age++)
        printf(" %10s", ages[age].name);
    for (int state = 0; state < ORDER_STATES; state++) {
        printf("\n  %-22s", open_names[state]);
        for (int age = 0; age < AGES; age++)
            printf(" %s%10zu%s", age == AGES - 1 && top->open[state][age] > 0 ? colour_bad() : "",
                   top->open[state][age], colour_off());
    }
    printf("\n  %s%-22s %10zu%s\n\n", top->overdue > 0 ? colour_bad() : "", "past their deadline",
           top->overdue, colour_off());
    line_wrap(2, "closed in the last minute %zu, %.1f/s; p50 %s, p99 %s; %.0f messages/s",
              spread->count, (double)spread->count / 60, p50, p99, messages_a_second);
    printf("\n%-24s", "service");
    for (int i = 0; i < SERVICES; i++)
        printf(" %10s", catalog[i].name);
    printf("\n  %-22s", "messages to read");
    for (int i = 0; i < SERVICES; i++)
        printf(" %10lld", top->lags_known ? (long long)top->lags[i] : -1LL);
    printf("\n  %-22s", "dead letters");
    for (int i = 0; i < SERVICES; i++)
        printf(" %s%10zu%s", histories_dead_letters(top->log, i) > 0 ? colour_bad() : "",
               histories_dead_letters(top->log, i), colour_off());
    printf("\n");
}

static void print_json(const struct top *top, const struct spread *spread, double messages_a_second)
{
    struct json_object *line = json_object_new_object(), *part;

    json_add_integer(line, "time_ms", clock_us() / 1000);
    json_add_count(line, "orders", top->orders);
    json_add_count(line, "closed", top->closed);
    json_add_count(line, "overdue", top->overdue);
    part = json_add_object(line, "open");
    for (int state = 0; state < ORDER_STATES; state++) {
        size_t sum = 0;

        for (int age = 0; age < AGES; age++)
            sum += top->open[state][age];
        json_add_count(part, order_table.state_names[state], sum);
    }
    json_add_count(line, "closed_last_minute", spread->count);
    part = json_add_object(line, "closing_ms");
    json_add_integer(part, "p50", spread->p50_ms);
    json_add_integer(part, "p99", spread->p99_ms);
    json_add_decimal(line, "messages_per_s", messages_a_second);
    part = json_add_object(line, "lag");
    for (int i = 0; i < SERVICES; i++)
        json_add_integer(part, catalog[i].name, top->lags_known ? top->lags[i] : -1);
    part = json_add_object(line, "dead_lettered");
    for (int i = 0; i < SERVICES; i++)
        json_add_count(part, catalog[i].name, histories_dead_letters(top->log, i));
    json_line_print(line);
}

static void refresh(struct top *top)
{
    const struct broker_settings broker = command_broker(top->from);
    const char *groups[SERVICES];
    int64_t now_us = clock_us();
    struct error ignored;
    struct spread spread;
    double rate = top->shown_us == 0
                      ? 0
                      : (double)(histories_messages(top->log) - top->messages_before) * 1e6 /
                            (double)(now_us - top->shown_us);

    count_open(top, now_us / 1000);
    spread = spread_of(top, now_us / 1000);
    command_groups(top->from, groups);
    top->lags_known = lags_total(&broker, groups, top->lags, &ignored) == STATUS_OK;
    if (settings_flag(top->from, "json")) {
        print_json(top, &spread, rate);
    } else {
        if (isatty(STDOUT_FILENO) != 0 && !top->once)
            output_clear(); /* the same place again */
        print(top, &spread, rate);
        if (isatty(STDOUT_FILENO) == 0 && !top->once)
            putchar('\n');
    }
    fflush(stdout);
    top->messages_before = histories_messages(top->log);
    top->shown_us = now_us;
}

static bool on_tick(void *context)
{
    struct top *top = context;

    if (clock_us() - top->shown_us >= settings_integer(top->from, "every-ms") * 1000)
        refresh(top);
    return false;
}

static enum status run(struct top *top, struct error *error)
{
    const struct log_source source = command_source(top->from);
    struct reading rest = {.take = take, .tick = on_tick};
    enum status status = histories_read(top->log, &source, &top->scope, error);

    if (status != STATUS_OK || command_interrupted())
        return status;
    refresh(top);
    if (top->once)
        return STATUS_OK;
    rest.scope.positions = histories_ends(top->log, &rest.scope.position_count);
    return messages_read(&source, &rest, top, error);
}

enum exit_code watch_top(const struct settings *from)
{
    struct top top = {.from = from, .once = settings_flag(from, "once"), .log = histories_new()};
    struct error error = {0};
    enum status status = when_setting(from, "since", &top.scope.since_ms, &error);

    top.closings = calloc(CLOSINGS_KEPT, sizeof *top.closings);
    if (top.closings == NULL)
        abort();
    top.scope.progress = "log";
    top.scope.listen = listen;
    top.scope.listen_context = &top;
    if (status == STATUS_OK)
        status = run(&top, &error);
    histories_free(top.log);
    free(top.closings);
    return status == STATUS_OK ? EXIT_FINE : command_fail(&error);
}
