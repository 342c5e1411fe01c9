#include "brokers/dead_letter.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "base/timestamp.h"

#define OURS "dlq_"
#define SET_ASIDE "orig_"

enum { OWN_MAX = 10 };

/* ---- names ---- */

static bool begins_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Is it one that goes under another name: ours, or what such a one became in an earlier
 * dead letter? */
static bool is_set_aside(const char *name)
{
    while (begins_with(name, SET_ASIDE))
        name += strlen(SET_ASIDE);
    return begins_with(name, OURS);
}

/* ---- writing ---- */

static void put(struct outgoing *out, struct header *headers, const char *name, const char *value)
{
    assert(out->header_count < OWN_MAX + DEAD_LETTER_HEADERS_MAX);
    headers[out->header_count++] = (struct header){name, value, strlen(value)};
}

static void value_put(struct outgoing *out, struct header *headers, const struct incoming *message,
                      struct arena *arena)
{
    char *digest = arena_alloc(arena, SHA256_TEXT_SIZE);

    if (message->value == NULL)
        return;
    sha256_text(message->value, message->value_length, digest);
    put(out, headers, "dlq_value_bytes", arena_format(arena, "%zu", message->value_length));
    put(out, headers, "dlq_value_sha256", digest);
    if (message->value_length > DEAD_LETTER_VALUE_MAX)
        return;
    out->value = message->value;
    out->value_length = message->value_length;
}

static void key_put(struct outgoing *out, struct header *headers, const struct incoming *message,
                    struct arena *arena)
{
    out->key = message->key;
    out->key_length = message->key_length;
    if (message->key_length <= DEAD_LETTER_KEY_MAX)
        return;
    put(out, headers, "dlq_key_bytes", arena_format(arena, "%zu", message->key_length));
    out->key_length = DEAD_LETTER_KEY_MAX;
}

/* What is needed to try the message again goes before what others added. */
static bool is_of_the_envelope(const char *name)
{
    return begins_with(name, "ce_") || strcmp(name, "traceparent") == 0 ||
           strcmp(name, "content-type") == 0;
}

struct room {
    size_t count, bytes;
};

static void room_take(struct room *room, const struct incoming *message, bool of_the_envelope,
                      bool *kept)
{
    for (size_t i = 0; i < message->header_count; i++) {
        const struct header *header = &message->headers[i];
        size_t bytes = strlen(header->name) + strlen(SET_ASIDE) + header->length;

        if (is_of_the_envelope(header->name) != of_the_envelope || room->count == 0 ||
            bytes > room->bytes)
            continue;
        kept[i] = true;
        room->count--;
        room->bytes -= bytes;
    }
}

static void headers_put(struct outgoing *out, struct header *headers,
                        const struct incoming *message, struct arena *arena)
{
    bool *kept = arena_array(arena, message->header_count + 1, sizeof *kept);
    struct room room = {DEAD_LETTER_HEADERS_MAX, DEAD_LETTER_HEADER_BYTES_MAX};
    size_t left_out;

    room_take(&room, message, true, kept);
    room_take(&room, message, false, kept);
    left_out = message->header_count - (DEAD_LETTER_HEADERS_MAX - room.count);
    if (left_out > 0)
        put(out, headers, "dlq_headers_left_out", arena_format(arena, "%zu", left_out));
    for (size_t i = 0; i < message->header_count; i++) {
        struct header header = message->headers[i];

        if (!kept[i])
            continue;
        if (is_set_aside(header.name))
            header.name = arena_format(arena, SET_ASIDE "%s", header.name);
        headers[out->header_count++] = header;
    }
}

struct outgoing dead_letter_write(const char *service, const struct incoming *message,
                                  const char *reason, const char *error, int64_t now_us,
                                  struct arena *arena)
{
    struct header *headers = arena_array(arena, OWN_MAX + DEAD_LETTER_HEADERS_MAX, sizeof *headers);
    struct outgoing out = {.topic = arena_format(arena, "%s.dlq", service), .headers = headers};
    char *at = arena_alloc(arena, TIMESTAMP_SIZE);

    timestamp_format(now_us, at);
    put(&out, headers, "dlq_reason", reason);
    put(&out, headers, "dlq_error", error);
    put(&out, headers, "dlq_topic", message->topic);
    put(&out, headers, "dlq_partition", arena_format(arena, "%d", message->partition));
    put(&out, headers, "dlq_offset", arena_format(arena, "%lld", (long long)message->offset));
    put(&out, headers, "dlq_at", at);
    value_put(&out, headers, message, arena);
    key_put(&out, headers, message, arena);
    headers_put(&out, headers, message, arena);
    return out;
}

/* ---- reading ---- */

/* Whatever is written lets no header but ours bear such a name. */
static const char *own(const struct incoming *record, const char *name, struct arena *arena)
{
    for (size_t i = record->header_count; i-- > 0;)
        if (strcmp(record->headers[i].name, name) == 0 && record->headers[i].value != NULL)
            return arena_copy(arena, record->headers[i].value, record->headers[i].length);
    return NULL;
}

static bool number(const char *text, long long max, long long *value)
{
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' && *value <= max;
}

static bool partition_read(const char *text, long long *partition)
{
    if (text == NULL || strcmp(text, "-1") != 0)
        return number(text, INT32_MAX, partition);
    *partition = HANDED_OVER;
    return true;
}

/* False when the record names no place. */
static bool place_read(const struct incoming *record, struct arena *arena,
                       struct dead_letter *dead_letter)
{
    const char *topic = own(record, "dlq_topic", arena);
    long long partition, offset;

    if (topic == NULL || *topic == '\0' ||
        !partition_read(own(record, "dlq_partition", arena), &partition) ||
        !number(own(record, "dlq_offset", arena), INT64_MAX, &offset))
        return false;
    dead_letter->topic = topic;
    dead_letter->partition = (int32_t)partition;
    dead_letter->offset = offset;
    return true;
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static void key_and_time_read(const struct incoming *record, struct arena *arena,
                              struct dead_letter *dead_letter)
{
    dead_letter->at = or_empty(own(record, "dlq_at", arena));
    dead_letter->key =
        record->key == NULL ? NULL : arena_copy(arena, record->key, record->key_length);
    dead_letter->key_length = record->key == NULL ? 0 : record->key_length;
}

static void headers_read(const struct incoming *record, struct arena *arena,
                         struct dead_letter *dead_letter)
{
    dead_letter->headers =
        arena_array(arena, record->header_count + 1, sizeof *dead_letter->headers);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct header *header = &record->headers[i];
        const char *name = header->name;

        if (begins_with(name, OURS))
            continue;
        if (is_set_aside(name))
            name += strlen(SET_ASIDE);
        dead_letter->headers[dead_letter->header_count++] = (struct header){
            arena_text(arena, name),
            header->value == NULL ? NULL : arena_copy(arena, header->value, header->length),
            header->length};
    }
}

static void value_read(const struct incoming *record, struct arena *arena,
                       struct dead_letter *dead_letter)
{
    long long bytes;

    dead_letter->sha256 = own(record, "dlq_value_sha256", arena);
    dead_letter->value = record->value;
    dead_letter->value_length = record->value_length;
    dead_letter->value_left_out =
        record->value == NULL && number(own(record, "dlq_value_bytes", arena), INT64_MAX, &bytes);
    if (dead_letter->value_left_out)
        dead_letter->value_length = (size_t)bytes;
}

void dead_letter_read(const struct incoming *record, struct arena *arena,
                      struct dead_letter *dead_letter)
{
    long long left_out;

    *dead_letter = (struct dead_letter){.reason = or_empty(own(record, "dlq_reason", arena)),
                                        .error = own(record, "dlq_error", arena)};
    if (*dead_letter->reason == '\0' || dead_letter->error == NULL ||
        !place_read(record, arena, dead_letter)) {
        dead_letter->topic = arena_text(arena, record->topic);
        dead_letter->partition = record->partition;
        dead_letter->offset = record->offset;
        dead_letter->error =
            "no service wrote this: its dlq_* headers are not those of a dead letter";
    }
    key_and_time_read(record, arena, dead_letter);
    headers_read(record, arena, dead_letter);
    value_read(record, arena, dead_letter);
    if (number(own(record, "dlq_headers_left_out", arena), INT64_MAX, &left_out))
        dead_letter->headers_left_out = (size_t)left_out;
}

bool dead_letter_is_resolution(const struct incoming *record, struct arena *arena,
                               struct dead_letter *dead_letter, const char **resolution,
                               const char **note)
{
    *dead_letter = (struct dead_letter){0};
    *resolution = own(record, "dlq_resolution", arena);
    *note = or_empty(own(record, "dlq_note", arena));
    if (*resolution == NULL || record->value != NULL || own(record, "dlq_reason", arena) != NULL ||
        !place_read(record, arena, dead_letter))
        return false;
    key_and_time_read(record, arena, dead_letter);
    return true;
}
