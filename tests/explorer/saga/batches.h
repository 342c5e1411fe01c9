/* One pass of a service's loop, in every way that it can turn out. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_BATCHES_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_BATCHES_H

#include "tests/explorer/saga/effects.h"
#include "tests/explorer/saga/steps.h"

enum { INPUTS_MAX = ENTRIES_MAX + BATCH_MAX };

struct batch {
    enum who who;
    bool orphan;         /* it is the process that lost the partition */
    struct world before; /* what there is again after a crash, but for the row and the events */
    struct world after;  /* without what the batch took */
    unsigned in_hand;    /* set of the effects whose results it decides */
    int size;            /* results and messages */
    struct entry taken[BATCH_MAX]; /* the messages */
    uint8_t taken_count;
    uint8_t inputs[INPUTS_MAX], causes[INPUTS_MAX]; /* what is decided; what events are caused by */
    uint8_t input_count, cause_count;
    struct action action;
};

/* Takes a message from that reading's queue, which is not empty. */
void batch_take_message(struct batch *batch, int reading);

/* Takes the result of effect `number`, an own fact. */
void batch_take_result(struct batch *batch, int number, uint64_t on);

/* Decides, saves, and starts the effect that the row wants, or publishes. */
void batch_process(struct steps *steps, const struct batch *batch, const struct without *without);

#endif
