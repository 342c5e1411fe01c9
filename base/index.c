#include "base/index.h"

#include <stdlib.h>

#include "base/arena.h"

enum { SIZE_MIN = 16 };

uint32_t index_tag(uint64_t hash)
{
    return (uint32_t)(hash ^ hash >> 32);
}

size_t index_find(const struct index *index, uint64_t hash, index_is *is, const void *owner,
                  const void *key)
{
    const uint32_t tag = index_tag(hash);

    if (index->count == 0)
        return INDEX_NONE;
    for (size_t at = tag & (index->size - 1); index->slots[at].number != 0;
         at = (at + 1) & (index->size - 1))
        if (index->slots[at].tag == tag && is(owner, index->slots[at].number - 1, key))
            return index->slots[at].number - 1;
    return INDEX_NONE;
}

static void slot_take(struct index *index, struct index_slot slot)
{
    size_t at = slot.tag & (index->size - 1);

    while (index->slots[at].number != 0)
        at = (at + 1) & (index->size - 1);
    index->slots[at] = slot;
}

void index_reserve(struct index *index, size_t count)
{
    struct index grown = *index;

    if (count * 2 <= index->size)
        return;
    grown.size = index->size == 0 ? SIZE_MIN : index->size;
    while (grown.size < count * 2)
        grown.size *= 2;
    grown.slots = index->arena != NULL ? arena_array(index->arena, grown.size, sizeof *grown.slots)
                                       : calloc(grown.size, sizeof *grown.slots);
    if (grown.slots == NULL || count >= UINT32_MAX)
        abort();
    for (size_t i = 0; i < index->size; i++)
        if (index->slots[i].number != 0)
            slot_take(&grown, index->slots[i]);
    if (index->arena == NULL)
        free(index->slots);
    *index = grown;
}

void index_add(struct index *index, uint64_t hash, size_t number)
{
    index_reserve(index, index->count + 1);
    slot_take(index, (struct index_slot){index_tag(hash), (uint32_t)number + 1});
    index->count++;
}

void index_free(struct index *index)
{
    if (index->arena == NULL)
        free(index->slots);
    *index = (struct index){.arena = index->arena};
}
