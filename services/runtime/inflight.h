/* What is under way: batches whose answers are published and not yet acknowledged, oldest first.  Only once all answers of a
 * batch and of every older one are safe may its offsets be committed.
 *
 *     struct flight *flight = flights_next(flights);
 *     flight_mark(flight, &incoming);             for each message of the batch
 *     ... publish with flight_delivery(flight) ...
 *     flights_start(flights);
 *     flights_finish(flights, consumer, &error);  now and then */
#ifndef QUADRILLE_SERVICES_RUNTIME_INFLIGHT_H
#define QUADRILLE_SERVICES_RUNTIME_INFLIGHT_H

#include "brokers/broker.h"

struct inflight_batch;
struct inflight_ring;

struct inflight_ring *flights_new(void);
void flights_free(struct inflight_ring *ring);

/* The place of the batch that is taken next, NULL while none is free. */
struct inflight_batch *inflight_next(struct inflight_ring *ring);

/* Notes that a message is in the batch, which must not be full: of so many partitions it holds messages then. */
void inflight_add(struct inflight_batch *inflight, const struct incoming *incoming);
bool flight_is_full(const struct inflight_batch *inflight);

/* Counts what is published for the batch and not yet acknowledged. */
struct delivery *flight_delivery(struct inflight_batch *inflight);

/* What flights_next gave is under way from here on. */
void flights_start(struct inflight_ring *ring);

bool flights_any(const struct inflight_ring *ring);

/* Tells the consumer which batches are finished.  STATUS_BUG when an answer can never be acknowledged. */
enum status inflight_finish(struct inflight_ring *ring, struct consumer *consumer, struct error *error);

#endif
