#include "tools/sagactl/parked/record.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "events/arena.h"
#include "events/json_check.h"
#include "events/timestamp.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/log/reading.h"
#include "tools/sagactl/log/telling.h"
#include "tools/sagactl/when.h"

struct parked_list {
    struct arena *arena;
    struct parked *all;
    size_t count, capacity;
};

static const char *const parked_topics[] = {"order.parked", "payment.parked", "inventory.parked", "email.parked"};

static int service_of(const char *topic)
{
    int service = 0;

    while (strcmp(parked_topics[service], topic) != 0)
        service++;
    return service;
}

static bool says_why(const char *header)
{
    return strncmp(header, "parked_", strlen("parked_")) == 0;
}

static void headers_take(struct parked *parked, const struct incoming *incoming, struct arena *arena)
{
    parked->headers = arena_array(arena, incoming->header_count + 1, sizeof *parked->headers);
    for (size_t i = 0; i < incoming->header_count; i++) {
        const struct header *header = &incoming->headers[i];

        if (says_why(header->name))
            continue;
        parked->headers[parked->header_count++] =
            (struct header){arena_copy(arena, header->name, strlen(header->name)),
                            header->value == NULL ? NULL : arena_copy(arena, header->value, header->length), header->length};
    }
}

static void message_take(struct parked *parked, const struct incoming *incoming, struct arena *arena)
{
    parked->type = header_of(incoming, "ce_type", arena);
    parked->reason = header_of(incoming, "parked_reason", arena);
    parked->error = header_of(incoming, "parked_error", arena);
    headers_take(parked, incoming, arena);
    parked->value = incoming->value == NULL ? NULL : arena_copy(arena, incoming->value, incoming->value_length);
    parked->value_length = incoming->value_length;
}

/* A record: of a message that was set aside, or of what became of it. */
static void take(void *context, const struct incoming *incoming)
{
    struct parked_list *list = context;
    struct arena *arena = list->arena;
    struct parked found = {.service = service_of(incoming->topic), .topic = header_of(incoming, "parked_topic", arena),
                           .key = arena_copy(arena, incoming->key == NULL ? "" : incoming->key, incoming->key_length),
                           .partition = (int32_t)strtol(header_of(incoming, "parked_partition", arena), NULL, 10),
                           .offset = strtoll(header_of(incoming, "parked_offset", arena), NULL, 10), .at = header_of(incoming, "parked_at", arena)};
    const char *resolution = header_of(incoming, "parked_resolution", arena);

    if (*resolution != '\0') {
        found.resolution = resolution;
        found.note = header_of(incoming, "parked_note", arena);
        found.settled_at = found.at;
    } else {
        message_take(&found, incoming, arena);
    }
    found.number = list->count;
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->all = realloc(list->all, list->capacity * sizeof *list->all);
        if (list->all == NULL)
            abort();
    }
    list->all[list->count++] = found;
}

/* ---- which of them ---- */

struct wish {
    const char *service, *reason, *order;
    int64_t before_ms; /* 0: any time */
    bool settled;      /* those too that were given back or dropped */
    const char *const *places;
    size_t place_count;
};

static bool is_a_place(const char *text)
{
    const char *offset = strrchr(text, '/');
    const char *partition = offset;

    while (partition != NULL && partition > text && isdigit((unsigned char)partition[-1]))
        partition--;
    return offset != NULL && offset[1] != '\0' && strspn(offset + 1, "0123456789") == strlen(offset + 1) && partition < offset && partition > text && partition[-1] == '/';
}

static enum status wish_read(const struct settings *from, const char *const *places, size_t count, struct wish *wish, struct error *error)
{
    *wish = (struct wish){settings_text(from, "service"), settings_text(from, "reason"), settings_text(from, "order"), 0, settings_flag(from, "all"), places, count};
    for (size_t i = 0; i < count; i++)
        if (!is_a_place(places[i]))
            return error_set(error, STATUS_WRONG, "\"%s\" is no place: TOPIC/PARTITION/OFFSET is expected, as sagactl parked list prints it", places[i]);
    return when_setting(from, "older-than", &wish->before_ms, error);
}

static bool is_wanted(const struct wish *wish, const struct parked *parked, struct arena *arena)
{
    int64_t at_us = 0;
    bool named = wish->place_count == 0;

    for (size_t i = 0; !named && i < wish->place_count; i++)
        named = strcmp(wish->places[i], parked_place(parked, arena)) == 0;
    if (wish->before_ms != 0 && (!timestamp_parse(parked->at, &at_us) || at_us / 1000 > wish->before_ms))
        return false;
    return named && (wish->settled || parked->resolution == NULL) && (wish->service == NULL || strcmp(wish->service, service_names[parked->service]) == 0) &&
           (wish->order == NULL || strcmp(wish->order, parked->key) == 0) &&
           (wish->reason == NULL || strstr(parked->error, wish->reason) != NULL || strcmp(parked->reason, wish->reason) == 0);
}

/* In the order of their places.  The key tells a message from one that lay there before its topic was made anew. */
static int places_compare(const struct parked *left, const struct parked *right)
{
    int order = strcmp(left->topic, right->topic);

    if (left->service != right->service)
        return left->service - right->service;
    if (order != 0)
        return order;
    if (left->partition != right->partition)
        return left->partition < right->partition ? -1 : 1;
    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    return strcmp(left->key, right->key);
}

/* Of one place the message comes before what became of it. */
static int records_compare(const void *a, const void *b)
{
    const struct parked *left = a, *right = b;
    int order = places_compare(left, right);

    if (order == 0)
        order = (left->resolution != NULL) - (right->resolution != NULL);
    return order != 0 ? order : left->number < right->number ? -1 : 1;
}

/* One record a place.  A message that its service read again is parked again, and stays what it was: the first record counts, and the
 * last of what became of it. */
static void fold(struct parked_list *list)
{
    size_t count = list->count;

    if (count > 0)
        qsort(list->all, count, sizeof *list->all, records_compare);
    list->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct parked *record = &list->all[i];
        struct parked *last = list->count > 0 ? &list->all[list->count - 1] : NULL;

        if (last == NULL || places_compare(last, record) != 0) {
            if (record->resolution == NULL) /* else the message is gone, and only its end is left */
                list->all[list->count++] = *record;
        } else if (record->resolution != NULL) {
            last->resolution = record->resolution;
            last->note = record->note;
            last->settled_at = record->settled_at;
        }
    }
}

struct parked_list *parked_read(const struct settings *from, const char *const *places, size_t count, struct error *error)
{
    const struct reading reading = {.scope = {.topics = parked_topics, .topic_count = SERVICES}, .once = true, .take = take};
    struct parked_list *list = calloc(1, sizeof *list);
    struct wish wish;
    size_t kept = 0;

    if (list == NULL)
        abort();
    list->arena = arena_new();
    if (wish_read(from, places, count, &wish, error) != STATUS_OK || messages_read(from, &reading, list, error) != STATUS_OK) {
        parked_free(list);
        return NULL;
    }
    fold(list);
    for (size_t i = 0; i < list->count; i++)
        if (is_wanted(&wish, &list->all[i], list->arena))
            list->all[kept++] = list->all[i];
    list->count = kept;
    return list;
}

void parked_free(struct parked_list *list)
{
    if (list == NULL)
        return;
    arena_free(list->arena);
    free(list->all);
    free(list);
}

size_t parked_count(const struct parked_list *list)
{
    return list->count;
}

const struct parked *parked_at(const struct parked_list *list, size_t number)
{
    return &list->all[number];
}

const char *parked_place(const struct parked *parked, struct arena *arena)
{
    return arena_format(arena, "%s/%d/%lld", parked->topic, parked->partition, (long long)parked->offset);
}

/* ---- as JSON ---- */

static void member(struct buffer *out, const char *name, const char *text)
{
    buffer_format(out, ",\"%s\":", name);
    if (text == NULL)
        buffer_text(out, "null");
    else
        buffer_json(out, text);
}

/* Bytes that are no text are told in hexadecimal digits. */
static void value_encode(const struct parked *parked, struct buffer *out)
{
    struct error ignored;

    if (parked->value == NULL) {
        buffer_text(out, ",\"value\":null");
    } else if (json_check(parked->value, parked->value_length, &ignored) == STATUS_OK) {
        member(out, "value", parked->value);
    } else {
        buffer_text(out, ",\"value_hex\":\"");
        for (size_t i = 0; i < parked->value_length; i++)
            buffer_format(out, "%02x", (unsigned char)parked->value[i]);
        buffer_char(out, '"');
    }
}

void parked_encode(const struct parked *parked, bool whole, struct buffer *out)
{
    buffer_format(out, "{\"service\":\"%s\"", service_names[parked->service]);
    member(out, "topic", parked->topic);
    buffer_format(out, ",\"partition\":%d,\"offset\":%lld", parked->partition, (long long)parked->offset);
    member(out, "at", parked->at);
    member(out, "key", parked->key);
    member(out, "type", parked->type);
    member(out, "reason", parked->reason);
    member(out, "error", parked->error);
    member(out, "resolution", parked->resolution);
    if (parked->resolution != NULL) {
        member(out, "note", parked->note);
        member(out, "settled_at", parked->settled_at);
    }
    if (whole) {
        buffer_text(out, ",\"headers\":{");
        for (size_t i = 0; i < parked->header_count; i++) {
            if (i > 0)
                buffer_char(out, ',');
            buffer_json(out, parked->headers[i].name);
            buffer_char(out, ':');
            buffer_json(out, parked->headers[i].value == NULL ? "" : parked->headers[i].value);
        }
        buffer_char(out, '}');
        value_encode(parked, out);
    }
    buffer_char(out, '}');
}
