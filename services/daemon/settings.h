/* The settings that all services have. */
#ifndef QUADRILLE_SERVICES_DAEMON_SETTINGS_H
#define QUADRILLE_SERVICES_DAEMON_SETTINGS_H

#include "base/settings.h"

extern const struct setting daemon_settings[]; /* ended by a NULL name */

extern const char *const daemon_log_levels[]; /* of --log-level: the one that says least first */

#endif
