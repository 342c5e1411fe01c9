#include "services/database/database.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/arena.h"
#include "events/buffer.h"
#include "services/program/log.h"

enum { STATEMENTS_MAX = 32, DEFERRED_MAX = 8, COLUMNS_MAX = 24, OID_TEXT = 25, OID_INT8 = 20, OID_TIMESTAMPTZ = 1184, ARRAY_HEAD = 20 };

/* Microseconds from 1970 to 2000-01-01, where PostgreSQL's binary time starts. */
static const int64_t POSTGRES_EPOCH_US = INT64_C(946684800000000);

struct deferred {
    const char *sql;
    struct parameters *parameters;
};

struct database {
    char *conninfo, *application_name;
    PGconn *connection;
    const char *statements[STATEMENTS_MAX]; /* prepared on this connection, by address; the index is the name */
    size_t statement_count;
    struct deferred deferred[DEFERRED_MAX]; /* sent with the next statement that is waited for */
    size_t deferred_count;
    bool by_key;
    bool away;     /* said, and not yet taken back */
};

/* One array, as PostgreSQL's array_recv takes it: dimensions, has-nulls flag, element type, then for each dimension its size and
 * lower bound, then the elements, each behind its length.  The head is written when the array is sent. */
struct column {
    enum column_kind kind;
    struct buffer bytes;
    int32_t count;
};

struct parameters {
    size_t count;
    struct column columns[];
};

struct database *database_new(const char *conninfo, const char *application_name)
{
    struct database *database = calloc(1, sizeof *database);

    if (database == NULL || (database->conninfo = strdup(conninfo)) == NULL ||
        (database->application_name = strdup(application_name)) == NULL)
        abort();
    return database;
}

void database_by_key(struct database *database)
{
    database->by_key = true;
}

static void disconnect(struct database *database)
{
    PQfinish(database->connection);
    database->connection = NULL;
    database->statement_count = database->deferred_count = 0;
}

void database_free(struct database *database)
{
    if (database == NULL)
        return;
    disconnect(database);
    free(database->conninfo);
    free(database->application_name);
    free(database);
}

/* libpq's messages end in a newline and may have several lines: the first says what it is. */
static enum status fail(struct database *database, enum status status, const char *message, const char *sqlstate, struct error *error)
{
    int length = (int)strcspn(message, "\n");

    error_set(error, status, "database: %.*s%s%s%s", length, message, sqlstate != NULL ? " (SQLSTATE " : "",
              sqlstate != NULL ? sqlstate : "", sqlstate != NULL ? ")" : "");
    if (status == STATUS_AWAY && !database->away) {
        database->away = true;
        log_warning("%s: waiting for it", error->message);
    }
    return status;
}

static enum status sort_sqlstate(const char *sqlstate)
{
    static const char *const away[] = {"08", "40", "53", "57", "55P03", "25006"};

    if (strcmp(sqlstate, "23505") == 0 || strcmp(sqlstate, "22012") == 0)
        return STATUS_CONFLICT;
    for (size_t i = 0; i < sizeof away / sizeof away[0]; i++)
        if (strncmp(sqlstate, away[i], strlen(away[i])) == 0)
            return STATUS_AWAY;
    return strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "23", 2) == 0 ? STATUS_WRONG : STATUS_BUG;
}

static enum status fail_from(struct database *database, const PGresult *result, struct error *error)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    enum status status;

    if (PQstatus(database->connection) == CONNECTION_BAD || sqlstate == NULL) {
        status = fail(database, STATUS_AWAY, PQerrorMessage(database->connection), sqlstate, error);
        disconnect(database);
        return status;
    }
    status = sort_sqlstate(sqlstate);
    return fail(database, status, status == STATUS_CONFLICT ? "a row is not as it was read" : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
                sqlstate, error);
}

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

enum status database_connect(struct database *database, struct error *error)
{
    const char *names[] = {"dbname", "fallback_application_name", "connect_timeout", "client_encoding", NULL};
    const char *values[] = {database->conninfo, database->application_name, "5", "UTF8", NULL};
    enum status status;

    if (database->connection != NULL && PQstatus(database->connection) == CONNECTION_OK)
        return STATUS_OK;
    disconnect(database);
    database->connection = PQconnectdbParams(names, values, 1);
    if (PQstatus(database->connection) != CONNECTION_OK) {
        status = fail(database, STATUS_AWAY, PQerrorMessage(database->connection), NULL, error);
        disconnect(database);
        return status;
    }
    PQsetNoticeProcessor(database->connection, ignore_notice, NULL);
    if (database->by_key)
        PQclear(PQexec(database->connection, "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")); /* what fails here is noticed by the next statement */
    if (database->away)
        log_write(LOG_NOTICE, NULL, NULL, "the database is back");
    database->away = false;
    return STATUS_OK;
}

struct parameters *parameters_new(struct arena *arena, const enum column_kind *kinds, size_t count)
{
    struct parameters *parameters = arena_alloc(arena, sizeof *parameters + count * sizeof parameters->columns[0]);

    if (count > COLUMNS_MAX)
        abort();
    parameters->count = count;
    for (size_t i = 0; i < count; i++) {
        parameters->columns[i].kind = kinds[i];
        parameters->columns[i].bytes = (struct buffer){.arena = arena};
        buffer_bytes(&parameters->columns[i].bytes, (char[ARRAY_HEAD]){0}, ARRAY_HEAD);
    }
    return parameters;
}

static void put_int32(struct buffer *out, int32_t value)
{
    uint32_t bytes = htonl((uint32_t)value);

    buffer_bytes(out, &bytes, sizeof bytes);
}

void parameters_reserve(struct parameters *parameters, size_t column, size_t bytes)
{
    buffer_reserve(&parameters->columns[column].bytes, bytes);
}

void parameters_text(struct parameters *parameters, size_t column, const char *text)
{
    struct column *to = &parameters->columns[column];
    size_t length = text == NULL ? 0 : strlen(text);

    to->count++;
    put_int32(&to->bytes, text == NULL ? -1 : (int32_t)length);
    buffer_bytes(&to->bytes, text, length);
}

void parameters_integer(struct parameters *parameters, size_t column, int64_t value)
{
    struct column *to = &parameters->columns[column];
    uint64_t bits;

    to->count++;
    if (to->kind == COLUMN_TIME && value == 0) {
        put_int32(&to->bytes, -1);
        return;
    }
    bits = (uint64_t)(to->kind == COLUMN_TIME ? value - POSTGRES_EPOCH_US : value);
    put_int32(&to->bytes, 8);
    put_int32(&to->bytes, (int32_t)(bits >> 32));
    put_int32(&to->bytes, (int32_t)(bits & 0xffffffffu));
}

static void head_write(struct column *column)
{
    static const uint32_t oids[] = {OID_TEXT, OID_INT8, OID_TIMESTAMPTZ};
    const uint32_t head[] = {htonl(column->count > 0), htonl(1), htonl(oids[column->kind]), htonl((uint32_t)column->count), htonl(1)};

    memcpy(column->bytes.data, head, sizeof head);
}

static enum status check(struct database *database, PGresult *result, struct error *error)
{
    ExecStatusType got = PQresultStatus(result);
    enum status status;

    if (got == PGRES_COMMAND_OK || got == PGRES_TUPLES_OK || got == PGRES_SINGLE_TUPLE)
        return STATUS_OK;
    status = fail_from(database, result, error);
    PQclear(result);
    return status;
}

/* Prepares a statement once a connection; its name is its place in the list. */
static enum status prepare(struct database *database, const char *sql, struct error *error)
{
    PGresult *result;
    enum status status;
    char name[16];
    size_t i = 0;

    while (i < database->statement_count && database->statements[i] != sql)
        i++;
    if (i < database->statement_count)
        return STATUS_OK;
    if (i == STATEMENTS_MAX)
        return error_set(error, STATUS_BUG, "more than %d different statements", STATEMENTS_MAX);
    snprintf(name, sizeof name, "s%zu", i);
    result = PQprepare(database->connection, name, sql, 0, NULL);
    status = check(database, result, error);
    if (status != STATUS_OK)
        return status;
    PQclear(result);
    database->statements[database->statement_count++] = sql;
    return STATUS_OK;
}

/* The name of a prepared statement, as prepare gave it. */
static void name_of(const struct database *database, const char *sql, char name[16])
{
    size_t i = 0;

    while (database->statements[i] != sql)
        i++;
    snprintf(name, 16, "s%zu", i);
}

static bool statement_send(struct database *database, const struct deferred *statement)
{
    size_t count = statement->parameters == NULL ? 0 : statement->parameters->count;
    const char *values[COLUMNS_MAX];
    int lengths[COLUMNS_MAX], formats[COLUMNS_MAX];
    char name[16];

    for (size_t i = 0; i < count; i++) {
        struct column *column = &statement->parameters->columns[i];

        head_write(column);
        values[i] = column->bytes.data;
        lengths[i] = (int)(column->count > 0 ? column->bytes.length : ARRAY_HEAD - 8); /* an empty array has no dimension */
        formats[i] = 1;
    }
    name_of(database, statement->sql, name);
    return PQsendQueryPrepared(database->connection, name, (int)count, values, lengths, formats, 1) == 1;
}

/* The connection cannot be used any more. */
static enum status lose(struct database *database, struct error *error)
{
    enum status status = fail(database, STATUS_AWAY, PQerrorMessage(database->connection), NULL, error);

    disconnect(database);
    return status;
}

/* The results of all that was sent, in order, each with a NULL behind it: keeps the last one's, or the first error. */
static enum status results_take(struct database *database, size_t count, PGresult **last, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < count && database->connection != NULL; i++) {
        PGresult *result = PQgetResult(database->connection);

        if (result == NULL)
            return lose(database, error);
        if (status == STATUS_OK && PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
            status = fail_from(database, result, error);
        if (status == STATUS_OK && i + 1 == count)
            *last = result;
        else
            PQclear(result);
        if (database->connection != NULL)
            PQclear(PQgetResult(database->connection));
    }
    return status;
}

/* The end of a pipeline, which is where a transaction without BEGIN is committed: what is refused there was not done. */
static enum status synchronise(struct database *database, enum status status, struct error *error)
{
    PGresult *end = PQgetResult(database->connection);
    const bool done = PQresultStatus(end) == PGRES_PIPELINE_SYNC;

    if (!done && status == STATUS_OK)
        status = fail_from(database, end, error);
    PQclear(end);
    if (database->connection == NULL || (done && PQexitPipelineMode(database->connection) == 1))
        return status;
    if (status == STATUS_OK)
        return lose(database, error);
    disconnect(database); /* who knows what else it would say */
    return status;
}

/* All that was deferred: one way there and back, however many statements they are. */
static enum status run(struct database *database, PGresult **last, struct error *error)
{
    size_t count = database->deferred_count;
    bool sent = PQenterPipelineMode(database->connection) == 1;
    enum status status;

    for (size_t i = 0; sent && i < count; i++)
        sent = statement_send(database, &database->deferred[i]);
    database->deferred_count = 0;
    if (!sent || PQpipelineSync(database->connection) != 1)
        return lose(database, error);
    status = results_take(database, count, last, error);
    if (database->connection == NULL)
        return status;
    status = synchronise(database, status, error);
    if (status != STATUS_OK) {
        PQclear(*last);
        *last = NULL;
    }
    return status;
}

enum status database_defer(struct database *database, const char *sql, struct parameters *parameters, struct error *error)
{
    enum status status = database_connect(database, error);

    if (status == STATUS_OK && database->deferred_count == DEFERRED_MAX)
        status = error_set(error, STATUS_BUG, "more than %d statements deferred", DEFERRED_MAX);
    if (status == STATUS_OK)
        status = prepare(database, sql, error);
    if (status == STATUS_OK)
        database->deferred[database->deferred_count++] = (struct deferred){sql, parameters};
    return status;
}

enum status database_run(struct database *database, struct error *error)
{
    PGresult *last = NULL;
    enum status status = run(database, &last, error);

    PQclear(last); /* NULL when it failed */
    return status;
}

enum status database_query(struct database *database, const char *sql, struct parameters *parameters, struct result **result, struct error *error)
{
    enum status status = database_defer(database, sql, parameters, error);
    PGresult *got = NULL;

    if (status == STATUS_OK)
        status = run(database, &got, error);
    if (status != STATUS_OK)
        return status;
    if (result != NULL)
        *result = (struct result *)got;
    else
        PQclear(got);
    return STATUS_OK;
}

enum status database_execute(struct database *database, const char *sql, struct error *error)
{
    enum status status = database_connect(database, error);
    PGresult *result;

    if (status != STATUS_OK)
        return status;
    result = PQexec(database->connection, sql);
    status = check(database, result, error);
    if (status == STATUS_OK)
        PQclear(result);
    return status;
}

void database_rollback(struct database *database)
{
    database->deferred_count = 0;
    if (database->connection == NULL || PQtransactionStatus(database->connection) == PQTRANS_IDLE)
        return;
    PQclear(PQexec(database->connection, "ROLLBACK"));
    if (PQtransactionStatus(database->connection) != PQTRANS_IDLE)
        disconnect(database);
}

enum status database_stream(struct database *database, const char *sql, struct error *error)
{
    enum status status = database_connect(database, error);

    if (status != STATUS_OK)
        return status;
    if (PQsendQueryParams(database->connection, sql, 0, NULL, NULL, NULL, NULL, 1) != 1 ||
        PQsetSingleRowMode(database->connection) != 1)
        return fail(database, STATUS_AWAY, PQerrorMessage(database->connection), NULL, error);
    return STATUS_OK;
}

enum status database_next(struct database *database, struct result **result, struct error *error)
{
    PGresult *got = PQgetResult(database->connection);
    enum status status;

    *result = NULL;
    if (got == NULL)
        return STATUS_OK;
    status = check(database, got, error);
    if (status != STATUS_OK)
        return status;
    if (PQntuples(got) > 0) {
        *result = (struct result *)got;
        return STATUS_OK;
    }
    PQclear(got);
    return database_next(database, result, error);
}

static const PGresult *pg(const struct result *result)
{
    return (const PGresult *)result;
}

size_t result_rows(const struct result *result)
{
    return (size_t)PQntuples(pg(result));
}

const char *result_column(const struct result *result, size_t column)
{
    return PQfname(pg(result), (int)column);
}

bool result_is_null(const struct result *result, size_t row, size_t column)
{
    return PQgetisnull(pg(result), (int)row, (int)column) == 1;
}

const char *result_text(const struct result *result, size_t row, size_t column)
{
    return result_is_null(result, row, column) ? NULL : PQgetvalue(pg(result), (int)row, (int)column);
}

char *result_copy(const struct result *result, size_t row, size_t column, struct arena *arena)
{
    const char *text = result_text(result, row, column);

    return text == NULL ? NULL : arena_copy(arena, text, (size_t)PQgetlength(pg(result), (int)row, (int)column));
}

int64_t result_integer(const struct result *result, size_t row, size_t column)
{
    const unsigned char *bytes = (const unsigned char *)PQgetvalue(pg(result), (int)row, (int)column);
    int length = PQgetlength(pg(result), (int)row, (int)column);
    uint64_t value = length > 0 && (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0;

    for (int i = 0; i < length; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

int64_t result_time_us(const struct result *result, size_t row, size_t column)
{
    int64_t time_us = result_integer(result, row, column);

    if (result_is_null(result, row, column))
        return 0;
    return time_us > INT64_MAX - POSTGRES_EPOCH_US ? INT64_MAX : time_us + POSTGRES_EPOCH_US; /* "infinity" is INT64_MAX */
}

void result_free(struct result *result)
{
    PQclear((PGresult *)result);
}

/* ---- migrations ---- */

static enum status migration_apply(struct database *database, const struct migration *migration, struct error *error)
{
    struct arena *arena = arena_new();
    struct buffer sql = {.arena = arena};
    enum status status;

    buffer_format(&sql, "BEGIN;\n%s\n;INSERT INTO schema_migration (name) VALUES ('%s');COMMIT", migration->sql,
                  migration->name);
    status = database_execute(database, sql.data, error);
    if (status != STATUS_OK)
        database_rollback(database);
    else
        log_info("schema brought to %s", migration->name);
    arena_free(arena);
    return status;
}

static enum status migration_known(struct database *database, const struct migration *migration, bool *known, struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT};
    struct arena *arena = arena_new();
    struct parameters *name = parameters_new(arena, kinds, 1);
    struct result *result = NULL;
    enum status status;

    parameters_text(name, 0, migration->name);
    status = database_query(database, "SELECT 1 FROM schema_migration WHERE name = ANY ($1::text[])", name, &result, error);
    *known = status == STATUS_OK && result_rows(result) > 0;
    result_free(result);
    arena_free(arena);
    return status;
}

enum status database_migrate(struct database *database, const struct migration *migrations, size_t count, struct error *error)
{
    enum status status = database_execute(database,
                                          "SELECT pg_advisory_lock(hashtext('quadrille schema_migration'));"
                                          "CREATE TABLE IF NOT EXISTS schema_migration ("
                                          "name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
                                          error);
    struct error ignored;
    bool known;

    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = migration_known(database, &migrations[i], &known, error);
        if (status == STATUS_OK && !known)
            status = migration_apply(database, &migrations[i], error);
    }
    if (database->connection != NULL)
        database_execute(database, "SELECT pg_advisory_unlock(hashtext('quadrille schema_migration'))", &ignored);
    return status;
}
