#include "database/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"

enum { CONNECT_MS = 10000, SLICE_MS = 250, VALUE_MAX = 1024 };

static bool (*while_waiting)(int64_t waited_ms);

void database_while_waiting(bool (*look)(int64_t waited_ms))
{
    while_waiting = look;
}

/* Nothing, or the name of a database: all else comes from libpq's environment. */
static bool is_name(const char *conninfo)
{
    return conninfo[strcspn(conninfo, "=/:@ \t\n")] == '\0';
}

/* "database NAME", and nothing of a password. */
static void name_take(struct database *database)
{
    PQconninfoOption *options = is_name(database->conninfo) ? NULL : PQconninfoParse(database->conninfo, NULL);
    const char *name = is_name(database->conninfo) ? database->conninfo : "";

    for (const PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++)
        if (strcmp(option->keyword, "dbname") == 0 && option->val != NULL)
            name = option->val;
    snprintf(database->name, sizeof database->name, "database%s%s", *name != '\0' ? " " : "", name);
    PQconninfoFree(options);
}

struct database *database_new(const char *conninfo, const char *application_name)
{
    struct database *database = calloc(1, sizeof *database);

    if (database == NULL || (database->conninfo = strdup(conninfo)) == NULL ||
        (database->application_name = strdup(application_name)) == NULL)
        abort();
    name_take(database);
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

/* ---- what failures mean ---- */

enum cure { WAIT, RECONNECT, AGAIN, INVALID };

/* The first that begins like an SQLSTATE (PostgreSQL, Appendix A; QV001 is our own, raised by require_written) says what helps; where none does it is a bug. */
static const struct {
    const char *begin;
    enum cure cure;
    const char *why;
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
    return cure == AGAIN ? STATUS_CONFLICT : cure == INVALID ? STATUS_WRONG : STATUS_AWAY;
}

/* libpq's messages end in a newline and may have several lines: the first says what it is. */
static enum status fail(const struct database *database, enum status status, const char *message, const char *sqlstate, struct error *error)
{
    int length = (int)strcspn(message, "\n");

    return error_set(error, status, "%s: %.*s%s%s%s", database->who, length, message, sqlstate != NULL ? " (SQLSTATE " : "",
                     sqlstate != NULL ? sqlstate : "", sqlstate != NULL ? ")" : "");
}

enum status connection_lose(struct database *database, struct error *error)
{
    enum status status = fail(database, STATUS_AWAY, PQerrorMessage(database->connection), NULL, error);

    connection_close(database);
    return status;
}

enum status connection_failure(struct database *database, const PGresult *result, struct error *error)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    enum status status = STATUS_BUG;
    bool reconnect = false;

    if (sqlstate == NULL)
        return connection_lose(database, error);
    for (size_t i = 0; i < sizeof cures / sizeof cures[0]; i++) {
        if (strncmp(sqlstate, cures[i].begin, strlen(cures[i].begin)) != 0)
            continue;
        status = status_of(cures[i].cure);
        reconnect = cures[i].cure == RECONNECT;
        break;
    }
    fail(database, status, status == STATUS_CONFLICT ? "a row is not as it was read" : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), sqlstate, error);
    if (PQstatus(database->connection) == CONNECTION_BAD)
        error->status = status = STATUS_AWAY;
    if (reconnect || PQstatus(database->connection) == CONNECTION_BAD)
        connection_close(database);
    return status;
}

/* ---- waiting ---- */

static int64_t now_ms(void)
{
    return clock_steady_us() / 1000;
}

enum waited { READY, LATE, STOPPED };

/* Until the socket is ready, at most for a slice of the time that is left; whoever waits looks again. */
static enum waited wait_for(const struct database *database, short events, int64_t since_ms, int timeout_ms, struct error *error)
{
    struct pollfd socket = {.fd = PQsocket(database->connection), .events = events};
    int64_t waited_ms;

    if (poll(&socket, 1, SLICE_MS) != 0)
        return READY; /* or interrupted */
    waited_ms = now_ms() - since_ms;
    if (while_waiting != NULL && !while_waiting(waited_ms)) {
        error_set(error, STATUS_AWAY, "%s: not waited for any longer, after %lld ms", database->who, (long long)waited_ms);
        return STOPPED;
    }
    if (timeout_ms == 0 || waited_ms < timeout_ms)
        return READY;
    error_set(error, STATUS_AWAY, "%s: no answer within %d ms", database->who, timeout_ms);
    return LATE;
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

/* What was sent goes out while what comes is taken in, so that neither side's full buffers hold up the other. */
static bool answer_wait(struct database *database, struct error *error)
{
    const int64_t since_ms = now_ms();
    int left = PQflush(database->connection);

    while (left >= 0 && PQisBusy(database->connection) == 1) {
        enum waited waited = wait_for(database, left > 0 ? POLLIN | POLLOUT : POLLIN, since_ms, database->timeout_ms, error);

        if (waited == STOPPED)
            cancel(database);
        if (waited != READY) {
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
        if (status == STATUS_OK && PQresultStatus(next) != PGRES_COMMAND_OK && PQresultStatus(next) != PGRES_TUPLES_OK)
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

/* ---- connecting ---- */

/* The hosts of a conninfo, tried one after the other: libpq has no time-out for each where it does not wait itself. */
struct hosts {
    char host[VALUE_MAX], hostaddr[VALUE_MAX], port[VALUE_MAX];
    int count;
};

static int pieces(const char *list)
{
    int count = 1;

    for (; *list != '\0'; list++)
        count += *list == ',';
    return count;
}

/* Piece number `at` of a list with commas; the only one of a list that has one. */
static void piece_take(char *list, int at)
{
    char *from = list;
    size_t length;

    for (int i = 0; i < at && strchr(list, ',') != NULL && strchr(from, ',') != NULL; i++)
        from = strchr(from, ',') + 1;
    length = strcspn(from, ",");
    memmove(list, from, length);
    list[length] = '\0';
}

static bool is_port(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);

    return *text == '\0' || (*end == '\0' && port >= 1 && port <= 65535);
}

static enum status ports_check(const char *ports, struct error *error)
{
    char one[VALUE_MAX];

    for (int i = 0; i < pieces(ports); i++) {
        snprintf(one, sizeof one, "%s", ports);
        piece_take(one, i);
        if (!is_port(one))
            return error_set(error, STATUS_WRONG, "database: port is \"%s\": 1 to 65535 are allowed", one);
    }
    return STATUS_OK;
}

/* Of libpq's own words only those that hold no value: a value may be a password that stands in a wrong place. */
static enum status refused(const char *message, struct error *error)
{
    static const char option[] = "invalid connection option \"", parameter[] = "invalid URI query parameter: \"";
    const char *at = strstr(message, option);
    size_t skip = sizeof option - 1;

    if (at == NULL) {
        at = strstr(message, parameter);
        skip = sizeof parameter - 1;
    }
    if (at != NULL)
        return error_set(error, STATUS_WRONG, "database: unknown connection option \"%.*s\": libpq's are expected",
                         (int)strcspn(at + skip, "\""), at + skip);
    return error_set(error, STATUS_WRONG, "database: the address cannot be read: postgresql://USER:PASSWORD@HOST:PORT/NAME, where other "
                                          "characters are percent-encoded, or keyword=value words are expected");
}

static enum status hosts_find(const char *conninfo, struct hosts *hosts, struct error *error)
{
    char *message = NULL;
    PQconninfoOption *options = is_name(conninfo) ? NULL : PQconninfoParse(conninfo, &message);
    enum status status = options == NULL && !is_name(conninfo) ? refused(message == NULL ? "" : message, error) : STATUS_OK;

    *hosts = (struct hosts){.count = 1};
    for (const PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++) {
        char *to = strcmp(option->keyword, "host") == 0 ? hosts->host : strcmp(option->keyword, "hostaddr") == 0 ? hosts->hostaddr
                   : strcmp(option->keyword, "port") == 0 ? hosts->port : NULL;

        if (to == NULL || option->val == NULL)
            continue;
        if (snprintf(to, VALUE_MAX, "%s", option->val) >= VALUE_MAX)
            status = error_set(error, STATUS_WRONG, "database: %s has %zu bytes: %d are allowed", option->keyword, strlen(option->val), VALUE_MAX - 1);
        if (to != hosts->port && pieces(to) > hosts->count)
            hosts->count = pieces(to);
    }
    if (status == STATUS_OK)
        status = ports_check(hosts->port, error);
    PQconninfoFree(options);
    PQfreemem(message);
    return status;
}

enum status database_check(const char *conninfo, struct error *error)
{
    struct hosts hosts;

    return hosts_find(conninfo, &hosts, error);
}

/* One try to reach one of the hosts.  Dead peers are noticed by keepalives and tcp_user_timeout, unless the address says otherwise. */
static enum status host_connect(struct database *database, const struct hosts *hosts, int number, struct error *error)
{
    struct hosts one = *hosts;
    const char *names[] = {"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "dbname", "fallback_application_name",
                           "client_encoding", NULL, NULL, NULL, NULL};
    const char *values[] = {"30", "10", "3", "30000", database->conninfo, database->application_name, "UTF8", NULL, NULL, NULL, NULL};
    const struct {
        const char *name;
        char *value;
    } chosen[] = {{"host", one.host}, {"hostaddr", one.hostaddr}, {"port", one.port}};
    PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
    const int64_t since_ms = now_ms();
    size_t used = 7;

    for (size_t i = 0; hosts->count > 1 && i < sizeof chosen / sizeof chosen[0]; i++) {
        if (*chosen[i].value == '\0')
            continue;
        piece_take(chosen[i].value, number);
        names[used] = chosen[i].name;
        values[used++] = chosen[i].value;
    }
    database->connection = PQconnectStartParams(names, values, 1);
    if (database->connection == NULL)
        abort();
    while (PQstatus(database->connection) != CONNECTION_BAD && wants != PGRES_POLLING_OK && wants != PGRES_POLLING_FAILED) {
        if (wait_for(database, wants == PGRES_POLLING_READING ? POLLIN : POLLOUT, since_ms, CONNECT_MS, error) != READY) {
            connection_close(database);
            return error->status;
        }
        wants = PQconnectPoll(database->connection);
    }
    return PQstatus(database->connection) == CONNECTION_OK ? STATUS_OK : connection_lose(database, error);
}

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

/* The server gives up a little earlier than we do: a statement that waits for a lock would else go on waiting without us. */
enum status connection_bound(struct database *database, int timeout_ms, struct error *error)
{
    char sql[64];

    snprintf(sql, sizeof sql, "SET statement_timeout = %d", timeout_ms - timeout_ms / 10);
    return database_execute(database, sql, error);
}

/* What every session of ours starts with. */
static enum status session_start(struct database *database, struct error *error)
{
    enum status status = STATUS_OK;

    PQsetNoticeProcessor(database->connection, ignore_notice, NULL);
    if (PQsetnonblocking(database->connection, 1) != 0)
        return connection_lose(database, error);
    if (database->by_key)
        status = database_execute(database, "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan", error);
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
            return session_start(database, error);
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

/* Two sessions that one backend serves are a pooler's, which gives a session to whoever has a transaction. */
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
        status = error_set(error, STATUS_WRONG, "%s: a pooler lies between, which shares sessions; a service needs one of its own: pool_mode = session, "
                                                "or no pooler", database->who);
    database_free(other);
    return status;
}
