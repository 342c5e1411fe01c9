#include "services/runtime/publish.h"

#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "brokers/dead_letter.h"
#include "events/identity.h"
#include "services/runtime/inflight.h"

_Static_assert((int)DEAD_LETTER_VALUE_MAX > (int)MESSAGE_BYTES_MAX,
               "a dead letter keeps any message whole");

static enum status not_emitted(enum message_type type, struct error *error)
{
    const struct error why = *error;

    return error_set(error, STATUS_INVALID, "%s cannot be emitted: %s", message_type_name(type),
                     why.message);
}

/* STATUS_INVALID where it cannot be made such that it may be read. */
static enum status send(struct producer *producer, struct arena *arena, const char *topic,
                        const struct message *message, struct delivery *delivery,
                        struct error *error)
{
    struct header headers[ENVELOPE_HEADERS_MAX];
    struct buffer value = {.arena = arena};
    enum status status = message_encode(message, &value, error);

    if (status != STATUS_OK)
        return status == STATUS_INVALID ? not_emitted(message->type, error) : status;
    return producer_send(
        producer,
        &(struct outgoing){.topic = topic,
                           .key = message->subject,
                           .key_length = strlen(message->subject),
                           .value = value.data,
                           .value_length = value.length,
                           .headers = headers,
                           .header_count = envelope_encode(arena, &message->envelope, headers)},
        delivery, error);
}

/* The headers of every event of ours; causation and correlation come from the message that
 * caused it. */
static void envelope_fill(const struct service *service, const struct envelope *cause,
                          const char *flow, struct arena *arena, struct message *message)
{
    struct envelope *envelope = &message->envelope;
    struct buffer source = {.arena = arena};

    buffer_text(&source, "/quadrille/");
    buffer_text(&source, service->name);
    envelope->type = message_type_name(message->type);
    envelope->source = source.data;
    envelope->subject = message->subject;
    envelope->flow = flow;
    envelope->causation_id = cause->id;
    envelope->correlation_id =
        cause->correlation_id != NULL ? cause->correlation_id : message->subject;
    envelope->replay_of = cause->replay_of;
    envelope->trace_parent = cause->trace_parent;
}

static enum status publish_event(const struct service *service, struct producer *producer,
                                 struct arena *arena, const struct record *record,
                                 const struct input *input, enum message_type type,
                                 struct error *error)
{
    const struct arena_mark before = arena_mark(arena);
    const struct saga *row = record->order->row;
    struct message message = {.type = type};
    char *id = arena_alloc(arena, IDENTITY_SIZE);
    enum status status;

    message.subject = row->order_id;
    service->event_fill(row, input, type, arena, &message);
    event_id(row->order_id, type, id);
    if (message.envelope.id == NULL)
        message.envelope.id = id;
    envelope_fill(service, &record->message.envelope,
                  row->flow != NULL ? row->flow : record->message.envelope.flow, arena, &message);
    status = send(producer, arena, message_topic(type), &message,
                  inflight_delivery(record->inflight), error);
    arena_rewind(arena, before); /* what was sent was copied */
    return status;
}

static struct input input_of(const struct batch *batch, const struct record *record)
{
    return (struct input){.on = FACT(record->message.type),
                          .message = &record->message,
                          .content_id = record->content_id,
                          .now_us = batch->now_us};
}

static enum status publish_dead_letter(const struct service *service, struct producer *producer,
                                       struct arena *arena, const struct record *record,
                                       struct error *error)
{
    const char *reason = record->why_envelope ? "envelope" : "message";
    const struct outgoing dead_letter = dead_letter_write(service->name, &record->incoming, reason,
                                                          record->why.message, clock_us(), arena);

    return producer_send(producer, &dead_letter, inflight_delivery(record->inflight), error);
}

/* Of several messages that lead to the same event the last one is its cause: it completed what was
 * waited for. */
static void causes_find(const struct service *service, struct batch *batch, bool inquiries)
{
    for (size_t i = batch->record_count; i-- > 0;) {
        struct record *record = batch->records[i];
        const struct input input = input_of(batch, record);
        uint64_t emits;

        if (record->kind != RECORD_FACT || record->order->effect != EFFECT_NONE ||
            ((input.on & service->inquiries) != 0) != inquiries)
            continue;
        emits = service->emits(record->order->row, &input) & ~record->order->emitted;
        record->order->emitted |= emits & ~service->emits_each;
        record->emits = emits;
    }
}

/* What cannot be emitted is a fault of that one message's row: the message that leads to it goes
 * where it can be looked at. */
static enum status publish_dead_letter_instead(const struct service *service,
                                               struct producer *producer, struct arena *arena,
                                               const struct record *record, struct error *error)
{
    struct record apart = *record;

    apart.kind = RECORD_DEAD_LETTER;
    apart.why = *error;
    log_write(LOG_WARNING, record->message.subject, record->message.envelope.correlation_id,
              "dead-lettered %s/%d/%lld: %s", record->incoming.topic, record->incoming.partition,
              (long long)record->incoming.offset, error->message);
    return publish_unprocessed(service, producer, arena, &apart, error);
}

enum status publish_events(const struct service *service, struct producer *producer,
                           struct batch *batch, void (*after_each)(void *context),
                           void *after_context, struct error *error)
{
    causes_find(service, batch, false);
    causes_find(service, batch, true); /* who asks about an order decides nothing */
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct record *record = batch->records[i];
        const struct input input = input_of(batch, record);

        for (int type = 0; type < MESSAGE_TYPES; type++) {
            enum status status;

            if ((record->emits & FACT(type)) == 0)
                continue;
            status = publish_event(service, producer, batch->arena, record, &input,
                                   (enum message_type)type, error);
            if (status == STATUS_INVALID)
                status =
                    publish_dead_letter_instead(service, producer, batch->arena, record, error);
            if (status != STATUS_OK)
                return status;
            if (after_each != NULL)
                after_each(after_context);
        }
    }
    return STATUS_OK;
}

/* The same record gets the same id and time, so that a redelivery repeats the very same event; sent
 * again it is another, of another time. */
static enum status publish_rejected(const struct service *service, struct producer *producer,
                                    struct arena *arena, const struct record *record,
                                    struct error *error)
{
    const struct incoming *in = &record->incoming;
    struct message message = {.type = ORDER_REJECTED};
    struct buffer name = {.arena = arena};
    char *id = arena_alloc(arena, IDENTITY_SIZE);

    message.refusal = (struct refusal){.order_id = record->message.subject,
                                       .reason = record->why.message,
                                       .field = record->why_field};
    buffer_format(&name, "%s/order.rejected/%lld/", record->message.subject,
                  (long long)in->timestamp_ms);
    buffer_bytes(&name, in->value, in->value_length);
    name_id(name.data, name.length, id);
    message.envelope.id = id;
    message.envelope.time_us = in->timestamp_ms * 1000;
    envelope_fill(service, &record->message.envelope, record->message.envelope.flow, arena,
                  &message);
    return send(producer, arena, message_topic(ORDER_REJECTED), &message,
                inflight_delivery(record->inflight), error);
}

enum status publish_unprocessed(const struct service *service, struct producer *producer,
                                struct arena *arena, const struct record *record,
                                struct error *error)
{
    const struct arena_mark before = arena_mark(arena);
    enum status status = record->kind == RECORD_REJECTED
                             ? publish_rejected(service, producer, arena, record, error)
                             : publish_dead_letter(service, producer, arena, record, error);

    if (status == STATUS_INVALID && record->kind == RECORD_REJECTED)
        status = publish_dead_letter_instead(service, producer, arena, record, error);
    arena_rewind(arena, before); /* what was sent was copied */
    return status;
}

enum status publish_command(const struct service *service, struct producer *producer,
                            struct arena *arena, enum message_type type, const char *order_id,
                            struct delivery *delivery, struct error *error)
{
    struct message message = {.type = type};
    struct envelope cause = {0};
    char *id = arena_alloc(arena, IDENTITY_SIZE);

    command_id(id);
    message.subject = order_id;
    message.envelope.id = id;
    message.envelope.time_us = clock_us();
    envelope_fill(service, &cause, NULL, arena, &message);
    return send(producer, arena, message_topic(type), &message, delivery, error);
}
