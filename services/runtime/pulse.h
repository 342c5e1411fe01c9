/* A sign of life for health checks: a file that is touched as long as the loop goes round.
 *
 * A service that waits for its database or its broker is alive: restarting it would mend nothing.  One whose loop stands still,
 * in a call that never comes back, is stuck, and its pulse grows old. */
#ifndef QUADRILLE_SERVICES_RUNTIME_PULSE_H
#define QUADRILLE_SERVICES_RUNTIME_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Makes the file; `path` must live on.  NULL: there is no pulse to be kept.  STATUS_WRONG when it cannot be written. */
enum status pulse_open(const char *path, struct error *error);

/* Touches it, at most once a second. */
void pulse_beat(void);

/* Is the file there, and younger than that?  `error` says what is not. */
bool pulse_is_young(const char *path, int64_t max_age_ms, struct error *error);

#endif
