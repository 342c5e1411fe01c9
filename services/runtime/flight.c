#include "services/runtime/flight.h"

#include <assert.h>
#include <stdlib.h>

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

struct flights *flights_new(void)
{
    struct flights *flights = calloc(1, sizeof *flights);

    if (flights == NULL)
        abort();
    return flights;
}

void flights_free(struct flights *flights)
{
    free(flights);
}

struct flight *flights_next(struct flights *flights)
{
    return flights->count == FLIGHTS ? NULL
                                     : &flights->ring[(flights->oldest + flights->count) % FLIGHTS];
}

void flight_mark(struct flight *flight, const struct incoming *incoming)
{
    size_t i = 0;

    while (i < flight->mark_count &&
           (flight->marks[i].slot != incoming->slot || flight->marks[i].epoch != incoming->epoch))
        i++;
    assert(i < MARKS_MAX);
    flight->marks[i] = (struct mark){incoming->slot, incoming->epoch, incoming->next};
    if (i == flight->mark_count)
        flight->mark_count++;
}

bool flight_is_full(const struct flight *flight)
{
    return flight->mark_count == MARKS_MAX;
}

struct delivery *flight_delivery(struct flight *flight)
{
    return &flight->delivery;
}

void flights_start(struct flights *flights)
{
    assert(flights->count < FLIGHTS);
    flights->count++;
}

bool flights_any(const struct flights *flights)
{
    return flights->count > 0;
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
            consumer_finished(consumer, flight->marks[i].slot, flight->marks[i].epoch,
                              flight->marks[i].next);
        flight->mark_count = 0;
        flights->oldest = (flights->oldest + 1) % FLIGHTS;
        flights->count--;
    }
    return STATUS_OK;
}
