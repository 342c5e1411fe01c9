#include "history/restore_stock.h"

#include "base/arena.h"
#include "history/reading.h"
#include "services/catalog.h"
#include "services/inventory/stock.h"
#include "services/runtime/batch.h"

enum { BATCH = 1000 };

struct restoring {
    struct database *database;
    struct decoder *decoder;
    struct arena *arena; /* of a batch */
    struct batch batch;
    enum status status; /* of what happened while messages were taken */
    struct error *error;
};

static void batch_next(struct restoring *restoring)
{
    arena_reset(restoring->arena);
    batch_begin(&restoring->batch, restoring->arena, 0, false);
}

static void flush(struct restoring *restoring)
{
    const struct service *service = catalog[SERVICE_INVENTORY].service;

    if (restoring->batch.records.count > 0 && restoring->status == STATUS_OK) {
        restoring->status =
            stock_apply(service, NULL, restoring->database, &restoring->batch, restoring->error);
        if (restoring->status == STATUS_OK) /* before what was deferred is gone */
            restoring->status = database_run(restoring->database, restoring->error);
    }
    batch_next(restoring);
}

/* A message as it came outlives its batch's reading: what the record points to is copied. */
static void take(void *context, const struct incoming *incoming)
{
    struct restoring *restoring = context;
    const struct arena_mark before = arena_mark(restoring->arena);
    struct record *record = arena_alloc(restoring->arena, sizeof *record);

    record->incoming = *incoming;
    record_decode(catalog[SERVICE_INVENTORY].service, restoring->decoder, restoring->arena, record);
    if (record->kind == RECORD_COMMAND)
        batch_add(&restoring->batch, catalog[SERVICE_INVENTORY].service, record);
    else
        arena_rewind(restoring->arena, before);
    if (restoring->batch.records.count == BATCH)
        flush(restoring);
}

static bool has_failed(void *context)
{
    return ((const struct restoring *)context)->status != STATUS_OK;
}

enum status stock_restore(const struct log_source *source, struct database *database,
                          struct error *error)
{
    static const char *const topics_read[] = {"inventory.commands", "inventory.internal"};
    const struct reading reading = {.scope = {.topics = topics_read, .topic_count = 2},
                                    .once = true,
                                    .progress = "stock",
                                    .take = take,
                                    .tick = has_failed};
    struct restoring restoring = {
        .database = database, .decoder = decoder_new(), .arena = arena_new(), .error = error};
    enum status status;

    batch_next(&restoring);
    status = messages_read(source, &reading, &restoring, error);

    flush(&restoring);
    arena_free(restoring.arena);
    decoder_free(restoring.decoder);
    return status == STATUS_OK ? restoring.status : status;
}
