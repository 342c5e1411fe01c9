#include "history/waiting_for.h"

#include "base/buffer.h"
#include "events/message.h"
#include "services/order/decide.h"

/* In which states of the order which of these events it waits for. */
static const struct {
    unsigned states;
    uint64_t events;
    struct waiting_for waiting;
} rows[] = {
    {1 << ORDER_STATE_NEW, FACT(ORDER_CREATED), {"order.created", "order"}},
    {1 << ORDER_STATE_PENDING,
     FACT(PAYMENT_COMPLETED) | FACT(PAYMENT_FAILED),
     {"payment.completed", "payment"}},
    {1 << ORDER_STATE_PENDING,
     FACT(INVENTORY_RESERVED) | FACT(INVENTORY_FAILED),
     {"inventory.reserved", "inventory"}},
    {1 << ORDER_STATE_CANCELLED,
     FACT(PAYMENT_REFUNDED) | FACT(PAYMENT_VOIDED),
     {"payment.refunded or payment.voided", "payment"}},
    {1 << ORDER_STATE_CANCELLED,
     FACT(INVENTORY_RELEASED) | FACT(INVENTORY_VOIDED),
     {"inventory.released or inventory.voided", "inventory"}},
    {1 << ORDER_STATE_CONFIRMED | 1 << ORDER_STATE_CANCELLED,
     FACT(EMAIL_SENT) | FACT(EMAIL_FAILED),
     {"email.sent", "email"}},
};

size_t waiting_for_find(uint64_t facts, struct waiting_for out[WAITING_FOR_MAX])
{
    int state = order_state_emitted(facts);
    size_t count = 0;

    if (state == ORDER_STATE_NEW && (facts & FACT(ORDER_PLACE)) == 0) {
        out[0] = (struct waiting_for){"order.place", "a producer"};
        return 1;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if ((rows[i].states & 1u << state) != 0 && (facts & rows[i].events) == 0)
            out[count++] = rows[i].waiting;
    if (count == 0 && state == ORDER_STATE_PENDING) /* all that it needs for a decision is there */
        out[count++] = (struct waiting_for){"order.confirmed or order.cancelled", "order"};
    return count;
}

const char *waiting_for_text(uint64_t facts, const char *between, struct arena *arena)
{
    struct waiting_for waiting[WAITING_FOR_MAX];
    size_t count = waiting_for_find(facts, waiting);
    struct buffer out = {.arena = arena};

    buffer_text(&out, count == 0 ? "nothing" : "");
    for (size_t i = 0; i < count; i++)
        buffer_format(&out, "%s%s from %s", i > 0 ? between : "", waiting[i].what, waiting[i].from);
    return out.data;
}
