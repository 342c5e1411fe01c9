#include "services/runtime/inflight.h"

#include <assert.h>
#include <stdlib.h>

#include "base/array.h"

enum { UNACKNOWLEDGED_MAX = 64 };

/* All messages of a slot before `next` belong to this batch or to an older one. */
struct end_offset {
    int slot, epoch;
    int64_t next;
};

struct inflight_batch {
    struct inflight_batch *younger;
    struct end_offset *end_offsets;
    size_t end_offset_count, end_offset_room;
    struct delivery delivery;
    int holds;
};

struct inflight {
    struct inflight_batch *oldest, *youngest; /* of those under way; NULL: none */
    struct inflight_batch *next;
    size_t unacknowledged; /* when it was last counted */
};

static struct inflight_batch *batch_new(void)
{
    struct inflight_batch *batch = calloc(1, sizeof *batch);

    if (batch == NULL)
        abort();
    return batch;
}

static void batch_free(struct inflight_batch *batch)
{
    free(batch->end_offsets);
    free(batch);
}

struct inflight *inflight_new(void)
{
    struct inflight *inflight = calloc(1, sizeof *inflight);

    if (inflight == NULL)
        abort();
    inflight->next = batch_new();
    return inflight;
}

void inflight_free(struct inflight *inflight)
{
    while (inflight->oldest != NULL) {
        struct inflight_batch *batch = inflight->oldest;

        inflight->oldest = batch->younger;
        batch_free(batch);
    }
    batch_free(inflight->next);
    free(inflight);
}

struct inflight_batch *inflight_next(struct inflight *inflight)
{
    return inflight->unacknowledged >= UNACKNOWLEDGED_MAX ? NULL : inflight->next;
}

static void end_offset_add(struct inflight_batch *batch, const struct end_offset *end)
{
    size_t i = 0;

    while (i < batch->end_offset_count &&
           (batch->end_offsets[i].slot != end->slot || batch->end_offsets[i].epoch != end->epoch))
        i++;
    if (i == batch->end_offset_room) {
        batch->end_offset_room = i == 0 ? 4 : i * 2;
        batch->end_offsets =
            array_resize(batch->end_offsets, batch->end_offset_room, sizeof *batch->end_offsets);
    }
    batch->end_offsets[i] = *end;
    if (i == batch->end_offset_count)
        batch->end_offset_count++;
}

void inflight_add(struct inflight_batch *batch, const struct incoming *incoming)
{
    end_offset_add(batch, &(struct end_offset){incoming->slot, incoming->epoch, incoming->next});
}

struct delivery *inflight_delivery(struct inflight_batch *batch)
{
    return &batch->delivery;
}

void inflight_hold(struct inflight_batch *batch)
{
    batch->holds++;
}

void inflight_release(struct inflight_batch *batch)
{
    assert(batch->holds > 0);
    batch->holds--;
}

void inflight_start(struct inflight *inflight)
{
    struct inflight_batch *batch = inflight->next;

    if (inflight->oldest == NULL)
        inflight->oldest = batch;
    else
        inflight->youngest->younger = batch;
    inflight->youngest = batch;
    inflight->next = batch_new();
}

bool inflight_any(const struct inflight *inflight)
{
    return inflight->oldest != NULL;
}

bool inflight_is_unacknowledged(const struct inflight *inflight)
{
    return inflight->unacknowledged > 0;
}

static bool is_done(const struct inflight_batch *batch)
{
    return batch->delivery.pending == 0 && batch->holds == 0;
}

/* Both are done, and wait for the same older one: the younger one's offsets are the later. */
static void merge_younger(struct inflight *inflight, struct inflight_batch *batch)
{
    struct inflight_batch *younger = batch->younger;

    for (size_t i = 0; i < younger->end_offset_count; i++)
        end_offset_add(batch, &younger->end_offsets[i]);
    batch->younger = younger->younger;
    if (inflight->youngest == younger)
        inflight->youngest = batch;
    batch_free(younger);
}

static void finish_oldest(struct inflight *inflight, struct consumer *consumer)
{
    struct inflight_batch *batch = inflight->oldest;

    for (size_t i = 0; i < batch->end_offset_count; i++)
        consumer_finished(consumer, batch->end_offsets[i].slot, batch->end_offsets[i].epoch,
                          batch->end_offsets[i].next);
    inflight->oldest = batch->younger;
    batch_free(batch);
}

enum status inflight_finish(struct inflight *inflight, struct consumer *consumer,
                            struct error *error)
{
    inflight->unacknowledged = 0;
    for (struct inflight_batch *batch = inflight->oldest; batch != NULL; batch = batch->younger) {
        if (batch->delivery.error.status != STATUS_OK) {
            *error = batch->delivery.error;
            return error->status = STATUS_BUG;
        }
        while (is_done(batch) && batch->younger != NULL && is_done(batch->younger) &&
               batch->younger->delivery.error.status == STATUS_OK)
            merge_younger(inflight, batch);
        inflight->unacknowledged += batch->delivery.pending > 0;
    }
    while (inflight->oldest != NULL && is_done(inflight->oldest))
        finish_oldest(inflight, consumer);
    return STATUS_OK;
}
