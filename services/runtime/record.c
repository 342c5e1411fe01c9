#include "services/runtime/record.h"

#include <string.h>

#include "base/buffer.h"
#include "events/flow.h"
#include "events/identity.h"

enum {
    PLACE_BYTES = 512, /* what an order.place has at most beside its lines, mostly */
    TYPE_SHOWN = 80,   /* of one that is not known */
    HEADER_BYTES = 128 /* what one takes beside its value, mostly in librdkafka */
};

static bool is_internal(const struct service *service, const char *topic)
{
    size_t name = strlen(service->name);

    return strncmp(topic, service->name, name) == 0 && strcmp(topic + name, ".internal") == 0;
}

bool service_subscribes(const struct service *service, const char *topic)
{
    for (size_t i = 0; i < service->subscription_count; i++)
        if (strcmp(service->subscriptions[i].topic, topic) == 0)
            return true;
    return false;
}

bool service_takes(const struct service *service, const char *topic, enum message_type type)
{
    for (size_t i = 0; i < service->subscription_count; i++) {
        const struct subscription *subscription = &service->subscriptions[i];

        if ((subscription->types & FACT(type)) != 0 &&
            (strcmp(subscription->topic, topic) == 0 || is_internal(service, topic)))
            return true;
    }
    return false;
}

/* The identity of an order's content: of its canonical encoding, so that spaces and the order of
 * fields do not count.  That encoding is what is stored, and must be readable again. */
static enum record_kind content_find(struct record *record, struct arena *arena)
{
    struct buffer canonical = {.arena = arena}, lines = {.arena = arena};
    char *id = arena_alloc(arena, IDENTITY_SIZE);

    if (order_lines_encode(&record->message.order_place, &lines, &record->why) != STATUS_OK)
        return RECORD_REJECTED;
    buffer_reserve(&canonical, lines.length + PLACE_BYTES);
    if (message_encode_strictly(&record->message, &canonical, &record->why) != STATUS_OK)
        return RECORD_REJECTED;
    name_id(canonical.data, canonical.length, id);
    record->content = canonical.data;
    record->content_id = id;
    if (canonical.length <= ORDER_BYTES_MAX)
        return RECORD_FACT;
    error_set(&record->why, STATUS_INVALID,
              "the order has %zu bytes when written plainly: at most %d are allowed",
              canonical.length, ORDER_BYTES_MAX);
    return RECORD_REJECTED;
}

/* Whoever placed an order that names itself is told; nobody waits for anything else. */
static enum record_kind body_refused(struct decoder *decoder, struct arena *arena,
                                     struct record *record)
{
    const char *field = decoder_field(decoder);

    record->why_field = arena_text(arena, field);
    return record->message.type == ORDER_PLACE && record->message.subject != NULL
               ? RECORD_REJECTED
               : RECORD_DEAD_LETTER;
}

/* The topic's subscription where it holds commands for the service, else NULL. */
static const struct subscription *commands_of(const struct service *service, const char *topic)
{
    for (size_t i = 0; i < service->subscription_count; i++)
        if (service->subscriptions[i].commands &&
            strcmp(service->subscriptions[i].topic, topic) == 0)
            return &service->subscriptions[i];
    return NULL;
}

static enum record_kind header_wrong(struct record *record)
{
    record->why_envelope = true;
    return RECORD_DEAD_LETTER;
}

/* A message that the service does not take from its topic. */
static enum record_kind not_taken(const struct service *service, struct arena *arena,
                                  struct record *record, enum record_kind of_events)
{
    const struct subscription *commands = commands_of(service, record->incoming.topic);
    const char *name = record->message.envelope.type;
    struct buffer types = {.arena = arena};

    if (commands == NULL)
        return of_events;
    for (int type = 0; type < MESSAGE_TYPES; type++)
        if ((commands->types & FACT(type)) != 0)
            buffer_format(&types, "%s%s", types.length > 0 ? " and " : "",
                          message_type_name((enum message_type)type));
    error_set(&record->why, STATUS_INVALID, "header ce_type is \"%.*s\": %s takes %s from %s",
              (int)utf8_prefix(name, TYPE_SHOWN), name, service->name, types.data, commands->topic);
    return header_wrong(record);
}

static enum record_kind command_check(struct record *record)
{
    if (record->message.envelope.id != NULL)
        return RECORD_COMMAND;
    error_set(&record->why, STATUS_INVALID,
              "header ce_id is missing: a stock command is applied once an id");
    return header_wrong(record);
}

static enum record_kind kind_find(const struct service *service, struct decoder *decoder,
                                  struct arena *arena, struct record *record)
{
    const struct incoming *in = &record->incoming;
    struct envelope *envelope = &record->message.envelope;
    const struct flow *flow;
    enum message_type type;

    if (in->unreadable != NULL) {
        error_set(&record->why, STATUS_INVALID,
                  "a batch of %lld offsets, up to %lld, that cannot be unpacked: %s",
                  (long long)(in->next - in->offset), (long long)in->next - 1, in->unreadable);
        return header_wrong(record);
    }
    if (envelope_decode(arena, in->headers, in->header_count, envelope, &record->why) != STATUS_OK)
        return header_wrong(record);
    if (!message_type_find(envelope->type, &type))
        return not_taken(service, arena, record, RECORD_UNKNOWN);
    if (!service_takes(service, in->topic, type))
        return not_taken(service, arena, record, RECORD_SKIP);
    flow = flow_find(envelope->flow);
    if (flow != NULL && service->waits_for != NULL && !service->waits_for(flow, type))
        return RECORD_SKIP;
    if (message_decode(decoder, arena, type, in->value, in->value_length, &record->message,
                       &record->why) != STATUS_OK)
        return body_refused(decoder, arena, record);
    if (type == STOCK_SET || type == STOCK_ADD)
        return command_check(record);
    return type == ORDER_PLACE ? content_find(record, arena) : RECORD_FACT;
}

void record_decode(const struct service *service, struct decoder *decoder, struct arena *arena,
                   struct record *record)
{
    record->kind = record->taken_as = kind_find(service, decoder, arena, record);
}

struct incoming incoming_copy(const struct incoming *from, struct arena *arena)
{
    struct incoming copy = *from;
    struct header *headers = arena_array(arena, from->header_count, sizeof *headers);

    copy.topic = arena_text(arena, from->topic);
    copy.key = from->key == NULL ? NULL : arena_copy(arena, from->key, from->key_length);
    copy.value = from->value == NULL ? NULL : arena_copy(arena, from->value, from->value_length);
    for (size_t i = 0; i < from->header_count; i++) {
        const struct header *header = &from->headers[i];

        headers[i].name = arena_text(arena, header->name);
        headers[i].length = header->length;
        if (header->value != NULL)
            headers[i].value = arena_copy(arena, header->value, header->length);
    }
    copy.headers = from->header_count > 0 ? headers : NULL;
    copy.handle = NULL;
    return copy;
}

void record_dead_letter(struct record *record, const struct error *why)
{
    record->kind = RECORD_DEAD_LETTER;
    record->why = *why;
}

size_t incoming_bytes(const struct incoming *in)
{
    size_t bytes = in->key_length + in->value_length + in->header_count * HEADER_BYTES;

    for (size_t i = 0; i < in->header_count; i++)
        bytes += in->headers[i].length;
    return bytes;
}
