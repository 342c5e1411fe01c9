/* A set of hashes, which are taken for the things themselves.  It begins zeroed.
 *
 *     struct hash_set seen = {0};
 *
 *     hash_set_add(&seen, text_hash(order_id));
 *     if (hash_set_has(&seen, text_hash(other)))
 *         ...
 *     hash_set_free(&seen); */
#ifndef QUADRILLE_HISTORY_HASH_SET_H
#define QUADRILLE_HISTORY_HASH_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/index.h"

struct hash_set {
    struct index index;
    uint64_t *hashes; /* in the order in which they were added; 0: removed */
    size_t count, capacity;
};

bool hash_set_has(const struct hash_set *set, uint64_t hash);
void hash_set_add(struct hash_set *set, uint64_t hash); /* once, however often */
void hash_set_remove(struct hash_set *set, uint64_t hash);
void hash_set_free(struct hash_set *set);

#endif
