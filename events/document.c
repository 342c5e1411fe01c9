#include "events/document.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "events/json_check.h"

/* With so many keys in each of the deepest objects json_check still passes the keys of all. */
enum { KEYS_SURE = JSON_KEYS_MAX / JSON_DEPTH_MAX };

static bool is_container_sure(yyjson_val *container, int depth, bool escapes);

/* Is there surely nothing in it that json_check refuses and yyjson takes: U+0000, a key given
 * twice, an integer outside int64, and nothing too deep? */
static inline bool is_sure(yyjson_val *value, int depth, bool escapes)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_STR: /* only an escape can write U+0000 */
        return !escapes || memchr(yyjson_get_str(value), '\0', yyjson_get_len(value)) == NULL;
    case YYJSON_TYPE_NUM:
        return !yyjson_is_uint(value) || yyjson_get_uint(value) <= INT64_MAX;
    case YYJSON_TYPE_OBJ:
    case YYJSON_TYPE_ARR:
        return is_container_sure(value, depth + 1, escapes);
    default:
        return !yyjson_is_raw(value);
    }
}

/* Of keys, which are strings. */
static inline bool same_text(yyjson_val *a, yyjson_val *b)
{
    return unsafe_yyjson_get_len(a) == unsafe_yyjson_get_len(b) &&
           memcmp(unsafe_yyjson_get_str(a), unsafe_yyjson_get_str(b), unsafe_yyjson_get_len(a)) ==
               0;
}

static bool is_object_sure(yyjson_val *object, int depth, bool escapes)
{
    yyjson_val *seen[KEYS_SURE], *key, *value;
    size_t i, count;

    if (yyjson_obj_size(object) > KEYS_SURE)
        return false;
    yyjson_obj_foreach(object, i, count, key, value)
    {
        for (size_t j = 0; j < i; j++)
            if (same_text(seen[j], key))
                return false;
        seen[i] = key;
        if (!is_sure(key, depth, escapes) || !is_sure(value, depth, escapes))
            return false;
    }
    return true;
}

static bool is_container_sure(yyjson_val *container, int depth, bool escapes)
{
    yyjson_val *value;
    size_t i, count;

    if (depth == JSON_DEPTH_MAX)
        return unsafe_yyjson_get_len(container) == 0;
    if (yyjson_is_obj(container))
        return is_object_sure(container, depth, escapes);
    yyjson_arr_foreach(container, i, count, value)
    {
        if (!is_sure(value, depth, escapes))
            return false;
    }
    return true;
}

yyjson_doc *document_read(const char *text, size_t length, yyjson_read_flag flags,
                          const yyjson_alc *room, struct error *error)
{
    yyjson_read_err why;
    /* changes it only where told to */
    yyjson_doc *document = yyjson_read_opts((char *)(uintptr_t)text, length, flags, room, &why);
    yyjson_val *root = yyjson_doc_get_root(document);

    if (yyjson_is_obj(root) && is_sure(root, 0, memchr(text, '\\', length) != NULL))
        return document;
    if (json_check(text, length, error) != STATUS_OK) {
        yyjson_doc_free(document);
        return NULL;
    }
    if (document == NULL)
        error_set(error, STATUS_BUG, "yyjson refuses what json_check passes: %s at byte %zu",
                  why.msg, why.pos);
    return document;
}
