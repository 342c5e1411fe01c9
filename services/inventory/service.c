#include "services/inventory/service.h"

#include "services/inventory/decide.h"
#include "services/inventory/stock.h"
#include "services/inventory/store.h"

static const struct setting settings[] = {{.name = NULL}};

static const struct subscription subscriptions[] = {
    {"orders", FACT(ORDER_CREATED) | FACT(ORDER_CANCELLED), false},
    {"payments", FACT(PAYMENT_COMPLETED), false},
    {"inventory.commands", FACT(STOCK_SET) | FACT(STOCK_ADD), true},
    {"inventory.internal", FACT(INVENTORY_REPUBLISH), true},
};

static enum status apply_in_transaction(void *context, struct database *database,
                                        struct batch *batch, struct error *error)
{
    return stock_apply(&inventory_service, context, database, batch, error);
}

static void event_fill(const struct saga *saga, const struct input *input, enum message_type type,
                       struct arena *arena, struct message *out)
{
    const struct inventory_row *row = (const struct inventory_row *)(const void *)saga;

    (void)input;
    (void)arena;
    if (type == INVENTORY_FAILED)
        out->inventory_failed = (struct inventory_failed){
            saga->order_id, "out_of_stock", row->short_sku, row->wanted, row->available};
    else
        out->outcome = (struct outcome){saga->order_id, NULL};
    if (type == INVENTORY_RESERVED || type == INVENTORY_FAILED || row->released_us == 0)
        out->envelope.time_us = row->decided_us;
    else
        out->envelope.time_us = row->released_us;
}

const struct service inventory_service = {
    .name = "inventory",
    .summary = "The inventory service of Quadrille: reserves all lines of an order or none, and "
               "releases them.",
    .settings = settings,
    .subscriptions = subscriptions,
    .subscription_count = sizeof subscriptions / sizeof subscriptions[0],
    .migrations = &inventory_migrations,
    .table = &inventory_table,
    .waits_for = inventory_waits_for,
    .needs_content = FACT(PAYMENT_COMPLETED) | FACT(ORDER_CANCELLED) | FACT(INVENTORY_REPUBLISH),
    .may_be_first = FACT(ORDER_CREATED),
    .rows = &reservation_rows,
    .decide = inventory_decide,
    .contradicts = inventory_contradicts,
    .emits = inventory_emits,
    .event_fill = event_fill,
    .apply_in_transaction = apply_in_transaction,
};
