/* Statements with parameters: prepared once a connection, sent together, waited for once. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

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

    assert(count <= COLUMNS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct column *column = &statement->parameters->columns[i];

        column_head_write(column);
        values[i] = column->bytes.data;
        lengths[i] =
            (int)(column->count > 0 ? column->bytes.length
                                    : ARRAY_HEAD - 8); /* an empty array has no dimension */
        formats[i] = 1;
    }
    name_of(database, statement->sql, name);
    return PQsendQueryPrepared(database->connection, name, (int)count, values, lengths, formats,
                               1) == 1;
}

/* The results of all that was sent, in order, each with a NULL behind it: keeps the last one's, or
 * the first error. */
static enum status results_take(struct database *database, size_t count, PGresult **last,
                                struct error *error)
{
    enum status status = STATUS_OK;
    PGresult *result, *end;

    for (size_t i = 0; i < count && database->connection != NULL; i++) {
        if (!connection_result(database, &result, error))
            return error->status;
        if (result == NULL)
            return connection_lose(database, error);
        if (status == STATUS_OK && PQresultStatus(result) != PGRES_COMMAND_OK &&
            PQresultStatus(result) != PGRES_TUPLES_OK)
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

/* The end of a pipeline, which is where a transaction without BEGIN is committed: what is refused
 * there was not done. */
static enum status synchronise(struct database *database, enum status status, struct error *error)
{
    PGresult *end;
    bool done;

    if (!connection_result(database, &end, error))
        return error->status;
    done = PQresultStatus(end) == PGRES_PIPELINE_SYNC;
    if (!done && status == STATUS_OK)
        status = end == NULL ? connection_lose(database, error)
                             : connection_failure(database, end, error);
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

enum status database_defer(struct database *database, const char *sql,
                           struct parameters *parameters, struct error *error)
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

enum status database_query(struct database *database, const char *sql,
                           struct parameters *parameters, struct result **result,
                           struct error *error)
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
    if (PQtransactionStatus(database->connection) != PQTRANS_ACTIVE &&
        PQsendQuery(database->connection, "ROLLBACK") == 1 &&
        connection_answer(database, &result, &error) == STATUS_OK) {
        PQclear(result);
        return;
    }
    connection_close(database);
}
