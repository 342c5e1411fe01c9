/* What can happen next in a world: the shipped decisions, run as the loop runs them, interrupted wherever it can be. */
#ifndef QUADRILLE_TESTS_EXPLORER_STEPS_H
#define QUADRILLE_TESTS_EXPLORER_STEPS_H

#include "events/flow.h"
#include "tests/explorer/seen.h"

/* Adds every state that can follow number `at`.  `batch` is how many messages a service takes at once, 1 or 2.  False when
 * nothing can: the world has come to its end. */
bool steps_take(struct seen *seen, size_t at, const struct flow *flow, int batch);

/* Puts a message at the end of a log. */
void world_say(struct world *world, enum message_type type);

#endif
