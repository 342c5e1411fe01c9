#include "services/runtime/publish.h"

#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "brokers/dead_letter.h"
#include "events/identity.h"
#include "services/runtime/batch.h"
#include "services/runtime/inflight.h"

_Static_assert((int)DEAD_LETTER_VALUE_MAX > (int)MESSAGE_BYTES_MAX,
               "a dead letter keeps any message whole");

static enum status not_emitted(enum message_type type, struct error *error)
{
    const struct error why = *error;

    return error_set(error, STATUS_INVALID, "%s cannot be emitted: %s", message_type_name(type),
                     why.message);
}

/* Into `arena`.  STATUS_INVALID where it cannot be made such that it may be read. */
static enum status make(struct arena *arena, const char *topic, const struct message *message,
                        struct outgoing *out, struct error *error)
{
    struct header *headers = arena_array(arena, ENVELOPE_HEADERS_MAX, sizeof *headers);
    struct buffer value = {.arena = arena};
    enum status status = message_encode(message, &value, error);

    if (status != STATUS_OK)
        return status == STATUS_INVALID ? not_emitted(message->type, error) : status;
    *out = (struct outgoing){.topic = topic,
                             .key = message->subject,
                             .key_length = strlen(message->subject),
                             .value = value.data,
                             .value_length = value.length,
                             .headers = headers,
                             .header_count = envelope_encode(arena, &message->envelope, headers)};
    return STATUS_OK;
}

static enum status send(struct producer *producer, struct arena *arena, const char *topic,
                        const struct message *message, struct delivery *delivery,
                        struct error *error)
{
    struct outgoing out;
    enum status status = make(arena, topic, message, &out, error);

    return status == STATUS_OK ? producer_send(producer, &out, delivery, error) : status;
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

/* What the record leads to, as the log will have it. */
static enum status event_make(const struct record *record, enum message_type type,
                              struct arena *arena, struct outgoing *out, struct error *error)
{
    const struct service *service = record->local->service;
    const struct input input = record_input(&record->local->batch, record);
    const struct saga *row = record->order->row;
    struct message message = {.type = type};
    char *id = arena_alloc(arena, IDENTITY_SIZE);

    message.subject = row->order_id;
    service->event_fill(row, &input, type, arena, &message);
    event_id(row->order_id, type, id);
    if (message.envelope.id == NULL)
        message.envelope.id = id;
    envelope_fill(service, &record->message.envelope,
                  row->flow != NULL ? row->flow : record->message.envelope.flow, arena, &message);
    return make(arena, message_topic(type), &message, out, error);
}

/* ---- handed over ---- */

struct event {
    struct event *next;
    enum message_type type;
    struct outgoing outgoing;
    struct incoming incoming; /* the same as a service of this process takes it */
};

static const struct event *event_find(const struct record *record, enum message_type type)
{
    const struct event *event = record->events;

    while (event != NULL && event->type != type)
        event = event->next;
    return event;
}

/* It is not in the log yet, and has no offset there: its place is a number of what it is. */
static struct incoming incoming_of(const struct outgoing *out, enum message_type type,
                                   struct arena *arena)
{
    struct header *headers = arena_array(arena, out->header_count, sizeof *headers);

    memcpy(headers, out->headers, out->header_count * sizeof *headers);
    return (struct incoming){.topic = out->topic,
                             .partition = HANDED_OVER,
                             .offset = event_number(out->key, type),
                             .timestamp_ms = clock_us() / 1000,
                             .key = out->key,
                             .key_length = out->key_length,
                             .value = out->value,
                             .value_length = out->value_length,
                             .headers = headers,
                             .header_count = out->header_count};
}

/* Made once, for the log and for all that take it here.  NULL when it cannot be. */
static const struct event *event_of(struct record *record, enum message_type type)
{
    struct arena *arena = record->local->batch.arena;
    const struct event *found = event_find(record, type);
    struct event *event;
    struct error ignored; /* it is found again, and dealt with, where it is published */

    if (found != NULL)
        return found;
    event = arena_alloc(arena, sizeof *event);
    event->type = type;
    if (event_make(record, type, arena, &event->outgoing, &ignored) != STATUS_OK)
        return NULL;
    event->incoming = incoming_of(&event->outgoing, type, arena);
    event->next = record->events;
    return record->events = event;
}

struct record *event_hand_over(struct record *cause, enum message_type type, struct local *to,
                               struct decoder *decoder, struct arena *arena)
{
    const struct event *event;
    struct record *record;

    if (to == cause->local || !service_takes(to->service, message_topic(type), type) ||
        (event = event_of(cause, type)) == NULL)
        return NULL;
    record = arena_alloc(arena, sizeof *record);
    record->local = to;
    record->inflight = cause->inflight;
    record->incoming = arena == cause->local->batch.arena ? event->incoming
                                                          : incoming_copy(&event->incoming, arena);
    record_decode(to->service, decoder, arena, record);
    return record->kind == RECORD_SKIP ? NULL : record;
}

/* ---- published ---- */

static enum status publish_event(struct producer *producer, const struct record *record,
                                 enum message_type type, struct error *error)
{
    struct arena *arena = record->local->batch.arena;
    const struct arena_mark before = arena_mark(arena);
    const struct event *event = event_find(record, type);
    struct outgoing out;
    enum status status;

    if (event != NULL)
        return producer_send(producer, &event->outgoing, inflight_delivery(record->inflight),
                             error);
    status = event_make(record, type, arena, &out, error);
    if (status == STATUS_OK)
        status = producer_send(producer, &out, inflight_delivery(record->inflight), error);
    arena_rewind(arena, before); /* what was sent was copied */
    return status;
}

static enum status publish_dead_letter(struct producer *producer, struct arena *arena,
                                       const struct record *record, struct error *error)
{
    const char *reason = record->why_envelope ? "envelope" : "message";
    const struct outgoing dead_letter =
        dead_letter_write(record->local->service->name, &record->incoming, reason,
                          record->why.message, clock_us(), arena);

    return producer_send(producer, &dead_letter, inflight_delivery(record->inflight), error);
}

/* What cannot be emitted is a fault of that one message's row: the message that leads to it goes
 * where it can be looked at. */
static enum status publish_dead_letter_instead(struct producer *producer, struct arena *arena,
                                               const struct record *record, struct error *error)
{
    struct record apart = *record;

    apart.kind = RECORD_DEAD_LETTER;
    apart.why = *error;
    log_write(LOG_WARNING, record->message.subject, record->message.envelope.correlation_id,
              "dead-lettered %s/%d/%lld: %s", record->incoming.topic, record->incoming.partition,
              (long long)record->incoming.offset, error->message);
    return publish_unprocessed(producer, arena, &apart, error);
}

enum status publish_events(struct producer *producer, const struct records *records,
                           void (*after_each)(void *context), void *after_context,
                           struct error *error)
{
    for (size_t i = 0; i < records->count; i++) {
        const struct record *record = records->all[i];

        for (int type = 0; type < MESSAGE_TYPES; type++) {
            enum status status;

            if ((record->emits & FACT(type)) == 0)
                continue;
            status = publish_event(producer, record, (enum message_type)type, error);
            if (status == STATUS_INVALID)
                status = publish_dead_letter_instead(producer, record->local->batch.arena, record,
                                                     error);
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
static enum status publish_rejected(struct producer *producer, struct arena *arena,
                                    const struct record *record, struct error *error)
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
    envelope_fill(record->local->service, &record->message.envelope, record->message.envelope.flow,
                  arena, &message);
    return send(producer, arena, message_topic(ORDER_REJECTED), &message,
                inflight_delivery(record->inflight), error);
}

enum status publish_unprocessed(struct producer *producer, struct arena *arena,
                                const struct record *record, struct error *error)
{
    const struct arena_mark before = arena_mark(arena);
    enum status status = record->kind == RECORD_REJECTED
                             ? publish_rejected(producer, arena, record, error)
                             : publish_dead_letter(producer, arena, record, error);

    if (status == STATUS_INVALID && record->kind == RECORD_REJECTED)
        status = publish_dead_letter_instead(producer, arena, record, error);
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
