#include "services/runtime/inflight.h"

#include <assert.h>
#include <stdlib.h>

enum { INFLIGHT_MAX = 64, END_OFFSETS_MAX = 256 };

/* All messages of a slot before `next` belong to this batch or to an older one. */
struct end_offset {
    int slot, epoch;
    int64_t next;
};

struct inflight_batch {
    struct end_offset end_offsets[END_OFFSETS_MAX];
    size_t end_offset_count;
    struct delivery delivery;
};

struct inflight_ring {
    struct inflight_batch ring[INFLIGHT_MAX]; /* those under way start at `oldest` */
    size_t oldest, count;
};

struct inflight_ring *inflight_new(void)
{
    struct inflight_ring *ring = calloc(1, sizeof *ring);

    if (ring == NULL)
        abort();
    return ring;
}

void inflight_free(struct inflight_ring *ring)
{
    free(ring);
}

struct inflight_batch *inflight_next(struct inflight_ring *ring)
{
    return ring->count == INFLIGHT_MAX ? NULL
                                       : &ring->ring[(ring->oldest + ring->count) % INFLIGHT_MAX];
}

void inflight_add(struct inflight_batch *inflight, const struct incoming *incoming)
{
    size_t i = 0;

    while (i < inflight->end_offset_count && (inflight->end_offsets[i].slot != incoming->slot ||
                                              inflight->end_offsets[i].epoch != incoming->epoch))
        i++;
    assert(i < END_OFFSETS_MAX);
    inflight->end_offsets[i] = (struct end_offset){incoming->slot, incoming->epoch, incoming->next};
    if (i == inflight->end_offset_count)
        inflight->end_offset_count++;
}

bool inflight_is_full(const struct inflight_batch *inflight)
{
    return inflight->end_offset_count == END_OFFSETS_MAX;
}

struct delivery *inflight_delivery(struct inflight_batch *inflight)
{
    return &inflight->delivery;
}

void inflight_start(struct inflight_ring *ring)
{
    assert(ring->count < INFLIGHT_MAX);
    ring->count++;
}

bool inflight_any(const struct inflight_ring *ring)
{
    return ring->count > 0;
}

enum status inflight_finish(struct inflight_ring *ring, struct consumer *consumer,
                            struct error *error)
{
    while (ring->count > 0) {
        struct inflight_batch *inflight = &ring->ring[ring->oldest];

        if (inflight->delivery.pending > 0)
            break;
        if (inflight->delivery.error.status != STATUS_OK) {
            *error = inflight->delivery.error;
            return STATUS_BUG;
        }
        for (size_t i = 0; i < inflight->end_offset_count; i++)
            consumer_finished(consumer, inflight->end_offsets[i].slot,
                              inflight->end_offsets[i].epoch, inflight->end_offsets[i].next);
        inflight->end_offset_count = 0;
        ring->oldest = (ring->oldest + 1) % INFLIGHT_MAX;
        ring->count--;
    }
    return STATUS_OK;
}
