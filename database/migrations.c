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

/* By a statement that takes its name as $1. */
static enum status migration_find(struct database *database, const char *sql,
                                  const struct migration *migration, bool *found,
                                  struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT};
    struct arena *arena = arena_new();
    struct parameters *name = parameters_new(arena, kinds, 1);
    struct result *result = NULL;
    enum status status;

    parameters_text(name, 0, migration->name);
    status = database_query(database, sql, name, &result, error);
    *found = status == STATUS_OK && result_rows(result) > 0;
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
                           "or a schema of its own",
                           database->who, result_text(names, 0, 0), first->name);
    result_free(names);
    return status;
}

/* Its tables stand in public where the database is the service's own: another set of them beside
 * those would begin without a row. */
static enum status public_check(struct database *database, const char *schema,
                                const struct migration *first, struct error *error)
{
    struct result *result = NULL;
    bool is_there, is_ours = false;
    enum status status =
        database_query(database, "SELECT to_regclass('public.schema_migration') IS NOT NULL", NULL,
                       &result, error);

    is_there = status == STATUS_OK && result_integer(result, 0, 0) != 0;
    result_free(result);
    if (is_there)
        status = migration_find(
            database, "SELECT 1 FROM public.schema_migration WHERE name = ANY ($1::text[])", first,
            &is_ours, error);
    return !is_ours ? status
                    : error_set(error, STATUS_INVALID,
                                "%s: it is the %s service's own, whose tables stand in the schema "
                                "public, not in %s: --%s-database names such a one",
                                database->who, schema, schema, schema);
}

/* The other way round: its tables may stand in a schema of a database that services share, which
 * the address does not name. */
static enum status elsewhere_check(struct database *database, const struct migration *first,
                                   struct error *error)
{
    struct arena *arena = arena_new();
    enum status status = database_execute(
        database,
        arena_format(arena,
                     "DO $$DECLARE other text; is_ours boolean; BEGIN"
                     "  IF to_regclass('schema_migration') IS NOT NULL THEN RETURN; END IF;"
                     "  FOR other IN SELECT n.nspname FROM pg_class c JOIN pg_namespace n"
                     "    ON n.oid = c.relnamespace WHERE c.relname = 'schema_migration'"
                     "    AND has_schema_privilege(n.oid, 'USAGE')"
                     "    AND has_table_privilege(c.oid, 'SELECT') LOOP"
                     "    EXECUTE format('SELECT EXISTS (SELECT FROM %%I.schema_migration"
                     "      WHERE name = %%L)', other, '%s') INTO is_ours;"
                     "    IF is_ours THEN RAISE EXCEPTION 'the tables stand in the schema %%, which"
                     " options=-csearch_path%%3D%% in the address names', other, '%%', other"
                     "      USING ERRCODE = 'invalid_parameter_value'; END IF;"
                     "  END LOOP; END$$",
                     first->name),
        error);

    arena_free(arena);
    return status;
}

/* CREATE SCHEMA asks for a right that nobody needs where the schema is there. */
static enum status schema_make(struct database *database, const char *schema,
                               const struct migration *first, struct error *error)
{
    struct arena *arena = arena_new();
    const char *quoted = arena_format(arena, "\"%s\"", schema);
    enum status status = public_check(database, schema, first, error);

    if (status == STATUS_OK)
        status = database_execute(database,
                                  arena_format(arena,
                                               "DO $$BEGIN IF to_regnamespace('%s') IS NULL THEN "
                                               "CREATE SCHEMA %s; END IF; END$$",
                                               quoted, quoted),
                                  error);
    if (status == STATUS_OK)
        status = database_search(database, quoted, error);
    arena_free(arena);
    return status;
}

static enum status migrations_run(struct database *database, const char *schema,
                                  const struct migrations *migrations, struct error *error)
{
    enum status status = database_execute(
        database, "SELECT pg_advisory_lock(hashtext('quadrille schema_migration'))", error);
    struct error ignored;
    bool known;

    if (status == STATUS_OK)
        status = schema != NULL ? schema_make(database, schema, &migrations->list[0], error)
                                : elsewhere_check(database, &migrations->list[0], error);
    if (status == STATUS_OK)
        status = database_execute(
            database,
            "CREATE TABLE IF NOT EXISTS schema_migration ("
            "name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
            error);
    if (status == STATUS_OK)
        status = owner_check(database, &migrations->list[0], error);
    for (size_t i = 0; status == STATUS_OK && i < migrations->count; i++) {
        status =
            migration_find(database, "SELECT 1 FROM schema_migration WHERE name = ANY ($1::text[])",
                           &migrations->list[i], &known, error);
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
enum status database_migrate_schema(struct database *database, const char *schema,
                                    const struct migrations *migrations, struct error *error)
{
    const int timeout_ms = database->timeout_ms;
    enum status status;

    database->timeout_ms = 0;
    status = connection_bound(database, 0, error);
    if (status == STATUS_OK)
        status = migrations_run(database, schema, migrations, error);
    database->timeout_ms = timeout_ms;
    return status == STATUS_OK && timeout_ms > 0 ? connection_bound(database, timeout_ms, error)
                                                 : status;
}

enum status database_migrate(struct database *database, const struct migrations *migrations,
                             struct error *error)
{
    return database_migrate_schema(database, NULL, migrations, error);
}
