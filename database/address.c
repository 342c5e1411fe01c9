#include "database/address.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database/database.h"

/* Nothing, or the name of a database: all else comes from libpq's environment. */
static bool is_name(const char *conninfo)
{
    return conninfo[strcspn(conninfo, "=/:@ \t\n")] == '\0';
}

void address_name(const char *conninfo, char *out, size_t size)
{
    PQconninfoOption *options = is_name(conninfo) ? NULL : PQconninfoParse(conninfo, NULL);
    const char *name = is_name(conninfo) ? conninfo : "";

    for (const PQconninfoOption *option = options; option != NULL && option->keyword != NULL;
         option++)
        if (strcmp(option->keyword, "dbname") == 0 && option->val != NULL)
            name = option->val;
    snprintf(out, size, "database%s%s", *name != '\0' ? " " : "", name);
    PQconninfoFree(options);
}

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

struct hosts hosts_one(const struct hosts *hosts, int number)
{
    struct hosts one = *hosts;

    piece_take(one.host, number);
    piece_take(one.hostaddr, number);
    piece_take(one.port, number);
    one.count = 1;
    return one;
}

static bool is_port(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);

    return *text == '\0' || (*end == '\0' && port >= 1 && port <= 65535);
}

static enum status ports_check(const char *ports, struct error *error)
{
    char one[ADDRESS_VALUE_MAX];

    for (int i = 0; i < pieces(ports); i++) {
        snprintf(one, sizeof one, "%s", ports);
        piece_take(one, i);
        if (!is_port(one))
            return error_set(error, STATUS_INVALID,
                             "database: port is \"%s\": 1 to 65535 are allowed", one);
    }
    return STATUS_OK;
}

/* Of libpq's own messages only those that hold no value: a value may be a password that stands in a
 * wrong place. */
static enum status refused(const char *message, struct error *error)
{
    static const char option[] = "invalid connection option \"",
                      parameter[] = "invalid URI query parameter: \"";
    const char *at = strstr(message, option);
    size_t skip = sizeof option - 1;

    if (at == NULL) {
        at = strstr(message, parameter);
        skip = sizeof parameter - 1;
    }
    if (at != NULL)
        return error_set(error, STATUS_INVALID,
                         "database: unknown connection option \"%.*s\": libpq's are expected",
                         (int)strcspn(at + skip, "\""), at + skip);
    return error_set(error, STATUS_INVALID,
                     "database: the address cannot be read: "
                     "postgresql://USER:PASSWORD@HOST:PORT/NAME, where other "
                     "characters are percent-encoded, or keyword=value words are expected");
}

enum status hosts_find(const char *conninfo, struct hosts *hosts, struct error *error)
{
    char *message = NULL;
    PQconninfoOption *options = is_name(conninfo) ? NULL : PQconninfoParse(conninfo, &message);
    enum status status = options == NULL && !is_name(conninfo)
                             ? refused(message == NULL ? "" : message, error)
                             : STATUS_OK;

    *hosts = (struct hosts){.count = 1};
    for (const PQconninfoOption *option = options; option != NULL && option->keyword != NULL;
         option++) {
        char *to = strcmp(option->keyword, "host") == 0       ? hosts->host
                   : strcmp(option->keyword, "hostaddr") == 0 ? hosts->hostaddr
                   : strcmp(option->keyword, "port") == 0     ? hosts->port
                                                              : NULL;

        if (to == NULL || option->val == NULL)
            continue;
        if (snprintf(to, ADDRESS_VALUE_MAX, "%s", option->val) >= ADDRESS_VALUE_MAX)
            status = error_set(error, STATUS_INVALID, "database: %s has %zu bytes: %d are allowed",
                               option->keyword, strlen(option->val), ADDRESS_VALUE_MAX - 1);
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
