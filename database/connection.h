/* Inside database/: a connection, a file a subject.
 *
 *     connection.c  opened and closed           pipeline.c  statements with parameters
 *     address.c     what its address names      stream.c    rows one by one
 *     waiting.c     every wait on its socket    result.c    the values of a result
 *     failure.c     what a failure means */
#ifndef QUADRILLE_DATABASE_CONNECTION_H
#define QUADRILLE_DATABASE_CONNECTION_H

#include <libpq-fe.h>

#include "base/buffer.h"
#include "database/database.h"

enum { STATEMENTS_MAX = 128, DEFERRED_MAX = 64, ARRAY_HEAD = 20 };

/* Microseconds from 1970 to 2000-01-01, where PostgreSQL's binary time starts. */
#define POSTGRES_EPOCH_US INT64_C(946684800000000)

/* One array, as PostgreSQL's array_recv takes it: dimensions, has-nulls flag, element type, then
 * for each dimension its size and lower bound, then the elements, each behind its length.  The head
 * is written when the array is sent. */
struct column {
    enum column_kind kind;
    struct buffer bytes;
    int32_t count;
};

struct parameters {
    size_t count;
    struct column columns[];
};

struct deferred {
    const char *sql;
    struct parameters *parameters;
};

struct database {
    char *conninfo, *application_name;
    char name[80];
    /* begins each message about it: its name, until it is called otherwise */
    const char *who;
    PGconn *connection;
    const char *statements
        [STATEMENTS_MAX]; /* prepared on this connection, by address; the index is the name */
    size_t statement_count;
    struct deferred deferred[DEFERRED_MAX]; /* sent with the next statement that is waited for */
    size_t deferred_count;
    char *schemas; /* that are searched; NULL: those that the address names */
    bool by_key;
    int timeout_ms; /* for an answer; 0: as long as it takes */
    int host;       /* which of several is tried first */
};

void column_head_write(struct column *column);

enum waited { WAITED_READY, WAITED_NOT_YET, WAITED_LATE, WAITED_STOPPED };

/* Until the socket is ready, at most for a slice of the time that is left, or until somebody who
 * watches was served: WAITED_NOT_YET.  Then it looks at the deadline, and at what the process wants
 * to do (database_while_waiting). */
enum waited connection_wait(const struct database *database, short events, int64_t since_ms,
                            int timeout_ms, struct error *error);

/* The next result of what was sent, and NULL behind the last.  False when there is no connection
 * any more: `error` says why. */
bool connection_result(struct database *database, PGresult **result, struct error *error);

/* The only result of what was sent; STATUS_OK fills `result`, everything else has freed it. */
enum status connection_answer(struct database *database, PGresult **result, struct error *error);

/* What a result that is no success means; a connection that it makes useless is closed. */
enum status connection_failure(struct database *database, const PGresult *result,
                               struct error *error);

/* How long the server tries; 0: for ever. */
enum status connection_bound(struct database *database, int timeout_ms, struct error *error);

/* The connection cannot be used any more. */
enum status connection_lose(struct database *database, struct error *error);
void connection_close(struct database *database);

#endif
