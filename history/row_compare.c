#include "history/row_compare.h"

#include <stddef.h>
#include <string.h>

#include "base/timestamp.h"
#include "services/catalog.h"
#include "services/email/decide.h"
#include "services/inventory/decide.h"
#include "services/order/decide.h"
#include "services/payment/decide.h"

/* What is TOLD is compared only where the log tells it: a provider's reason for having nothing to undo is said nowhere. */
enum kind { TEXT, TOLD, NUMBER, TIME };

struct column {
    const char *name;
    enum kind kind;
    size_t offset;
};

static const struct column order_columns[] = {
    {"content", TEXT, offsetof(struct order_row, content_id)},
    {"amount", NUMBER, offsetof(struct order_row, amount_minor)},
    {"currency", TEXT, offsetof(struct order_row, currency)},
    {"reason", TEXT, offsetof(struct order_row, reason)},
    {"detail", TEXT, offsetof(struct order_row, detail)},
    {"placed_at", TIME, offsetof(struct order_row, placed_us)},
    {"deadline", TIME, offsetof(struct order_row, deadline_us)},
    {"decided_at", TIME, offsetof(struct order_row, decided_us)},
    {"claims", TEXT, offsetof(struct order_row, claims)},
    {NULL, TEXT, 0}};
static const struct column payment_columns[] = {
    {"payment_method", TEXT, offsetof(struct payment_row, payment_method)},
    {"amount", NUMBER, offsetof(struct payment_row, amount_minor)},
    {"currency", TEXT, offsetof(struct payment_row, currency)},
    {"payment_id", TEXT, offsetof(struct payment_row, payment_id)},
    {"reason", TOLD, offsetof(struct payment_row, reason)},
    {"decided_at", TIME, offsetof(struct payment_row, decided_us)},
    {"pending_at", TIME, offsetof(struct payment_row, pending_us)},
    {"settled_at", TIME, offsetof(struct payment_row, settled_us)},
    {"refused_at", TIME, offsetof(struct payment_row, refused_us)},
    {"refusal", TEXT, offsetof(struct payment_row, refusal)},
    {NULL, TEXT, 0}};
static const struct column inventory_columns[] = {
    {"short_sku", TEXT, offsetof(struct inventory_row, short_sku)},
    {"wanted", NUMBER, offsetof(struct inventory_row, wanted)},
    {"available", NUMBER, offsetof(struct inventory_row, available)},
    {"decided_at", TIME, offsetof(struct inventory_row, decided_us)},
    {"released_at", TIME, offsetof(struct inventory_row, released_us)},
    {"amount", NUMBER, offsetof(struct inventory_row, amount_minor)},
    {"currency", TEXT, offsetof(struct inventory_row, currency)},
    {"claims", TEXT, offsetof(struct inventory_row, claims)},
    {NULL, TEXT, 0}};
static const struct column email_columns[] = {
    {"why", TEXT, offsetof(struct email_row, why)},
    {"detail", TEXT, offsetof(struct email_row, detail)},
    {"refusal", TEXT, offsetof(struct email_row, refusal)},
    {"decided_at", TIME, offsetof(struct email_row, decided_us)},
    {NULL, TEXT, 0}};
static const struct column *const columns[] = {order_columns, payment_columns, inventory_columns,
                                               email_columns};

static const char *value_text(const struct column *column, const void *row, struct arena *arena)
{
    const char *at = (const char *)row + column->offset;
    char *time;

    if (column->kind == TEXT || column->kind == TOLD) {
        const char *const *text = (const char *const *)(const void *)at;

        return *text == NULL ? "nothing" : *text;
    }
    if (column->kind == NUMBER)
        return arena_format(arena, "%lld", (long long)*(const int64_t *)(const void *)at);
    if (*(const int64_t *)(const void *)at == 0)
        return "nothing";
    time = arena_alloc(arena, TIMESTAMP_SIZE);
    timestamp_format(*(const int64_t *)(const void *)at, time);
    return time;
}

static const struct column flow_column = {"flow", TOLD, offsetof(struct saga, flow)};

static bool differs(const struct column *column, const struct saga *row, const struct saga *stored,
                    struct arena *arena, struct difference *difference)
{
    const char *told = value_text(column, row, arena), *kept = value_text(column, stored, arena);

    if (strcmp(told, kept) == 0 ||
        ((column->kind == TIME || column->kind == TOLD) && strcmp(told, "nothing") == 0))
        return false;
    *difference = (struct difference){column->name, told, kept, 0};
    return true;
}

/* A reservation of the release before knows neither amount nor currency. */
static bool is_untold(int service, const struct column *column, const struct saga *stored)
{
    const size_t amount = offsetof(struct inventory_row, amount_minor),
                 currency = offsetof(struct inventory_row, currency);

    return service == SERVICE_INVENTORY &&
           (column->offset == amount || column->offset == currency) &&
           ((const struct inventory_row *)(const void *)stored)->currency == NULL;
}

/* Which of several facts came last, where one process read two topics, is told by no message for certain. */
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
    for (const struct column *column = columns[service]; column->name != NULL; column++)
        if (!is_untold(service, column, stored))
            count += differs(column, replayed->row, stored, arena, &differences[count]);
    count += differs(&flow_column, replayed->row, stored, arena, &differences[count]);
    if (service == SERVICE_ORDER && !is_decider_possible(stored))
        differences[count++] =
            (struct difference){"decided_by", "what its verdict follows from", "something else", 0};
    return count;
}
