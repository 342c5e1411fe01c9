/* What the loop does with records until what they lead to is saved: load, decide, save, and all of
 * it again where that helps.  An attempt that fails leaves nothing behind. */
#ifndef QUADRILLE_SERVICES_RUNTIME_ATTEMPT_H
#define QUADRILLE_SERVICES_RUNTIME_ATTEMPT_H

#include "services/runtime/absence.h"
#include "services/runtime/batch.h"
#include "services/runtime/loop.h"
#include "services/runtime/row_cache.h"

struct attempts {
    const struct service *service;
    void *context;
    struct database *database;
    struct consumer *consumer; /* stays in its group meanwhile */
    struct producer *producer;
    const struct loop_settings *settings;
    const volatile sig_atomic_t *stop;
    struct decoder *decoder;
    struct arena *arena; /* what one attempt needs; see struct batch */
    struct row_cache *cache;
    struct outages absence;
};

/* Until the batch is saved, or known never to be: STATUS_INVALID.  STATUS_UNAVAILABLE only when
 * told to stop while it waited. */
enum status attempt_until_saved(struct attempts *attempts, struct batch *batch,
                                struct error *error);

#endif
