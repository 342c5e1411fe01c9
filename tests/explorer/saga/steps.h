/* What can happen next in a world: the shipped decisions, run as the loop runs them, interrupted
 * wherever it can be. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_STEPS_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_STEPS_H

#include <stdbool.h>
#include <stddef.h>

#include "events/flow.h"
#include "tests/explorer/saga/world.h"

enum { STEPS_MAX = 4096 };

struct steps {
    struct world worlds[STEPS_MAX];
    struct action *actions; /* as many, or NULL when nobody asks how */
    size_t count;
};

/* From now on orders are of that flow, over that amount, and that comes of their mails; no world
 * made before means anything any more. */
void steps_start(const struct flow *flow, int64_t amount_minor, uint64_t mailed);

/* Every world that can follow; none when it has come to its end.  `batch` is how many messages a
 * service takes at once, 1 or 2. */
void steps_take(const struct world *world, int batch, struct steps *steps);

/* Puts a message where all who consume it will find it. */
void world_say(struct world *world, int kind);

#endif
