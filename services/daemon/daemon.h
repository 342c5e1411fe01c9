/* Services as a process: settings, log, signals, connections, then the loop.  Each
 * services/NAME/main.c is one call, and so is services/main.c. */
#ifndef QUADRILLE_SERVICES_DAEMON_DAEMON_H
#define QUADRILLE_SERVICES_DAEMON_DAEMON_H

#include "services/runtime/service.h"

/* The exit code of the process: 0 stopped as asked, 1 a bug or a lost instance name, 2 wrong
 * settings. */
int daemon_run(const struct service *service, int argc, char **argv);

/* The same for the program that hosts several: those of them that the setting "services" names.
 * `settings` has that and "NAME-database" of each, for a database of its own; without one its
 * tables are in the schema NAME of the database that they share. */
int daemon_run_several(const struct service *const *services, size_t count,
                       const struct setting *settings, int argc, char **argv);

#endif
