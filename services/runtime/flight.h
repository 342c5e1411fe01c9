/* What is under way: batches whose answers are published and not yet acknowledged, oldest first.  Only once all answers of a
 * batch and of every older one are safe may its offsets be committed. */
#ifndef QUADRILLE_SERVICES_RUNTIME_FLIGHT_H
#define QUADRILLE_SERVICES_RUNTIME_FLIGHT_H

#include "brokers/broker.h"

enum { FLIGHTS = 64, MARKS_MAX = 256 };

/* All messages of a slot before `next` belong to this batch or to an older one. */
struct mark {
    int slot, epoch;
    int64_t next;
};

struct flight {
    struct mark marks[MARKS_MAX];
    size_t mark_count;
    struct delivery delivery;
};

struct flights {
    struct flight ring[FLIGHTS]; /* those under way start at `oldest` */
    size_t oldest, count;
};

/* The place of the batch that is taken next, NULL while none is free.  It is under way once `count` says so. */
struct flight *flights_next(struct flights *flights);

/* Notes that a message is in the batch; there must be room: mark_count below MARKS_MAX. */
void flight_mark(struct flight *flight, const struct incoming *incoming);

/* Tells the consumer which batches are finished.  STATUS_BUG when an answer can never be acknowledged. */
enum status flights_finish(struct flights *flights, struct consumer *consumer, struct error *error);

#endif
