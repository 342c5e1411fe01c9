/* Rows that need not fit in memory. */
#include "database/connection.h"

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

    while (database->connection != NULL && connection_result(database, &rest, &ignored) &&
           rest != NULL)
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
