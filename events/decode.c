#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/timestamp.h"
#include "base/utf8.h"
#include "events/document.h"
#include "events/message.h"
#include "events/shape.h"

enum { VALUE_SHOWN = 60, ROOM_KEPT = 1024 * 1024 };

struct decoder {
    void *room; /* where a document is laid out while it is read */
    size_t room_size;
    bool field_known;
    bool digits_needed; /* a number is to be read from its text */
    char field[160];    /* of the last refusal */
};

/* Where in the document we are; the path is only spelled out when something is refused. */
struct place {
    const struct place *outer;
    const char *name;
    size_t index; /* SIZE_MAX: no array element */
};

struct walk {
    struct decoder *decoder;
    struct arena *arena;
    struct error *error;
};

static enum status object_decode(struct walk *walk, const struct place *outer,
                                 const struct shape *shape, yyjson_val *json, void *out);

struct decoder *decoder_new(void)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);

    if (decoder == NULL)
        abort();
    return decoder;
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    free(decoder->room);
    free(decoder);
}

const char *decoder_field(const struct decoder *decoder)
{
    return decoder->field_known ? decoder->field : NULL;
}

static void path_format(const struct place *place, char *path, size_t size)
{
    size_t length;

    path[0] = '\0';
    if (place->outer != NULL)
        path_format(place->outer, path, size);
    length = strlen(path);
    if (place->index != SIZE_MAX)
        snprintf(path + length, size - length, "[%zu]", place->index);
    else
        snprintf(path + length, size - length, "%s%s", length > 0 ? "." : "", place->name);
}

/* "lines[3].quantity is -2: 1 to 1000000000 is allowed" */
static enum status refuse(struct walk *walk, const struct place *place, yyjson_val *json,
                          const char *expected)
{
    struct decoder *decoder = walk->decoder;
    char *value = yyjson_val_write(json, YYJSON_WRITE_NOFLAG, NULL);
    const struct arena_mark before = arena_mark(walk->arena);
    struct buffer shown = {.arena = walk->arena};
    size_t kept;

    if (value == NULL)
        abort();
    kept = utf8_prefix(value, VALUE_SHOWN);
    utf8_show(&shown, value, kept);
    path_format(place, decoder->field, sizeof decoder->field);
    decoder->field_known = true;
    error_set(walk->error, STATUS_INVALID, "%s is %s%s: %s", decoder->field, shown.data,
              value[kept] != '\0' ? "..." : "", expected);
    arena_rewind(walk->arena, before);
    free(value);
    return STATUS_INVALID;
}

static enum status missing(struct walk *walk, const struct place *place)
{
    path_format(place, walk->decoder->field, sizeof walk->decoder->field);
    walk->decoder->field_known = true;
    return error_set(walk->error, STATUS_INVALID, "%s is missing", walk->decoder->field);
}

static enum status text_decode(struct walk *walk, const struct place *place,
                               const struct field *field, yyjson_val *json, void *out)
{
    const struct text_format *format = field->format;
    struct error expected;
    const char *text;
    size_t bytes;

    if (!yyjson_is_str(json))
        return refuse(walk, place, json, "a string is expected");
    text = yyjson_get_str(json);
    bytes = yyjson_get_len(json);
    if (!text_format_allows(format, text, bytes)) {
        text_format_tell(format, text, &expected);
        return refuse(walk, place, json, expected.message);
    }
    *(const char **)out = arena_copy(walk->arena, text, bytes);
    return STATUS_OK;
}

/* False when it leaves 64 bits. */
static bool digit_append(uint64_t *magnitude, unsigned digit)
{
    return !__builtin_mul_overflow(*magnitude, 10u, magnitude) &&
           !__builtin_add_overflow(*magnitude, digit, magnitude);
}

/* Further than any document has digits it makes no difference. */
static int64_t exponent_parse(const char *text)
{
    const int64_t far = INT64_C(1000000000);
    bool negative = *text == '-';
    int64_t exponent = 0;

    for (text += *text == '-' || *text == '+'; *text >= '0' && *text <= '9'; text++)
        exponent = exponent < far ? exponent * 10 + (*text - '0') : exponent;
    return negative ? -exponent : exponent;
}

/* magnitude * 10^shift, where `magnitude` does not end in a zero. */
static bool scaled(uint64_t magnitude, int64_t shift, bool negative, int64_t *value)
{
    if (magnitude > 0 && shift < 0)
        return false;
    for (; magnitude > 0 && shift > 0; shift--)
        if (!digit_append(&magnitude, 0))
            return false;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

/* What is written with a point or an exponent is an integer when its value is one (JSON Schema
 * 2020-12 Core §4.2.3): 12.0 and 1e3 are, 12.5 and 1e-400 are not.  Told from the digits, never
 * from a double, which rounds.  False also for what int64 does not hold. */
static bool integer_parse(const char *text, int64_t *value)
{
    bool negative = *text == '-', point = false;
    int64_t behind = 0, exponent = 0; /* digits behind the point */
    uint64_t magnitude = 0;
    /* seen, and not yet part of the magnitude: trailing ones take no room in it */
    size_t zeros = 0;

    for (text += negative; (*text >= '0' && *text <= '9') || *text == '.'; text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        behind += point;
        if (*text == '0') {
            zeros += magnitude > 0;
            continue;
        }
        for (; zeros > 0; zeros--)
            if (!digit_append(&magnitude, 0))
                return false;
        if (!digit_append(&magnitude, (unsigned)(*text - '0')))
            return false;
    }
    if (*text == 'e' || *text == 'E')
        exponent = exponent_parse(text + 1);
    return scaled(magnitude, exponent - behind + (int64_t)zeros, negative, value);
}

static enum status integer_decode(struct walk *walk, const struct place *place,
                                  const struct field *field, yyjson_val *json, void *out)
{
    char expected[80];
    int64_t value;

    if (yyjson_is_real(json)) { /* rounded already: read once more with its digits */
        walk->decoder->digits_needed = true;
        return STATUS_INVALID;
    }
    if (yyjson_is_int(json))
        value = yyjson_get_sint(json);
    else if (!yyjson_is_raw(json) || !integer_parse(yyjson_get_raw(json), &value))
        return refuse(walk, place, json, "an integer is expected");
    if (value < field->min || value > field->max) {
        snprintf(expected, sizeof expected, "%lld to %lld is allowed", (long long)field->min,
                 (long long)field->max);
        return refuse(walk, place, json, expected);
    }
    *(int64_t *)out = value;
    return STATUS_OK;
}

static enum status time_decode(struct walk *walk, const struct place *place, yyjson_val *json,
                               void *out)
{
    if (!yyjson_is_str(json) || !timestamp_parse(yyjson_get_str(json), out))
        return refuse(walk, place, json, "an RFC 3339 time is expected");
    return STATUS_OK;
}

static enum status lines_decode(struct walk *walk, const struct place *place,
                                const struct field *field, yyjson_val *json, char *out,
                                size_t *count)
{
    struct line *lines;
    yyjson_val *line;
    size_t i, most;

    if (!yyjson_is_arr(json))
        return refuse(walk, place, json, "an array is expected");
    *count = yyjson_arr_size(json);
    if (*count < 1 || *count > ORDER_LINES_MAX)
        return refuse(walk, place, json, "1 to 1000 lines are allowed");
    lines = arena_array(walk->arena, *count, sizeof *lines);
    yyjson_arr_foreach(json, i, most, line)
    {
        struct place element = {.outer = place, .index = i};
        enum status status;

        if (!yyjson_is_obj(line))
            return refuse(walk, &element, line, "an object is expected");
        status = object_decode(walk, &element, field->shape, line, &lines[i]);
        if (status != STATUS_OK)
            return status;
    }
    *(struct line **)(void *)out = lines;
    return STATUS_OK;
}

static enum status field_decode(struct walk *walk, const struct place *place,
                                const struct field *field, yyjson_val *json, char *out)
{
    switch (field->kind) {
    case FIELD_TEXT:
        return text_decode(walk, place, field, json, out + field->offset);
    case FIELD_INTEGER:
        return integer_decode(walk, place, field, json, out + field->offset);
    case FIELD_TIME:
        return time_decode(walk, place, json, out + field->offset);
    case FIELD_OBJECT:
        if (!yyjson_is_obj(json))
            return refuse(walk, place, json, "an object is expected");
        return object_decode(walk, place, field->shape, json, out + field->offset);
    case FIELD_LINES:
        return lines_decode(walk, place, field, json, out + field->offset,
                            (size_t *)(void *)(out + field->count_offset));
    }
    return error_set(walk->error, STATUS_BUG, "field %s has an unknown kind", field->name);
}

static enum status object_decode(struct walk *walk, const struct place *outer,
                                 const struct shape *shape, yyjson_val *json, void *out)
{
    /* finds a member at once where they stand in the order of the shape */
    yyjson_obj_iter members = yyjson_obj_iter_with(json);

    for (size_t i = 0; i < shape->count; i++) {
        const struct field *field = &shape->fields[i];
        struct place place = {.outer = outer, .name = field->name, .index = SIZE_MAX};
        yyjson_val *value = yyjson_obj_iter_getn(&members, field->name, field->name_length);
        enum status status;

        if (value == NULL) {
            if (field->required)
                return missing(walk, &place);
            continue;
        }
        if (yyjson_is_null(value) && field->nullable)
            continue;
        status = field_decode(walk, &place, field, value, out);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* What spans several fields: the money that an order is worth must fit int64. */
static enum status total_check(struct decoder *decoder, const struct message *message,
                               struct error *error)
{
    const struct line *lines =
        message->type == ORDER_PLACE ? message->order_place.lines : message->order_created.lines;
    size_t count = message->type == ORDER_PLACE ? message->order_place.line_count
                                                : message->order_created.line_count;
    int64_t amount;

    if (message->type != ORDER_PLACE && message->type != ORDER_CREATED)
        return STATUS_OK;
    if (lines_amount(lines, count, &amount)) {
        if (message->type == ORDER_PLACE || amount == message->order_created.amount_minor)
            return STATUS_OK;
        snprintf(decoder->field, sizeof decoder->field, "amount");
        decoder->field_known = true;
        return error_set(error, STATUS_INVALID, "amount is %lld: the lines sum up to %lld",
                         (long long)message->order_created.amount_minor, (long long)amount);
    }
    snprintf(decoder->field, sizeof decoder->field, "lines");
    decoder->field_known = true;
    return error_set(error, STATUS_INVALID, "lines sum up to more than %lld", (long long)INT64_MAX);
}

/* order.created has what order.place has, and more. */
static size_t bytes_max(enum message_type type)
{
    return type == ORDER_CREATED ? 2 * (size_t)MESSAGE_BYTES_MAX : MESSAGE_BYTES_MAX;
}

/* Lays the document out in the decoder's room, which holds any of that length. */
static yyjson_doc *value_read(struct decoder *decoder, const char *value, size_t length,
                              yyjson_read_flag flags, struct error *error)
{
    size_t need = yyjson_read_max_memory_usage(length, flags);
    yyjson_alc room;

    if (need > decoder->room_size) {
        free(decoder->room);
        decoder->room_size = need < ROOM_KEPT / 16 ? ROOM_KEPT / 16 : need;
        decoder->room = malloc(decoder->room_size);
        if (decoder->room == NULL)
            abort();
    }
    yyjson_alc_pool_init(&room, decoder->room, decoder->room_size);
    return document_read(value, length, flags, &room, error);
}

/* A document of unusual size does not keep its room. */
static void room_trim(struct decoder *decoder)
{
    if (decoder->room_size <= ROOM_KEPT)
        return;
    free(decoder->room);
    decoder->room = NULL;
    decoder->room_size = 0;
}

static enum status body_decode(struct walk *walk, enum message_type type, const char *value,
                               size_t length, yyjson_read_flag flags, struct message *out)
{
    yyjson_doc *document = value_read(walk->decoder, value, length, flags, walk->error);

    walk->decoder->digits_needed = false;
    if (document == NULL)
        return walk->error->status;
    return object_decode(walk, NULL, message_kinds[type].shape, yyjson_doc_get_root(document),
                         &out->subject);
}

enum status message_decode(struct decoder *decoder, struct arena *arena, enum message_type type,
                           const char *value, size_t length, struct message *out,
                           struct error *error)
{
    struct walk walk = {.decoder = decoder, .arena = arena, .error = error};
    struct envelope envelope = out->envelope;
    enum status status;

    memset(out, 0, sizeof *out);
    out->envelope = envelope;
    out->type = type;
    decoder->field_known = false;
    if (value == NULL || length > bytes_max(type))
        return error_set(error, STATUS_INVALID, "the value has %zu bytes: 1 to %zu are allowed",
                         length, bytes_max(type));
    status = body_decode(&walk, type, value, length, DOCUMENT_FLAGS, out);
    if (decoder->digits_needed)
        status = body_decode(&walk, type, value, length, DOCUMENT_DIGITS, out);
    if (status == STATUS_OK)
        status = total_check(decoder, out, error);
    room_trim(decoder);
    return status;
}
