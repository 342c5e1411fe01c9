/* The settings that all services have, and those that have effects. */
#ifndef QUADRILLE_SERVICES_DAEMON_SETTINGS_H
#define QUADRILLE_SERVICES_DAEMON_SETTINGS_H

#include "base/settings.h"

/* Each ended by a NULL name. */
extern const struct setting daemon_settings[];
extern const struct setting daemon_effects_settings[];

extern const char *const daemon_log_levels[]; /* of --log-level: the one that says least first */

#endif
