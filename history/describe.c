#include "history/describe.h"

#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/money.h"
#include "base/utf8.h"

static void money_put(struct buffer *out, int64_t amount_minor, const char *currency)
{
    char text[MONEY_SIZE];

    money_format(amount_minor, currency, text);
    buffer_format(out, "%s %s", text, currency);
}

static void lines_put(struct buffer *out, size_t count)
{
    buffer_format(out, "%zu line%s, ", count, count == 1 ? "" : "s");
}

const char *describe_facts(const struct message *message, struct arena *arena)
{
    struct buffer out = {.arena = arena};

    buffer_text(&out, "");
    switch (message->type) {
    case ORDER_PLACE:
        lines_put(&out, message->order_place.line_count);
        buffer_text(&out, message->order_place.payment_method);
        break;
    case ORDER_CREATED:
        buffer_format(&out, "%s, ", message->order_created.flow);
        lines_put(&out, message->order_created.line_count);
        money_put(&out, message->order_created.amount_minor, message->order_created.currency);
        break;
    case ORDER_CONFIRMED:
        money_put(&out, message->order_confirmed.amount_minor, message->order_confirmed.currency);
        break;
    case ORDER_CANCELLED:
        buffer_format(&out, "%s%s%s", message->order_cancelled.reason,
                      message->order_cancelled.detail != NULL ? ": " : "",
                      message->order_cancelled.detail != NULL ? message->order_cancelled.detail
                                                              : "");
        break;
    case ORDER_REJECTED:
    case ORDER_CANCEL_REJECTED:
        buffer_text(&out, message->refusal.reason);
        break;
    case PAYMENT_COMPLETED:
    case PAYMENT_REFUNDED:
        money_put(&out, message->payment_made.amount_minor, message->payment_made.currency);
        break;
    case INVENTORY_FAILED:
        buffer_format(&out, "%s: %lld wanted, %lld there", message->inventory_failed.sku,
                      (long long)message->inventory_failed.wanted,
                      (long long)message->inventory_failed.available);
        break;
    case EMAIL_SENT:
        buffer_format(&out, "%s%s", message->email_sent.kind,
                      message->email_sent.message_id == NULL ? ": no address" : "");
        break;
    case STOCK_SET:
        buffer_format(&out, "%lld on hand", (long long)message->stock_change.quantity);
        break;
    case STOCK_ADD:
        buffer_format(&out, "%+lld", (long long)message->stock_change.quantity);
        break;
    default:
        if (message->outcome.reason != NULL)
            buffer_text(&out, message->outcome.reason);
        break;
    }
    return out.data;
}

const char *describe_emitter(const struct envelope *envelope)
{
    const char *source = envelope->source, *slash = source == NULL ? NULL : strrchr(source, '/');

    return slash != NULL ? slash + 1 : "producer";
}

/* In valid JSON a line's end can only be white space. */
const char *describe_body(const struct incoming *incoming, struct arena *arena)
{
    char *body;

    if (incoming->value == NULL)
        return "null";
    body = arena_copy(arena, incoming->value, incoming->value_length);
    for (char *c = body; *c != '\0'; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t')
            *c = ' ';
    return body;
}

const char *describe_subject(const struct incoming *incoming, const struct envelope *envelope,
                             struct arena *arena)
{
    struct buffer key = {.arena = arena};

    if (envelope->subject != NULL)
        return envelope->subject;
    buffer_text(&key, "");
    utf8_show(&key, incoming->key, incoming->key_length);
    return key.data;
}

bool is_bad_news(enum message_type type)
{
    return type == ORDER_CANCELLED || type == PAYMENT_FAILED || type == INVENTORY_FAILED;
}
