/* What is under way: batches whose events are published and not yet acknowledged, or whose effects
 * are not yet answered, oldest first.  Only once a batch and every older one are done may its
 * offsets be committed.
 *
 * One effect may be under way for long.  Batches behind it that are done become one, so that what
 * is kept here grows with what is under way and not with the time that it takes.
 *
 *     struct inflight_batch *batch = inflight_next(inflight);
 *     inflight_add(batch, &incoming);          for each message of the batch
 *     ... publish with inflight_delivery(batch), inflight_hold(batch) for each effect ...
 *     inflight_start(inflight);
 *     inflight_finish(inflight, consumer, &error);    now and then */
#ifndef QUADRILLE_SERVICES_RUNTIME_INFLIGHT_H
#define QUADRILLE_SERVICES_RUNTIME_INFLIGHT_H

#include "brokers/broker.h"

struct inflight_batch;
struct inflight;

struct inflight *inflight_new(void);
void inflight_free(struct inflight *inflight);

/* The batch that is taken next, NULL while too many wait for acknowledgements. */
struct inflight_batch *inflight_next(struct inflight *inflight);

/* Notes that a message is in the batch. */
void inflight_add(struct inflight_batch *batch, const struct incoming *incoming);

/* Counts what is published for the batch and not yet acknowledged. */
struct delivery *inflight_delivery(struct inflight_batch *batch);

/* The batch is not done before each hold is released: what follows on an effect is yet to be
 * published. */
void inflight_hold(struct inflight_batch *batch);
void inflight_release(struct inflight_batch *batch);

/* What inflight_next gave is under way from here on. */
void inflight_start(struct inflight *inflight);

bool inflight_any(const struct inflight *inflight);

/* Are acknowledgements waited for, as of the last inflight_finish? */
bool inflight_is_unacknowledged(const struct inflight *inflight);

/* Tells the consumer which batches are finished.  STATUS_BUG when an event can never be
 * acknowledged. */
enum status inflight_finish(struct inflight *inflight, struct consumer *consumer,
                            struct error *error);

#endif
