#include "tools/sagactl/terminal/json_line.h"

#include <json-c/json_tokener.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "events/json_check.h"

enum {
    PLAIN = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
    PRETTY = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE
};

/* NULL, which json-c takes for null, is what it gives where memory is exhausted. */
static struct json_object *made(struct json_object *value)
{
    if (value == NULL)
        abort();
    return value;
}

static void add(struct json_object *object, const char *name, struct json_object *value)
{
    if (json_object_object_add_ex(object, name, value,
                                  JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY) !=
        0)
        abort();
}

void json_add_text(struct json_object *object, const char *name, const char *text)
{
    add(object, name, text == NULL ? NULL : made(json_object_new_string(text)));
}

static void add_texts(struct json_object *object, const char *name, va_list rest)
{
    for (; name != NULL; name = va_arg(rest, const char *))
        json_add_text(object, name, va_arg(rest, const char *));
}

void json_add_texts(struct json_object *object, const char *name, ...)
{
    va_list rest;

    va_start(rest, name);
    add_texts(object, name, rest);
    va_end(rest);
}

void json_add(struct json_object *object, const char *name, struct json_object *value)
{
    add(object, name, made(value));
}

struct json_object *json_add_object(struct json_object *object, const char *name)
{
    struct json_object *value = json_object_new_object();

    json_add(object, name, value);
    return value;
}

struct json_object *json_add_array(struct json_object *object, const char *name)
{
    struct json_object *value = json_object_new_array();

    json_add(object, name, value);
    return value;
}

void json_append(struct json_object *array, struct json_object *value)
{
    if (json_object_array_add(array, made(value)) != 0)
        abort();
}

void json_add_integer(struct json_object *object, const char *name, int64_t value)
{
    json_add(object, name, json_object_new_int64(value));
}

void json_add_count(struct json_object *object, const char *name, size_t count)
{
    json_add(object, name, json_object_new_uint64(count));
}

void json_add_flag(struct json_object *object, const char *name, bool value)
{
    json_add(object, name, json_object_new_boolean(value));
}

void json_add_decimal(struct json_object *object, const char *name, double value)
{
    static char format[] = "%.1f";
    struct json_object *decimal = made(json_object_new_double(value));

    json_object_set_serializer(decimal, json_object_double_to_json_string, format, NULL);
    json_add(object, name, decimal);
}

void json_add_as_is(struct json_object *object, const char *name, const char *json)
{
    struct json_object *value = made(json_object_new_string(""));

    json_object_set_serializer(value, json_object_userdata_to_json_string, (void *)(uintptr_t)json,
                               NULL);
    json_add(object, name, value);
}

static const char *string_of(struct json_object *value, int flags)
{
    const char *text = json_object_to_json_string_ext(value, flags);

    if (text == NULL)
        abort();
    return text;
}

const char *json_line(struct json_object *value)
{
    return string_of(value, PLAIN);
}

void json_line_print(struct json_object *object)
{
    puts(json_line(object));
    json_object_put(object);
}

void json_line_print_texts(const char *name, ...)
{
    struct json_object *line = json_object_new_object();
    va_list rest;

    va_start(rest, name);
    add_texts(line, name, rest);
    va_end(rest);
    json_line_print(line);
}

void json_line_print_counts(const char *name, size_t count, const char *other, size_t more)
{
    struct json_object *line = json_object_new_object();

    json_add_count(line, name, count);
    if (other != NULL)
        json_add_count(line, other, more);
    json_line_print(line);
}

/* The check is the judge: at its strictest json-c 0.18 refuses all that is not ASCII. */
struct json_object *json_line_read(const char *text, size_t length, struct error *error)
{
    struct json_tokener *tokener;
    struct json_object *object;

    if (json_check(text, length, error) != STATUS_OK)
        return NULL;
    tokener = json_tokener_new();
    if (tokener == NULL)
        abort();
    object = json_tokener_parse_ex(tokener, text, (int)length);
    if (object == NULL)
        error_set(error, STATUS_BUG, "json-c refuses what json_check passes: %s",
                  json_tokener_error_desc(json_tokener_get_error(tokener)));
    json_tokener_free(tokener);
    return object;
}

const char *json_text(const struct json_object *object, const char *name)
{
    struct json_object *member = NULL;

    return json_object_object_get_ex(object, name, &member) &&
                   json_object_is_type(member, json_type_string)
               ? json_object_get_string(member)
               : NULL;
}

const char *json_laid_out(struct json_object *value)
{
    return string_of(value, PRETTY);
}

const char *json_quoted(const char *text, struct arena *arena)
{
    struct json_object *value = made(json_object_new_string(text));
    const char *line = json_line(value);

    line = arena_copy(arena, line, strlen(line));
    json_object_put(value);
    return line;
}
