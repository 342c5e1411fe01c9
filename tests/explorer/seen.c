#include "tests/explorer/seen.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t)1 << 14)
enum { AT_ONCE = 64 };

static uint64_t hash(const uint64_t *state, size_t words)
{
    uint64_t value = UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = 0; i < words; i++) {
        value = (value ^ state[i]) * UINT64_C(0xff51afd7ed558ccd);
        value ^= value >> 32;
    }
    return value;
}

static void *grown(void *block, size_t count, size_t size)
{
    void *grown = realloc(block, count * size);

    if (grown == NULL) {
        fprintf(stderr, "explorer: no memory for %zu states\n", count);
        exit(EXIT_FAILURE);
    }
    return grown;
}

static bool same(const struct seen *seen, uint32_t slot, const uint64_t *state)
{
    const uint64_t *other = seen->states + (size_t)(slot - 1) * seen->words;

    for (size_t i = 0; i < seen->words; i++)
        if (state[i] != other[i])
            return false;
    return true;
}

/* Three slots for two states at the least. */
static void slots_grow(struct seen *seen)
{
    seen->slot_count = seen->slot_count == 0 ? 2 * FIRST_CAPACITY : seen->slot_count * 2;
    free(seen->slots);
    seen->slots = grown(NULL, seen->slot_count, sizeof *seen->slots);
    memset(seen->slots, 0, seen->slot_count * sizeof *seen->slots);
    for (size_t i = 0; i < seen->count; i++) {
        size_t slot =
            (size_t)hash(seen->states + i * seen->words, seen->words) & (seen->slot_count - 1);

        while (seen->slots[slot] != 0)
            slot = (slot + 1) & (seen->slot_count - 1);
        seen->slots[slot] = (uint32_t)i + 1;
    }
}

static void states_grow(struct seen *seen)
{
    seen->capacity = seen->capacity == 0 ? FIRST_CAPACITY : seen->capacity * 2;
    seen->states = grown(seen->states, seen->capacity, seen->words * sizeof *seen->states);
    seen->parents = grown(seen->parents, seen->capacity, sizeof *seen->parents);
}

static void add(struct seen *seen, const uint64_t *state, size_t slot, size_t parent)
{
    while (seen->slots[slot] != 0) {
        if (same(seen, seen->slots[slot], state))
            return;
        slot = (slot + 1) & (seen->slot_count - 1);
    }
    if (seen->count == UINT32_MAX - 1) {
        fprintf(stderr, "explorer: more than %zu states\n", seen->count);
        exit(EXIT_FAILURE);
    }
    memcpy(seen->states + seen->count * seen->words, state, seen->words * sizeof *state);
    seen->parents[seen->count] = (uint32_t)parent;
    seen->slots[slot] = (uint32_t)++seen->count;
}

/* Nearly all the time goes into waiting for memory, so the slots of several states are asked for
 * before the first is read. */
static void add_some(struct seen *seen, const uint64_t *states, size_t count, size_t parent)
{
    size_t slots[AT_ONCE];

    while (seen->count + count > seen->capacity)
        states_grow(seen);
    while ((seen->count + count) * 3 > seen->slot_count * 2)
        slots_grow(seen);
    for (size_t i = 0; i < count; i++) {
        slots[i] = (size_t)hash(states + i * seen->words, seen->words) & (seen->slot_count - 1);
        __builtin_prefetch(&seen->slots[slots[i]]);
    }
    for (size_t i = 0; i < count; i++)
        if (seen->slots[slots[i]] != 0)
            __builtin_prefetch(seen->states + (size_t)(seen->slots[slots[i]] - 1) * seen->words);
    for (size_t i = 0; i < count; i++)
        add(seen, states + i * seen->words, slots[i], parent);
}

void seen_add(struct seen *seen, const void *states, size_t count, size_t parent)
{
    const uint64_t *words = states;

    for (size_t done = 0; done < count; done += AT_ONCE)
        add_some(seen, words + done * seen->words, count - done < AT_ONCE ? count - done : AT_ONCE,
                 parent);
}

const void *seen_state(const struct seen *seen, size_t at)
{
    return seen->states + at * seen->words;
}

void seen_clear(struct seen *seen)
{
    seen->count = 0;
    if (seen->slot_count > 0)
        memset(seen->slots, 0, seen->slot_count * sizeof *seen->slots);
}

void seen_free(struct seen *seen)
{
    free(seen->states);
    free(seen->parents);
    free(seen->slots);
    *seen = (struct seen){.words = seen->words};
}
