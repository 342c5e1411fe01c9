#include "history/waiting.h"

#include "base/buffer.h"
#include "events/message.h"
#include "services/order/decide.h"

/* In which states of the order which of these words is awaited. */
static const struct {
    unsigned states;
    uint64_t words;
    struct awaited awaited;
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

size_t awaited_find(uint64_t said, struct awaited out[AWAITED_MAX])
{
    int state = order_state_said(said);
    size_t count = 0;

    if (state == ORDER_STATE_NEW && (said & FACT(ORDER_PLACE)) == 0) {
        out[0] = (struct awaited){"order.place", "a producer"};
        return 1;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if ((rows[i].states & 1u << state) != 0 && (said & rows[i].words) == 0)
            out[count++] = rows[i].awaited;
    if (count == 0 && state == ORDER_STATE_PENDING) /* all that it needs for a verdict was said */
        out[count++] = (struct awaited){"order.confirmed or order.cancelled", "order"};
    return count;
}

const char *awaited_text(uint64_t said, const char *between, struct arena *arena)
{
    struct awaited awaited[AWAITED_MAX];
    size_t count = awaited_find(said, awaited);
    struct buffer out = {.arena = arena};

    buffer_text(&out, count == 0 ? "nothing" : "");
    for (size_t i = 0; i < count; i++)
        buffer_format(&out, "%s%s from %s", i > 0 ? between : "", awaited[i].what, awaited[i].from);
    return out.data;
}
