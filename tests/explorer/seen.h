/* The set of states that an exploration has seen, in the order in which they were found, each with
 * the one it was found from.
 *
 * A state is a record of a fixed number of 64-bit words, compared word by word, so unused bytes of
 * it must be zero.  Going through the set by number while adding to it explores breadth first: the
 * path back to the first is then a shortest one.
 *
 *     struct seen seen = {.words = sizeof(struct world) / 8};
 *     seen_add(&seen, &first, 1, 0);
 *     for (size_t at = 0; at < seen.count; at++)
 *         seen_add(&seen, followers, follow(seen_state(&seen, at), followers), at);
 *     seen_free(&seen); */
#ifndef QUADRILLE_TESTS_EXPLORER_SEEN_H
#define QUADRILLE_TESTS_EXPLORER_SEEN_H

#include <stddef.h>
#include <stdint.h>

struct seen {
    size_t words; /* of one state; set by the caller, everything else zero */
    uint64_t *states;
    uint32_t *parents; /* number of the state before; its own for the first */
    uint32_t *slots;   /* open addressing: number + 1, 0 for none */
    size_t count, capacity, slot_count;
};

/* Adds those of `count` states that are new, found from number `parent`.  Ends the program when
 * there is no memory. */
void seen_add(struct seen *seen, const void *states, size_t count, size_t parent);

/* State number `at`; valid until the next seen_add. */
const void *seen_state(const struct seen *seen, size_t at);

/* Empties it and keeps its memory. */
void seen_clear(struct seen *seen);
void seen_free(struct seen *seen);

#endif
