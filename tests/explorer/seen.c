#include "tests/explorer/seen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash(const struct world *world)
{
    uint64_t words[sizeof *world / 8], value = 0x9e3779b97f4a7c15u;

    memcpy(words, world, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        value = (value ^ words[i]) * 0xff51afd7ed558ccdu;
        value ^= value >> 32;
    }
    return value;
}

static void *grown(void *block, size_t count, size_t size)
{
    void *grown = realloc(block, count * size);

    if (grown == NULL) {
        fprintf(stderr, "no memory for %zu states\n", count);
        exit(EXIT_FAILURE);
    }
    return grown;
}

static size_t slot_of(const struct seen *seen, const struct world *world)
{
    size_t slot = (size_t)hash(world) & (seen->slot_count - 1);

    while (seen->slots[slot] != 0 && memcmp(&seen->worlds[seen->slots[slot] - 1], world, sizeof *world) != 0)
        slot = (slot + 1) & (seen->slot_count - 1);
    return slot;
}

static void grow(struct seen *seen)
{
    seen->capacity = seen->capacity == 0 ? 1 << 14 : seen->capacity * 2;
    seen->worlds = grown(seen->worlds, seen->capacity, sizeof *seen->worlds);
    seen->parents = grown(seen->parents, seen->capacity, sizeof *seen->parents);
    seen->actions = grown(seen->actions, seen->capacity, sizeof *seen->actions);
    seen->slot_count = seen->capacity * 2;
    seen->slots = grown(seen->slots, seen->slot_count, sizeof *seen->slots);
    memset(seen->slots, 0, seen->slot_count * sizeof *seen->slots);
    for (size_t i = 0; i < seen->count; i++)
        seen->slots[slot_of(seen, &seen->worlds[i])] = (uint32_t)i + 1;
}

void seen_clear(struct seen *seen)
{
    seen->count = 0;
    if (seen->slot_count > 0)
        memset(seen->slots, 0, seen->slot_count * sizeof *seen->slots);
}

void seen_free(struct seen *seen)
{
    free(seen->worlds);
    free(seen->parents);
    free(seen->actions);
    free(seen->slots);
}

void seen_add(struct seen *seen, const struct world *world, size_t parent, struct action action)
{
    size_t slot;

    if (seen->count == seen->capacity)
        grow(seen);
    slot = slot_of(seen, world);
    if (seen->slots[slot] != 0)
        return;
    seen->worlds[seen->count] = *world;
    seen->parents[seen->count] = (uint32_t)parent;
    seen->actions[seen->count] = action;
    seen->slots[slot] = (uint32_t)++seen->count;
}
