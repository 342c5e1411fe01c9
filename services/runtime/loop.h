/* The loop: take, decode, load, decide, save, publish, start, finish.  loop.c says where each
 * stands. */
#ifndef QUADRILLE_SERVICES_RUNTIME_LOOP_H
#define QUADRILLE_SERVICES_RUNTIME_LOOP_H

#include <signal.h>

#include "services/runtime/breaker.h"
#include "services/runtime/service.h"

struct loop_settings {
    size_t batch_max;   /* messages */
    size_t effects_max; /* under way at once */
    struct breaker_settings breaker;
    struct alerts *alerts; /* NULL: nobody is told */
    int64_t sweep_interval_ms;
    const char *crash_at; /* for tests: die there as if by kill -9; NULL: nowhere */
};

/* A service that the process hosts.  Services of one database share its transactions. */
struct hosted {
    const struct service *service;
    void *context;
    struct database *database;
};

/* Runs until `*stop` is set, then finishes what is under way.  Everything else than STATUS_OK is a
 * bug, or the loss of the instance name to another: nothing is lost, and a new start goes on where
 * this one ended. */
enum status loop_run(const struct hosted *hosted, size_t count, struct consumer *consumer,
                     struct producer *producer, const struct loop_settings *settings,
                     const volatile sig_atomic_t *stop, struct error *error);

#endif
