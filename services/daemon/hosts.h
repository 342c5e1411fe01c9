/* Inside services/daemon/: the services that a process hosts, each with its context and its
 * database. */
#ifndef QUADRILLE_SERVICES_DAEMON_HOSTS_H
#define QUADRILLE_SERVICES_DAEMON_HOSTS_H

#include "services/daemon/program.h"
#include "services/runtime/loop.h"

enum { HOSTS_MAX = 16, HOSTS_NAME_MAX = 32, HOSTS_TOPICS_MAX = 64 };

struct hosts {
    struct hosted list[HOSTS_MAX];
    size_t count;
    struct database *shared;                    /* NULL: each has its own */
    char group[HOSTS_MAX * HOSTS_NAME_MAX];     /* unless --group names another */
    char names[HOSTS_MAX][HOSTS_NAME_MAX + 16]; /* "order database": of those that are not shared */
};

/* Which of the program's services, in its order.  STATUS_INVALID: --services is wrong. */
enum status hosts_choose(struct hosts *hosts, const struct program *program,
                         const struct settings *settings, struct error *error);

/* Contexts and databases, of which none is connected to yet.  STATUS_INVALID: a setting is wrong.
 * hosts_close after a failure too. */
enum status hosts_open(struct hosts *hosts, const struct program *program,
                       const struct settings *settings, struct error *error);
void hosts_close(struct hosts *hosts);

/* Logs which of them share a database, and which have their own. */
void hosts_tell(const struct hosts *hosts);

/* Makes the tables of each, or brings them up to date.  STATUS_UNAVAILABLE: a database cannot be
 * reached now; whoever tries again begins anew. */
enum status hosts_migrate(const struct hosts *hosts, struct error *error);

/* What they read from Kafka; returns how many topics.  What one of them emits goes to the others by
 * hand. */
size_t hosts_topics(const struct hosts *hosts, const char *topics[static HOSTS_TOPICS_MAX]);

/* Has any of them effects? */
bool hosts_have_effects(const struct hosts *hosts);

#endif
