#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "database/connection.h"

static enum status migration_apply(struct database *database, const struct migration *migration,
                                   struct error *error)
{
    struct arena *arena = arena_new();
    struct buffer sql = {.arena = arena};
    enum status status;

    buffer_format(&sql, "BEGIN;\n%s\n;INSERT INTO schema_migration (name) VALUES ('%s');COMMIT",
                  migration->sql, migration->name);
    status = database_execute(database, sql.data, error);
    if (status != STATUS_OK)
        database_rollback(database);
    else
        log_info("schema brought to %s", migration->name);
    arena_free(arena);
    return status;
}

static enum status migration_known(struct database *database, const struct migration *migration,
                                   bool *known, struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT};
    struct arena *arena = arena_new();
    struct parameters *name = parameters_new(arena, kinds, 1);
    struct result *result = NULL;
    enum status status;

    parameters_text(name, 0, migration->name);
    status =
        database_query(database, "SELECT 1 FROM schema_migration WHERE name = ANY ($1::text[])",
                       name, &result, error);
    *known = status == STATUS_OK && result_rows(result) > 0;
    result_free(result);
    arena_free(arena);
    return status;
}

/* A database in which another service has its tables: its schema_migration knows none of ours. */
static enum status owner_check(struct database *database, const struct migration *first,
                               struct error *error)
{
    struct result *names = NULL;
    enum status status = database_query(
        database, "SELECT name FROM schema_migration ORDER BY name LIMIT 1", NULL, &names, error);

    if (status == STATUS_OK && result_rows(names) > 0 &&
        strcmp(result_text(names, 0, 0), first->name) != 0)
        status = error_set(error, STATUS_INVALID,
                           "%s: it holds the tables of another service (its schema begins with %s, "
                           "not with %s): each has a database "
                           "of its own",
                           database->who, result_text(names, 0, 0), first->name);
    result_free(names);
    return status;
}

static enum status migrations_run(struct database *database, const struct migrations *migrations,
                                  struct error *error)
{
    enum status status =
        database_execute(database,
                         "SELECT pg_advisory_lock(hashtext('quadrille schema_migration'));"
                         "CREATE TABLE IF NOT EXISTS schema_migration ("
                         "name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
                         error);
    struct error ignored;
    bool known;

    if (status == STATUS_OK)
        status = owner_check(database, &migrations->list[0], error);
    for (size_t i = 0; status == STATUS_OK && i < migrations->count; i++) {
        status = migration_known(database, &migrations->list[i], &known, error);
        if (status == STATUS_OK && !known)
            status = migration_apply(database, &migrations->list[i], error);
    }
    if (database->connection != NULL &&
        database_execute(database,
                         "SELECT pg_advisory_unlock(hashtext('quadrille schema_migration'))",
                         &ignored) != STATUS_OK)
        connection_close(database); /* which gives the lock back */
    return status;
}

/* A migration may take as long as it takes, and so may the wait for another instance's. */
enum status database_migrate(struct database *database, const struct migrations *migrations,
                             struct error *error)
{
    const int timeout_ms = database->timeout_ms;
    enum status status;

    database->timeout_ms = 0;
    status = connection_bound(database, 0, error);
    if (status == STATUS_OK)
        status = migrations_run(database, migrations, error);
    database->timeout_ms = timeout_ms;
    return status == STATUS_OK && timeout_ms > 0 ? connection_bound(database, timeout_ms, error)
                                                 : status;
}
