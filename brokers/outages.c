#include "brokers/outages.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static struct outage *find(struct outages *outages, const char *what)
{
    for (int i = 0; i < outages->count; i++)
        if (strncmp(outages->all[i].what, what, OUTAGE_TEXT - 1) == 0)
            return &outages->all[i];
    return NULL;
}

static bool was_reported(const struct outage *outage, const char *reason)
{
    for (int i = 0; i < outage->reason_count; i++)
        if (strncmp(outage->reasons[i], reason, OUTAGE_TEXT - 1) == 0)
            return true;
    return false;
}

bool outage_begin(struct outages *outages, const char *what, const char *reason)
{
    struct outage *outage = find(outages, what);

    if (outage == NULL) {
        if (outages->count == OUTAGES_MAX)
            return false;
        outage = &outages->all[outages->count++];
        snprintf(outage->what, sizeof outage->what, "%s", what);
        outage->reason_count = 0;
    }
    if (was_reported(outage, reason) || outage->reason_count == OUTAGE_REASONS)
        return false;
    snprintf(outage->reasons[outage->reason_count++], OUTAGE_TEXT, "%s", reason);
    return true;
}

bool outage_end(struct outages *outages, const char *what)
{
    struct outage *outage = find(outages, what);

    if (outage == NULL)
        return false;
    *outage = outages->all[--outages->count];
    return true;
}

bool outage_lasts(const struct outages *outages, const char *what)
{
    for (int i = 0; i < outages->count; i++)
        if (strncmp(outages->all[i].what, what, OUTAGE_TEXT - 1) == 0)
            return true;
    return false;
}

/* "127.0.0.1:9092/bootstrap: ..." or "127.0.0.1:9092/1: ...": who it is, without what it is to the
 * client. */
static void role_drop(char *reason)
{
    char *slash = strchr(reason, '/'), *colon = slash == NULL ? NULL : strstr(slash, ": ");

    if (colon == NULL || memchr(reason, ' ', (size_t)(slash - reason)) != NULL)
        return;
    for (const char *c = slash + 1; c < colon; c++)
        if (!isalnum((unsigned char)*c))
            return;
    memmove(slash, colon, strlen(colon) + 1);
}

/* "127.0.0.1:9092: Connect to ipv4#127.0.0.1:9092 failed: Connection refused" names the address
 * twice. */
static void connect_shorten(char *reason)
{
    char *connect = strstr(reason, "Connect to "),
         *address = connect == NULL ? NULL : strchr(connect, '#');
    char *failed = address == NULL ? NULL : strstr(address, " failed: ");

    if (failed == NULL)
        return;
    memmove(failed, failed + strlen(" failed"), strlen(failed + strlen(" failed")) + 1);
    memmove(reason, address + 1, strlen(address + 1) + 1);
}

void outage_reason(const char *text, char reason[OUTAGE_TEXT])
{
    static const char coordinator[] = "GroupCoordinator: ";
    char *after;

    if (strncmp(text, coordinator, sizeof coordinator - 1) == 0)
        text += sizeof coordinator - 1;
    snprintf(reason, OUTAGE_TEXT, "%s", text);
    after = strstr(reason, " (after ");
    if (after != NULL)
        *after = '\0';
    role_drop(reason);
    connect_shorten(reason);
}
