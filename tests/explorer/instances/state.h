/* Two instances of one service, its database, and two orders.
 *
 * Each order has a partition of its own.  An instance goes through the loop one step at a time and
 * may stand still anywhere: it is then a zombie when its partitions are given to the other.  The
 * database is PostgreSQL as store.c uses it: a row is written only when its version is the one that
 * was read, rows and stock are locked until the transaction ends.  What an instance remembers of a
 * row is what it last saved of it (services/runtime/row_cache.h), for any time.
 *
 * Nobody waits for an effect (services/runtime/effects.h): the instance goes on to the next batch,
 * the outside acts at any time, and what it answers is a record of a later batch. */
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
    EFFECTS_MAX = 2 /* of one order, under way in one instance */,
    KNOWS_TIME = 1 << ORDERS
};

/* Where in the loop an instance is: what it does next. */
enum step { STEP_TAKE, STEP_LOAD, STEP_SETTLE, STEP_WRITE, STEP_COMMIT, STEP_PUBLISH };

enum { NOBODY = INSTANCES };

/* An effect under way.  Its causes are numbers of messages in the order's log, a bit each. */
struct effect {
    uint8_t kind;   /* EFFECT_NONE: there is none */
    uint8_t answer; /* own fact + 1; 0: the outside has not acted yet */
    /* with the answer in this batch: 1, or 2 behind another result of the order; 0: no */
    uint8_t in_batch;
    uint8_t is_recorded; /* that it is wanted is saved, and so is what its causes brought */
    uint8_t causes;
    uint8_t attached; /* later causes, to be decided after the answer */
    /* those of both whose offsets are not committed before what follows is published: they were
     * taken since the partition was last given to the instance */
    uint8_t held;
};

struct instance {
    uint16_t row[ORDERS]; /* as read, then as decided */
    struct effect effects[ORDERS][EFFECTS_MAX];
    uint8_t step;
    uint8_t position[ORDERS]; /* of the next message to take */
    uint8_t from[ORDERS];     /* of the first message of the batch */
    uint8_t taken[ORDERS];    /* messages of the batch */
    uint8_t effect[ORDERS];   /* wanted by the last transition */
    uint8_t by_result;        /* a bit an order: a result wants it */
    uint8_t changed;          /* a bit an order: to be saved */
    uint8_t current;          /* a bit an order: the row's version is the stored one */
    uint8_t has_stock;        /* this transaction has read the stock row */
    uint8_t reserved;         /* and will leave it so */
    /* a bit an order: its row was saved by an earlier batch and is remembered; and KNOWS_TIME */
    uint8_t knows;
    uint8_t unused;
};

struct state {
    uint32_t emitted[ORDERS]; /* sets of FACTs */
    /* what came behind the scene's log: message types + 1, five bits each */
    uint32_t more[ORDERS];
    struct instance instances[INSTANCES];
    uint16_t row[ORDERS];     /* committed; 0: nothing is stored */
    uint8_t reserved;         /* the stock row, committed */
    uint8_t row_lock[ORDERS]; /* an instance, or NOBODY */
    uint8_t stock_lock;
    uint8_t owner[ORDERS];     /* of the order's partition */
    uint8_t committed[ORDERS]; /* offset */
    uint8_t truth[ORDERS];
    uint8_t calls[ORDERS];               /* of dead processes, on their way: a bit a kind */
    uint8_t silence;                     /* the outside may leave a call unanswered */
    uint8_t crashes, rebalances, sweeps; /* left */
    /* a bit an order: a process died with an event unpublished whose cause does not come again */
    uint8_t unpublished;
    uint8_t changed;                    /* an event was emitted again with other bytes */
    uint8_t events[ORDERS][EVENTS_MAX]; /* as they were said, by their type; see shipped_event */
    uint8_t unused[6];
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
    bool prepares; /* the provider prepares a charge before it makes it */
};

/* Protections that can be taken away, to see that they are needed. */
struct without {
    bool fence;      /* UPDATE does not look at the version */
    bool stock_lock; /* SELECT does not say FOR UPDATE */
    bool proof;      /* a row that is remembered is believed although no save will prove it */
    bool result;     /* the result of an effect is dropped when its save is refused */
    bool prefix;     /* an offset is committed although an effect of it has no result */
};

#endif
