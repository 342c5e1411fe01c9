#include "history/assemble.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "brokers/dead_letter.h"
#include "brokers/topics.h"
#include "history/describe.h"
#include "history/order_histories.h"
#include "history/reading.h"

/* What a message tells, as far as that can be told without knowing any other. */
struct decoded {
    enum { NOTHING, A_RECORD, DEAD_LETTER, RESOLUTION } what;
    const char *astray; /* the key of an event that cannot be read, or is about another order than
                         * its key says; NULL: it is none */
    struct message message;
    uint64_t order;               /* hash of its subject */
    struct history_record record; /* texts stay where they are read */
    int service;                  /* of a dead letter, and... */
    uint64_t place;               /* ...the hash of where it lay, or... */
    bool handed_over;             /* ...of what was handed over inside a process */
};

/* ---- what a message tells by itself ---- */

static bool is_asked_for(const struct order_histories *histories, const char *order_id,
                         int64_t at_ms)
{
    const struct history_scope *scope = histories->scope;
    uint64_t hash;

    if (scope->until_ms != 0 && at_ms >= scope->until_ms)
        return false;
    if (scope->orders == NULL && scope->shares < 2)
        return true;
    hash = text_hash(order_id);
    return scope->orders != NULL ? hash_set_has(&histories->asked, hash)
                                 : is_of_share(hash, scope->share, scope->shares);
}

/* A message that a service dead-lettered, or what became of it. */
static void dead_letter_decode(int service, const struct incoming *incoming, struct arena *arena,
                               struct decoded *decoded)
{
    struct dead_letter dead_letter;
    const char *resolution, *note;

    decoded->service = service;
    if (dead_letter_is_resolution(incoming, arena, &dead_letter, &resolution, &note)) {
        decoded->what = RESOLUTION;
    } else {
        decoded->what = DEAD_LETTER;
        dead_letter_read(incoming, arena, &dead_letter);
    }
    decoded->place = coordinates_hash(dead_letter.topic, dead_letter.partition, dead_letter.offset);
    decoded->handed_over = dead_letter.partition == HANDED_OVER;
}

/* What anybody may ask is dead-lettered, and seen there; an event comes from a service, and is
 * about the order that its key and headers name. */
static const char *astray_key(const struct order_histories *histories,
                              const struct incoming *incoming, const char *subject,
                              const char *header, struct arena *arena)
{
    const char *key;

    if (strchr(incoming->topic, '.') != NULL)
        return NULL;
    key = arena_copy(arena, incoming->key, incoming->key_length);
    if (subject != NULL && strcmp(key, subject) == 0 &&
        (header == NULL || strcmp(header, subject) == 0))
        return NULL;
    return is_asked_for(histories, key, incoming->timestamp_ms) ? key : NULL;
}

/* Before the body is read, which alone tells whose it is: key and headers name one of few orders,
 * or a share has it all looked at. */
static bool may_be_asked_for(const struct order_histories *histories,
                             const struct incoming *incoming, const struct envelope *envelope,
                             struct arena *arena)
{
    return histories->scope->orders == NULL ||
           is_asked_for(histories, describe_subject(incoming, envelope, arena),
                        incoming->timestamp_ms) ||
           is_asked_for(histories, arena_copy(arena, incoming->key, incoming->key_length),
                        incoming->timestamp_ms);
}

/* A log is kept for ever: what ends in .republish ended in .redrive in 0.1. */
static bool type_find(const char *name, enum message_type *type)
{
    const char *dot = strrchr(name, '.');

    if (message_type_find(name, type))
        return true;
    if (dot == NULL || strcmp(dot, ".redrive") != 0)
        return false;
    for (int i = 0; i < SERVICES; i++)
        if (strncmp(catalog[i].name, name, (size_t)(dot - name)) == 0 &&
            catalog[i].name[dot - name] == '\0') {
            *type = catalog[i].republish;
            return true;
        }
    return false;
}

static void record_decode(const struct order_histories *histories, const struct incoming *incoming,
                          struct decoder *decoder, struct arena *arena, struct decoded *decoded)
{
    struct message *message = &decoded->message;
    const struct envelope *envelope = &message->envelope;
    enum message_type type;
    struct error error;

    if (envelope_decode(arena, incoming->headers, incoming->header_count, &message->envelope,
                        &error) != STATUS_OK) {
        decoded->astray = astray_key(histories, incoming, NULL, NULL, arena);
        return;
    }
    if (!type_find(envelope->type, &type) || type == STOCK_SET || type == STOCK_ADD ||
        !may_be_asked_for(histories, incoming, envelope, arena))
        return;
    if (message_decode(decoder, arena, type, incoming->value, incoming->value_length, message,
                       &error) != STATUS_OK) {
        decoded->astray = astray_key(histories, incoming, NULL, NULL, arena);
        return;
    }
    decoded->astray = astray_key(histories, incoming, message->subject, envelope->subject, arena);
    if (!is_asked_for(histories, message->subject, incoming->timestamp_ms))
        return;
    decoded->what = A_RECORD;
    decoded->order = text_hash(message->subject);
    record_make(incoming, message, histories->scope->contents, arena, &decoded->record);
}

/* Whose topic of dead letters it is; SERVICE_NONE: nobody's. */
static int dead_letters_of(const char *topic)
{
    for (int i = 0; i < SERVICES; i++)
        if (strcmp(catalog[i].dead_letters, topic) == 0)
            return i;
    return SERVICE_NONE;
}

/* Changes nothing of the histories: threads do it side by side. */
static struct decoded *decode(const struct order_histories *histories,
                              const struct incoming *incoming, struct decoder *decoder,
                              struct arena *arena)
{
    struct decoded *decoded = arena_alloc(arena, sizeof *decoded);
    int service =
        strchr(incoming->topic, '.') == NULL ? SERVICE_NONE : dead_letters_of(incoming->topic);

    if (service != SERVICE_NONE)
        dead_letter_decode(service, incoming, arena, decoded);
    else
        record_decode(histories, incoming, decoder, arena, decoded);
    return decoded;
}

/* ---- what joins a history ---- */

/* The first record of the same id, type and topic (what was dead-lettered and redriven by another
 * topic is told apart): one with the same facts, if there is any, else one with others. */
static struct history_record *earlier(const struct order_history *history,
                                      const struct history_record *record, bool *same)
{
    struct history_record *different = NULL;

    *same = false;
    if (record->id == 0 || (history->met & FACT(record->type)) == 0)
        return NULL;
    for (struct history_record *other = history->records; other != NULL; other = other->next) {
        if (other->type != record->type || other->id != record->id || other->topic != record->topic)
            continue;
        *same = record_same_facts(other, record);
        if (*same)
            return other;
        if (different == NULL)
            different = other;
    }
    return different;
}

static void learn(struct order_history *history, const struct message *message)
{
    if (history->flow == NULL)
        history->flow = flow_find(message->type == ORDER_CREATED ? message->order_created.flow
                                                                 : message->envelope.flow);
    if (message->type == ORDER_CREATED)
        history->deadline_us = message->order_created.deadline_us;
}

static void record_add(struct order_histories *histories, struct order_history *history,
                       struct decoded *decoded)
{
    const struct message *message = &decoded->message;
    struct history_record *found = &decoded->record, *first, *record;
    bool same;

    if (found->timestamp_ms > history->last_ms)
        history->last_ms = found->timestamp_ms;
    if (history->records == NULL || found->timestamp_ms < history->first_ms)
        history->first_ms = found->timestamp_ms;
    history->partition =
        history->records == NULL || history->partition == found->partition ? found->partition : -1;
    first = earlier(history, found, &same);
    if (same) {
        if (first->repeats < UINT16_MAX)
            first->repeats++;
        return;
    }
    if (first != NULL &&
        message_emitter(message->type) != NULL) { /* partitions are not read in the order of time */
        if (found->timestamp_ms < first->timestamp_ms)
            first->strange |= RECORD_CHANGED;
        else
            found->strange |= RECORD_CHANGED;
    }
    record = arena_room(histories->arena, sizeof *record);
    *record = *found;
    record->text = arena_text(histories->arena, found->text);
    record->detail = arena_text(histories->arena, found->detail);
    *history->end = record;
    history->end = &record->next;
    history->met |= FACT(message->type);
    if (found->strange == 0)
        history->genuine |= FACT(message->type);
    learn(history, message);
}

/* Of very many the first tell enough. */
static void astray_add(struct order_histories *histories, const struct incoming *incoming,
                       const char *order_id)
{
    if (histories->astray_count == ASTRAY_MAX)
        return;
    if (histories->astray == NULL)
        histories->astray = arena_array(histories->arena, ASTRAY_MAX, sizeof *histories->astray);
    histories->astray[histories->astray_count++] =
        (struct astray){arena_text(histories->arena, order_id), topic_in_table(incoming->topic),
                        incoming->partition, incoming->offset, incoming->timestamp_ms};
}

static void take(void *context, const struct incoming *incoming, void *made)
{
    struct order_histories *histories = context;
    struct decoded *decoded = made;
    const struct history_scope *scope = histories->scope;
    struct order_history *history = NULL;

    histories->messages++;
    extent_take(histories, incoming);
    if (decoded->what == DEAD_LETTER) {
        hash_set_add(&histories->dead_letters[decoded->service], decoded->place);
        if (decoded->handed_over) /* once more, after it was resolved */
            hash_set_remove(&histories->resolved[decoded->service], decoded->place);
    } else if (decoded->what == RESOLUTION) {
        hash_set_add(&histories->resolved[decoded->service], decoded->place);
    } else if (decoded->what == A_RECORD) {
        history = scope->orders != NULL
                      ? histories_find(histories, decoded->message.subject)
                      : history_of(histories, decoded->message.subject, decoded->order);
        if (history != NULL)
            record_add(histories, history, decoded);
    }
    if (decoded->astray != NULL)
        astray_add(histories, incoming, decoded->astray);
    if (scope->listen != NULL)
        scope->listen(scope->listen_context, incoming, history == NULL ? NULL : &decoded->message,
                      history);
}

void histories_take(struct order_histories *histories, const struct history_scope *scope,
                    const struct incoming *incoming)
{
    histories->scope = scope;
    take(histories, incoming, decode(histories, incoming, histories->decoder, histories->scratch));
    arena_reset(histories->scratch);
}

/* ---- reading ---- */

/* Only who listens needs the message itself. */
static void *decode_ahead(void *context, struct incoming *incoming, struct decoder *decoder,
                          struct arena *arena)
{
    const struct order_histories *histories = context;
    struct decoded *decoded = decode(histories, incoming, decoder, arena);

    if (histories->scope->listen == NULL)
        incoming_release(incoming);
    return decoded;
}

static void opened(void *context, const struct reader *reader)
{
    extent_open(context, reader);
}

size_t history_topics(const char *chosen[TOPICS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < topic_count; i++)
        if (strcmp(topics[i].name, "inventory.commands") != 0)
            chosen[count++] = topics[i].name;
    return count;
}

enum status histories_read(struct order_histories *histories, const struct log_source *source,
                           const struct history_scope *scope, struct error *error)
{
    const char *chosen[TOPICS_MAX];
    const struct reading reading = {
        .scope = {.topics = chosen,
                  .topic_count = history_topics(chosen),
                  .from = scope->since_ms != 0 ? READER_TIME : READER_BEGINNING,
                  .since_ms = scope->since_ms,
                  .positions = scope->positions,
                  .position_count = scope->position_count},
        .once = true,
        .progress = scope->progress,
        .prepare = decode_ahead,
        .take_made = take,
        .opened = opened};

    histories->scope = scope;
    histories->share = scope->share;
    histories->shares = scope->shares;
    for (const char *const *order = scope->orders; order != NULL && *order != NULL; order++) {
        hash_set_add(&histories->asked, text_hash(*order));
        history_of(histories, *order, text_hash(*order));
    }
    return messages_read(source, &reading, histories, error);
}
