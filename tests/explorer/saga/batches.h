/* One pass of a process's loop over one of its databases, in every way that it can turn out. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_BATCHES_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_BATCHES_H

#include "tests/explorer/saga/decisions.h"
#include "tests/explorer/saga/effects.h"
#include "tests/explorer/saga/steps.h"

enum { INPUTS_MAX = ENTRIES_MAX + BATCH_MAX };

/* What a service of the database makes of it. */
struct part {
    /* what is decided; what events are caused by; the causes of results in hand first */
    uint8_t inputs[INPUTS_MAX], causes[INPUTS_MAX];
    uint8_t input_count, cause_count;
    uint8_t answered; /* so many causes have led to what they lead to */
    bool undecided;   /* some of the inputs */
    struct decided decided;
};

struct batch {
    enum who process, database;
    bool orphan;         /* it is the process that lost the partition */
    struct world before; /* what there is again after a crash, but for the rows and the events */
    struct world after;  /* without what the batch took */
    unsigned in_hand;    /* set of the effects whose results it decides */
    int size;            /* results and messages */
    int message_count;
    struct entry fresh[FRESH_MAX]; /* the messages, and what went round */
    uint8_t fresh_count;
    uint32_t fresh_answered; /* set of those that have led to what they lead to */
    struct part parts[SERVICES];
    uint64_t emitted;              /* set of FACTs: what stands in action.emitted... */
    uint8_t emitters[EMITTED_MAX]; /* ...and whose it is */
    struct action action;
};

/* Takes a message from that reading's queue, which is not empty. */
void batch_take_message(struct batch *batch, int reading);

/* Takes all that was handed over to the database. */
void batch_take_handed(struct batch *batch);

/* Takes the result of effect `number` of the service, an own fact. */
void batch_take_result(struct batch *batch, enum who who, int number, uint64_t on);

/* Decides, lets the events go round among the services of the database, in whatever order they come
 * by; saves, publishes, hands over to the process's other databases, and starts the effects that
 * the rows want. */
void batch_process(struct steps *steps, const struct batch *batch, const struct without *without);

#endif
