#include "services/runtime/row_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/index.h"
#include "services/runtime/batch.h"

enum { SLOTS = 4096, SMALL = 64, PERIOD_US = 1000000 };

struct row_cache {
    struct arena *arena;
    struct saga *slots[SLOTS]; /* by the hash of the order's id; the latest takes the place */
    bool invalidated;          /* it was wrong in this period: nothing counts as new */
    int64_t now_us;            /* the database's time when the period began; 0: it has not */
    int64_t clock_us;          /* and that of this machine's clock */
};

struct row_cache *row_cache_new(void)
{
    struct row_cache *cache = calloc(1, sizeof *cache);

    if (cache == NULL)
        abort();
    cache->arena = arena_new();
    return cache;
}

void row_cache_free(struct row_cache *cache)
{
    arena_free(cache->arena);
    free(cache);
}

void row_cache_clear(struct row_cache *cache)
{
    if (cache->now_us == 0)
        return;
    arena_reset(cache->arena);
    *cache = (struct row_cache){.arena = cache->arena};
}

void row_cache_invalidate(struct row_cache *cache)
{
    row_cache_clear(cache);
    cache->invalidated = true;
}

static struct saga **slot_of(struct row_cache *cache, const char *order_id)
{
    return &cache->slots[index_tag(text_hash(order_id)) % SLOTS];
}

static enum status lookup(struct row_cache *cache, const struct rows *rows, struct decoder *decoder,
                          struct batch_order *order, struct arena *arena, struct error *error)
{
    const struct saga *row = *slot_of(cache, order->order_id);

    if (order->is_read || order->wants_stored)
        return STATUS_OK;
    if (row == NULL || strcmp(row->order_id, order->order_id) != 0) {
        order->is_read = order->cached =
            order->may_be_first && !order->has_result && !cache->invalidated;
        return STATUS_OK;
    }
    if (order->wants_content && row->content == NULL)
        return STATUS_OK;
    order->is_read = order->cached = true;
    row_copy(rows, row, order->row, arena);
    order->row->content = row->content;
    return order->wants_content
               ? rows->content_read(order->row, row->content, decoder, arena, error)
               : STATUS_OK;
}

enum status row_cache_load(struct row_cache *cache, const struct rows *rows,
                           struct decoder *decoder, struct database *database, struct batch *batch,
                           struct error *error)
{
    const int64_t passed_us = clock_steady_us() - cache->clock_us;
    enum status status = STATUS_OK;

    /* in its first round: rows that are decided on may hold what is in here */
    if (batch->first == 0 && (batch->order_count > SMALL || passed_us > PERIOD_US))
        row_cache_clear(cache);
    if (cache->now_us != 0)
        batch->now_us = cache->now_us + passed_us;
    for (size_t i = 0; status == STATUS_OK && cache->now_us != 0 && i < batch->order_count; i++)
        status = lookup(cache, rows, decoder, &batch->orders[i], batch->arena, error);
    if (status == STATUS_OK)
        status = rows_load(rows, decoder, database, batch, error);
    if (status == STATUS_OK && cache->now_us == 0) {
        cache->now_us = batch->now_us;
        cache->clock_us = clock_steady_us();
    }
    return status;
}

void row_cache_put(struct row_cache *cache, const struct rows *rows, struct saga *const *saved,
                   size_t count)
{
    if (count > SMALL)
        row_cache_clear(cache);
    for (size_t i = 0; count <= SMALL && i < count; i++) {
        struct saga **slot = slot_of(cache, saved[i]->order_id),
                    *row = arena_alloc(cache->arena, rows->row_size);

        row_copy(rows, saved[i], row, cache->arena);
        if (*slot != NULL && (*slot)->content == saved[i]->content)
            /* it came from the cache, so it is in this arena already */
            row->content = saved[i]->content;
        else
            row->content = arena_text(cache->arena, saved[i]->content);
        *slot = row;
    }
}
