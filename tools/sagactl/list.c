/* sagactl list: which orders there are, in which state, and what they wait for. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/money.h"
#include "base/timestamp.h"
#include "database/database.h"
#include "history/assemble.h"
#include "history/order_history.h"
#include "history/waiting_for.h"
#include "services/order/decide.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"
#include "tools/sagactl/when.h"

static const char *const states[] = {"all",     "open",      "closed",    "new",
                                     "pending", "confirmed", "cancelled", NULL};

/* clang-format off */
static const struct setting settings[] = {
    {.name = "state", .kind = SETTING_CHOICE, .fallback = "all", .choices = states,
     .meaning = "only orders in this state; open and closed tell whether anything is waited for "
                "still"},
    {.name = "reason", .kind = SETTING_TEXT,
     .meaning = "only what was cancelled for this, as payment.failed"},
    {.name = "older-than", .kind = SETTING_TEXT,
     .meaning = "only what was placed before: a time, or how long ago, as 2h"},
    {.name = "since", .kind = SETTING_TEXT,
     .meaning = "only what was placed since then: a time, or how long ago"},
    {.name = "limit", .kind = SETTING_INTEGER, .fallback = "50", .min = 1, .max = 10000000,
     .meaning = "the newest so many"},
    {.name = "from-log", .kind = SETTING_FLAG,
     .meaning = "from the log, also where a database is named"},
    {.name = "order-database", .kind = SETTING_TEXT,
     .meaning = "PostgreSQL URI of the order service, of which the view order_status is read"},
    {.name = NULL},
};
/* clang-format on */

/* One order as it is listed. */
struct listed {
    /* NULL: nothing */
    const char *order_id, *state, *flow, *currency, *reason, *detail, *waiting_for;
    int64_t amount_minor, placed_ms; /* 0: not placed */
    bool closed;
};

struct wish {
    const char *state, *reason;
    int64_t before_ms, since_ms, limit;
};

struct listing {
    const struct settings *from;
    struct wish wish;
    struct arena *arena;
    size_t shown, more;
};

static void print_json(const struct listed *order)
{
    struct json_object *line = json_object_new_object();
    char placed[TIMESTAMP_SIZE];

    timestamp_format(order->placed_ms * 1000, placed);
    json_add_texts(line, "order", order->order_id, "state", order->state, "flow", order->flow,
                   "currency", order->currency, "reason", order->reason, "detail", order->detail,
                   "waiting_for", order->waiting_for, NULL);
    json_add_integer(line, "amount", order->amount_minor);
    json_add_flag(line, "closed", order->closed);
    json_add_text(line, "placed_at", order->placed_ms == 0 ? NULL : placed);
    json_line_print(line);
}

static void print(const struct listed *order, int64_t now_ms)
{
    char amount[MONEY_SIZE] = "", age[16] = "";

    if (order->currency != NULL)
        money_format(order->amount_minor, order->currency, amount);
    if (order->placed_ms != 0)
        span_format(now_ms - order->placed_ms, age);
    line_wrap(2, "%-24s %s%-10s%s %9s %12s %-3s  %-13s  %s%s%s%s%s%s", order->order_id,
              strcmp(order->state, "CANCELLED") == 0   ? colour_bad()
              : strcmp(order->state, "CONFIRMED") == 0 ? colour_good()
                                                       : "",
              order->state, colour_off(), age, amount,
              order->currency == NULL ? "" : order->currency,
              order->flow == NULL ? "" : order->flow, order->reason == NULL ? "" : order->reason,
              order->detail == NULL ? "" : ": ", order->detail == NULL ? "" : order->detail,
              order->waiting_for == NULL ? ""
              : order->reason == NULL    ? "waits for "
                                         : "; waits for ",
              order->waiting_for == NULL ? "" : order->waiting_for,
              order->closed || order->waiting_for != NULL ? "" : "open");
}

static void show(struct listing *listing, const struct listed *order)
{
    if (listing->shown++ == 0 && !settings_flag(listing->from, "json"))
        line_wrap(2, "%-24s %-10s %9s %16s  %s", "ORDER", "STATE", "AGE", "AMOUNT", "FLOW");
    if (settings_flag(listing->from, "json"))
        print_json(order);
    else
        print(order, clock_us() / 1000);
}

/* ---- from the order service's view ---- */

static const char view_sql[] =
    "SELECT order_id, state, flow, amount, currency, reason,\n"
    "       CASE WHEN reason = 'inventory.failed' THEN 'out_of_stock ' || detail ELSE detail END, "
    "placed_at, coalesce(closed, false),\n"
    "       nullif(array_to_string(waiting_for, ' and '), '')\n"
    "FROM order_status\n"
    "WHERE CASE ($1::text[])[1] WHEN 'all' THEN true WHEN 'open' THEN NOT coalesce(closed, false) "
    "WHEN 'closed' THEN closed\n"
    "           ELSE state = upper(($1::text[])[1]) END\n"
    "  AND (($2::text[])[1] IS NULL OR reason = ($2::text[])[1])\n"
    "  AND (($3::timestamptz[])[1] IS NULL OR placed_at < ($3::timestamptz[])[1])\n"
    "  AND (($4::timestamptz[])[1] IS NULL OR placed_at >= ($4::timestamptz[])[1])\n"
    "ORDER BY placed_at DESC NULLS FIRST, order_id LIMIT ($5::bigint[])[1]";

static enum status from_view(struct listing *listing, struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT, COLUMN_TEXT, COLUMN_TIME, COLUMN_TIME,
                                             COLUMN_INTEGER};
    struct parameters *values = parameters_new(listing->arena, kinds, 5);
    struct database *database =
        database_new(settings_text(listing->from, "order-database"), "sagactl");
    struct result *result;
    enum status status;

    parameters_text(values, 0, listing->wish.state);
    parameters_text(values, 1, listing->wish.reason);
    parameters_integer(values, 2, listing->wish.before_ms * 1000);
    parameters_integer(values, 3, listing->wish.since_ms * 1000);
    parameters_integer(values, 4, listing->wish.limit + 1);
    status = database_query(database, view_sql, values, &result, error);
    for (size_t i = 0; status == STATUS_OK && i < result_rows(result); i++) {
        const struct listed order = {.order_id = result_text(result, i, 0),
                                     .state = result_text(result, i, 1),
                                     .flow = result_text(result, i, 2),
                                     .amount_minor = result_integer(result, i, 3),
                                     .currency = result_text(result, i, 4),
                                     .reason = result_text(result, i, 5),
                                     .detail = result_text(result, i, 6),
                                     .placed_ms = result_time_us(result, i, 7) / 1000,
                                     .closed = result_integer(result, i, 8) != 0,
                                     .waiting_for = result_text(result, i, 9)};

        if (i < (size_t)listing->wish.limit)
            show(listing, &order);
        else
            listing->more = 1;
    }
    if (status == STATUS_OK)
        result_free(result);
    database_free(database);
    return status;
}

/* ---- from the log ---- */

static bool is_wanted(const struct wish *wish, const struct listed *order)
{
    if (strcmp(wish->state, "open") == 0 ? order->closed
                                         : strcmp(wish->state, "closed") == 0 && !order->closed)
        return false;
    if (strcmp(wish->state, "all") != 0 && strcmp(wish->state, "open") != 0 &&
        strcmp(wish->state, "closed") != 0) {
        for (size_t i = 0; i <= strlen(wish->state); i++)
            if (tolower((unsigned char)order->state[i]) != wish->state[i])
                return false;
    }
    return (wish->reason == NULL ||
            (order->reason != NULL && strcmp(wish->reason, order->reason) == 0)) &&
           (wish->before_ms == 0 ||
            (order->placed_ms != 0 && order->placed_ms < wish->before_ms)) &&
           (wish->since_ms == 0 || order->placed_ms >= wish->since_ms);
}

static void listed_of(const struct order_history *history, struct arena *arena, struct listed *out)
{
    const struct history_record *created = record_find(history, ORDER_CREATED),
                                *cancelled = record_find(history, ORDER_CANCELLED);
    int state = order_state_emitted(history->genuine);

    *out = (struct listed){.order_id = history->order_id,
                           .state = order_table.state_names[state],
                           .flow = history->flow == NULL ? NULL : history->flow->name,
                           .closed = order_closed(state, history->genuine)};
    if (created != NULL) {
        out->amount_minor = created->number;
        out->currency = created->text;
        out->placed_ms = created->time_us / 1000;
    }
    if (cancelled != NULL) {
        out->reason = cancelled->text;
        out->detail = cancelled->detail;
    }
    if (!out->closed)
        out->waiting_for = waiting_for_text(history->genuine, " and ", arena);
}

static int newest_first(const void *a, const void *b)
{
    const struct listed *left = a, *right = b;

    if (left->placed_ms != right->placed_ms)
        return left->placed_ms > right->placed_ms ? -1 : 1;
    return strcmp(left->order_id, right->order_id);
}

static enum status from_log(struct listing *listing, struct error *error)
{
    const struct log_source source = command_source(listing->from);
    const struct history_scope scope = {.progress = "log"};
    struct order_histories *log = histories_new();
    enum status status = histories_read(log, &source, &scope, error);
    size_t count = 0;
    struct listed *orders = calloc(histories_count(log) + 1, sizeof *orders);

    if (orders == NULL)
        abort();
    for (size_t i = 0; status == STATUS_OK && !command_interrupted() && i < histories_count(log);
         i++) {
        const struct order_history *history = histories_at(log, i);

        listed_of(history, listing->arena, &orders[count]);
        count += is_wanted(&listing->wish, &orders[count]);
    }
    if (count > 0)
        qsort(orders, count, sizeof *orders, newest_first);
    for (size_t i = 0; i < count && i < (size_t)listing->wish.limit; i++)
        show(listing, &orders[i]);
    listing->more = count > (size_t)listing->wish.limit ? count - (size_t)listing->wish.limit : 0;
    free(orders);
    histories_free(log);
    return status;
}

/* ---- */

static enum exit_code run(const struct settings *from)
{
    struct listing listing = {.from = from,
                              .wish = {settings_text(from, "state"), settings_text(from, "reason"),
                                       0, 0, settings_integer(from, "limit")}};
    bool log = settings_flag(from, "from-log") || settings_text(from, "order-database") == NULL;
    struct error error = {0};
    enum status status;
    size_t count;

    settings_arguments(from, &count);
    if (count > 0)
        return command_misused("list takes no argument: sagactl trace ORDER shows one order");
    status = when_setting(from, "older-than", &listing.wish.before_ms, &error);
    if (status == STATUS_OK)
        status = when_setting(from, "since", &listing.wish.since_ms, &error);
    listing.arena = arena_new();
    if (status == STATUS_OK)
        status = log ? from_log(&listing, &error) : from_view(&listing, &error);
    if (status == STATUS_OK && listing.more > 0)
        fprintf(stderr, "there are more: --limit %lld\n", (long long)listing.wish.limit * 10);
    arena_free(listing.arena);
    if (status != STATUS_OK)
        return command_fail(&error);
    return command_interrupted() ? command_stopped("not all orders are listed") : EXIT_FINE;
}

const struct command list_command = {
    "list",
    "list orders by state, reason and age",
    "[OPTION ...]\n\n"
    "Prints orders, the newest first: state, flow, amount, age, why it was cancelled, what it "
    "waits for and from\n"
    "whom. It asks the order service's database where one is named, else the log.\n\n"
    "  sagactl list --state open --older-than 10m\n"
    "  sagactl list --state cancelled --reason inventory.failed --since 1d --limit 1000\n"
    "  sagactl list --from-log --json | jq -r .order",
    settings,
    run,
    NULL};
