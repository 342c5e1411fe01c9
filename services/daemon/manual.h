/* What a service prints of itself: --help, --version, its manual page, and its part of
 * docs/configuration.md. */
#ifndef QUADRILLE_SERVICES_DAEMON_MANUAL_H
#define QUADRILLE_SERVICES_DAEMON_MANUAL_H

#include "services/runtime/service.h"

enum { DAEMON_TABLES_MAX = 8 };

/* Fills in the tables of its settings, those of all services first; returns how many there are. */
size_t daemon_tables(const struct service *service,
                     const struct setting *tables[static DAEMON_TABLES_MAX]);

/* Prints what the settings ask for.  False: they ask for none of it. */
bool daemon_explain(const struct service *service, const struct settings *settings);

#endif
