/* Points in time: microseconds since 1970-01-01T00:00:00Z, as PostgreSQL keeps them; on the wire
 * RFC 3339 in UTC. */
#ifndef QUADRILLE_BASE_TIMESTAMP_H
#define QUADRILLE_BASE_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

enum { TIMESTAMP_SIZE = 40 };

/* The years 0 to 9999 of UTC: what RFC 3339 can write. */
#define TIMESTAMP_FIRST_US INT64_C(-62167219200000000)
#define TIMESTAMP_LAST_US INT64_C(253402300799999999)

/* Is it within them? */
bool timestamp_is_valid(int64_t time_us);

/* "2026-11-22T20:15:30.123456Z"; the fraction is left out when it is zero.  Aborts when the time is
 * not valid: whoever takes one from elsewhere looks first. */
void timestamp_format(int64_t time_us, char text[TIMESTAMP_SIZE]);

/* Reads RFC 3339 §5.6 `date-time`: any offset and fraction (below a microsecond it is cut); a leap
 * second, which only the last minute of a day in UTC can have, is the second after it, as in POSIX.
 * False when `text` is anything else, or not in the years 0 to 9999 of UTC. */
bool timestamp_parse(const char *text, int64_t *time_us);

#endif
