/* Inside services/daemon/: a program, and what it prints of itself: --help, --version, its manual
 * page, and its part of docs/configuration.md. */
#ifndef QUADRILLE_SERVICES_DAEMON_PROGRAM_H
#define QUADRILLE_SERVICES_DAEMON_PROGRAM_H

#include "services/runtime/service.h"

struct program {
    const char *name; /* "quadrille", "quadrille-order" */
    const char *summary;
    const struct service *const *services; /* that it can host */
    size_t count;
    /* "services", and "NAME-database" of each; NULL: it hosts its one, in a database of its own */
    const struct setting *settings;
};

enum { PROGRAM_TABLES_MAX = 32 };

/* Fills in the tables of its settings, those of all programs first; returns how many there are. */
size_t program_tables(const struct program *program,
                      const struct setting *tables[static PROGRAM_TABLES_MAX]);

/* Prints what the settings ask for.  False: they ask for none of it. */
bool program_explain(const struct program *program, const struct settings *settings);

#endif
