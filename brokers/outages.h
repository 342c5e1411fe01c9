/* Who cannot be reached, or may not be read, and why: logged once for each reason, and once when it
 * is over.
 *
 * One set of a process, shared by all its clients: a broker that is gone is gone for all of
 * them. */
#ifndef QUADRILLE_BROKERS_OUTAGES_H
#define QUADRILLE_BROKERS_OUTAGES_H

#include <stdbool.h>
#include <stddef.h>

enum { OUTAGES_MAX = 16, OUTAGE_REASONS = 8, OUTAGE_TEXT = 200 };

struct outage {
    char what[OUTAGE_TEXT];
    char reasons[OUTAGE_REASONS][OUTAGE_TEXT];
    int reason_count;
};

/* Begins zeroed. */
struct outages {
    struct outage all[OUTAGES_MAX];
    int count;
};

/* True when it is to be logged: it has just begun, or has a reason that was not logged since. */
bool outage_begin(struct outages *outages, const char *what, const char *reason);

/* True when it was unavailable. */
bool outage_end(struct outages *outages, const char *what);

bool outage_lasts(const struct outages *outages, const char *what);

/* What librdkafka says of a connection, without what changes from try to try: "127.0.0.1:9092:
 * Connection refused". */
void outage_reason(const char *text, char reason[OUTAGE_TEXT]);

#endif
