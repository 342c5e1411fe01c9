/* The set of states that were seen, in the order in which they were found, each with how it was come to. */
#ifndef QUADRILLE_TESTS_EXPLORER_SEEN_H
#define QUADRILLE_TESTS_EXPLORER_SEEN_H

#include <stddef.h>

#include "tests/explorer/state.h"

struct seen {
    struct world *worlds;
    uint32_t *parents; /* number of the state before; its own for the first */
    struct action *actions;
    size_t count, capacity;
    uint32_t *slots;   /* open addressing; number + 1 */
    size_t slot_count;
};

void seen_clear(struct seen *seen);
void seen_free(struct seen *seen);

/* Adds a state that is new; remembers `parent` and `action` with it. */
void seen_add(struct seen *seen, const struct world *world, size_t parent, struct action action);

#endif
