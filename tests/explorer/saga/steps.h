/* What can happen next in a world: the shipped decisions, run as the loop runs them, interrupted
 * wherever it can be. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_STEPS_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_STEPS_H

#include <stdbool.h>
#include <stddef.h>

#include "events/flow.h"
#include "tests/explorer/saga/processes.h"
#include "tests/explorer/saga/world.h"

enum { STEPS_MAX = 32768 };

struct steps {
    struct world worlds[STEPS_MAX];
    struct action *actions; /* as many, or NULL when nobody asks how */
    size_t count;
};

/* What an exploration is about, but for what there is to begin with. */
struct outside {
    const struct flow *flow;
    int64_t amount_minor;
    uint64_t mailed;  /* what comes of its mail */
    bool mail_silent; /* it is the transport that may leave a call unanswered, not the provider */
    bool prepares;    /* the provider prepares a charge before it makes it */
    struct processes processes;
    struct without without;
};

/* From now on orders are like that; no world made before means anything any more. */
void steps_start(const struct outside *now);

/* Every world that can follow; none when it has come to its end.  `batch` is how many messages and
 * results a process takes at once, 1 or 2. */
void steps_take(const struct world *world, int batch, struct steps *steps);

/* A new world to be changed, and how it came to be. */
struct world *steps_add(struct steps *steps, const struct world *from, const struct action *action);

#endif
