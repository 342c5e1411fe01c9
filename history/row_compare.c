#include "history/row_compare.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/timestamp.h"
#include "history/routes.h"
#include "services/catalog.h"
#include "services/inventory/decide.h"
#include "services/order/decide.h"
#include "services/runtime/rows.h"

static const char *value_text(const struct field *column, const void *row, struct arena *arena)
{
    const char *at = (const char *)row + column->offset;
    char *time;

    if (column->kind == COLUMN_TEXT) {
        const char *const *text = (const char *const *)(const void *)at;

        return *text == NULL ? "nothing" : *text;
    }
    if (column->kind == COLUMN_INTEGER)
        return arena_format(arena, "%lld", (long long)*(const int64_t *)(const void *)at);
    if (*(const int64_t *)(const void *)at == 0)
        return "nothing";
    time = arena_alloc(arena, TIMESTAMP_SIZE);
    timestamp_format(*(const int64_t *)(const void *)at, time);
    return time;
}

static const struct field flow_column = {"flow", COLUMN_TEXT, TOLD_IN_PART,
                                         offsetof(struct saga, flow), NULL};

/* A row keeps a text as it was given, an event what may be written of it. */
static bool is_told(const struct field *column, const char *told, const char *kept,
                    struct arena *arena)
{
    if (strcmp(told, kept) == 0)
        return true;
    return column->kind == COLUMN_TEXT && strcmp(told, text_as_encoded(kept, arena)) == 0;
}

static bool differs(const struct field *column, const struct saga *row, const struct saga *stored,
                    struct arena *arena, struct difference *difference)
{
    const char *told = value_text(column, row, arena), *kept = value_text(column, stored, arena);

    if (is_told(column, told, kept, arena) ||
        ((column->kind == COLUMN_TIME || column->told == TOLD_IN_PART) &&
         strcmp(told, "nothing") == 0))
        return false;
    *difference = (struct difference){column->name, told, kept, 0};
    return true;
}

/* A reservation of the release before knows neither amount nor currency. */
static bool is_untold(int service, const struct field *column, const struct saga *stored)
{
    const size_t amount = offsetof(struct inventory_row, amount_minor),
                 currency = offsetof(struct inventory_row, currency);

    if (column->told == UNTOLD)
        return true;
    return service == SERVICE_INVENTORY &&
           (column->offset == amount || column->offset == currency) &&
           ((const struct inventory_row *)(const void *)stored)->currency == NULL;
}

/* Which of several facts came last, where one process read two topics, is told by no message for
 * certain. */
static bool is_decider_possible(const struct saga *stored)
{
    const struct order_row *row = (const struct order_row *)(const void *)stored;
    const uint64_t deciders = stored->state == ORDER_STATE_CONFIRMED
                                  ? FACT(PAYMENT_COMPLETED) | FACT(INVENTORY_RESERVED)
                                  : FACT(ORDER_CANCEL) | FACT(PAYMENT_FAILED) |
                                        FACT(INVENTORY_FAILED) | FACT(ORDER_TIMEOUT) |
                                        FACT(ORDER_PLACE);

    if (row->decided_us == 0)
        return row->decided_by == 0;
    return (FACT(row->decided_by) & deciders & stored->facts) != 0;
}

size_t replay_compare(int service, const struct replayed *replayed, const struct saga *stored,
                      struct arena *arena, struct difference differences[DIFFERENCES_MAX])
{
    const struct saga_table *table = catalog[service].service->table;
    const struct rows *rows = catalog[service].service->rows;
    const uint64_t messages = (UINT64_C(1) << MESSAGE_TYPES) - 1;
    uint64_t log = replayed->row->facts & messages, row = stored->facts & messages;
    size_t count = 0;

    if (stored->version == 0) {
        if (log != 0)
            differences[count++] = (struct difference){
                "row", saga_state_name(table, replayed->row->state), "no row", log};
        return count;
    }
    if (replayed->row->state != stored->state)
        differences[count++] =
            (struct difference){"state", saga_state_name(table, replayed->row->state),
                                saga_state_name(table, stored->state), 0};
    if (log != row)
        differences[count++] = (struct difference){"facts", facts_text(log & ~row, ", ", arena),
                                                   facts_text(row & ~log, ", ", arena), log & ~row};
    assert(rows->field_count + 5 <= DIFFERENCES_MAX);
    for (size_t i = 0; i < rows->field_count; i++)
        if (!is_untold(service, &rows->fields[i], stored))
            count += differs(&rows->fields[i], replayed->row, stored, arena, &differences[count]);
    count += differs(&flow_column, replayed->row, stored, arena, &differences[count]);
    if (service == SERVICE_ORDER && !is_decider_possible(stored))
        differences[count++] = (struct difference){"decided_by", "what its decision follows from",
                                                   "something else", 0};
    return count;
}
