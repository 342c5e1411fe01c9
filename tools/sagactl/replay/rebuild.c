/* sagactl replay rebuild: a service's database made anew from the log, and compared with its own.  A rebuild is what recover does,
 * with a database in which there is nothing yet. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "database/database.h"
#include "history/replay_run.h"
#include "history/restore.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/replay/plan.h"
#include "tools/sagactl/terminal/terminal.h"

struct rebuilding {
    const struct settings *from;
    int service;
    struct database *database;
    struct error *error;
};

/* A schema without rows counts as empty: it is what a rebuild that failed leaves behind. */
static enum status is_empty(struct rebuilding *rebuilding, const char *url)
{
    static const char *const sqls[] = {"SELECT count(*) FROM (SELECT FROM orders LIMIT 1) AS t", "SELECT count(*) FROM (SELECT FROM payments LIMIT 1) AS t",
                                       "SELECT count(*) FROM (SELECT FROM reservation UNION ALL SELECT FROM stock LIMIT 1) AS t",
                                       "SELECT count(*) FROM (SELECT FROM mails LIMIT 1) AS t"};
    struct result *rows;
    enum status status = database_query(rebuilding->database, sqls[rebuilding->service], NULL, &rows, rebuilding->error);

    if (status != STATUS_OK)
        return status;
    if (result_integer(rows, 0, 0) > 0)
        status = error_set(rebuilding->error, STATUS_WRONG, "--into is \"%s\", which has rows of %s: an empty database is expected", url,
                           catalog[rebuilding->service].name);
    result_free(rows);
    return status;
}

/* ---- comparing ---- */

struct comparison {
    struct database *live, *made;
    bool json;
    size_t rows, differences;
};

_Static_assert(MESSAGE_TYPES == 28, "the masks of facts below have a bit for each type");

/* Own facts, versions and what is due come from the course of things, not from what was said; nor does a payment's reason, but where
 * it failed; nor, where an order was placed and cancelled by one batch, which of the two came last: it makes no difference. */
static const struct {
    const char *what, *sql;
} compared[][3] = {
    [SERVICE_ORDER] = {{"orders", "SELECT order_id, ROW(state, facts & x'fffffff'::bigint, flow, content_id, amount, currency, reason, detail, placed_at, deadline, decided_at, CASE WHEN reason = 'order.cancel' AND placed_at = decided_at THEN 0 ELSE decided_by END, claims)::text FROM orders ORDER BY order_id"},
               {"order_content", "SELECT order_id, md5(body::text) FROM order_content ORDER BY order_id"}},
    [SERVICE_PAYMENT] = {{"payments", "SELECT order_id, ROW(state, facts & x'fffffff'::bigint, flow, payment_method, amount, currency, payment_id, CASE WHEN state IN (3, 7) THEN reason END, decided_at, settled_at, refused_at, refusal)::text FROM payments ORDER BY order_id"}},
    [SERVICE_INVENTORY] = {{"reservation", "SELECT order_id, ROW(state, facts & x'fffffff'::bigint, flow, short_sku, wanted, available, decided_at, released_at, claims, md5(lines))::text FROM reservation ORDER BY order_id"},
                   {"stock", "SELECT sku, ROW(on_hand, reserved)::text FROM stock WHERE on_hand <> 0 OR reserved <> 0 ORDER BY sku"},
                   {"stock_command", "SELECT id, coalesce(refused, '') FROM stock_command ORDER BY id"}},
    [SERVICE_EMAIL] = {{"mails", "SELECT order_id, ROW(state, facts & x'fffffff'::bigint, flow, why, detail, refusal, decided_at)::text FROM mails ORDER BY order_id"},
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
        line_say(stdout, "%s%s %s%s", colour_bad(), table, key, colour_off());
        line_say(stdout, "  live     %s", live);
        line_say(stdout, "  rebuilt  %s", made);
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

/* All or nothing. */
static enum status restore(struct rebuilding *rebuilding, struct restored *restored)
{
    const struct log_source source = command_source(rebuilding->from);
    const struct restore_scope scope = {.service = rebuilding->service, .memory_mib = settings_integer(rebuilding->from, "memory-mib"),
                                        .partial = settings_flag(rebuilding->from, "partial")};
    enum status status = database_execute(rebuilding->database, "BEGIN", rebuilding->error);

    if (status == STATUS_OK)
        status = rows_restore(&source, &scope, rebuilding->database, restored, rebuilding->error);
    if (status == STATUS_OK && !command_interrupted())
        return database_execute(rebuilding->database, "COMMIT", rebuilding->error);
    database_rollback(rebuilding->database);
    return status;
}

static enum exit_code rebuild(struct rebuilding *rebuilding, const char *url)
{
    const struct service *service = catalog[rebuilding->service].service;
    struct restored restored = {0};
    char live_name[64];
    const char *live;
    size_t differences = 0;
    enum status status = database_migrate(rebuilding->database, service->migrations, rebuilding->error);

    if (status == STATUS_OK)
        status = is_empty(rebuilding, url);
    if (status == STATUS_OK)
        status = restore(rebuilding, &restored);
    if (status == STATUS_OK && !command_interrupted())
        printf(settings_flag(rebuilding->from, "json") ? "{\"rows\":%zu}\n" : "%zu rows made from the log\n", restored.made);
    restored_free(&restored);
    snprintf(live_name, sizeof live_name, "%s-database", catalog[rebuilding->service].name);
    live = settings_text(rebuilding->from, live_name);
    if (status == STATUS_OK && live != NULL && !command_interrupted())
        status = compare(rebuilding, live, &differences);
    if (status != STATUS_OK)
        return command_fail(rebuilding->error);
    if (command_interrupted())
        return command_stopped("the database is as it was");
    return differences > 0 ? EXIT_FOUND : EXIT_FINE;
}

enum exit_code replay_rebuild(const struct settings *from, const char *const *arguments, size_t count)
{
    const char *url = settings_text(from, "into");
    struct error error = {0};
    struct rebuilding rebuilding = {.from = from, .error = &error};
    enum exit_code code;

    rebuilding.service = count == 1 ? catalog_find(arguments[0]) : SERVICE_NONE;
    if (rebuilding.service == SERVICE_NONE)
        return command_misused("replay rebuild needs one service: one of %s is expected", CATALOG_LIST);
    if (url == NULL)
        return command_misused("replay rebuild needs --into, an empty database");
    rebuilding.database = database_new(url, "sagactl");
    code = rebuild(&rebuilding, url);
    database_free(rebuilding.database);
    return code;
}
