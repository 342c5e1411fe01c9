/* What is under way: batches whose answers are published and not yet acknowledged, oldest first.  Only once all answers of a
 * batch and of every older one are safe may its offsets be committed.
 *
 *     struct flight *flight = flights_next(flights);
 *     flight_mark(flight, &incoming);             for each message of the batch
 *     ... publish with flight_delivery(flight) ...
 *     flights_start(flights);
 *     flights_finish(flights, consumer, &error);  now and then */
#ifndef QUADRILLE_SERVICES_RUNTIME_FLIGHT_H
#define QUADRILLE_SERVICES_RUNTIME_FLIGHT_H

#include "brokers/broker.h"

struct flight;
struct flights;

struct flights *flights_new(void);
void flights_free(struct flights *flights);

/* The place of the batch that is taken next, NULL while none is free. */
struct flight *flights_next(struct flights *flights);

/* Notes that a message is in the batch, which must not be full: of so many partitions it holds messages then. */
void flight_mark(struct flight *flight, const struct incoming *incoming);
bool flight_is_full(const struct flight *flight);

/* Counts what is published for the batch and not yet acknowledged. */
struct delivery *flight_delivery(struct flight *flight);

/* What flights_next gave is under way from here on. */
void flights_start(struct flights *flights);

bool flights_any(const struct flights *flights);

/* Tells the consumer which batches are finished.  STATUS_BUG when an answer can never be acknowledged. */
enum status flights_finish(struct flights *flights, struct consumer *consumer, struct error *error);

#endif
