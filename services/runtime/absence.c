#include "services/runtime/absence.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

void absence_begin(struct outages *absence, const char *reason)
{
    char who[OUTAGE_TEXT];
    bool lasts;

    snprintf(who, sizeof who, "%.*s", (int)strcspn(reason, ":"), reason);
    lasts = outage_lasts(absence, who);
    if (outage_begin(absence, who, reason))
        log_warning("%s: %s", reason, lasts ? "still waiting" : "waiting for it");
}

void absence_end(struct outages *absence)
{
    char who[OUTAGE_TEXT];

    while (absence->count > 0) {
        snprintf(who, sizeof who, "%s", absence->all[0].what);
        outage_end(absence, who);
        log_write(LOG_NOTICE, NULL, NULL, "the %s is back", who);
    }
}
