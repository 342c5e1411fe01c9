#include "tests/explorer/saga/decisions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explorer/saga/lists.h"

enum { CASES_BITS = 20, CASES = 1 << CASES_BITS };

struct known_case {
    uint64_t key; /* 0: free */
    struct decided decided;
    uint16_t emitted;
};

static struct known_case cases[CASES];
static size_t case_count;

/* The place of a case; of a new one, its key is not there yet. */
static struct known_case *case_find(uint64_t key)
{
    size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - CASES_BITS));

    while (cases[at].key != 0 && cases[at].key != key)
        at = (at + 1) % CASES;
    if (cases[at].key == 0 && ++case_count > CASES / 2) {
        fprintf(stderr, "explorer: more than %d different cases\n", CASES / 2);
        exit(EXIT_FAILURE);
    }
    return &cases[at];
}

static uint64_t key_of(enum who who, uint16_t row, uint16_t list, bool emits)
{
    return UINT64_C(1) << 63 | (uint64_t)emits << 40 | (uint64_t)who << 32 | (uint64_t)row << 16 |
           list;
}

static struct decided decide(enum who who, uint16_t number, const uint8_t *inputs, size_t count)
{
    struct decided decided = {.effect = EFFECT_NONE};
    union row row = row_load(who, number);

    for (size_t i = 0; i < count; i++) {
        const bool is_result = inputs[i] >= INPUT_RESULT;
        const struct input input = is_result
                                       ? shipped_result(who, OWN_FACT(inputs[i] - INPUT_RESULT))
                                       : shipped_input(inputs[i]);
        const struct transition *transition = shipped_decide(who, &row, &input);

        if (transition != NULL) {
            decided.effect = (uint8_t)transition->effect;
            decided.by_result = is_result;
        }
    }
    decided.row = row_save(who, &row);
    return decided;
}

struct decided decisions_of(enum who who, uint16_t row, const uint8_t *inputs, size_t count)
{
    const uint64_t key = key_of(who, row, list_of(inputs, count), false);
    struct known_case *known = case_find(key);

    if (known->key == 0)
        *known = (struct known_case){.key = key, .decided = decide(who, row, inputs, count)};
    return known->decided;
}

static uint16_t emit(enum who who, uint16_t number, const uint8_t *kinds, size_t count)
{
    const union row row = row_load(who, number);
    uint8_t emitted[MESSAGE_TYPES], emitted_count = 0;
    uint64_t all = 0;

    for (size_t i = 0; i < count; i++) {
        const struct input input = shipped_input(kinds[i]);
        const uint64_t fresh = shipped_emits(who, &row, &input) & ~all;

        all |= fresh;
        for (int type = 0; type < MESSAGE_TYPES; type++)
            if ((fresh & FACT(type)) != 0)
                emitted[emitted_count++] = (uint8_t)type;
    }
    return list_of(emitted, emitted_count);
}

uint16_t decisions_emit(enum who who, uint16_t row, const uint8_t *kinds, size_t count)
{
    const uint64_t key = key_of(who, row, list_of(kinds, count), true);
    struct known_case *known = case_find(key);

    if (known->key == 0)
        *known = (struct known_case){.key = key, .emitted = emit(who, row, kinds, count)};
    return known->emitted;
}

void decisions_start(const struct flow *flow, int64_t amount_minor, bool prepares)
{
    memset(cases, 0, sizeof cases);
    case_count = 0;
    lists_clear();
    shipped_start(flow, amount_minor, prepares);
}
