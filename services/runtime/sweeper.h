/* Looks now and then for rows that are overdue and publishes a command for each to the service's
 * own internal topic.
 *
 * It writes nothing: the handler of the command moves the row's next_due, and who set the command
 * aside has it moved.  It publishes nothing while commands are unread: an outage never turns into a
 * storm, and one instance sweeps at a time. */
#ifndef QUADRILLE_SERVICES_RUNTIME_SWEEPER_H
#define QUADRILLE_SERVICES_RUNTIME_SWEEPER_H

#include "brokers/outages.h"
#include "services/runtime/service.h"

struct sweeper {
    const struct service *service;
    struct database *database;
    struct consumer *consumer;
    struct producer *producer;
    const struct effects *effects; /* whose orders are looked after already */
    struct delivery delivery;
    int64_t interval_ms;
    int64_t next_ms;        /* of the monotonic clock */
    struct outages absence; /* begins zeroed */
};

/* Sweeps when it is time to.  Whatever is unavailable is waited for: the next sweep tries again.
 * STATUS_BUG stops the service. */
enum status sweeper_run(struct sweeper *sweeper, int64_t now_ms, struct error *error);

/* The record may be a command of its own that could not be processed: its row is put off, so that
 * the dead letters do not grow by one each time it looks. */
enum status sweeper_postpone(struct sweeper *sweeper, const struct record *record,
                             struct arena *arena, struct error *error);

#endif
