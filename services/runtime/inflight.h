/* What is under way: batches whose events are published and not yet acknowledged, oldest first.
 * Only once all events of a batch and of every older one are safe may its offsets be committed.
 *
 *     struct inflight_batch *inflight = inflight_next(ring);
 *     inflight_add(inflight, &incoming);          for each message of the batch
 *     ... publish with inflight_delivery(inflight) ...
 *     inflight_start(ring);
 *     inflight_finish(ring, consumer, &error);    now and then */
#ifndef QUADRILLE_SERVICES_RUNTIME_INFLIGHT_H
#define QUADRILLE_SERVICES_RUNTIME_INFLIGHT_H

#include "brokers/broker.h"

struct inflight_batch;
struct inflight_ring;

struct inflight_ring *inflight_new(void);
void inflight_free(struct inflight_ring *ring);

/* The place of the batch that is taken next, NULL while none is free. */
struct inflight_batch *inflight_next(struct inflight_ring *ring);

/* Notes that a message is in the batch, which must not be full: of so many partitions it holds
 * messages then. */
void inflight_add(struct inflight_batch *inflight, const struct incoming *incoming);
bool inflight_is_full(const struct inflight_batch *inflight);

/* Counts what is published for the batch and not yet acknowledged. */
struct delivery *inflight_delivery(struct inflight_batch *inflight);

/* What inflight_next gave is under way from here on. */
void inflight_start(struct inflight_ring *ring);

bool inflight_any(const struct inflight_ring *ring);

/* Tells the consumer which batches are finished.  STATUS_BUG when an event can never be
 * acknowledged. */
enum status inflight_finish(struct inflight_ring *ring, struct consumer *consumer,
                            struct error *error);

#endif
