/* What the shipped decide functions make of a row and a batch of messages, in every way that the
 * outside can answer.
 *
 * Deciding is pure, so the same row and messages lead to the same endings, however often a world
 * comes by them: each case is worked out once, by the code that the services run, and
 * remembered. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_DECISIONS_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_DECISIONS_H

#include <stddef.h>

#include "tests/explorer/saga/world.h"
#include "tests/explorer/shipped.h"

/* One service's look at one batch. */
struct attempt {
    uint16_t row;
    uint8_t who;
    uint8_t seen[2]; /* message types; MESSAGE_TYPES behind the last */
    uint8_t truth, silence;
};

/* A point that the attempt can come to: its end, or one at which a crash leaves something
 * behind. */
struct ending {
    uint8_t event; /* EVENT_DONE, or EVENT_CRASH_INTENT to EVENT_CRASH_EFFECTS */
    uint8_t truth, silence;
    uint8_t asked; /* as in struct action's outcome */
    uint16_t row;  /* as stored */
    uint8_t emitted[ANSWERS_MAX];
    uint8_t emitted_count;
};

struct endings {
    struct ending *list;
    size_t count;
};

/* Forgets all rows and endings; from now on orders are of that flow, over that amount, and that
 * comes of their mails. */
void decisions_start(const struct flow *flow, int64_t amount_minor, uint64_t mailed);
void decisions_free(void);

/* Valid until the next decisions_start. */
struct endings decisions_of(const struct attempt *attempt);

#endif
