/* What a failure means, and what helps. */
#include <string.h>

#include "database/connection.h"

enum cure { WAIT, RECONNECT, AGAIN, INVALID };

/* The first that begins like an SQLSTATE (PostgreSQL, Appendix A; QV001 is our own, raised by
 * require_written) says what helps; where none does it is a bug. */
static const struct {
    const char *begin;
    enum cure cure;
    const char *why; /* of a conflict it is told in place of PostgreSQL's message */
} cures[] = {
    {"08", RECONNECT, "the connection is broken"},
    {"25006", RECONNECT, "the server became read-only: after a failover another one is not"},
    {"26000", RECONNECT, "a prepared statement is gone: the session is another's"},
    {"42P05", RECONNECT, "a prepared statement is there already: the session is another's"},
    {"0A000", RECONNECT, "a column's type changed under a prepared statement"},
    {"57P", RECONNECT, "the server ends sessions: it stops, crashed, or somebody ended this one"},
    {"23505", AGAIN, "the key is taken: the row was written meanwhile"},
    {"QV001", AGAIN, "a row has another version: it was written meanwhile"},
    {"40", WAIT, "rolled back for the sake of another transaction"},
    {"53", WAIT, "the server lacks disk, memory or connections"},
    {"55P03", WAIT, "somebody holds a lock"},
    {"57", WAIT, "an operator cancelled it"},
    {"22", INVALID, "a value that cannot be stored"},
    {"23", INVALID, "a value that a constraint refuses"},
};

static enum status status_of(enum cure cure)
{
    return cure == AGAIN ? STATUS_CONFLICT : cure == INVALID ? STATUS_INVALID : STATUS_UNAVAILABLE;
}

/* libpq's messages end in a newline and may have several lines: the first says what it is. */
static enum status fail(const struct database *database, enum status status, const char *message,
                        const char *sqlstate, struct error *error)
{
    int length = (int)strcspn(message, "\n");

    return error_set(error, status, "%s: %.*s%s%s%s", database->who, length, message,
                     sqlstate != NULL ? " (SQLSTATE " : "", sqlstate != NULL ? sqlstate : "",
                     sqlstate != NULL ? ")" : "");
}

enum status connection_lose(struct database *database, struct error *error)
{
    enum status status =
        fail(database, STATUS_UNAVAILABLE, PQerrorMessage(database->connection), NULL, error);

    connection_close(database);
    return status;
}

enum status connection_failure(struct database *database, const PGresult *result,
                               struct error *error)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    enum status status = STATUS_BUG;
    const char *what = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    bool reconnect = false;

    if (sqlstate == NULL)
        return connection_lose(database, error);
    for (size_t i = 0; i < sizeof cures / sizeof cures[0]; i++) {
        if (strncmp(sqlstate, cures[i].begin, strlen(cures[i].begin)) != 0)
            continue;
        status = status_of(cures[i].cure);
        reconnect = cures[i].cure == RECONNECT;
        what = cures[i].cure == AGAIN ? cures[i].why : what;
        break;
    }
    fail(database, status, what, sqlstate, error);
    if (PQstatus(database->connection) == CONNECTION_BAD)
        error->status = status = STATUS_UNAVAILABLE;
    if (reconnect || PQstatus(database->connection) == CONNECTION_BAD)
        connection_close(database);
    return status;
}
