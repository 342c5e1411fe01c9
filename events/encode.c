#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/timestamp.h"
#include "base/utf8.h"
#include "events/message.h"
#include "events/shape.h"

enum { LINE_BYTES = 96, VALUE_SHOWN = 60 }; /* of most lines; of a value that is refused */

struct writing {
    struct buffer *out;
    struct error *error;
    bool as_it_is; /* what could be made to fit is refused too */
};

static enum status object_encode(const struct writing *writing, const struct shape *shape,
                                 const char *in);

static enum status refuse(const struct writing *writing, const struct field *field,
                          const char *value, const char *allowed)
{
    const struct arena_mark before = arena_mark(writing->out->arena);
    struct buffer shown = {.arena = writing->out->arena};
    size_t kept = utf8_prefix(value, VALUE_SHOWN);

    utf8_show(&shown, value, kept);
    error_set(writing->error, STATUS_INVALID, "%s is \"%s%s\": %s", field->name,
              kept > 0 ? shown.data : "", value[kept] != '\0' ? "..." : "", allowed);
    arena_rewind(writing->out->arena, before);
    return STATUS_INVALID;
}

const char *text_as_encoded(const char *text, struct arena *arena)
{
    struct buffer fit = {.arena = arena};

    utf8_fit(&fit, text, TEXT_MAX);
    return fit.length > 0 ? fit.data : "-";
}

static enum status text_encode(const struct writing *writing, const struct field *field,
                               const char *text)
{
    const struct text_format *format = field->format;
    size_t bytes = strlen(text);
    struct error allowed;

    if (utf8_valid(text, bytes) == bytes && text_format_allows(format, text, bytes)) {
        buffer_json(writing->out, text);
        return STATUS_OK;
    }
    if (!format->prose || writing->as_it_is) {
        text_format_tell(format, text, &allowed);
        return refuse(writing, field, text, allowed.message);
    }
    buffer_json(writing->out, text_as_encoded(text, writing->out->arena));
    return STATUS_OK;
}

static enum status integer_encode(const struct writing *writing, const struct field *field,
                                  int64_t value)
{
    if (value < field->min || value > field->max)
        return error_set(writing->error, STATUS_INVALID, "%s is %lld: %lld to %lld is allowed",
                         field->name, (long long)value, (long long)field->min,
                         (long long)field->max);
    buffer_integer(writing->out, value);
    return STATUS_OK;
}

static enum status time_encode(const struct writing *writing, const struct field *field,
                               int64_t time_us)
{
    char time[TIMESTAMP_SIZE];

    if (!timestamp_is_valid(time_us))
        return error_set(writing->error, STATUS_INVALID,
                         "%s is %lld microseconds: a time in the years 0 to 9999 is allowed",
                         field->name, (long long)time_us);
    timestamp_format(time_us, time);
    buffer_json(writing->out, time);
    return STATUS_OK;
}

static enum status lines_encode(const struct writing *writing, const struct line *lines,
                                size_t count)
{
    enum status status = STATUS_OK;

    if (count < 1 || count > ORDER_LINES_MAX)
        return error_set(writing->error, STATUS_INVALID, "lines are %zu: 1 to %d are allowed",
                         count, ORDER_LINES_MAX);
    buffer_reserve(writing->out, count * LINE_BYTES);
    buffer_char(writing->out, '[');
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (i > 0)
            buffer_char(writing->out, ',');
        status = object_encode(writing, &line_shape, (const char *)&lines[i]);
    }
    buffer_char(writing->out, ']');
    return status;
}

enum status order_lines_encode(struct order_place *order, struct buffer *out, struct error *error)
{
    const struct writing writing = {.out = out, .error = error, .as_it_is = true};
    size_t from = out->length;
    enum status status = lines_encode(&writing, order->lines, order->line_count);

    if (status == STATUS_OK)
        order->lines_text = (struct lines_text){out->data + from, out->length - from};
    return status;
}

static enum status lines_put(const struct writing *writing, const struct field *field,
                             const char *in)
{
    const struct lines_text *text =
        (const struct lines_text *)(const void *)(in + field->text_offset);

    if (text->json == NULL)
        return lines_encode(writing, *(struct line *const *)(const void *)(in + field->offset),
                            *(const size_t *)(const void *)(in + field->count_offset));
    buffer_bytes(writing->out, text->json, text->length);
    return STATUS_OK;
}

static enum status value_encode(const struct writing *writing, const struct field *field,
                                const char *in)
{
    switch (field->kind) {
    case FIELD_TEXT:
        return text_encode(writing, field,
                           *(const char *const *)(const void *)(in + field->offset));
    case FIELD_INTEGER:
        return integer_encode(writing, field, *(const int64_t *)(const void *)(in + field->offset));
    case FIELD_TIME:
        return time_encode(writing, field, *(const int64_t *)(const void *)(in + field->offset));
    case FIELD_OBJECT:
        return object_encode(writing, field->shape, in + field->offset);
    case FIELD_LINES:
        return lines_put(writing, field, in);
    }
    return error_set(writing->error, STATUS_BUG, "field %s has an unknown kind", field->name);
}

/* An optional text that is NULL is left out; a guest's id is one of them. */
static enum status object_encode(const struct writing *writing, const struct shape *shape,
                                 const char *in)
{
    enum status status = STATUS_OK;
    bool first = true;

    buffer_char(writing->out, '{');
    for (size_t i = 0; i < shape->count && status == STATUS_OK; i++) {
        const struct field *field = &shape->fields[i];

        if (field->kind == FIELD_TEXT &&
            *(const char *const *)(const void *)(in + field->offset) == NULL) {
            if (field->required)
                return error_set(writing->error, STATUS_INVALID, "%s is missing", field->name);
            continue;
        }
        if (!first)
            buffer_char(writing->out, ',');
        first = false;
        buffer_char(writing->out, '"');
        buffer_text(writing->out, field->name); /* names of the contract need no escape */
        buffer_bytes(writing->out, "\":", 2);
        status = value_encode(writing, field, in);
    }
    buffer_char(writing->out, '}');
    return status;
}

static enum status encode(const struct message *message, bool as_it_is, struct buffer *out,
                          struct error *error)
{
    const struct writing writing = {.out = out, .error = error, .as_it_is = as_it_is};
    const size_t before = out->length;
    enum status status = object_encode(&writing, message_kinds[message->type].shape,
                                       (const char *)&message->subject);

    if (status != STATUS_OK)
        out->length = before;
    return status;
}

enum status message_encode(const struct message *message, struct buffer *out, struct error *error)
{
    return encode(message, false, out, error);
}

enum status message_encode_strictly(const struct message *message, struct buffer *out,
                                    struct error *error)
{
    return encode(message, true, out, error);
}
