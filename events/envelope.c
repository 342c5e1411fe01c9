#include "events/envelope.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "events/arena.h"
#include "events/timestamp.h"

/* One row an attribute that is a text; ce_time, ce_specversion and content-type are treated apart. */
static const struct attribute {
    const char *header;
    size_t offset;
} attributes[] = {
    {"ce_id", offsetof(struct envelope, id)},
    {"ce_type", offsetof(struct envelope, type)},
    {"ce_source", offsetof(struct envelope, source)},
    {"ce_subject", offsetof(struct envelope, subject)},
    {"ce_flow", offsetof(struct envelope, flow)},
    {"ce_causationid", offsetof(struct envelope, causation_id)},
    {"ce_correlationid", offsetof(struct envelope, correlation_id)},
    {"ce_replayof", offsetof(struct envelope, replay_of)},
    {"traceparent", offsetof(struct envelope, trace_parent)},
};

enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

static const char **attribute_of(struct envelope *envelope, const struct attribute *attribute)
{
    return (const char **)(void *)((char *)envelope + attribute->offset);
}

static enum status text_of(struct arena *arena, const struct header *header, const char **text, struct error *error)
{
    const unsigned char *bytes = header->value;

    if (*text != NULL)
        return error_set(error, STATUS_WRONG, "header %s is given twice", header->name);
    if (header->value == NULL || header->length == 0 || header->length > HEADER_VALUE_MAX)
        return error_set(error, STATUS_WRONG, "header %s has %zu bytes: 1 to %d are allowed", header->name,
                         header->length, HEADER_VALUE_MAX);
    for (size_t i = 0; i < header->length; i++)
        if (bytes[i] < 0x20 || bytes[i] > 0x7e)
            return error_set(error, STATUS_WRONG, "header %s holds byte 0x%02x: printable ASCII is allowed",
                             header->name, bytes[i]);
    *text = arena_copy(arena, header->value, header->length);
    return STATUS_OK;
}

/* `*next` is the attribute to look for first: they mostly come in the order in which we write them. */
static enum status header_decode(struct arena *arena, const struct header *header, size_t *next, struct envelope *out,
                                 struct error *error)
{
    const char *text = NULL;
    enum status status;

    for (size_t i = 0; i < ATTRIBUTES; i++) {
        size_t at = (*next + i) % ATTRIBUTES;

        if (strcmp(header->name, attributes[at].header) != 0)
            continue;
        *next = at + 1;
        return text_of(arena, header, attribute_of(out, &attributes[at]), error);
    }
    if (strcmp(header->name, "ce_time") == 0) {
        if (out->time_us != 0)
            return error_set(error, STATUS_WRONG, "header ce_time is given twice");
        status = text_of(arena, header, &text, error);
        if (text != NULL && !timestamp_parse(text, &out->time_us))
            return error_set(error, STATUS_WRONG, "header ce_time is \"%s\": an RFC 3339 time is expected", text);
        return status;
    }
    if (strcmp(header->name, "ce_specversion") == 0) {
        status = text_of(arena, header, &text, error);
        if (text != NULL && strcmp(text, "1.0") != 0)
            return error_set(error, STATUS_WRONG, "header ce_specversion is \"%s\": 1.0 is expected", text);
        return status;
    }
    return STATUS_OK;
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
        const char *text = *attribute_of(&copy, &attributes[i]);

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
