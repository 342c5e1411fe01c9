/* Rows as they were last saved, for up to a second, so that the next message of a saga that is
 * under way needs no load.
 *
 * Nothing rests on what is cached until the database has agreed: whoever decides on a cached row
 * saves it, and the version in that save is the fence.  When it does not hold, or when a decision
 * left such a row as it was, so that no save would prove it, everything is forgotten and the batch
 * is loaded.  An order that is not cached counts as new when a message comes that begins one: the
 * insert says whether it was.
 *
 * Only small batches are worth it: a large one is loaded in one round trip whatever its size. */
#ifndef QUADRILLE_SERVICES_RUNTIME_ROW_CACHE_H
#define QUADRILLE_SERVICES_RUNTIME_ROW_CACHE_H

#include "services/runtime/rows.h"

struct row_cache;

struct row_cache *row_cache_new(void);
void row_cache_free(struct row_cache *cache);

/* Forgets everything: what comes next is loaded whole. */
void row_cache_clear(struct row_cache *cache);

/* The same when it was wrong, or of no use: messages come again, so for a second none counts as an
 * order's first. */
void row_cache_invalidate(struct row_cache *cache);

/* Fills the rows of all orders and now_us, like rows_load, which is called for what is not cached
 * and does not count as new; those orders are marked as cached. */
enum status row_cache_load(struct row_cache *cache, const struct rows *rows,
                           struct decoder *decoder, struct database *database, struct batch *batch,
                           struct error *error);

/* The rows were saved, and have the versions that are stored now. */
void row_cache_put(struct row_cache *cache, const struct rows *rows, struct saga *const *saved,
                   size_t count);

#endif
