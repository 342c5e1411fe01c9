#include <string.h>

#include "events/buffer.h"
#include "events/message.h"
#include "events/shape.h"
#include "events/timestamp.h"

static void object_encode(const struct shape *shape, const char *in, struct buffer *out);

enum { LINE_BYTES = 96 }; /* of most lines */

static void lines_encode(const struct line *lines, size_t count, struct buffer *out)
{
    buffer_reserve(out, count * LINE_BYTES);
    buffer_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_char(out, ',');
        object_encode(&line_shape, (const char *)&lines[i], out);
    }
    buffer_char(out, ']');
}

void order_lines_encode(struct order_place *order, struct buffer *out)
{
    size_t from = out->length;

    lines_encode(order->lines, order->line_count, out);
    order->lines_text = (struct lines_text){out->data + from, out->length - from};
}

static void lines_put(const struct field *field, const char *in, struct buffer *out)
{
    const struct lines_text *text = (const struct lines_text *)(const void *)(in + field->text_offset);

    if (text->json != NULL)
        buffer_bytes(out, text->json, text->length);
    else
        lines_encode(*(struct line *const *)(const void *)(in + field->offset), *(const size_t *)(const void *)(in + field->count_offset), out);
}

static void value_encode(const struct field *field, const char *in, struct buffer *out)
{
    char time[TIMESTAMP_SIZE];

    switch (field->kind) {
    case FIELD_TEXT:
        buffer_json(out, *(const char *const *)(const void *)(in + field->offset));
        break;
    case FIELD_INTEGER:
        buffer_integer(out, *(const int64_t *)(const void *)(in + field->offset));
        break;
    case FIELD_TIME:
        timestamp_format(*(const int64_t *)(const void *)(in + field->offset), time);
        buffer_json(out, time);
        break;
    case FIELD_OBJECT:
        object_encode(field->shape, in + field->offset, out);
        break;
    case FIELD_LINES:
        lines_put(field, in, out);
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
        buffer_char(out, '"');
        buffer_text(out, field->name); /* names of the contract need no escape */
        buffer_bytes(out, "\":", 2);
        value_encode(field, in, out);
    }
    buffer_char(out, '}');
}

void message_encode(const struct message *message, struct buffer *out)
{
    object_encode(message_kinds[message->type].shape, (const char *)&message->subject, out);
}
