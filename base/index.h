/* Finds the members of an array by what they are known by: an index over hashes, which its owner
 * keeps beside the array.
 *
 *     size_t number = index_find(&index, hash, is_order, orders, order_id);
 *
 *     if (number == INDEX_NONE)
 *         index_add(&index, hash, number = count++);
 *
 * Open addressing with linear probing (Knuth, The Art of Computer Programming 3, section 6.4), at
 * most half full; it grows by itself.  Nothing is ever removed. */
#ifndef QUADRILLE_BASE_INDEX_H
#define QUADRILLE_BASE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

#define INDEX_NONE SIZE_MAX

struct index_slot {
    uint32_t tag;    /* of its hash: what differs there is somebody else */
    uint32_t number; /* of the member, + 1; 0: nobody */
};

/* Begins zeroed: then it lives on the heap, until index_free.  With an arena it lives there, and is
 * never freed. */
struct index {
    struct index_slot *slots;
    size_t size, count; /* the first is a power of 2, or 0 */
    struct arena *arena;
};

/* Is member `number` of the owner's array known by `key`? */
typedef bool index_is(const void *owner, size_t number, const void *key);

/* 32 bits of a hash, of which any will do as well as the others. */
uint32_t index_tag(uint64_t hash);

/* The member with that hash that is the one, or INDEX_NONE. */
size_t index_find(const struct index *index, uint64_t hash, index_is *is, const void *owner,
                  const void *key);

/* One that was not found.  Numbers are below 2^32 - 1; what cannot be allocated ends the
 * program. */
void index_add(struct index *index, uint64_t hash, size_t number);

/* Room for so many members, so that it need not grow. */
void index_reserve(struct index *index, size_t count);

void index_free(struct index *index); /* one on the heap; it is empty then */

#endif
