#include "events/envelope.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/timestamp.h"
#include "base/utf8.h"

/* In the order in which they are written.  On what is NEEDED a decision rests: a message that has
 * it twice, or not as it should be, is refused.  What is OPTIONAL tells of the message, or links it
 * to others: where it cannot be read, it counts as not given. */
static const struct attribute {
    const char *header;
    enum { VERSION, TEXT, TRACE, TIME, IGNORED } kind;
    enum { NEEDED, OPTIONAL } need;
    size_t offset; /* TEXT and TRACE */
} attributes[] = {
    /* header           kind     need      offset                                     what rests on
     * it */
    /* what all others mean */
    {"ce_specversion", VERSION, NEEDED, 0},
    /* a stock command is applied once an id */
    {"ce_id", TEXT, NEEDED, offsetof(struct envelope, id)},
    /* what the message is */
    {"ce_type", TEXT, NEEDED, offsetof(struct envelope, type)},
    /* shown, and audited */
    {"ce_source", TEXT, OPTIONAL, offsetof(struct envelope, source)},
    /* the body names the order */
    {"ce_subject", TEXT, OPTIONAL, offsetof(struct envelope, subject)},
    /* who acts when */
    {"ce_flow", TEXT, NEEDED, offsetof(struct envelope, flow)},
    {"ce_causationid", TEXT, OPTIONAL, offsetof(struct envelope, causation_id)}, /* shown */
    /* given back; else the order id is */
    {"ce_correlationid", TEXT, OPTIONAL, offsetof(struct envelope, correlation_id)},
    /* shown, and given back */
    {"ce_replayof", TEXT, OPTIONAL, offsetof(struct envelope, replay_of)},
    /* given back */
    {"traceparent", TRACE, OPTIONAL, offsetof(struct envelope, trace_parent)},
    /* shown, and audited */
    {"ce_time", TIME, OPTIONAL, 0},
    /* the value is JSON or it is refused */
    {"content-type", IGNORED, OPTIONAL, 0},
};

enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

struct reading {
    struct arena *arena;
    struct envelope *out;
    bool seen[ATTRIBUTES];
    /* where the next is looked for first: they mostly come in the order in which they are
     * written */
    size_t next;
};

static const char **attribute_of(struct envelope *envelope, const struct attribute *attribute)
{
    return (const char **)(void *)((char *)envelope + attribute->offset);
}

static enum status text_of(struct arena *arena, const struct header *header, const char **text,
                           struct error *error)
{
    const char *bytes = header->value;
    size_t good;

    if (header->value == NULL || header->length == 0 || header->length > HEADER_VALUE_MAX)
        return error_set(error, STATUS_INVALID, "header %s has %zu bytes: 1 to %d are allowed",
                         header->name, header->length, HEADER_VALUE_MAX);
    good = text_plain(bytes, header->length);
    good += utf8_text(bytes + good, header->length - good);
    if (good < header->length)
        return error_set(error, STATUS_INVALID,
                         "header %s holds byte 0x%02x: UTF-8 without control characters is allowed",
                         header->name, (unsigned char)bytes[good]);
    *text = arena_copy(arena, header->value, header->length);
    return STATUS_OK;
}

/* Lower-case hexadecimal digits, not all of them zero. */
static bool is_hex(const char *text, size_t digits)
{
    return strspn(text, "0123456789abcdef") >= digits && strspn(text, "0") < digits;
}

/* W3C Trace Context §3.2.2: a later version may have more behind it. */
static bool is_trace_parent(const char *text)
{
    static const char shape[] = "vv-tttttttttttttttttttttttttttttttt-pppppppppppppppp-ff";
    size_t length = strlen(text);

    if (length < sizeof shape - 1 || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
        (text[55] != '\0' && text[55] != '-'))
        return false;
    return strspn(text, "0123456789abcdef") == 2 && strncmp(text, "ff", 2) != 0 &&
           (length == sizeof shape - 1 || strncmp(text, "00", 2) != 0) && is_hex(text + 3, 32) &&
           is_hex(text + 36, 16) && strspn(text + 53, "0123456789abcdef") == 2;
}

static enum status value_of(struct reading *reading, const struct attribute *attribute,
                            const struct header *header, struct error *error)
{
    const char *text = NULL;
    enum status status = text_of(reading->arena, header, &text, error);

    if (status != STATUS_OK || text == NULL)
        return status;
    if (attribute->kind == VERSION && strcmp(text, "1.0") != 0)
        return error_set(error, STATUS_INVALID, "header ce_specversion is \"%s\": 1.0 is expected",
                         text);
    if (attribute->kind == TIME && !timestamp_parse(text, &reading->out->time_us))
        return error_set(error, STATUS_INVALID,
                         "header ce_time is \"%s\": an RFC 3339 time is expected", text);
    if (attribute->kind == TRACE && !is_trace_parent(text))
        return error_set(error, STATUS_INVALID,
                         "header traceparent is \"%s\": that of W3C Trace Context is expected",
                         text);
    if (attribute->kind == TEXT || attribute->kind == TRACE)
        *attribute_of(reading->out, attribute) = text;
    return STATUS_OK;
}

static void forget(struct reading *reading, const struct attribute *attribute)
{
    if (attribute->kind == TIME)
        reading->out->time_us = 0;
    else if (attribute->kind == TEXT || attribute->kind == TRACE)
        *attribute_of(reading->out, attribute) = NULL;
}

/* The attribute of that name, or NULL. */
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

static enum status header_decode(struct reading *reading, const struct header *header,
                                 struct error *error)
{
    const struct attribute *attribute = attribute_find(header->name, &reading->next);
    bool *seen = attribute == NULL ? NULL : &reading->seen[attribute - attributes];
    enum status status;

    if (attribute == NULL || attribute->kind == IGNORED)
        return STATUS_OK;
    status = *seen ? error_set(error, STATUS_INVALID, "header %s is given twice", header->name)
                   : value_of(reading, attribute, header, error);
    *seen = true;
    if (status == STATUS_OK || attribute->need == NEEDED)
        return status;
    forget(reading, attribute);
    return STATUS_OK;
}

enum status envelope_decode(struct arena *arena, const struct header *headers, size_t count,
                            struct envelope *out, struct error *error)
{
    struct reading reading = {.arena = arena, .out = out};

    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < count; i++) {
        enum status status = header_decode(&reading, &headers[i], error);

        if (status != STATUS_OK)
            return status;
    }
    if (out->type == NULL)
        return error_set(error, STATUS_INVALID,
                         "header ce_type is missing: it names the message's type");
    return STATUS_OK;
}

static void put(struct header *headers, size_t *count, const char *name, const char *value)
{
    assert(*count < ENVELOPE_HEADERS_MAX);
    headers[(*count)++] = (struct header){.name = name, .value = value, .length = strlen(value)};
}

/* What text_of takes.  A SKU of the longest that is allowed fits. */
static bool is_header_text(const char *text)
{
    size_t length = strlen(text);

    return length >= 1 && length <= HEADER_VALUE_MAX && utf8_text(text, length) == length;
}

size_t envelope_encode(struct arena *arena, const struct envelope *envelope, struct header *headers)
{
    struct envelope copy = *envelope;
    size_t count = 0;

    put(headers, &count, "ce_specversion", "1.0");
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        bool is_text = attributes[i].kind == TEXT || attributes[i].kind == TRACE;
        const char *text = is_text ? *attribute_of(&copy, &attributes[i]) : NULL;

        if (text != NULL && is_header_text(text))
            put(headers, &count, attributes[i].header, text);
    }
    if (envelope->time_us != 0 && timestamp_is_valid(envelope->time_us)) {
        char *time = arena_alloc(arena, TIMESTAMP_SIZE);

        timestamp_format(envelope->time_us, time);
        put(headers, &count, "ce_time", time);
    }
    put(headers, &count, "content-type", "application/json");
    return count;
}
