/* A service as a process: settings, log, signals, connections, then the loop.  Each
 * services/NAME/main.c is one call. */
#ifndef QUADRILLE_SERVICES_DAEMON_DAEMON_H
#define QUADRILLE_SERVICES_DAEMON_DAEMON_H

#include "services/runtime/service.h"

/* The exit code of the process: 0 stopped as asked, 1 a bug or a lost instance name, 2 wrong
 * settings. */
int daemon_run(const struct service *service, int argc, char **argv);

#endif
