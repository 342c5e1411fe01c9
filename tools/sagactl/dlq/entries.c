#include "tools/sagactl/dlq/entries.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/timestamp.h"
#include "base/utf8.h"
#include "events/json_check.h"
#include "history/reading.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/when.h"

struct wish;

struct dlq_list {
    struct arena *arena;
    const struct wish *wish; /* while they are read */
    struct dlq_entry *all;
    size_t count, capacity;
    struct arena *values; /* of numbers `first` up to `behind` */
    size_t first, behind;
};

enum { VALUES_BYTES = 64 * 1024 * 1024 };

#define DEAD_LETTERS(number, name, ...) #name ".dlq",

static const char *const dlq_topics[] = {CATALOG(DEAD_LETTERS)};

static int service_of(const char *topic)
{
    int service = 0;

    while (strcmp(catalog[service].dead_letters, topic) != 0)
        service++;
    return service;
}

/* ---- which of them ---- */

struct wish {
    const char *service, *reason, *order;
    int64_t before_ms; /* 0: any time */
    bool settled;      /* those too that were redriven or dropped */
    const char *const *places;
    size_t place_count;
};

static bool is_number(const char *from, const char *to)
{
    return from < to && strspn(from, "0123456789") >= (size_t)(to - from);
}

static bool is_a_place(const char *text)
{
    const char *slash = strrchr(text, '/'), *partition = slash;

    while (partition != NULL && partition > text && partition[-1] != '/')
        partition--;
    return slash != NULL && partition > text &&
           (is_number(partition, slash) || strncmp(partition, "-1/", 3) == 0) &&
           is_number(slash + 1, text + strlen(text));
}

static enum status wish_read(const struct settings *from, const char *const *places, size_t count,
                             struct wish *wish, struct error *error)
{
    *wish = (struct wish){settings_text(from, "service"),
                          settings_text(from, "reason"),
                          settings_text(from, "order"),
                          0,
                          settings_flag(from, "all"),
                          places,
                          count};
    for (size_t i = 0; i < count; i++)
        if (!is_a_place(places[i]))
            return error_set(error, STATUS_INVALID,
                             "\"%s\" is no place: TOPIC/PARTITION/OFFSET is expected, as sagactl "
                             "dlq list prints it",
                             places[i]);
    return when_setting(from, "older-than", &wish->before_ms, error);
}

/* Whatever became of it. */
static bool is_chosen(const struct wish *wish, const struct dlq_entry *entry, struct arena *arena)
{
    const struct dead_letter *dead_letter = &entry->dead_letter;
    int64_t at_us = 0;
    bool named = wish->place_count == 0;

    for (size_t i = 0; !named && i < wish->place_count; i++)
        named = strcmp(wish->places[i], dlq_place(entry, arena)) == 0;
    if (wish->before_ms != 0 &&
        (!timestamp_parse(dead_letter->at, &at_us) || at_us / 1000 > wish->before_ms))
        return false;
    return named &&
           (wish->service == NULL || strcmp(wish->service, catalog[entry->service].name) == 0) &&
           (wish->order == NULL ||
            (strlen(wish->order) == dead_letter->key_length &&
             memcmp(wish->order, dead_letter->key, dead_letter->key_length) == 0)) &&
           (wish->reason == NULL || strstr(dead_letter->error, wish->reason) != NULL ||
            strcmp(dead_letter->reason, wish->reason) == 0);
}

/* ---- taking ---- */

/* False when it is none of those that are asked for. */
static bool dead_letter_take(struct dlq_list *list, const struct incoming *record,
                             struct dlq_entry *found)
{
    struct dead_letter *dead_letter = &found->dead_letter;

    found->resolution = found->note = NULL;
    dead_letter_read(record, list->arena, dead_letter);
    found->type = dlq_header(found, "ce_type", list->arena);
    if (!is_chosen(list->wish, found, list->arena))
        return false;
    dead_letter->value = NULL;
    return true;
}

/* A record: of a message that was dead-lettered, or of what became of it. */
static void take(void *context, const struct incoming *record)
{
    struct dlq_list *list = context;
    const struct arena_mark before = arena_mark(list->arena);
    struct dlq_entry found = {.service = service_of(record->topic),
                              .type = "",
                              .record_partition = record->partition,
                              .record_offset = record->offset,
                              .number = list->count};

    if (dead_letter_is_resolution(record, list->arena, &found.dead_letter, &found.resolution,
                                  &found.note)) {
        found.settled_at = found.dead_letter.at;
    } else if (!dead_letter_take(list, record, &found)) {
        arena_rewind(list->arena, before);
        return;
    }
    list->all = array_grow(list->all, list->count, &list->capacity, sizeof *list->all);
    list->all[list->count++] = found;
}

/* ---- one record a place ---- */

/* In the order of their places.  The key tells a message from one that lay there before its topic
 * was made anew. */
static int keys_compare(const struct dead_letter *left, const struct dead_letter *right)
{
    size_t shorter = left->key_length < right->key_length ? left->key_length : right->key_length;
    int order = shorter > 0 ? memcmp(left->key, right->key, shorter) : 0;

    return order != 0
               ? order
               : (left->key_length > right->key_length) - (left->key_length < right->key_length);
}

static int places_compare(const struct dlq_entry *a, const struct dlq_entry *b)
{
    const struct dead_letter *left = &a->dead_letter, *right = &b->dead_letter;
    int order = strcmp(left->topic, right->topic);

    if (a->service != b->service)
        return a->service - b->service;
    if (order != 0)
        return order;
    if (left->partition != right->partition)
        return left->partition < right->partition ? -1 : 1;
    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    return keys_compare(left, right);
}

/* Of one place the message comes before what became of it.  An event that is handed over again has
 * the same place, and what lies behind the end of the one before is another. */
static int records_compare(const void *a, const void *b)
{
    const struct dlq_entry *left = a, *right = b;
    int order = places_compare(left, right);

    if (order == 0 && left->dead_letter.partition != HANDED_OVER)
        order = (left->resolution != NULL) - (right->resolution != NULL);
    return order != 0 ? order : left->number < right->number ? -1 : 1;
}

/* One record a place.  A message that its service read again is dead-lettered again, and stays what
 * it was: the first record counts, and the last of what became of it.  One that lies behind that is
 * open again. */
static void fold(struct dlq_list *list)
{
    size_t count = list->count;

    if (count > 0)
        qsort(list->all, count, sizeof *list->all, records_compare);
    list->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct dlq_entry *record = &list->all[i];
        struct dlq_entry *last = list->count > 0 ? &list->all[list->count - 1] : NULL;

        if (last == NULL || places_compare(last, record) != 0) {
            if (record->resolution == NULL) /* else the message is gone, and only its end is left */
                list->all[list->count++] = *record;
        } else if (record->resolution != NULL) {
            last->resolution = record->resolution;
            last->note = record->note;
            last->settled_at = record->settled_at;
        } else if (last->resolution != NULL) {
            *last = *record;
        }
    }
}

struct dlq_list *dlq_read(const struct settings *from, const char *const *places, size_t count,
                          struct error *error)
{
    const struct log_source source = command_source(from);
    const struct reading reading = {
        .scope = {.topics = dlq_topics, .topic_count = SERVICES}, .once = true, .take = take};
    struct dlq_list *list = calloc(1, sizeof *list);
    struct wish wish;
    size_t kept = 0;

    if (list == NULL)
        abort();
    list->arena = arena_new();
    list->values = arena_new();
    list->wish = &wish;
    if (wish_read(from, places, count, &wish, error) != STATUS_OK ||
        messages_read(&source, &reading, list, error) != STATUS_OK) {
        dlq_free(list);
        return NULL;
    }
    list->wish = NULL;
    fold(list);
    for (size_t i = 0; i < list->count; i++)
        if (wish.settled || list->all[i].resolution == NULL)
            list->all[kept++] = list->all[i];
    list->count = kept;
    return list;
}

void dlq_free(struct dlq_list *list)
{
    if (list == NULL)
        return;
    arena_free(list->arena);
    arena_free(list->values);
    free(list->all);
    free(list);
}

size_t dlq_count(const struct dlq_list *list)
{
    return list->count;
}

const struct dlq_entry *dlq_at(const struct dlq_list *list, size_t number)
{
    return &list->all[number];
}

const char *dlq_place(const struct dlq_entry *entry, struct arena *arena)
{
    return arena_format(arena, "%s/%d/%lld", entry->dead_letter.topic, entry->dead_letter.partition,
                        (long long)entry->dead_letter.offset);
}

const char *dlq_origin(const struct dlq_entry *entry)
{
    return entry->dead_letter.partition == HANDED_OVER ? " (handed over in its process)" : "";
}

const char *dlq_header(const struct dlq_entry *entry, const char *name, struct arena *arena)
{
    for (size_t i = 0; i < entry->dead_letter.header_count; i++) {
        const struct header *header = &entry->dead_letter.headers[i];

        if (strcmp(header->name, name) == 0 && header->value != NULL)
            return arena_copy(arena, header->value, header->length);
    }
    return "";
}

/* ---- values ---- */

struct loading {
    struct dlq_list *list;
    struct dlq_entry **wanted; /* in the order of their records */
    size_t count, left;
};

static int by_record(const void *a, const void *b)
{
    const struct dlq_entry *left = *(struct dlq_entry *const *)a,
                           *right = *(struct dlq_entry *const *)b;

    if (left->service != right->service)
        return left->service - right->service;
    if (left->record_partition != right->record_partition)
        return left->record_partition < right->record_partition ? -1 : 1;
    return (left->record_offset > right->record_offset) -
           (left->record_offset < right->record_offset);
}

static void value_take(void *context, const struct incoming *record)
{
    struct loading *loading = context;
    struct dlq_entry key = {.service = service_of(record->topic),
                            .record_partition = record->partition,
                            .record_offset = record->offset},
                     *sought = &key, **found;

    found =
        bsearch(&sought, loading->wanted, loading->count, sizeof(struct dlq_entry *), by_record);
    if (found == NULL)
        return;
    loading->left--;
    if (record->value != NULL)
        (*found)->dead_letter.value =
            arena_copy(loading->list->values, record->value, record->value_length);
}

static bool has_all(void *context)
{
    const struct loading *loading = context;

    return loading->left == 0;
}

/* As many from number `first` on as have VALUES_BYTES together, and one at least. */
static void choose(struct dlq_list *list, size_t first)
{
    size_t bytes = 0;

    for (size_t i = list->first; i < list->behind; i++)
        list->all[i].dead_letter.value = NULL;
    arena_reset(list->values);
    list->first = list->behind = first;
    while (list->behind < list->count &&
           (bytes == 0 || bytes + list->all[list->behind].dead_letter.value_length <= VALUES_BYTES))
        bytes += list->all[list->behind++].dead_letter.value_length;
}

enum status dlq_value(const struct settings *from, struct dlq_list *list, size_t number,
                      struct error *error)
{
    const struct log_source source = command_source(from);
    const struct reading reading = {.scope = {.topics = dlq_topics, .topic_count = SERVICES},
                                    .once = true,
                                    .take = value_take,
                                    .tick = has_all};
    struct loading loading = {.list = list};

    if (number >= list->first && number < list->behind)
        return STATUS_OK;
    choose(list, number);
    loading.count = loading.left = list->behind - list->first;
    loading.wanted = arena_array(list->values, loading.count, sizeof(struct dlq_entry *));
    for (size_t i = 0; i < loading.count; i++)
        loading.wanted[i] = &list->all[list->first + i];
    qsort(loading.wanted, loading.count, sizeof(struct dlq_entry *), by_record);
    return messages_read(&source, &reading, &loading, error);
}

/* ---- as text and JSON ---- */

/* As text, each byte that is none of UTF-8 as U+FFFD. */
static const char *text_of(const void *bytes, size_t length, struct arena *arena)
{
    struct buffer text = {.arena = arena};
    const char *at = bytes;

    buffer_text(&text, "");
    while (length > 0) {
        size_t valid = utf8_valid(at, length);

        buffer_bytes(&text, at, valid);
        at += valid;
        length -= valid;
        if (length > 0) {
            buffer_text(&text, "\xef\xbf\xbd");
            at++;
            length--;
        }
    }
    return text.data;
}

const char *dlq_key(const struct dlq_entry *entry, struct arena *arena)
{
    return text_of(entry->dead_letter.key, entry->dead_letter.key_length, arena);
}

static void text_add(struct json_object *json, const char *name, const char *text,
                     struct arena *arena)
{
    json_add_text(json, name, text == NULL ? NULL : text_of(text, strlen(text), arena));
}

static struct json_object *hex_of(const void *bytes, size_t length, struct arena *arena)
{
    struct buffer hex = {.arena = arena};
    const unsigned char *at = bytes;

    buffer_text(&hex, "");
    for (size_t i = 0; i < length; i++)
        buffer_format(&hex, "%02x", at[i]);
    return json_object_new_string(hex.data);
}

/* Text as it is; NULL when the bytes are none. */
static struct json_object *text_if_valid(const void *bytes, size_t length)
{
    if (utf8_valid(bytes, length) != length)
        return NULL;
    return json_object_new_string_len(length == 0 ? "" : bytes, (int)length);
}

/* Text under its name; bytes that are none in hexadecimal digits under NAME_hex. */
static void key_add(struct json_object *json, const struct dead_letter *dead_letter,
                    struct arena *arena)
{
    struct json_object *text = text_if_valid(dead_letter->key, dead_letter->key_length);

    if (text != NULL)
        json_add(json, "key", text);
    else
        json_add(json, "key_hex", hex_of(dead_letter->key, dead_letter->key_length, arena));
}

static struct json_object *header_value(const struct header *header, struct arena *arena)
{
    struct json_object *value = text_if_valid(header->value, header->length);

    if (value == NULL) {
        value = json_object_new_object();
        json_add(value, "hex", hex_of(header->value, header->length, arena));
    }
    return value;
}

/* A name that was given twice has a list of values: an object has each of its names once. */
static void headers_add(struct json_object *json, const struct dead_letter *dead_letter,
                        struct arena *arena)
{
    struct json_object *headers = json_add_object(json, "headers");

    for (size_t i = 0; i < dead_letter->header_count; i++) {
        const char *name =
            text_of(dead_letter->headers[i].name, strlen(dead_letter->headers[i].name), arena);
        struct json_object *value = header_value(&dead_letter->headers[i], arena), *there = NULL,
                           *list;

        if (!json_object_object_get_ex(headers, name, &there)) {
            json_object_object_add(headers, name, value);
        } else if (json_object_is_type(there, json_type_array)) {
            json_append(there, value);
        } else {
            list = json_object_new_array();
            json_append(list, json_object_get(there));
            json_append(list, value);
            json_object_object_add(headers, name, list);
        }
    }
    if (dead_letter->headers_left_out > 0)
        json_add_count(json, "headers_left_out", dead_letter->headers_left_out);
}

/* A value that is no JSON text is told in hexadecimal digits. */
static void value_add(struct json_object *json, const struct dead_letter *dead_letter,
                      struct arena *arena)
{
    struct error ignored;

    if (dead_letter->value == NULL)
        json_add_text(json, "value", NULL);
    else if (json_check(dead_letter->value, dead_letter->value_length, &ignored) == STATUS_OK)
        json_add(json, "value",
                 json_object_new_string_len(dead_letter->value, (int)dead_letter->value_length));
    else
        json_add(json, "value_hex", hex_of(dead_letter->value, dead_letter->value_length, arena));
}

struct json_object *dlq_json(const struct dlq_entry *entry, bool whole, struct arena *arena)
{
    const struct dead_letter *dead_letter = &entry->dead_letter;
    struct json_object *json = json_object_new_object();

    text_add(json, "service", catalog[entry->service].name, arena);
    text_add(json, "topic", dead_letter->topic, arena);
    json_add_integer(json, "partition", dead_letter->partition);
    json_add_integer(json, "offset", dead_letter->offset);
    text_add(json, "at", dead_letter->at, arena);
    key_add(json, dead_letter, arena);
    text_add(json, "type", entry->type, arena);
    text_add(json, "reason", dead_letter->reason, arena);
    text_add(json, "error", dead_letter->error, arena);
    text_add(json, "resolution", entry->resolution, arena);
    if (entry->resolution != NULL) {
        text_add(json, "note", entry->note, arena);
        text_add(json, "settled_at", entry->settled_at, arena);
    }
    json_add_count(json, "value_bytes", dead_letter->value_length);
    json_add_flag(json, "value_kept", !dead_letter->value_left_out);
    text_add(json, "value_sha256", dead_letter->sha256, arena);
    if (whole) {
        headers_add(json, dead_letter, arena);
        value_add(json, dead_letter, arena);
    }
    return json;
}
