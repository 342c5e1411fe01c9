#include "events/envelope.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "events/arena.h"
#include "events/buffer.h"
#include "events/timestamp.h"

/* In the order in which they are written. */
static const struct attribute {
    const char *header;
    enum { VERSION, TEXT, TIME, IGNORED } kind;
    size_t offset; /* TEXT */
} attributes[] = {
    {"ce_specversion", VERSION, 0},
    {"ce_id", TEXT, offsetof(struct envelope, id)},
    {"ce_type", TEXT, offsetof(struct envelope, type)},
    {"ce_source", TEXT, offsetof(struct envelope, source)},
    {"ce_subject", TEXT, offsetof(struct envelope, subject)},
    {"ce_flow", TEXT, offsetof(struct envelope, flow)},
    {"ce_causationid", TEXT, offsetof(struct envelope, causation_id)},
    {"ce_correlationid", TEXT, offsetof(struct envelope, correlation_id)},
    {"ce_replayof", TEXT, offsetof(struct envelope, replay_of)},
    {"traceparent", TEXT, offsetof(struct envelope, trace_parent)},
    {"ce_time", TIME, 0},
    {"content-type", IGNORED, 0},
};

enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

static const char **attribute_of(struct envelope *envelope, const struct attribute *attribute)
{
    return (const char **)(void *)((char *)envelope + attribute->offset);
}

static enum status text_of(struct arena *arena, const struct header *header, const char **text, struct error *error)
{
    const char *bytes = header->value;
    size_t plain;

    if (*text != NULL)
        return error_set(error, STATUS_WRONG, "header %s is given twice", header->name);
    if (header->value == NULL || header->length == 0 || header->length > HEADER_VALUE_MAX)
        return error_set(error, STATUS_WRONG, "header %s has %zu bytes: 1 to %d are allowed", header->name,
                         header->length, HEADER_VALUE_MAX);
    plain = text_plain(bytes, header->length);
    if (plain < header->length)
        return error_set(error, STATUS_WRONG, "header %s holds byte 0x%02x: printable ASCII is allowed",
                         header->name, (unsigned char)bytes[plain]);
    *text = arena_copy(arena, header->value, header->length);
    return STATUS_OK;
}

static enum status time_of(struct arena *arena, const struct header *header, int64_t *time_us, struct error *error)
{
    const char *text = NULL;
    enum status status;

    if (*time_us != 0)
        return error_set(error, STATUS_WRONG, "header ce_time is given twice");
    status = text_of(arena, header, &text, error);
    if (text != NULL && !timestamp_parse(text, time_us))
        return error_set(error, STATUS_WRONG, "header ce_time is \"%s\": an RFC 3339 time is expected", text);
    return status;
}

static enum status version_check(struct arena *arena, const struct header *header, struct error *error)
{
    const char *text = NULL;
    enum status status = text_of(arena, header, &text, error);

    if (text != NULL && strcmp(text, "1.0") != 0)
        return error_set(error, STATUS_WRONG, "header ce_specversion is \"%s\": 1.0 is expected", text);
    return status;
}

/* The attribute of that name, or NULL.  `*next` is looked at first: they mostly come in the order in which they are written. */
static const struct attribute *attribute_find(const char *name, size_t *next)
{
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        size_t at = (*next + i) % ATTRIBUTES;

        if (strcmp(name, attributes[at].header) == 0) {
            *next = at + 1;
            return &attributes[at];
        }
    }
    return NULL;
}

static enum status header_decode(struct arena *arena, const struct header *header, size_t *next, struct envelope *out,
                                 struct error *error)
{
    const struct attribute *attribute = attribute_find(header->name, next);

    if (attribute == NULL || attribute->kind == IGNORED)
        return STATUS_OK;
    if (attribute->kind == VERSION)
        return version_check(arena, header, error);
    if (attribute->kind == TIME)
        return time_of(arena, header, &out->time_us, error);
    return text_of(arena, header, attribute_of(out, attribute), error);
}

enum status envelope_decode(struct arena *arena, const struct header *headers, size_t count, struct envelope *out,
                            struct error *error)
{
    size_t next = 0;

    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < count; i++) {
        enum status status = header_decode(arena, &headers[i], &next, out, error);

        if (status != STATUS_OK)
            return status;
    }
    if (out->type == NULL)
        return error_set(error, STATUS_WRONG, "header ce_type is missing: it names the message's type");
    return STATUS_OK;
}

static void put(struct header *headers, size_t *count, const char *name, const char *value)
{
    headers[(*count)++] = (struct header){.name = name, .value = value, .length = strlen(value)};
}

size_t envelope_encode(struct arena *arena, const struct envelope *envelope, struct header *headers)
{
    struct envelope copy = *envelope;
    size_t count = 0;

    put(headers, &count, "ce_specversion", "1.0");
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        const char *text = attributes[i].kind == TEXT ? *attribute_of(&copy, &attributes[i]) : NULL;

        if (text != NULL)
            put(headers, &count, attributes[i].header, text);
    }
    if (envelope->time_us != 0) {
        char *time = arena_alloc(arena, TIMESTAMP_SIZE);

        timestamp_format(envelope->time_us, time);
        put(headers, &count, "ce_time", time);
    }
    put(headers, &count, "content-type", "application/json");
    return count;
}
