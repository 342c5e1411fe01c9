/* Everything there is in the world of one order: what every reader has yet to read, four rows, the
 * effects under way, the provider's truth, and what may still go wrong.
 *
 * A log is not kept as such.  What a service will do depends on the messages it has not read and
 * does not skip, so each pair of reader and topic has a queue of those; two worlds with the same
 * queues have the same future, whatever the logs hold. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_WORLD_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/explorer/shipped.h"

enum {
    READINGS = 12,  /* pairs of a service and a topic that it reads, see readings[] in steps.c */
    CALLERS = 2,    /* services that ask the outside: payment and email */
    EFFECTS_MAX = 4 /* of one of them, under way at once */
};

/* What a process has asked the outside for and has not decided on. */
struct effect {
    uint8_t kind : 2;     /* the service's own; EFFECT_NONE: there is none here */
    uint8_t orphan : 1;   /* the process that asked has lost the partition since */
    uint8_t recorded : 1; /* the row knows its causes */
    uint8_t answer : 4;   /* number of an own fact + 1; 0: the outside has not acted yet */
};

_Static_assert(sizeof(struct effect) == 1, "an effect has no unused bits");

struct world {
    uint16_t queue[READINGS]; /* see lists.h */
    uint16_t row[SERVICES];   /* see shipped.h */
    /* what was taken from the queues and is not committed, and what the orphans were wanted for:
     * see effects.h */
    uint16_t taken[CALLERS], orphaned[CALLERS];
    uint16_t handed; /* over within a process, and not decided yet, see processes.c */
    uint16_t logged; /* which of the types that are handed over were published, see processes.c */
    struct effect effects[CALLERS][EFFECTS_MAX];
    uint8_t truth : 3;   /* what the provider did */
    uint8_t silence : 1; /* the outside may leave a call unanswered */
    uint8_t refusal : 1; /* the provider may refuse a refund */
    uint8_t call : 1;    /* a charge of a dead process is still on its way */
    uint8_t unused : 2;
    uint8_t crashes : 4, losses : 4; /* that may still happen */
    /* left to the sweepers when nothing else moves: one for each silence, refusal, lost event and
     * death of a process that had lost its partition.  Nothing else may need them */
    uint8_t sweeps;
    uint8_t early; /* left to them while something else still can */
};

enum { WORLD_WORDS = sizeof(struct world) / sizeof(uint64_t) };
_Static_assert(sizeof(struct world) % sizeof(uint64_t) == 0, "a world is compared in words");

/* How a world came to be, for the path in words. */
enum event {
    EVENT_DONE,
    EVENT_LOST,          /* one event was lost by the broker */
    EVENT_CRASH_PUBLISH, /* died after the commit, with some events out */
    EVENT_CRASH,         /* died with effects under way, or before all was handed over */
    EVENT_TOO_EARLY,     /* died before its commit, behind that of whom it handed over to */
    EVENT_MOVED,         /* its partition went to another instance; its effects go on */
    EVENT_ACTS,          /* the provider acted */
    EVENT_CALL_LANDS,
    EVENT_CALL_VANISHES,
    EVENT_SWEEP,
    EVENTS
};

enum { BATCH_MAX = 2, SEEN_MAX = 8, EMITTED_MAX = 16 };

struct action {
    uint8_t event;                /* enum event */
    uint8_t who;                  /* of EVENT_DONE to EVENT_ACTS: the first of the database */
    uint8_t orphan;               /* it is the process that lost the partition */
    uint8_t handed;               /* what it takes was handed over */
    uint8_t results[BATCH_MAX];   /* that were decided: numbers of own facts + 1; 0: none */
    uint8_t asked[BATCH_MAX];     /* by whom */
    uint8_t stock;                /* the same of the stock */
    uint8_t seen[SEEN_MAX];       /* kinds of messages; NO_KIND: none */
    uint8_t wanted[CALLERS];      /* the effect that is under way for it... */
    uint8_t attached[CALLERS];    /* ...and was before */
    uint8_t emitted[EMITTED_MAX]; /* message types that went out */
    uint8_t emitted_count;
    uint8_t lost; /* of EVENT_LOST: the type */
};

/* Protections that can be taken away, to see that they are needed. */
struct without {
    bool hold;        /* a message is committed although its effect has no result yet */
    bool record;      /* a charge is started before the row knows of it */
    bool causes;      /* a result is emitted for nobody */
    bool transaction; /* the rows of one database are saved one by one */
    bool hop;         /* an event is handed over before the row that it follows from is committed */
    bool chain;       /* a message is not held by what follows from it in other services */
    bool log;         /* what is handed over is not published */
};

#endif
