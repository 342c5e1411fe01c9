#include "history/stored_rows.h"

#include <stdlib.h>
#include <string.h>

#include "services/catalog.h"
#include "services/runtime/rows.h"

struct stored {
    struct database *databases[SERVICES]; /* NULL: not named */
    struct arena *arenas[SERVICES];
    struct decoder *decoder;
};

struct stored *stored_new(const char *const *databases)
{
    struct stored *stored = calloc(1, sizeof *stored);

    if (stored == NULL)
        abort();
    stored->decoder = decoder_new();
    for (int i = 0; i < SERVICES; i++) {
        stored->arenas[i] = arena_new();
        if (databases[i] == NULL)
            continue;
        stored->databases[i] = database_new(databases[i], "sagactl");
        database_by_key(stored->databases[i]);
    }
    return stored;
}

void stored_free(struct stored *stored)
{
    if (stored == NULL)
        return;
    for (int i = 0; i < SERVICES; i++) {
        database_free(stored->databases[i]);
        arena_free(stored->arenas[i]);
    }
    decoder_free(stored->decoder);
    free(stored);
}

bool stored_has(const struct stored *stored, int service)
{
    return stored->databases[service] != NULL;
}

/* One that cannot be read is found by halves. */
static enum status load(struct stored *stored, int service, const char *const *orders, size_t count,
                        struct stored_row *rows, struct error *error)
{
    struct arena *arena = stored->arenas[service];
    struct batch batch = {.arena = arena,
                          .order_count = count,
                          .orders = arena_array(arena, count, sizeof *batch.orders)};
    enum status status;

    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct stored_row){
            .saga = arena_alloc(arena, catalog[service].service->rows->row_size)};
        rows[i].saga->order_id = orders[i];
        batch.orders[i] = (struct batch_order){.order_id = orders[i], .row = rows[i].saga};
    }
    status = rows_load(catalog[service].service->rows, stored->decoder, stored->databases[service],
                       &batch, error);
    if (status != STATUS_INVALID)
        return status == STATUS_CONFLICT ? STATUS_BUG : status;
    if (count == 1) {
        rows[0].why = arena_copy(arena, error->message, strlen(error->message));
        return STATUS_OK;
    }
    status = load(stored, service, orders, count / 2, rows, error);
    return status == STATUS_OK ? load(stored, service, orders + count / 2, count - count / 2,
                                      rows + count / 2, error)
                               : status;
}

enum status stored_load(struct stored *stored, int service, const char *const *orders, size_t count,
                        struct stored_row *rows, struct error *error)
{
    arena_reset(stored->arenas[service]);
    return count == 0 ? STATUS_OK : load(stored, service, orders, count, rows, error);
}

enum status stored_walk(struct stored *stored, int service,
                        void (*see)(void *context, const char *order_id), void *context,
                        struct error *error)
{
    return rows_walk(catalog[service].service->rows, stored->databases[service], see, context,
                     error);
}
