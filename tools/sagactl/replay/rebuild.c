/* sagactl replay rebuild: a service's database made anew from the log, and compared with its own.
 * A rebuild is what recover does, with a database in which there is nothing yet. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "database/database.h"
#include "history/restore.h"
#include "services/runtime/rows.h"
#include "services/runtime/service.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/replay/plan.h"
#include "tools/sagactl/terminal/json_line.h"
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
    static const char *const sqls[] = {
        "SELECT count(*) FROM (SELECT FROM orders LIMIT 1) AS t",
        "SELECT count(*) FROM (SELECT FROM payments LIMIT 1) AS t",
        "SELECT count(*) FROM (SELECT FROM reservation UNION ALL SELECT FROM stock LIMIT 1) AS t",
        "SELECT count(*) FROM (SELECT FROM mails LIMIT 1) AS t"};
    struct result *rows;
    enum status status = database_query(rebuilding->database, sqls[rebuilding->service], NULL,
                                        &rows, rebuilding->error);

    if (status != STATUS_OK)
        return status;
    if (result_integer(rows, 0, 0) > 0)
        status = error_set(rebuilding->error, STATUS_INVALID,
                           "--into is \"%s\", which has rows of %s: an empty database is expected",
                           url, catalog[rebuilding->service].name);
    result_free(rows);
    return status;
}

/* ---- comparing ---- */

struct comparison {
    struct database *live, *made;
    bool json;
    size_t rows, differences;
};

static void tell(struct comparison *comparison, const char *table, const char *key,
                 const char *live, const char *made)
{
    comparison->differences++;
    if (comparison->json) {
        json_line_print_texts("table", table, "key", key, "live", live, "rebuilt", made, NULL);
    } else if (comparison->differences <= 20) {
        line_say(stdout, "%s%s %s%s", colour_bad(), table, key, colour_off());
        line_say(stdout, "  live     %s", live);
        line_say(stdout, "  rebuilt  %s", made);
    }
}

static enum status table_compare(struct comparison *comparison, const char *table, const char *sql,
                                 struct error *error)
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
        int order = live == NULL   ? 1
                    : made == NULL ? -1
                                   : strcmp(result_text(live, 0, 0), result_text(made, 0, 0));
        const char *of_live = order <= 0 ? result_text(live, 0, 1) : NULL,
                   *of_made = order >= 0 ? result_text(made, 0, 1) : NULL;

        comparison->rows++;
        if (order != 0 || (of_live == NULL) != (of_made == NULL) ||
            (of_live != NULL && strcmp(of_live, of_made) != 0))
            tell(comparison, table, result_text(order <= 0 ? live : made, 0, 0),
                 of_live == NULL ? "nothing" : of_live, of_made == NULL ? "nothing" : of_made);
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

/* The rows but for own facts, versions and what is due, which come from the course of things, not
 * from what was emitted. */
static enum status rows_compare(struct comparison *comparison, const struct rows *rows,
                                struct arena *arena, struct error *error)
{
    struct buffer sql = {.arena = arena};

    buffer_format(&sql, "SELECT order_id, ROW(state, facts & %llu, flow",
                  (1ULL << MESSAGE_TYPES) - 1);
    for (size_t i = 0; i < rows->field_count; i++) {
        const struct field *field = &rows->fields[i];

        if (field->rebuilt == NULL || *field->rebuilt != '\0')
            buffer_format(&sql, ", %s", field->rebuilt == NULL ? field->name : field->rebuilt);
    }
    if (rows->content_column != NULL && rows->content_table == NULL)
        buffer_format(&sql, ", md5(%s)", rows->content_column);
    buffer_format(&sql, ")::text FROM %s ORDER BY order_id", rows->stored_in);
    return table_compare(comparison, rows->stored_in, sql.data, error);
}

static enum status contents_compare(struct comparison *comparison, const struct rows *rows,
                                    struct arena *arena, struct error *error)
{
    if (rows->content_table == NULL)
        return STATUS_OK;
    return table_compare(comparison, rows->content_table,
                         arena_format(arena,
                                      "SELECT order_id, md5(%s::text) FROM %s ORDER BY order_id",
                                      rows->content_column, rows->content_table),
                         error);
}

static enum status stock_compare(struct comparison *comparison, struct error *error)
{
    enum status status = table_compare(comparison, "stock",
                                       "SELECT sku, ROW(on_hand, reserved)::text FROM stock WHERE "
                                       "on_hand <> 0 OR reserved <> 0 ORDER BY sku",
                                       error);

    return status != STATUS_OK
               ? status
               : table_compare(comparison, "stock_command",
                               "SELECT id, coalesce(refused, '') FROM stock_command ORDER BY id",
                               error);
}

static enum status compare(struct rebuilding *rebuilding, const char *live_url, size_t *differences)
{
    struct comparison comparison = {.live = database_new(live_url, "sagactl"),
                                    .made = rebuilding->database,
                                    .json = settings_flag(rebuilding->from, "json")};
    const struct rows *rows = catalog[rebuilding->service].service->rows;
    struct arena *arena = arena_new();
    enum status status = rows_compare(&comparison, rows, arena, rebuilding->error);

    if (status == STATUS_OK)
        status = contents_compare(&comparison, rows, arena, rebuilding->error);
    if (status == STATUS_OK && rebuilding->service == SERVICE_INVENTORY)
        status = stock_compare(&comparison, rebuilding->error);
    if (status == STATUS_OK && comparison.json)
        json_line_print_counts("compared", comparison.rows, "differences", comparison.differences);
    else if (status == STATUS_OK)
        printf("%zu rows compared with the live database: %zu differ\n", comparison.rows,
               comparison.differences);
    *differences = comparison.differences;
    arena_free(arena);
    database_free(comparison.live);
    return status;
}

/* ---- */

/* All or nothing. */
static enum status restore(struct rebuilding *rebuilding, struct restored *restored)
{
    const struct log_source source = command_source(rebuilding->from);
    const struct restore_scope scope = {.service = rebuilding->service,
                                        .memory_mib =
                                            settings_integer(rebuilding->from, "memory-mib"),
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
    enum status status =
        database_migrate(rebuilding->database, service->migrations, rebuilding->error);

    if (status == STATUS_OK)
        status = is_empty(rebuilding, url);
    if (status == STATUS_OK)
        status = restore(rebuilding, &restored);
    if (status == STATUS_OK && !command_interrupted()) {
        if (settings_flag(rebuilding->from, "json"))
            json_line_print_counts("rows", restored.made, NULL, 0);
        else
            printf("%zu rows made from the log\n", restored.made);
    }
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

enum exit_code replay_rebuild(const struct settings *from, const char *const *arguments,
                              size_t count)
{
    const char *url = settings_text(from, "into");
    struct error error = {0};
    struct rebuilding rebuilding = {.from = from, .error = &error};
    enum exit_code code;

    rebuilding.service = count == 1 ? catalog_find(arguments[0]) : SERVICE_NONE;
    if (rebuilding.service == SERVICE_NONE)
        return command_misused("replay rebuild needs one service: one of %s is expected",
                               CATALOG_LIST);
    if (url == NULL)
        return command_misused("replay rebuild needs --into, an empty database");
    rebuilding.database = database_new(url, "sagactl");
    code = rebuild(&rebuilding, url);
    database_free(rebuilding.database);
    return code;
}
