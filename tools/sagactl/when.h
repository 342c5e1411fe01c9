/* Points in time as people give them on a command line. */
#ifndef QUADRILLE_TOOLS_SAGACTL_WHEN_H
#define QUADRILLE_TOOLS_SAGACTL_WHEN_H

#include <stdint.h>

#include "base/settings.h"

#define WHEN_EXPECTED \
    "a time (2026-11-27, 2026-11-27 18:00, 2026-11-27T18:00:00Z; UTC) or how long ago (90s, " \
    "1h30m, 2d)"

/* The setting `name` as milliseconds since 1970, 0 when it is not set; STATUS_INVALID names it and
 * what is expected. */
enum status when_setting(const struct settings *from, const char *name, int64_t *at_ms,
                         struct error *error);

/* "18:37:40.274", as the clock on the wall here shows it. */
void time_of_day_format(int64_t at_ms, char text[16]);

/* "1.234 s", "12 min", "3 h", "5 d": in at most 15 characters. */
void span_format(int64_t span_ms, char text[16]);

#endif
