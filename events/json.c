#include "events/json.h"

#include <string.h>
#include <yyjson.h>

#include "base/arena.h"
#include "events/document.h"

struct json {
    yyjson_doc *doc;
};

static void *room(void *context, size_t size)
{
    return arena_room(context, size);
}

static void *more_room(void *context, void *old, size_t old_size, size_t size)
{
    void *grown = arena_room(context, size);

    memcpy(grown, old, old_size < size ? old_size : size);
    return grown;
}

static void no_room(void *context, void *old)
{
    (void)context;
    (void)old;
}

static yyjson_alc allocator(struct arena *arena)
{
    return (yyjson_alc){room, more_room, no_room, arena};
}

struct json *json_read(struct arena *arena, const char *text, size_t length, struct error *error)
{
    const yyjson_alc alc = allocator(arena);
    struct json *json = arena_alloc(arena, sizeof *json);

    json->doc = document_read(text, length, DOCUMENT_FLAGS, &alc, error);
    return json->doc == NULL ? NULL : json;
}

const char *json_text(const struct json *json, const char *name)
{
    return yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(json->doc), name));
}

bool json_integer(const struct json *json, const char *name, int64_t *value)
{
    yyjson_val *member = yyjson_obj_get(yyjson_doc_get_root(json->doc), name);

    if (!yyjson_is_int(member))
        return false;
    *value = yyjson_get_sint(member);
    return true;
}

const char *json_laid_out(const struct json *json, struct arena *arena)
{
    const yyjson_alc alc = allocator(arena);
    size_t length;
    const char *text =
        yyjson_write_opts(json->doc, YYJSON_WRITE_PRETTY_TWO_SPACES, &alc, &length, NULL);

    return text == NULL ? "" : text;
}
