#include "history/hash_set.h"

#include <stdlib.h>

#include "base/array.h"

static bool is_hash(const void *hashes, size_t number, const void *hash)
{
    return ((const uint64_t *)hashes)[number] == *(const uint64_t *)hash;
}

bool hash_set_has(const struct hash_set *set, uint64_t hash)
{
    return index_find(&set->index, hash, is_hash, set->hashes, &hash) != INDEX_NONE;
}

void hash_set_add(struct hash_set *set, uint64_t hash)
{
    if (hash_set_has(set, hash))
        return;
    set->hashes = array_grow(set->hashes, set->count, &set->capacity, sizeof *set->hashes);
    set->hashes[set->count] = hash;
    index_add(&set->index, hash, set->count++);
}

void hash_set_remove(struct hash_set *set, uint64_t hash)
{
    size_t number = index_find(&set->index, hash, is_hash, set->hashes, &hash);

    if (number != INDEX_NONE)
        set->hashes[number] = 0;
}

void hash_set_free(struct hash_set *set)
{
    index_free(&set->index);
    free(set->hashes);
}
