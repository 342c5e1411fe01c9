#include "tools/sagactl/copy.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/arena.h"
#include "brokers/topics.h"
#include "history/reading.h"
#include "services/runtime/batch.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/send.h"
#include "tools/sagactl/terminal/terminal.h"

enum { FLUSH_MESSAGES = 1000 };

struct copying {
    const struct copy *copies;
    size_t count, copied;
    struct sender sender;
    struct decoder *decoder;
    struct arena *arena; /* of a message */
    enum status status;  /* of what happened while messages were taken */
    struct error *error;
};

/* Does the service do anything with it?  What it would dead-letter it is to dead-letter. */
static bool is_taken(struct copying *copying, int service, const struct incoming *incoming)
{
    struct record record = {.incoming = *incoming};

    record_decode(catalog[service].service, copying->decoder, copying->arena, &record);
    arena_reset(copying->arena);
    return record.kind != RECORD_SKIP && record.kind != RECORD_UNKNOWN;
}

static enum status send(struct copying *copying, int service, const struct incoming *incoming)
{
    const struct outgoing outgoing = {.topic = catalog[service].internal,
                                      .key = incoming->key,
                                      .key_length = incoming->key_length,
                                      .value = incoming->value,
                                      .value_length = incoming->value_length,
                                      .headers = incoming->headers,
                                      .header_count = incoming->header_count};
    enum status status = producer_send(copying->sender.producer, &outgoing,
                                       &copying->sender.delivery, copying->error);

    if (status == STATUS_OK && ++copying->copied % FLUSH_MESSAGES == 0)
        status = sender_flush(&copying->sender, copying->error);
    return status;
}

static void take(void *context, const struct incoming *incoming)
{
    struct copying *copying = context;

    for (size_t i = 0; copying->status == STATUS_OK && i < copying->count; i++) {
        const struct copy *copy = &copying->copies[i];

        if (copy->partition != incoming->partition || incoming->offset < copy->from ||
            incoming->offset >= copy->to || strcmp(copy->topic, incoming->topic) != 0)
            continue;
        if (is_taken(copying, copy->service, incoming))
            copying->status = send(copying, copy->service, incoming);
    }
}

static bool has_failed(void *context)
{
    return ((const struct copying *)context)->status != STATUS_OK;
}

/* Each partition once, from the least offset on; the partitions that nothing is copied of are at
 * their end. */
static size_t positions_of(const struct copy *copies, size_t count, struct position *positions)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        size_t j = 0;

        while (j < found && (positions[j].partition != copies[i].partition ||
                             strcmp(positions[j].topic, copies[i].topic) != 0))
            j++;
        if (j == found)
            positions[found++] =
                (struct position){copies[i].topic, copies[i].partition, copies[i].from};
        else if (copies[i].from < positions[j].offset)
            positions[j].offset = copies[i].from;
    }
    return found;
}

static size_t topics_of(const struct position *positions, size_t count, const char **names)
{
    size_t found = 0;

    for (size_t i = 0; i < topic_count; i++) {
        bool is_read = false;

        for (size_t j = 0; j < count; j++)
            is_read = is_read || strcmp(positions[j].topic, topics[i].name) == 0;
        if (is_read)
            names[found++] = topics[i].name;
    }
    return found;
}

/* A batch that cannot be unpacked nobody can copy: the reader names it, and reads on behind it. */
static void passed_over_tell(void *context, int level, const char *what)
{
    (void)context;
    if (level <= LOG_WARNING)
        line_say(stderr, "sagactl: not copied: %s", what);
}

static enum status read_and_send(struct copying *copying, const struct settings *settings)
{
    struct log_source source = command_source(settings);
    struct position *positions = calloc(copying->count, sizeof *positions);
    const char *names[TOPICS_MAX];
    struct reading reading = {.once = true, .progress = "copied", .take = take, .tick = has_failed};
    enum status status;

    if (positions == NULL)
        abort();
    source.broker.log = passed_over_tell;
    reading.scope.position_count = positions_of(copying->copies, copying->count, positions);
    reading.scope.positions = positions;
    reading.scope.topic_count = topics_of(positions, reading.scope.position_count, names);
    reading.scope.topics = names;
    reading.scope.from = READER_END;
    status = messages_read(&source, &reading, copying, copying->error);
    free(positions);
    return status == STATUS_OK ? copying->status : status;
}

enum status messages_copy(const struct settings *settings, const struct copy *copies, size_t count,
                          size_t *copied, struct error *error)
{
    const struct broker_settings broker = command_broker(settings);
    struct copying copying = {.copies = copies, .count = count, .error = error};
    enum status status = STATUS_OK;

    *copied = 0;
    if (count == 0)
        return STATUS_OK;
    copying.arena = arena_new();
    copying.decoder = decoder_new();
    status = sender_open(&copying.sender, &broker, error);
    if (status == STATUS_OK)
        status = read_and_send(&copying, settings);
    if (status == STATUS_OK)
        status = sender_flush(&copying.sender, error);
    sender_close(&copying.sender);
    decoder_free(copying.decoder);
    arena_free(copying.arena);
    *copied = copying.copied;
    return status;
}
