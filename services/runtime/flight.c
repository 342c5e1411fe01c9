#include "services/runtime/flight.h"

struct flight *flights_next(struct flights *flights)
{
    return flights->count == FLIGHTS ? NULL : &flights->ring[(flights->oldest + flights->count) % FLIGHTS];
}

void flight_mark(struct flight *flight, const struct incoming *incoming)
{
    size_t i = 0;

    while (i < flight->mark_count && (flight->marks[i].slot != incoming->slot || flight->marks[i].epoch != incoming->epoch))
        i++;
    flight->marks[i] = (struct mark){incoming->slot, incoming->epoch, incoming->next};
    if (i == flight->mark_count)
        flight->mark_count++;
}

enum status flights_finish(struct flights *flights, struct consumer *consumer, struct error *error)
{
    while (flights->count > 0) {
        struct flight *flight = &flights->ring[flights->oldest];

        if (flight->delivery.pending > 0)
            break;
        if (flight->delivery.error.status != STATUS_OK) {
            *error = flight->delivery.error;
            return STATUS_BUG;
        }
        for (size_t i = 0; i < flight->mark_count; i++)
            consumer_finished(consumer, flight->marks[i].slot, flight->marks[i].epoch, flight->marks[i].next);
        flight->mark_count = 0;
        flights->oldest = (flights->oldest + 1) % FLIGHTS;
        flights->count--;
    }
    return STATUS_OK;
}
