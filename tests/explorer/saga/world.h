/* Everything there is in the world of one order: what every reader has yet to read, four rows, the
 * provider's truth, and what may still go wrong.
 *
 * A log is not kept as such.  What a service will do depends on the messages it has not read and
 * does not skip, so each pair of reader and topic has a queue of those; two worlds with the same
 * queues have the same future, whatever the logs hold. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_WORLD_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_WORLD_H

#include <stdint.h>

#include "tests/explorer/shipped.h"

/* pairs of a service and a topic that it reads, see readings[] in steps.c */
enum { READINGS = 12 };

struct world {
    uint16_t queue[READINGS]; /* see queues.h */
    uint16_t row[SERVICES];   /* see shipped.h */
    uint8_t truth;            /* what the provider did */
    uint8_t silence;          /* the provider may leave a call unanswered */
    uint8_t call;             /* a charge of a dead process is still on its way */
    uint8_t crashes, losses;  /* that may still happen */
    uint8_t sweeps;           /* left to the sweepers when nothing else moves */
    uint8_t early;            /* left to them while something else still can */
    uint8_t unused;
};

enum { WORLD_WORDS = sizeof(struct world) / sizeof(uint64_t) };
_Static_assert(sizeof(struct world) % sizeof(uint64_t) == 0, "a world is compared in words");

/* How a world came to be, for the path in words. */
enum event {
    EVENT_DONE,
    EVENT_LOST,          /* one answer was lost by the broker */
    EVENT_CRASH_INTENT,  /* died after the intent was saved */
    EVENT_CRASH_CALL,    /* died then, with the call on its way */
    EVENT_CRASH_EFFECTS, /* died after the outside acted */
    EVENT_CRASH_PUBLISH, /* died after the commit, with some answers out */
    EVENT_CALL_LANDS,
    EVENT_CALL_VANISHES,
    EVENT_SWEEP,
    EVENTS
};

enum { ANSWERS_MAX = 8 };

struct action {
    uint8_t event;   /* enum event */
    uint8_t who;     /* of EVENT_DONE to EVENT_CRASH_PUBLISH */
    uint8_t seen[2]; /* message types; MESSAGE_TYPES: none */
    /* what the outside said last; number of an own fact + 1, 0: it was not asked */
    uint8_t outcome;
    uint8_t emitted[ANSWERS_MAX]; /* message types that went out */
    uint8_t emitted_count;
    uint8_t lost; /* of EVENT_LOST: the type */
};

#endif
