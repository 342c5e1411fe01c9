#include "database/connection.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "database/address.h"

enum { CONNECT_MS = 10000 };

struct database *database_new(const char *conninfo, const char *application_name)
{
    struct database *database = calloc(1, sizeof *database);

    if (database == NULL || (database->conninfo = strdup(conninfo)) == NULL ||
        (database->application_name = strdup(application_name)) == NULL)
        abort();
    address_name(conninfo, database->name, sizeof database->name);
    database->who = database->name;
    return database;
}

void database_free(struct database *database)
{
    if (database == NULL)
        return;
    connection_close(database);
    free(database->conninfo);
    free(database->application_name);
    free(database->schemas);
    free(database);
}

void database_by_key(struct database *database)
{
    database->by_key = true;
}

void database_called(struct database *database, const char *who)
{
    database->who = who;
}

void database_answers_within(struct database *database, int timeout_ms)
{
    database->timeout_ms = timeout_ms;
}

void connection_close(struct database *database)
{
    PQfinish(database->connection);
    database->connection = NULL;
    database->statement_count = database->deferred_count = 0;
}

/* ---- connecting ---- */

/* One try to reach one of the hosts.  Dead peers are noticed by keepalives and tcp_user_timeout,
 * unless the address says otherwise. */
static enum status host_connect(struct database *database, const struct hosts *hosts, int number,
                                struct error *error)
{
    struct hosts one = hosts_one(hosts, number);
    const char *names[] = {"keepalives_idle",
                           "keepalives_interval",
                           "keepalives_count",
                           "tcp_user_timeout",
                           "dbname",
                           "fallback_application_name",
                           "client_encoding",
                           NULL,
                           NULL,
                           NULL,
                           NULL};
    const char *values[] = {
        "30", "10", "3",  "30000", database->conninfo, database->application_name, "UTF8",
        NULL, NULL, NULL, NULL};
    const struct {
        const char *name;
        char *value;
    } chosen[] = {{"host", one.host}, {"hostaddr", one.hostaddr}, {"port", one.port}};
    PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
    const int64_t since_ms = clock_steady_us() / 1000;
    size_t used = 7;

    for (size_t i = 0; hosts->count > 1 && i < sizeof chosen / sizeof chosen[0]; i++) {
        if (*chosen[i].value == '\0')
            continue;
        names[used] = chosen[i].name;
        values[used++] = chosen[i].value;
    }
    database->connection = PQconnectStartParams(names, values, 1);
    if (database->connection == NULL)
        abort();
    while (PQstatus(database->connection) != CONNECTION_BAD && wants != PGRES_POLLING_OK &&
           wants != PGRES_POLLING_FAILED) {
        const enum waited waited =
            connection_wait(database, wants == PGRES_POLLING_READING ? POLLIN : POLLOUT, since_ms,
                            CONNECT_MS, error);

        if (waited == WAITED_NOT_YET)
            continue;
        if (waited != WAITED_READY) {
            connection_close(database);
            return error->status;
        }
        wants = PQconnectPoll(database->connection);
    }
    return PQstatus(database->connection) == CONNECTION_OK ? STATUS_OK
                                                           : connection_lose(database, error);
}

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

/* The server gives up a little earlier than we do: a statement that waits for a lock would else go
 * on waiting without us. */
enum status connection_bound(struct database *database, int timeout_ms, struct error *error)
{
    char sql[64];

    snprintf(sql, sizeof sql, "SET statement_timeout = %d", timeout_ms - timeout_ms / 10);
    return database_execute(database, sql, error);
}

static enum status schemas_search(struct database *database, struct error *error)
{
    struct arena *arena = arena_new();
    const enum status status = database_execute(
        database, arena_format(arena, "SET search_path = %s", database->schemas), error);

    arena_free(arena);
    return status;
}

enum status database_search(struct database *database, const char *schemas, struct error *error)
{
    free(database->schemas);
    database->schemas = strdup(schemas);
    if (database->schemas == NULL)
        abort();
    return database->connection == NULL ? STATUS_OK : schemas_search(database, error);
}

/* What every session of ours starts with. */
static enum status session_start(struct database *database, struct error *error)
{
    enum status status = STATUS_OK;

    PQsetNoticeProcessor(database->connection, ignore_notice, NULL);
    if (PQsetnonblocking(database->connection, 1) != 0)
        return connection_lose(database, error);
    if (database->by_key)
        status = database_execute(
            database, "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan", error);
    if (status == STATUS_OK && database->schemas != NULL)
        status = schemas_search(database, error);
    if (status == STATUS_OK && database->timeout_ms > 0)
        status = connection_bound(database, database->timeout_ms, error);
    return status;
}

enum status database_connect(struct database *database, struct error *error)
{
    struct hosts hosts;
    enum status status;

    if (database->connection != NULL && PQstatus(database->connection) == CONNECTION_OK)
        return STATUS_OK;
    connection_close(database);
    status = hosts_find(database->conninfo, &hosts, error);
    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < hosts.count; i++) {
        status = host_connect(database, &hosts, (database->host + i) % hosts.count, error);
        if (status == STATUS_OK) {
            database->host = (database->host + i) % hosts.count;
            status = session_start(database, error);
            if (status != STATUS_OK)
                connection_close(database); /* half prepared, it would serve as if it were whole */
            return status;
        }
    }
    return status;
}

/* By a statement that needs no name, which a pooler might give to another session. */
static enum status backend_find(struct database *database, int64_t *pid, struct error *error)
{
    struct result *row = NULL, *end = NULL;
    enum status status = database_stream(database, "SELECT pg_backend_pid()", error);

    if (status == STATUS_OK)
        status = database_next(database, &row, error);
    if (status == STATUS_OK && row != NULL)
        *pid = result_integer(row, 0, 0);
    result_free(row);
    if (status == STATUS_OK)
        status = database_next(database, &end, error);
    result_free(end);
    return status;
}

/* Two sessions that one backend serves are a pooler's, which gives a session to whoever has a
 * transaction. */
enum status database_has_session(struct database *database, struct error *error)
{
    struct database *other = database_new(database->conninfo, database->application_name);
    int64_t own = 0, others = 0;
    enum status status = backend_find(database, &own, error);

    other->timeout_ms = database->timeout_ms;
    if (status == STATUS_OK)
        status = database_execute(other, "BEGIN", error);
    if (status == STATUS_OK)
        status = backend_find(other, &others, error);
    if (status == STATUS_OK && own == others)
        status = error_set(error, STATUS_INVALID,
                           "%s: a pooler lies between, which shares sessions; a service needs one "
                           "of its own: pool_mode = session, "
                           "or no pooler",
                           database->who);
    database_free(other);
    return status;
}
