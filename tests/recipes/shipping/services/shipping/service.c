#include "services/shipping/service.h"

#include "services/shipping/decide.h"
#include "services/shipping/store.h"

static const struct setting settings[] = {{.name = NULL}};

static const struct subscription subscriptions[] = {
    {"orders", FACT(ORDER_CONFIRMED), false},
    {"shipping.internal", FACT(SHIPPING_REPUBLISH), true},
};

static void event_fill(const struct saga *saga, const struct input *input, enum message_type type,
                       struct arena *arena, struct message *out)
{
    const struct shipment_row *row = (const struct shipment_row *)(const void *)saga;

    (void)input;
    (void)type;
    (void)arena;
    out->envelope.time_us = row->requested_us;
    out->outcome = (struct outcome){saga->order_id, NULL};
}

const struct service shipping_service = {
    .name = "shipping",
    .summary = "The shipping service of Quadrille: asks for the shipment of each confirmed order.",
    .settings = settings,
    .subscriptions = subscriptions,
    .subscription_count = sizeof subscriptions / sizeof subscriptions[0],
    .migrations = &shipping_migrations,
    .table = &shipping_table,
    .may_be_first = FACT(ORDER_CONFIRMED),
    .rows = &shipment_rows,
    .decide = shipping_decide,
    .emits = shipping_emits,
    .event_fill = event_fill,
};
