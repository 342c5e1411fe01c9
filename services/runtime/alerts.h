/* Alerts to whoever watches: a JSON POST to one URL when a service is degraded and another when it
 * no longer is, in the form of Alertmanager's API, version 2.
 *
 * Each is delivered once, in order: one that is not taken is sent again for as long as the process
 * lives.  Nothing waits for that. */
#ifndef QUADRILLE_SERVICES_RUNTIME_ALERTS_H
#define QUADRILLE_SERVICES_RUNTIME_ALERTS_H

#include <stdbool.h>

#include "base/error.h"

struct alerts;

/* STATUS_INVALID, and NULL, when that is no URL of http or https. */
struct alerts *alerts_new(const char *url, struct error *error);

/* The alert SERVICE-service-degraded is firing, or resolved.  `alerts` may be NULL: nobody watches.
 * The summary has neither quotes nor control characters. */
void alerts_tell(struct alerts *alerts, const char *service, bool firing, const char *summary);

/* Sends what is due.  NULL is allowed, as it is below. */
void alerts_run(struct alerts *alerts);
void alerts_free(struct alerts *alerts);

#endif
