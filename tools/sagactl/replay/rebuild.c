/* sagactl replay rebuild: a service's database made anew from the log.
 *
 * The log is read twice: once to learn what became of each order, once for what rows keep aside (orders as they were placed, lines,
 * letters), when each row is written with it.  Its times are those that the log tells.  Nobody is asked or told anything. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/arena.h"
#include "schemas/migrations.h"
#include "services/email/decide.h"
#include "services/inventory/decide.h"
#include "services/inventory/stock.h"
#include "services/inventory/store.h"
#include "services/order/decide.h"
#include "services/runtime/rows.h"
#include "services/runtime/work.h"
#include "tools/sagactl/log/reading.h"
#include "tools/sagactl/replay/engine.h"
#include "tools/sagactl/replay/plan.h"
#include "tools/sagactl/terminal.h"

enum { ORDER, PAYMENT, INVENTORY, EMAIL, BATCH = 1000 };

struct rebuilding {
    const struct settings *from;
    int service;
    struct database *database;
    struct chronicles *log;
    struct decoder *decoder;
    struct arena *arena;         /* of a batch */
    struct item **items;         /* of stock commands */
    struct saga *rows[BATCH];
    size_t count, written;
    enum status status;          /* of what happened while messages were taken */
    struct error *error;
};

static enum status is_empty(struct rebuilding *rebuilding, const char *url)
{
    struct result *row = NULL, *rest = NULL;
    enum status status = database_stream(rebuilding->database, "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace\n"
                                                               "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')", rebuilding->error);

    if (status == STATUS_OK)
        status = database_next(rebuilding->database, &row, rebuilding->error);
    if (status == STATUS_OK && result_integer(row, 0, 0) > 0)
        status = error_set(rebuilding->error, STATUS_WRONG, "--into is \"%s\", which has %lld tables: an empty database is expected", url,
                           (long long)result_integer(row, 0, 0));
    result_free(row);
    if (status == STATUS_OK)
        status = database_next(rebuilding->database, &rest, rebuilding->error);
    result_free(rest);
    return status;
}

/* ---- writing ---- */

static int by_key(const void *a, const void *b)
{
    const struct saga *const *left = a, *const *right = b;

    return strcmp((*left)->order_id, (*right)->order_id);
}

static enum status transaction(struct rebuilding *rebuilding, enum status (*what)(struct rebuilding *rebuilding))
{
    enum status status = database_defer(rebuilding->database, "BEGIN", NULL, rebuilding->error);

    if (status == STATUS_OK)
        status = what(rebuilding);
    if (status == STATUS_OK)
        status = database_query(rebuilding->database, "COMMIT", NULL, NULL, rebuilding->error);
    if (status != STATUS_OK)
        database_rollback(rebuilding->database);
    return status;
}

static enum status rows_write(struct rebuilding *rebuilding)
{
    return rows_save(services[rebuilding->service]->rows, rebuilding->database, rebuilding->rows, rebuilding->count, rebuilding->arena, rebuilding->error);
}

static void flush(struct rebuilding *rebuilding)
{
    if (rebuilding->count == 0 || rebuilding->status != STATUS_OK)
        return;
    qsort(rebuilding->rows, rebuilding->count, sizeof rebuilding->rows[0], by_key);
    rebuilding->status = transaction(rebuilding, rows_write);
    rebuilding->written += rebuilding->count;
    rebuilding->count = 0;
    arena_reset(rebuilding->arena);
}

/* What the row keeps aside of the message. */
static void content_set(struct rebuilding *rebuilding, struct saga *row, struct item *item)
{
    struct message *message = &item->message;

    row->content_is_new = true;
    if (rebuilding->service == ORDER) {
        row->content = item->content;
        ((struct order_row *)(void *)row)->place = &message->order_place;
    } else if (rebuilding->service == INVENTORY) {
        ((struct inventory_row *)(void *)row)->created = &message->order_created;
    } else {
        ((struct email_row *)(void *)row)->created = &message->order_created;
    }
}

/* `item` NULL: it keeps nothing aside, or nothing of that is in the log. */
static void row_add(struct rebuilding *rebuilding, struct chronicle *chronicle, struct item *item)
{
    struct replayed replayed;

    chronicle->marked = true;
    chronicle_sort(chronicle);
    replay_service(rebuilding->log, chronicle, rebuilding->service, rebuilding->arena, &replayed);
    if (replayed.row->facts == 0)
        return;
    if (item != NULL)
        content_set(rebuilding, replayed.row, item);
    rebuilding->rows[rebuilding->count++] = replayed.row;
    if (rebuilding->count == BATCH)
        flush(rebuilding);
}

/* A message as it came outlives its batch's reading: what the item points to is copied. */
static struct item *item_read(struct rebuilding *rebuilding, const struct incoming *incoming)
{
    struct item *item = arena_alloc(rebuilding->arena, sizeof *item);

    item->incoming = *incoming;
    item_decode(services[rebuilding->service], rebuilding->decoder, rebuilding->arena, item);
    return item;
}

static void content_take(void *context, const struct incoming *incoming)
{
    struct rebuilding *rebuilding = context;
    enum message_type type = rebuilding->service == ORDER ? ORDER_PLACE : ORDER_CREATED;
    struct chronicle *chronicle;
    struct item *item;

    if (rebuilding->status != STATUS_OK)
        return;
    item = item_read(rebuilding, incoming);
    if (item->kind != ITEM_FACT || item->message.type != type)
        return;
    chronicle = chronicles_find(rebuilding->log, item->message.subject);
    if (chronicle != NULL && !chronicle->marked)
        row_add(rebuilding, chronicle, item);
}

static bool has_failed(void *context)
{
    return ((const struct rebuilding *)context)->status != STATUS_OK;
}

static enum status contents_write(struct rebuilding *rebuilding)
{
    const char *const topic[] = {rebuilding->service == ORDER ? "orders.commands" : "orders"};
    const struct reading reading = {.scope = {.topics = topic, .topic_count = 1}, .once = true, .progress = "contents", .take = content_take, .tick = has_failed};
    enum status status = rebuilding->service == PAYMENT ? STATUS_OK : messages_read(rebuilding->from, &reading, rebuilding, rebuilding->error);

    for (size_t i = 0; status == STATUS_OK && rebuilding->status == STATUS_OK && i < chronicles_count(rebuilding->log) && !command_interrupted(); i++)
        if (!chronicles_at(rebuilding->log, i)->marked)
            row_add(rebuilding, chronicles_at(rebuilding->log, i), NULL);
    flush(rebuilding);
    return status == STATUS_OK ? rebuilding->status : status;
}

/* ---- stock ---- */

static enum status commands_apply(struct rebuilding *rebuilding)
{
    struct work *work = work_new(services[INVENTORY], rebuilding->arena, rebuilding->arena, rebuilding->items, rebuilding->count);

    return stock_settle(services[INVENTORY], NULL, rebuilding->database, work, rebuilding->error);
}

static void commands_flush(struct rebuilding *rebuilding)
{
    if (rebuilding->count > 0 && rebuilding->status == STATUS_OK)
        rebuilding->status = transaction(rebuilding, commands_apply);
    rebuilding->count = 0;
    arena_reset(rebuilding->arena);
}

static void command_take(void *context, const struct incoming *incoming)
{
    struct rebuilding *rebuilding = context;
    struct item *item = item_read(rebuilding, incoming);

    if (item->kind == ITEM_COMMAND)
        rebuilding->items[rebuilding->count++] = item;
    if (rebuilding->count == BATCH)
        commands_flush(rebuilding);
}

static enum status recount(struct rebuilding *rebuilding)
{
    return balances_recount(rebuilding->database, rebuilding->error);
}

static enum status stock_write(struct rebuilding *rebuilding)
{
    static const char *const topic[] = {"inventory.commands", "inventory.internal"};
    const struct reading reading = {.scope = {.topics = topic, .topic_count = 2}, .once = true, .progress = "stock", .take = command_take, .tick = has_failed};
    enum status status;

    rebuilding->items = calloc(BATCH, sizeof(struct item *));
    if (rebuilding->items == NULL)
        abort();
    status = messages_read(rebuilding->from, &reading, rebuilding, rebuilding->error);
    commands_flush(rebuilding);
    free(rebuilding->items);
    return status == STATUS_OK ? rebuilding->status : status;
}

/* ---- comparing ---- */

struct comparison {
    struct database *live, *made;
    bool json;
    size_t rows, differences;
};

/* Own facts, versions and what is due come from the course of things, not from what was said; nor does a payment's reason, but where
 * it failed. */
static const struct {
    const char *what, *sql;
} compared[][3] = {
    [ORDER] = {{"orders", "SELECT order_id, concat_ws(' | ', state, facts & x'fffffff'::bigint, flow, content_id, amount, currency, reason, detail, placed_at, deadline, decided_at, decided_by) FROM orders ORDER BY order_id"},
               {"order_content", "SELECT order_id, md5(body::text) FROM order_content ORDER BY order_id"}},
    [PAYMENT] = {{"payments", "SELECT order_id, concat_ws(' | ', state, facts & x'fffffff'::bigint, flow, payment_method, amount, currency, payment_id, CASE WHEN state IN (3, 7) THEN reason END, decided_at, settled_at) FROM payments ORDER BY order_id"}},
    [INVENTORY] = {{"reservation", "SELECT order_id, concat_ws(' | ', state, facts & x'fffffff'::bigint, flow, short_sku, wanted, available, decided_at, released_at, md5(lines)) FROM reservation ORDER BY order_id"},
                   {"stock", "SELECT sku, concat_ws(' | ', on_hand, reserved) FROM stock ORDER BY sku"},
                   {"stock_command", "SELECT id, '' FROM stock_command ORDER BY id"}},
    [EMAIL] = {{"mails", "SELECT order_id, concat_ws(' | ', state, facts & x'fffffff'::bigint, flow, why, detail, refusal, decided_at) FROM mails ORDER BY order_id"},
               {"mail_content", "SELECT order_id, md5(body) FROM mail_content ORDER BY order_id"}},
};

static void tell(struct comparison *comparison, const char *table, const char *key, const char *live, const char *made)
{
    struct arena *arena = arena_new();
    struct buffer line = {.arena = arena};

    comparison->differences++;
    if (comparison->json) {
        buffer_format(&line, "{\"table\":\"%s\",\"key\":", table);
        buffer_json(&line, key);
        buffer_text(&line, ",\"live\":");
        buffer_json(&line, live);
        buffer_text(&line, ",\"rebuilt\":");
        buffer_json(&line, made);
        buffer_text(&line, "}");
        puts(line.data);
    } else if (comparison->differences <= 20) {
        printf("%s%s %s%s\n  live     %s\n  rebuilt  %s\n", colour_bad(), table, key, colour_off(), live, made);
    }
    arena_free(arena);
}

static enum status table_compare(struct comparison *comparison, const char *table, const char *sql, struct error *error)
{
    struct result *live = NULL, *made = NULL;
    enum status status = database_stream(comparison->live, sql, error);

    if (status == STATUS_OK)
        status = database_stream(comparison->made, sql, error);
    if (status == STATUS_OK)
        status = database_next(comparison->live, &live, error);
    if (status == STATUS_OK)
        status = database_next(comparison->made, &made, error);
    while (status == STATUS_OK && (live != NULL || made != NULL)) {
        int order = live == NULL ? 1 : made == NULL ? -1 : strcmp(result_text(live, 0, 0), result_text(made, 0, 0));
        const char *of_live = order <= 0 ? result_text(live, 0, 1) : NULL, *of_made = order >= 0 ? result_text(made, 0, 1) : NULL;

        comparison->rows++;
        if (order != 0 || (of_live == NULL) != (of_made == NULL) || (of_live != NULL && strcmp(of_live, of_made) != 0))
            tell(comparison, table, result_text(order <= 0 ? live : made, 0, 0), of_live == NULL ? "nothing" : of_live, of_made == NULL ? "nothing" : of_made);
        if (order <= 0) {
            result_free(live);
            live = NULL;
            status = database_next(comparison->live, &live, error);
        }
        if (status == STATUS_OK && order >= 0) {
            result_free(made);
            made = NULL;
            status = database_next(comparison->made, &made, error);
        }
    }
    result_free(live);
    result_free(made);
    return status;
}

static enum status compare(struct rebuilding *rebuilding, const char *live_url, size_t *differences)
{
    struct comparison comparison = {.live = database_new(live_url, "sagactl"), .made = rebuilding->database, .json = settings_flag(rebuilding->from, "json")};
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < 3 && compared[rebuilding->service][i].what != NULL; i++)
        status = table_compare(&comparison, compared[rebuilding->service][i].what, compared[rebuilding->service][i].sql, rebuilding->error);
    if (status == STATUS_OK)
        printf(comparison.json ? "{\"compared\":%zu,\"differences\":%zu}\n" : "%zu rows compared with the live database: %zu differ\n", comparison.rows, comparison.differences);
    *differences = comparison.differences;
    database_free(comparison.live);
    return status;
}

/* ---- */

static enum status migrate(struct rebuilding *rebuilding)
{
    const struct service *service = services[rebuilding->service];

    return database_migrate(rebuilding->database, service->migrations, *service->migration_count, rebuilding->error);
}

/* Each pass writes the rows of its share of the orders. */
static enum status passes(struct rebuilding *rebuilding)
{
    unsigned count = 1;
    enum status status = chronicles_passes(rebuilding->from, settings_integer(rebuilding->from, "memory-mib"), &count, rebuilding->error);

    for (unsigned share = 0; status == STATUS_OK && share < count && !command_interrupted(); share++) {
        const struct chronicle_scope scope = {.share = share, .shares = count, .contents = true, .progress = "log"};

        rebuilding->log = chronicles_new();
        status = chronicles_read(rebuilding->log, rebuilding->from, &scope, rebuilding->error);
        if (status == STATUS_OK && chronicles_truncated(rebuilding->log))
            status = error_set(rebuilding->error, STATUS_WRONG, "the log has lost its beginning: a database cannot be rebuilt from what is left");
        if (status == STATUS_OK)
            status = contents_write(rebuilding);
        chronicles_free(rebuilding->log);
    }
    return status;
}

static enum exit_code rebuild(struct rebuilding *rebuilding, const char *url)
{
    char live_name[64];
    const char *live;
    size_t differences = 0;
    enum status status = is_empty(rebuilding, url);

    if (status == STATUS_OK)
        status = migrate(rebuilding);
    if (status == STATUS_OK && rebuilding->service == INVENTORY)
        status = stock_write(rebuilding);
    if (status == STATUS_OK)
        status = passes(rebuilding);
    if (status == STATUS_OK && rebuilding->service == INVENTORY)
        status = transaction(rebuilding, recount);
    if (status == STATUS_OK)
        printf(settings_flag(rebuilding->from, "json") ? "{\"rows\":%zu}\n" : "%zu rows made from the log\n", rebuilding->written);
    snprintf(live_name, sizeof live_name, "%s-database", service_names[rebuilding->service]);
    live = settings_text(rebuilding->from, live_name);
    if (status == STATUS_OK && live != NULL && !command_interrupted())
        status = compare(rebuilding, live, &differences);
    if (status != STATUS_OK)
        return command_fail(rebuilding->error);
    return differences > 0 || command_interrupted() ? EXIT_FOUND : EXIT_FINE;
}

enum exit_code replay_rebuild(const struct settings *from, const char *const *arguments, size_t count)
{
    const char *url = settings_text(from, "into");
    struct error error = {0};
    struct rebuilding *rebuilding;
    enum exit_code code;
    int service = 0;

    while (count == 1 && service < SERVICES && strcmp(service_names[service], arguments[0]) != 0)
        service++;
    if (count != 1 || service == SERVICES)
        return command_misused("replay rebuild needs one service: order, payment, inventory or email");
    if (url == NULL)
        return command_misused("replay rebuild needs --into, an empty database");
    rebuilding = calloc(1, sizeof *rebuilding);
    if (rebuilding == NULL)
        abort();
    rebuilding->from = from;
    rebuilding->service = service;
    rebuilding->database = database_new(url, "sagactl");
    rebuilding->decoder = decoder_new();
    rebuilding->arena = arena_new();
    rebuilding->error = &error;
    code = rebuild(rebuilding, url);
    arena_free(rebuilding->arena);
    decoder_free(rebuilding->decoder);
    database_free(rebuilding->database);
    free(rebuilding);
    return code;
}
