/* What the shipped decide functions make of a row and a batch.
 *
 * Deciding is pure, so the same row and inputs lead to the same row, however often a world comes by
 * them: each case is worked out once, by the code that the services run, and remembered. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_DECISIONS_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_DECISIONS_H

#include <stddef.h>

#include "tests/explorer/shipped.h"

/* A byte of a list of inputs: a kind of message, or from here on the number of an own fact. */
enum { INPUT_RESULT = 0x40 };

struct decided {
    uint16_t row;
    uint8_t effect; /* that the row wants now... */
    bool by_result; /* ...since a result, not since a message */
};

/* Forgets all rows, lists and cases; from now on orders are of that flow, over that amount. */
void decisions_start(const struct flow *flow, int64_t amount_minor, bool prepares);

/* The inputs, decided one after the other. */
struct decided decisions_of(enum who who, uint16_t row, const uint8_t *inputs, size_t count);

/* The list of what the row emits for messages of those kinds: each type once, in their order. */
uint16_t decisions_emit(enum who who, uint16_t row, const uint8_t *kinds, size_t count);

#endif
