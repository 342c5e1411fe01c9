#include "tools/sagactl/send.h"

#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "events/identity.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/terminal.h"

enum { FLUSH_MS = 10000, SLICE_MS = 500 };

enum status sender_open(struct sender *sender, const struct broker_settings *broker,
                        struct error *error)
{
    *sender = (struct sender){.producer = producer_new(broker, error)};
    return sender->producer == NULL ? error->status : STATUS_OK;
}

const char *command_id_make(struct arena *arena)
{
    char id[IDENTITY_SIZE];

    command_id(id);
    return arena_copy(arena, id, strlen(id));
}

enum status sender_send(struct sender *sender, struct arena *arena, struct message *command,
                        struct error *error)
{
    struct header headers[ENVELOPE_HEADERS_MAX];
    struct envelope *envelope = &command->envelope;
    struct buffer value = {.arena = arena};
    enum status status;

    if (envelope->id == NULL)
        envelope->id = command_id_make(arena);
    envelope->type = message_type_name(command->type);
    envelope->source = "/quadrille/sagactl";
    envelope->subject = command->subject;
    envelope->time_us = clock_us();
    status = message_encode_strictly(command, &value, error);
    if (status != STATUS_OK)
        return status;
    producer_poll(sender->producer, 0);
    return producer_send(
        sender->producer,
        &(struct outgoing){.topic = message_topic(command->type),
                           .key = command->subject,
                           .key_length = strlen(command->subject),
                           .value = value.data,
                           .value_length = value.length,
                           .headers = headers,
                           .header_count = envelope_encode(arena, envelope, headers)},
        &sender->delivery, error);
}

void sender_push(struct sender *sender)
{
    producer_push(sender->producer, 10);
}

enum status sender_flush(struct sender *sender, struct error *error)
{
    int64_t start_ms = clock_steady_us() / 1000, waited_ms = 0;
    bool flushed;

    while (!(flushed = producer_flush(sender->producer, SLICE_MS)) && waited_ms < FLUSH_MS &&
           command_waits(waited_ms))
        waited_ms = clock_steady_us() / 1000 - start_ms;
    if (!flushed)
        return error_set(error, STATUS_UNAVAILABLE,
                         "the broker does not answer: %d commands are not safe",
                         sender->delivery.pending);
    *error = sender->delivery.error;
    return error->status;
}

void sender_close(struct sender *sender)
{
    producer_free(sender->producer);
    sender->producer = NULL;
}
