/* The heartbeat, for health checks: a file that is touched as long as the loop goes round.
 *
 * A service that waits for its database or its broker is alive: restarting it would fix nothing.
 * One whose loop stands still, in a call that never comes back, is stuck, and its heartbeat grows
 * old. */
#ifndef QUADRILLE_SERVICES_RUNTIME_HEARTBEAT_H
#define QUADRILLE_SERVICES_RUNTIME_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Makes the file; `path` must live on.  NULL: no heartbeat is kept.  STATUS_INVALID when it cannot
 * be written. */
enum status heartbeat_open(const char *path, struct error *error);

/* Touches it, at most once a second. */
void heartbeat_beat(void);

/* Is the file there, and younger than that?  `error` says what is not. */
bool heartbeat_is_fresh(const char *path, int64_t max_age_ms, struct error *error);

#endif
