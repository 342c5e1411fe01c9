/* Two instances of one service, its database, and two orders.
 *
 * Each order has a partition of its own.  An instance goes through the loop one step at a time and
 * may stand still anywhere: it is then a zombie when its partitions are given to the other.  The
 * database is PostgreSQL as store.c uses it: a row is written only when its version is the one that
 * was read, rows and stock are locked until the transaction ends.  What an instance remembers of a
 * row is what it last saw of it (services/runtime/row_cache.h), for any time. */
#ifndef QUADRILLE_TESTS_EXPLORER_INSTANCES_STATE_H
#define QUADRILLE_TESTS_EXPLORER_INSTANCES_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/explorer/shipped.h"

enum {
    INSTANCES = 2,
    ORDERS = 2,
    LOG_MAX = 5,
    ON_HAND = 1,
    EVENTS_MAX = 6 /* that one service says */,
    KNOWS_TIME = 1 << ORDERS
};

/* Where in the loop an instance is: what it does next. */
enum step {
    STEP_TAKE,
    STEP_LOAD,
    STEP_SETTLE,
    STEP_WRITE,
    STEP_COMMIT,
    STEP_EFFECTS,
    STEP_PUBLISH
};

enum { NOBODY = INSTANCES };

struct instance {
    uint16_t row[ORDERS]; /* as read, then as decided */
    /* of asks of this batch, kept while it is tried again: own fact + 1, four bits each */
    uint16_t results[ORDERS];
    uint8_t step;
    uint8_t position[ORDERS]; /* of the next message to take */
    uint8_t from[ORDERS];     /* of the first message of the batch */
    uint8_t taken[ORDERS];    /* messages of the batch */
    uint8_t version[ORDERS];  /* as read */
    uint8_t effect[ORDERS];
    uint8_t changed;   /* a bit an order */
    uint8_t asking;    /* a bit an order: to be resolved in this round */
    uint8_t has_stock; /* this transaction has read the stock row */
    uint8_t reserved;  /* and will leave it so */
    /* a bit an order: its row and version are remembered from an earlier batch; and KNOWS_TIME */
    uint8_t knows;
};

struct state {
    uint32_t emitted[ORDERS]; /* sets of FACTs */
    /* what came behind the scene's log: message types + 1, five bits each */
    uint32_t more[ORDERS];
    struct instance instances[INSTANCES];
    uint16_t row[ORDERS]; /* committed */
    uint8_t version[ORDERS];
    uint8_t reserved;         /* the stock row, committed */
    uint8_t row_lock[ORDERS]; /* an instance, or NOBODY */
    uint8_t stock_lock;
    uint8_t owner[ORDERS];     /* of the order's partition */
    uint8_t committed[ORDERS]; /* offset */
    uint8_t truth[ORDERS];
    uint8_t call[ORDERS];                /* a charge of a dead process is on its way */
    uint8_t silence;                     /* the provider may leave a call unanswered */
    uint8_t crashes, rebalances, sweeps; /* left */
    uint8_t changed;                     /* an event was emitted again with other bytes */
    uint8_t events[ORDERS][EVENTS_MAX];  /* as they were said, by their type; see shipped_event */
    uint8_t unused[5];
};

enum { STATE_WORDS = sizeof(struct state) / sizeof(uint64_t) };
_Static_assert(sizeof(struct state) % sizeof(uint64_t) == 0, "a state is compared in words");

/* What an exploration is about. */
struct scene {
    const char *name;
    enum who service;
    int logs[ORDERS][LOG_MAX]; /* kinds of messages */
    int lengths[ORDERS];
    int crashes, rebalances;
};

/* Protections that can be taken away, to see that they are needed. */
struct without {
    bool fence;      /* UPDATE does not look at the version */
    bool stock_lock; /* SELECT does not say FOR UPDATE */
    bool proof;      /* a row that is remembered is believed although no save will prove it */
};

#endif
