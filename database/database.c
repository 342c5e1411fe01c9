#include "database/database.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "database/connection.h"

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
    if (PQsendPrepare(database->connection, name, sql, 0, NULL) != 1)
        return connection_lose(database, error);
    status = connection_answer(database, &result, error);
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

        column_head_write(column);
        values[i] = column->bytes.data;
        lengths[i] = (int)(column->count > 0 ? column->bytes.length : ARRAY_HEAD - 8); /* an empty array has no dimension */
        formats[i] = 1;
    }
    name_of(database, statement->sql, name);
    return PQsendQueryPrepared(database->connection, name, (int)count, values, lengths, formats, 1) == 1;
}

/* The results of all that was sent, in order, each with a NULL behind it: keeps the last one's, or the first error. */
static enum status results_take(struct database *database, size_t count, PGresult **last, struct error *error)
{
    enum status status = STATUS_OK;
    PGresult *result, *end;

    for (size_t i = 0; i < count && database->connection != NULL; i++) {
        if (!connection_result(database, &result, error))
            return error->status;
        if (result == NULL)
            return connection_lose(database, error);
        if (status == STATUS_OK && PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
            status = connection_failure(database, result, error);
        if (status == STATUS_OK && i + 1 == count)
            *last = result;
        else
            PQclear(result);
        if (database->connection != NULL && !connection_result(database, &end, error))
            return error->status;
    }
    return status;
}

/* The end of a pipeline, which is where a transaction without BEGIN is committed: what is refused there was not done. */
static enum status synchronise(struct database *database, enum status status, struct error *error)
{
    PGresult *end;
    bool done;

    if (!connection_result(database, &end, error))
        return error->status;
    done = PQresultStatus(end) == PGRES_PIPELINE_SYNC;
    if (!done && status == STATUS_OK)
        status = end == NULL ? connection_lose(database, error) : connection_failure(database, end, error);
    PQclear(end);
    if (database->connection == NULL || (done && PQexitPipelineMode(database->connection) == 1))
        return status;
    if (status == STATUS_OK)
        return connection_lose(database, error);
    connection_close(database); /* who knows what else it would say */
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
        return connection_lose(database, error);
    status = results_take(database, count, last, error);
    if (database->connection != NULL)
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
    if (PQsendQuery(database->connection, sql) != 1)
        return connection_lose(database, error);
    status = connection_answer(database, &result, error);
    PQclear(result); /* NULL when it failed */
    return status;
}

void database_rollback(struct database *database)
{
    struct error error;
    PGresult *result;

    database->deferred_count = 0;
    if (database->connection == NULL || PQtransactionStatus(database->connection) == PQTRANS_IDLE)
        return;
    if (PQtransactionStatus(database->connection) != PQTRANS_ACTIVE && PQsendQuery(database->connection, "ROLLBACK") == 1 &&
        connection_answer(database, &result, &error) == STATUS_OK) {
        PQclear(result);
        return;
    }
    connection_close(database);
}

enum status database_stream(struct database *database, const char *sql, struct error *error)
{
    enum status status = database_connect(database, error);

    if (status != STATUS_OK)
        return status;
    if (PQsendQueryParams(database->connection, sql, 0, NULL, NULL, NULL, NULL, 1) != 1 ||
        PQsetSingleRowMode(database->connection) != 1)
        return connection_lose(database, error);
    return STATUS_OK;
}

/* What else was sent would be in the way of the next statement. */
static void rest_drop(struct database *database)
{
    struct error ignored;
    PGresult *rest;

    while (database->connection != NULL && connection_result(database, &rest, &ignored) && rest != NULL)
        PQclear(rest);
}

enum status database_next(struct database *database, struct result **result, struct error *error)
{
    enum status status;
    PGresult *got;

    *result = NULL;
    while (connection_result(database, &got, error)) {
        ExecStatusType is = PQresultStatus(got);

        if (got == NULL)
            return STATUS_OK;
        if (is != PGRES_SINGLE_TUPLE && is != PGRES_TUPLES_OK && is != PGRES_COMMAND_OK) {
            status = connection_failure(database, got, error);
            PQclear(got);
            rest_drop(database);
            return status;
        }
        if (PQntuples(got) > 0) {
            *result = (struct result *)got;
            return STATUS_OK;
        }
        PQclear(got);
    }
    return error->status;
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
