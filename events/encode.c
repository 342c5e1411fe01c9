#include <string.h>

#include "events/buffer.h"
#include "events/message.h"
#include "events/shape.h"
#include "events/timestamp.h"

static void object_encode(const struct shape *shape, const char *in, struct buffer *out);

static void lines_encode(const struct field *field, const char *in, struct buffer *out)
{
    const struct line *lines = *(struct line *const *)(const void *)(in + field->offset);
    size_t count = *(const size_t *)(const void *)(in + field->count_offset);

    buffer_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_char(out, ',');
        object_encode(field->shape, (const char *)&lines[i], out);
    }
    buffer_char(out, ']');
}

static void value_encode(const struct field *field, const char *in, struct buffer *out)
{
    char time[TIMESTAMP_SIZE];

    switch (field->kind) {
    case FIELD_TEXT:
        buffer_json(out, *(const char *const *)(const void *)(in + field->offset));
        break;
    case FIELD_INTEGER:
        buffer_format(out, "%lld", (long long)*(const int64_t *)(const void *)(in + field->offset));
        break;
    case FIELD_TIME:
        timestamp_format(*(const int64_t *)(const void *)(in + field->offset), time);
        buffer_json(out, time);
        break;
    case FIELD_OBJECT:
        object_encode(field->shape, in + field->offset, out);
        break;
    case FIELD_LINES:
        lines_encode(field, in, out);
        break;
    }
}

/* An optional text that is NULL is left out; a guest's id is one of them. */
static void object_encode(const struct shape *shape, const char *in, struct buffer *out)
{
    bool first = true;

    buffer_char(out, '{');
    for (size_t i = 0; i < shape->count; i++) {
        const struct field *field = &shape->fields[i];

        if (field->kind == FIELD_TEXT && *(const char *const *)(const void *)(in + field->offset) == NULL)
            continue;
        if (!first)
            buffer_char(out, ',');
        first = false;
        buffer_json(out, field->name);
        buffer_char(out, ':');
        value_encode(field, in, out);
    }
    buffer_char(out, '}');
}

void message_encode(const struct message *message, struct buffer *out)
{
    object_encode(message_kinds[message->type].shape, (const char *)&message->subject, out);
}
