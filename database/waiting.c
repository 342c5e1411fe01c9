#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wait.h"
#include "database/connection.h"

enum { SLICE_MS = 250 };

static bool (*while_waiting)(int64_t waited_ms);

void database_while_waiting(bool (*look)(int64_t waited_ms))
{
    while_waiting = look;
}

enum waited connection_wait(const struct database *database, short events, int64_t since_ms,
                            int timeout_ms, struct error *error)
{
    int64_t waited_ms;

    if (wait_for(PQsocket(database->connection), events, SLICE_MS) == WAIT_READY)
        return WAITED_READY;
    waited_ms = clock_steady_us() / 1000 - since_ms;
    if (while_waiting != NULL && !while_waiting(waited_ms)) {
        error_set(error, STATUS_UNAVAILABLE, "%s: not waited for any longer, after %lld ms",
                  database->who, (long long)waited_ms);
        return WAITED_STOPPED;
    }
    if (timeout_ms == 0 || waited_ms < timeout_ms)
        return WAITED_NOT_YET;
    error_set(error, STATUS_UNAVAILABLE, "%s: no answer within %d ms", database->who, timeout_ms);
    return WAITED_LATE;
}

/* What takes as long as it takes would go on without us. */
static void cancel(const struct database *database)
{
    PGcancel *request = database->timeout_ms == 0 ? PQgetCancel(database->connection) : NULL;
    char ignored[256];

    if (request != NULL && PQcancel(request, ignored, sizeof ignored) == 0)
        log_info("%s: what it was asked for could not be cancelled", database->who);
    PQfreeCancel(request);
}

/* What was sent goes out while what comes is taken in, so that neither side's full buffers hold up
 * the other. */
static bool answer_wait(struct database *database, struct error *error)
{
    const int64_t since_ms = clock_steady_us() / 1000;
    int left = PQflush(database->connection);

    while (left >= 0 && PQisBusy(database->connection) == 1) {
        enum waited waited = connection_wait(database, left > 0 ? POLLIN | POLLOUT : POLLIN,
                                             since_ms, database->timeout_ms, error);

        if (waited == WAITED_STOPPED)
            cancel(database);
        if (waited == WAITED_NOT_YET)
            continue;
        if (waited != WAITED_READY) {
            connection_close(database);
            return false;
        }
        if (PQconsumeInput(database->connection) != 1)
            break;
        left = PQflush(database->connection);
    }
    if (PQisBusy(database->connection) == 0)
        return true;
    connection_lose(database, error);
    return false;
}

bool connection_result(struct database *database, PGresult **result, struct error *error)
{
    *result = NULL;
    if (PQisBusy(database->connection) == 1 && !answer_wait(database, error))
        return false;
    *result = PQgetResult(database->connection);
    return true;
}

enum status connection_answer(struct database *database, PGresult **result, struct error *error)
{
    enum status status = STATUS_OK;
    PGresult *next;

    *result = NULL;
    while (database->connection != NULL) {
        if (!connection_result(database, &next, error)) {
            PQclear(*result);
            *result = NULL;
            return error->status;
        }
        if (next == NULL)
            break;
        if (status == STATUS_OK && PQresultStatus(next) != PGRES_COMMAND_OK &&
            PQresultStatus(next) != PGRES_TUPLES_OK)
            status = connection_failure(database, next, error);
        PQclear(*result);
        *result = next;
    }
    if (status == STATUS_OK && *result != NULL)
        return STATUS_OK;
    PQclear(*result);
    *result = NULL;
    return status != STATUS_OK ? status : connection_lose(database, error);
}
