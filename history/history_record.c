#include "history/history_record.h"

#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/index.h"
#include "brokers/topics.h"
#include "events/identity.h"
#include "history/describe.h"

/* The identity of an order's content, as the runtime makes it. */
static const char *content_identity(struct message *message, struct arena *arena)
{
    struct buffer canonical = {.arena = arena}, lines = {.arena = arena};
    struct error ignored; /* what was read is written */
    char *id = arena_alloc(arena, IDENTITY_SIZE);

    if (order_lines_encode(&message->order_place, &lines, &ignored) != STATUS_OK ||
        message_encode_strictly(message, &canonical, &ignored) != STATUS_OK)
        return "";
    name_id(canonical.data, canonical.length, id);
    return id;
}

static void facts_take(const struct message *message, struct history_record *record,
                       struct arena *arena)
{
    switch (message->type) {
    case ORDER_PLACE:
        lines_amount(message->order_place.lines, message->order_place.line_count, &record->number);
        record->text = message->order_place.currency;
        break;
    case ORDER_CREATED:
        record->number = message->order_created.amount_minor;
        record->text = message->order_created.currency;
        record->detail = message->order_created.payment_method;
        break;
    case ORDER_CONFIRMED:
        record->number = message->order_confirmed.amount_minor;
        record->text = message->order_confirmed.currency;
        break;
    case ORDER_CANCELLED:
        record->number = message->order_cancelled.amount_minor;
        record->text = message->order_cancelled.reason;
        record->detail = message->order_cancelled.detail;
        break;
    case PAYMENT_COMPLETED:
    case PAYMENT_REFUNDED:
        record->number = message->payment_made.amount_minor;
        record->text = message->payment_made.payment_id;
        record->detail = message->payment_made.currency;
        break;
    case INVENTORY_FAILED:
        record->number = message->inventory_failed.wanted;
        record->text = message->inventory_failed.sku;
        record->detail =
            arena_format(arena, "%lld", (long long)message->inventory_failed.available);
        break;
    case EMAIL_SENT:
        record->text = message->email_sent.kind;
        record->detail = message->email_sent.message_id;
        break;
    default: /* those that have at most a reason to give */
        record->text = message->outcome.reason;
        break;
    }
}

bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* An order.rejected is identified by the content that it refuses: its own id counts. */
static bool has_identity(enum message_type type)
{
    return message_emitter(type) != NULL && type != ORDER_REJECTED;
}

uint8_t message_strangeness(const struct incoming *incoming, const struct message *message)
{
    const struct envelope *envelope = &message->envelope;
    const char *emitter = message_emitter(message->type), *dot = strchr(incoming->topic, '.');
    bool internal = dot != NULL && strcmp(dot, ".internal") == 0;
    char id[IDENTITY_SIZE];
    uint8_t strange = 0;

    if (has_identity(message->type)) {
        event_id(message->subject, message->type, id);
        if (envelope->id == NULL || strcmp(envelope->id, id) != 0)
            strange |= RECORD_STRANGE_ID;
    }
    if (emitter != NULL && strcmp(describe_emitter(envelope), emitter) != 0)
        strange |= RECORD_STRANGE_EMITTER;
    /* what was dead-lettered is redriven by an internal topic */
    if (!internal && strcmp(incoming->topic, message_topic(message->type)) != 0)
        strange |= RECORD_STRANGE_TOPIC;
    return strange;
}

const char *topic_in_table(const char *name)
{
    for (size_t i = 0; i < topic_count; i++)
        if (*topics[i].name == *name && strcmp(topics[i].name, name) == 0)
            return topics[i].name;
    return "";
}

/* An event is the same byte for byte whenever it is emitted; only what caused it may be another
 * message each time, and with that its cause and correlation. */
uint64_t event_content(const struct incoming *incoming, const struct envelope *envelope)
{
    return bytes_hash(incoming->value, incoming->value_length) +
           text_hash(envelope->flow != NULL ? envelope->flow : "");
}

void record_make(const struct incoming *incoming, struct message *message, bool contents,
                 struct arena *arena, struct history_record *out)
{
    const struct envelope *envelope = &message->envelope;

    *out = (struct history_record){
        .topic = topic_in_table(incoming->topic),
        .partition = incoming->partition,
        .offset = incoming->offset,
        .timestamp_ms = incoming->timestamp_ms,
        .time_us = envelope->time_us,
        .type = (uint8_t)message->type,
        .id = envelope->id == NULL ? 0 : text_hash(envelope->id),
        .cause = envelope->causation_id == NULL ? 0 : text_hash(envelope->causation_id),
        .strange = message_strangeness(incoming, message)};
    facts_take(message, out, arena);
    if (message_emitter(message->type) != NULL)
        out->content = event_content(incoming, envelope);
    if (message->type == ORDER_PLACE && contents)
        out->detail = content_identity(message, arena);
}

/* ---- two records ---- */

/* A command may be sent again later, and a placed order's content is not compared here: it has an
 * identity of its own. */
bool record_same_facts(const struct history_record *a, const struct history_record *b)
{
    bool event = message_emitter((enum message_type)a->type) != NULL;

    return (a->strange & ~RECORD_CHANGED) == (b->strange & ~RECORD_CHANGED) &&
           a->number == b->number && same_text(a->text, b->text) &&
           (a->type == ORDER_PLACE || same_text(a->detail, b->detail)) &&
           (!event || (a->time_us == b->time_us && a->content == b->content));
}

/* How far down the chain of causes a type usually stands. */
static int rank(enum message_type type)
{
    switch (type) {
    case ORDER_PLACE:
    case ORDER_CANCEL:
        return 0;
    case ORDER_CREATED:
    case ORDER_REJECTED:
        return 1;
    case ORDER_CONFIRMED:
    case ORDER_CANCELLED:
    case ORDER_CANCEL_REJECTED:
        return 3;
    case PAYMENT_REFUNDED:
    case PAYMENT_VOIDED:
    case PAYMENT_REFUND_FAILED:
    case INVENTORY_RELEASED:
    case INVENTORY_VOIDED:
    case EMAIL_SENT:
    case EMAIL_FAILED:
        return 4;
    default:
        return 2;
    }
}

bool record_comes_before(const struct history_record *a, const struct history_record *b)
{
    if (a->topic == b->topic && a->partition == b->partition)
        return a->offset < b->offset;
    if (a->timestamp_ms != b->timestamp_ms)
        return a->timestamp_ms < b->timestamp_ms;
    return rank((enum message_type)a->type) < rank((enum message_type)b->type);
}
