#include "history/order_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buffer.h"
#include "brokers/dead_letter.h"
#include "events/identity.h"
#include "history/order_histories.h"

struct order_histories *histories_new(void)
{
    struct order_histories *histories = calloc(1, sizeof *histories);

    if (histories == NULL)
        abort();
    histories->arena = arena_new();
    histories->scratch = arena_new();
    histories->decoder = decoder_new();
    return histories;
}

void histories_free(struct order_histories *histories)
{
    if (histories == NULL)
        return;
    arena_free(histories->arena);
    arena_free(histories->scratch);
    decoder_free(histories->decoder);
    for (int i = 0; i < SERVICES; i++)
        hash_set_free(&histories->dead_letters[i]);
    for (int i = 0; i < SERVICES; i++)
        hash_set_free(&histories->resolved[i]);
    hash_set_free(&histories->asked);
    free(histories->all);
    index_free(&histories->index);
    free(histories->beginnings);
    free(histories->ends);
    free(histories);
}

static bool is_history(const void *all, size_t number, const void *order_id)
{
    return strcmp(((struct order_history *const *)all)[number]->order_id, order_id) == 0;
}

struct order_history *history_of(struct order_histories *histories, const char *order_id,
                                 uint64_t hash)
{
    size_t number = index_find(&histories->index, hash, is_history, histories->all, order_id);
    struct order_history *history;

    if (number != INDEX_NONE)
        return histories->all[number];
    histories->all = array_grow(histories->all, histories->count, &histories->capacity,
                                sizeof(struct order_history *));
    history = arena_alloc(histories->arena, sizeof *history);
    history->order_id = arena_text(histories->arena, order_id);
    history->end = &history->records;
    index_add(&histories->index, hash, histories->count);
    return histories->all[histories->count++] = history;
}

size_t histories_count(const struct order_histories *histories)
{
    return histories->count;
}

struct order_history *histories_at(const struct order_histories *histories, size_t number)
{
    return histories->all[number];
}

struct order_history *histories_find(const struct order_histories *histories, const char *order_id)
{
    size_t number =
        index_find(&histories->index, text_hash(order_id), is_history, histories->all, order_id);

    return number == INDEX_NONE ? NULL : histories->all[number];
}

size_t histories_messages(const struct order_histories *histories)
{
    return histories->messages;
}

const struct astray *histories_astray(const struct order_histories *histories, size_t *count)
{
    *count = histories->astray_count;
    return histories->astray;
}

/* ---- shares ---- */

bool is_of_share(uint64_t hash, unsigned share, unsigned shares)
{
    return shares < 2 || (hash ^ hash >> 29) % shares == share;
}

bool histories_is_shared(const struct order_histories *histories, const char *order_id)
{
    return is_of_share(text_hash(order_id), histories->share, histories->shares);
}

/* ---- dead letters ---- */

uint64_t coordinates_hash(const char *topic, int64_t partition, int64_t offset)
{
    char text[320];

    snprintf(text, sizeof text, "%s/%lld/%lld", topic, (long long)partition, (long long)offset);
    return text_hash(text);
}

size_t histories_dead_letters(const struct order_histories *histories, int service)
{
    const struct hash_set *set = &histories->dead_letters[service];
    size_t open = 0;

    for (size_t i = 0; i < set->count; i++)
        open += !hash_set_has(&histories->resolved[service], set->hashes[i]);
    return open;
}

bool histories_is_dead_letter(const struct order_histories *histories, int service,
                              const char *order_id, const struct history_record *record)
{
    const struct hash_set *set = &histories->dead_letters[service];

    return set->count > 0 &&
           (hash_set_has(set, coordinates_hash(record->topic, record->partition, record->offset)) ||
            (order_id != NULL &&
             hash_set_has(
                 set, coordinates_hash(record->topic, HANDED_OVER,
                                       event_number(order_id, (enum message_type)record->type)))));
}

/* ---- one order ---- */

/* By insertion: there are few, and they nearly stand in order. */
void history_sort(struct order_history *history)
{
    struct history_record *sorted = NULL, *rest = history->records;

    while (rest != NULL) {
        struct history_record *record = rest, **at = &sorted;

        rest = rest->next;
        while (*at != NULL && !record_comes_before(record, *at))
            at = &(*at)->next;
        record->next = *at;
        *at = record;
    }
    history->records = sorted;
    for (history->end = &history->records; *history->end != NULL;)
        history->end = &(*history->end)->next;
}

const struct history_record *record_find(const struct order_history *history,
                                         enum message_type type)
{
    for (const struct history_record *record = history->records; record != NULL;
         record = record->next)
        if (record->type == type && record->strange == 0)
            return record;
    return NULL;
}

int64_t event_time_us(const struct order_history *history, enum message_type type)
{
    const struct history_record *record = record_find(history, type);

    return record == NULL ? 0 : record->time_us;
}
