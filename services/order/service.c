#include "services/order/service.h"

#include <stdlib.h>
#include <string.h>

#include "events/identity.h"
#include "services/order/decide.h"
#include "services/order/store.h"

/* clang-format off */
static const struct setting settings[] = {
    {.name = "flow", .kind = SETTING_CHOICE, .fallback = "pay-first", .choices = flow_names,
     .meaning = "the flow of orders that are placed from now on",
     .details = "pay-first charges, then reserves; reserve-first reserves, then charges; parallel "
                "does both at once: the fastest, with the most to compensate where one of them "
                "fails. An order keeps the flow that it was placed with, so instances may be "
                "changed one at a time."},
    {.name = "deadline-ms", .kind = SETTING_INTEGER, .fallback = "900000",
     .min = 1, .max = 2592000000,
     .meaning = "milliseconds after which an order without a decision is cancelled",
     .details = "It counts from when the order was placed, and is kept with it: a change applies "
                "to new orders. Make it longer than a provider or a warehouse is mostly "
                "unavailable, and the retention of every topic longer still."},
    {.name = "republish-after-ms", .kind = SETTING_INTEGER, .fallback = "30000",
     .min = 1, .max = 3600000,
     .meaning = "milliseconds after which the events of an order that is not closed are emitted "
                "again",
     .details = "This repairs what was lost on the way; the others emit again what they emitted. It "
                "is repeated with growing intervals until the order is closed. Lower it to repair "
                "sooner, at the price of more messages while somebody is slow."},
    {.name = NULL},
};
/* clang-format on */

#define TYPES(first, last) ((FACT((last) + 1) - 1) & ~(FACT(first) - 1))

static const struct subscription subscriptions[] = {
    {"orders.commands", FACT(ORDER_PLACE) | FACT(ORDER_CANCEL), true},
    {"payments", TYPES(PAYMENT_COMPLETED, PAYMENT_REFUND_FAILED), false},
    {"inventory", TYPES(INVENTORY_RESERVED, INVENTORY_VOIDED), false},
    {"emails", FACT(EMAIL_SENT) | FACT(EMAIL_FAILED), false},
    {"order.internal", FACT(ORDER_TIMEOUT) | FACT(ORDER_REPUBLISH), true},
};

static void *open_context(const struct settings *from, struct error *error)
{
    struct order_rules *rules = calloc(1, sizeof *rules);

    (void)error;
    if (rules == NULL)
        abort();
    rules->flow = flow_find(settings_text(from, "flow"));
    rules->deadline_us = settings_integer(from, "deadline-ms") * 1000;
    rules->republish_us = settings_integer(from, "republish-after-ms") * 1000;
    return rules;
}

static void event_fill_created(const struct order_row *row, const struct input *input,
                               struct message *out)
{
    const struct order_place *place =
        row->place != NULL ? row->place : &input->message->order_place;

    out->order_created = (struct order_created){.order_id = row->saga.order_id,
                                                .flow = row->saga.flow,
                                                .customer = place->customer,
                                                .currency = row->currency,
                                                .amount_minor = row->amount_minor,
                                                .payment_method = place->payment_method,
                                                .deadline_us = row->deadline_us,
                                                .lines = place->lines,
                                                .line_count = place->line_count,
                                                .lines_text = place->lines_text};
    out->envelope.time_us = row->placed_us;
}

/* Another content under a known id: each such content is refused under an id of its own. */
static void event_fill_rejected(const struct order_row *row, const struct input *input,
                                struct arena *arena, struct message *out)
{
    char *name = arena_format(arena, "%s/order.rejected/%s", row->saga.order_id, input->content_id);
    char *id = arena_alloc(arena, IDENTITY_SIZE);

    name_id(name, strlen(name), id);
    out->envelope.id = id;
    out->envelope.time_us = row->placed_us;
    out->refusal =
        (struct refusal){.order_id = row->saga.order_id,
                         .field = "order_id",
                         .reason = "an order with this id and another content is there already"};
}

static void event_fill_cancelled(const struct order_row *row, struct arena *arena,
                                 struct message *out)
{
    const char *detail = row->detail;

    if (detail != NULL && strcmp(row->reason, message_type_name(INVENTORY_FAILED)) == 0)
        detail = arena_format(arena, "out_of_stock %s", detail);
    out->order_cancelled = (struct order_cancelled){row->saga.order_id, row->reason, detail,
                                                    row->amount_minor, row->currency};
}

static void event_fill(const struct saga *saga, const struct input *input, enum message_type type,
                       struct arena *arena, struct message *out)
{
    const struct order_row *row = (const struct order_row *)(const void *)saga;

    out->envelope.time_us = row->decided_us;
    switch (type) {
    case ORDER_CREATED:
        event_fill_created(row, input, out);
        break;
    case ORDER_CONFIRMED:
        out->order_confirmed =
            (struct order_confirmed){saga->order_id, row->amount_minor, row->currency};
        break;
    case ORDER_CANCELLED:
        event_fill_cancelled(row, arena, out);
        break;
    case ORDER_REJECTED:
        event_fill_rejected(row, input, arena, out);
        break;
    default: /* ORDER_CANCEL_REJECTED */
        out->refusal = (struct refusal){
            saga->order_id,
            arena_format(arena, "the order is %s already", order_table.state_names[saga->state]),
            NULL};
        break;
    }
}

const struct service order_service = {
    .name = "order",
    .summary = "The order service of Quadrille: accepts orders, decides them, and knows what each "
               "waits for.",
    .settings = settings,
    .subscriptions = subscriptions,
    .subscription_count = sizeof subscriptions / sizeof subscriptions[0],
    .migrations = &order_migrations,
    .table = &order_table,
    .open = open_context,
    .close = free,
    .needs_content = FACT(ORDER_REPUBLISH),
    .emits_each = FACT(ORDER_REJECTED),
    .inquiries = FACT(ORDER_PLACE) | FACT(ORDER_REPUBLISH),
    .may_be_first = FACT(ORDER_PLACE),
    .rows = &order_rows,
    .decide = order_decide,
    .contradicts = order_contradicts,
    .emits = order_emits,
    .event_fill = event_fill,
    .due_sql = order_due_sql,
    .postpone_sql = order_postpone_sql,
};
