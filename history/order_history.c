#include "history/order_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buffer.h"
#include "base/index.h"
#include "brokers/topics.h"
#include "events/identity.h"
#include "history/describe.h"
#include "history/reading.h"
#include "services/catalog.h"

enum {
    BYTES_A_MESSAGE = 200, /* what a record takes with its texts and its share of the order, measured */
    OTHERWISE_MIB = 32,    /* what a pass takes besides: the program, messages read ahead, rows; measured */
    USUAL_MIB_MAX = 2048
};

/* Hashes that are taken for the things themselves. */
struct hash_set {
    struct index index;
    uint64_t *hashes;
    size_t count, capacity;
};

/* What a message says, as far as it can be told without knowing any other. */
struct decoded {
    enum { NOTHING, A_RECORD, DEAD_LETTER, RESOLUTION } what;
    const char *astray; /* key of an event that cannot be read, or is about another order than that; NULL: it is none */
    struct message message;
    uint64_t order;     /* hash of its subject */
    struct history_record record;   /* texts stay where they are read */
    int service;        /* of what was parked, and... */
    uint64_t place;     /* ...where it lay */
};

/* A partition that has lost its first messages, and when the first was written that it still has. */
struct beginning {
    const char *topic;
    int32_t partition;
    int64_t first_ms; /* INT64_MAX: nothing is left, or nothing was read of it */
};

struct order_histories {
    struct arena *arena, *scratch; /* of all; of one message */
    struct decoder *decoder;
    struct order_history **all;
    size_t count, capacity;
    struct index index; /* of `all`, by order id */
    size_t messages;
    struct beginning *beginnings;
    size_t beginning_count, beginnings_open; /* of the latter nothing was read yet */
    struct position *ends;
    size_t end_count;
    struct hash_set asked;                     /* hashes of the orders that the scope names */
    struct hash_set dead_letters[SERVICES], resolved; /* identities of what was parked, and of what became of it */
    const struct history_scope *scope;       /* while reading */
    unsigned share, shares;                    /* of the scope that was read last */
    struct astray *astray;
    size_t astray_count;
};

/* ---- a set of hashes ---- */

static bool is_hash(const void *hashes, size_t number, const void *hash)
{
    return ((const uint64_t *)hashes)[number] == *(const uint64_t *)hash;
}

static bool hash_has(const struct hash_set *set, uint64_t hash)
{
    return index_find(&set->index, hash, is_hash, set->hashes, &hash) != INDEX_NONE;
}

static void hash_add(struct hash_set *set, uint64_t hash)
{
    if (hash_has(set, hash))
        return;
    if (set->count == set->capacity)
        set->hashes = array_resize(set->hashes, set->capacity = set->capacity == 0 ? 64 : set->capacity * 2, sizeof *set->hashes);
    set->hashes[set->count] = hash;
    index_add(&set->index, hash, set->count++);
}

static void hash_set_free(struct hash_set *set)
{
    index_free(&set->index);
    free(set->hashes);
}

/* ---- orders ---- */

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
    hash_set_free(&histories->resolved);
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

static struct order_history *history_of(struct order_histories *histories, const char *order_id, uint64_t hash)
{
    size_t number = index_find(&histories->index, hash, is_history, histories->all, order_id);
    struct order_history *history;

    if (number != INDEX_NONE)
        return histories->all[number];
    if (histories->count == histories->capacity) {
        histories->capacity = histories->capacity == 0 ? 1024 : histories->capacity * 2;
        histories->all = array_resize(histories->all, histories->capacity, sizeof(struct order_history *));
    }
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
    size_t number = index_find(&histories->index, text_hash(order_id), is_history, histories->all, order_id);

    return number == INDEX_NONE ? NULL : histories->all[number];
}

size_t histories_messages(const struct order_histories *histories)
{
    return histories->messages;
}

bool histories_truncated(const struct order_histories *histories)
{
    return histories->beginning_count > 0;
}

bool histories_has_all(const struct order_histories *histories, const struct order_history *history)
{
    if (histories->beginning_count == 0)
        return true;
    if ((history->said & (FACT(ORDER_PLACE) | FACT(ORDER_CANCEL))) == 0)
        return false;
    for (size_t i = 0; i < histories->beginning_count; i++) {
        const struct beginning *beginning = &histories->beginnings[i];

        if ((history->partition < 0 || history->partition == beginning->partition) && beginning->first_ms > history->first_ms)
            return false;
    }
    return true;
}

/* The first of a partition is the first that is read of it. */
static void beginning_found(struct order_histories *histories, const struct incoming *incoming)
{
    for (size_t i = 0; i < histories->beginning_count; i++) {
        struct beginning *beginning = &histories->beginnings[i];

        if (beginning->first_ms == INT64_MAX && beginning->partition == incoming->partition && strcmp(beginning->topic, incoming->topic) == 0) {
            beginning->first_ms = incoming->timestamp_ms;
            histories->beginnings_open--;
            return;
        }
    }
}

const struct position *histories_ends(const struct order_histories *histories, size_t *count)
{
    *count = histories->end_count;
    return histories->ends;
}

/* ---- what is parked ---- */

static uint64_t place_hash(const char *topic, long long partition, long long offset)
{
    char place[320];

    snprintf(place, sizeof place, "%s/%lld/%lld", topic, partition, offset);
    return text_hash(place);
}

/* The record of a message that was set aside, or of what became of it. */
static void dead_letter_decode(const struct incoming *incoming, struct arena *arena, struct decoded *decoded)
{
    const char *topic = header_of(incoming, "parked_topic", arena);

    for (int i = 0; i < SERVICES; i++) {
        size_t name = strlen(catalog[i].name);

        if (strncmp(incoming->topic, catalog[i].name, name) != 0 || incoming->topic[name] != '.')
            continue;
        decoded->what = *header_of(incoming, "parked_resolution", arena) != '\0' ? RESOLUTION : DEAD_LETTER;
        decoded->service = i;
        decoded->place = place_hash(topic, strtoll(header_of(incoming, "parked_partition", arena), NULL, 10),
                                  strtoll(header_of(incoming, "parked_offset", arena), NULL, 10));
    }
}

size_t histories_dead_letters(const struct order_histories *histories, int service)
{
    const struct hash_set *set = &histories->dead_letters[service];
    size_t open = 0;

    for (size_t i = 0; i < set->count; i++)
        open += !hash_has(&histories->resolved, set->hashes[i]);
    return open;
}

bool histories_is_dead_letter(const struct order_histories *histories, int service, const struct history_record *record)
{
    return hash_has(&histories->dead_letters[service], place_hash(record->topic, record->partition, record->offset));
}

/* ---- records ---- */

/* The identity of an order's content, as the runtime makes it. */
static const char *content_identity(struct message *message, struct arena *arena)
{
    struct buffer canonical = {.arena = arena}, lines = {.arena = arena};
    struct error ignored; /* what was read is written */
    char *id = arena_alloc(arena, IDENTITY_SIZE);

    if (order_lines_encode(&message->order_place, &lines, &ignored) != STATUS_OK || message_encode_strictly(message, &canonical, &ignored) != STATUS_OK)
        return "";
    name_id(canonical.data, canonical.length, id);
    return id;
}

static void facts_take(const struct message *message, struct history_record *record, struct arena *arena)
{
    switch (message->type) {
    case ORDER_PLACE:
        lines_amount(message->order_place.lines, message->order_place.line_count, &record->number);
        record->text = message->order_place.currency;
        break;
    case ORDER_CREATED:
        record->number = message->order_created.amount_minor;
        record->text = message->order_created.currency;
        record->detail = message->order_created.payment_method;
        break;
    case ORDER_CONFIRMED:
        record->number = message->order_confirmed.amount_minor;
        record->text = message->order_confirmed.currency;
        break;
    case ORDER_CANCELLED:
        record->number = message->order_cancelled.amount_minor;
        record->text = message->order_cancelled.reason;
        record->detail = message->order_cancelled.detail;
        break;
    case PAYMENT_COMPLETED:
    case PAYMENT_REFUNDED:
        record->number = message->payment_made.amount_minor;
        record->text = message->payment_made.payment_id;
        record->detail = message->payment_made.currency;
        break;
    case INVENTORY_FAILED:
        record->number = message->inventory_failed.wanted;
        record->text = message->inventory_failed.sku;
        record->detail = arena_format(arena, "%lld", (long long)message->inventory_failed.available);
        break;
    case EMAIL_SENT:
        record->text = message->email_sent.kind;
        record->detail = message->email_sent.message_id;
        break;
    default: /* those that have at most a reason to give */
        record->text = message->outcome.reason;
        break;
    }
}

bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* An order.rejected is identified by the content that it refuses: what it says of itself is believed. */
static bool has_identity(enum message_type type)
{
    return message_speaker(type) != NULL && type != ORDER_REJECTED;
}

uint8_t message_strangeness(const struct incoming *incoming, const struct message *message)
{
    const struct envelope *envelope = &message->envelope;
    const char *speaker = message_speaker(message->type), *dot = strchr(incoming->topic, '.');
    bool internal = dot != NULL && strcmp(dot, ".internal") == 0;
    char id[IDENTITY_SIZE];
    uint8_t strange = 0;

    if (has_identity(message->type)) {
        event_id(message->subject, message->type, id);
        if (envelope->id == NULL || strcmp(envelope->id, id) != 0)
            strange |= RECORD_STRANGE_ID;
    }
    if (speaker != NULL && strcmp(speaker_of(envelope), speaker) != 0)
        strange |= RECORD_STRANGE_EMITTER;
    if (!internal && strcmp(incoming->topic, message_topic(message->type)) != 0) /* what was parked is given back by an internal topic */
        strange |= RECORD_STRANGE_TOPIC;
    return strange;
}

static const char *topic_name(const char *name)
{
    for (size_t i = 0; i < topic_count; i++)
        if (*topics[i].name == *name && strcmp(topics[i].name, name) == 0)
            return topics[i].name;
    return "";
}

/* An event is the same byte for byte whenever it is said; only what it answers may be another message each time, and with that its
 * cause and correlation. */
uint64_t event_content(const struct incoming *incoming, const struct envelope *envelope)
{
    return bytes_hash(incoming->value, incoming->value_length) + text_hash(envelope->flow != NULL ? envelope->flow : "");
}

/* A command may be sent again later, and a placed order's content is not compared here: it has an identity of its own. */
static bool same_facts(const struct history_record *a, const struct history_record *b)
{
    bool event = message_speaker((enum message_type)a->type) != NULL;

    return (a->strange & ~RECORD_CHANGED) == (b->strange & ~RECORD_CHANGED) && a->number == b->number && same_text(a->text, b->text) &&
           (a->type == ORDER_PLACE || same_text(a->detail, b->detail)) && (!event || (a->time_us == b->time_us && a->content == b->content));
}

/* The first record of the same id, type and topic (what was parked and is given back by another topic is told apart): one with the
 * same facts, if there is any, else one with others. */
static struct history_record *earlier(const struct order_history *history, const struct history_record *record, bool *same)
{
    struct history_record *different = NULL;

    *same = false;
    if (record->id == 0 || (history->met & FACT(record->type)) == 0)
        return NULL;
    for (struct history_record *other = history->records; other != NULL; other = other->next) {
        if (other->type != record->type || other->id != record->id || other->topic != record->topic)
            continue;
        *same = same_facts(other, record);
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
        history->flow = flow_find(message->type == ORDER_CREATED ? message->order_created.flow : message->envelope.flow);
    if (message->type == ORDER_CREATED)
        history->deadline_us = message->order_created.deadline_us;
}

static void record_add(struct order_histories *histories, struct order_history *history, struct decoded *decoded)
{
    const struct message *message = &decoded->message;
    struct history_record *found = &decoded->record, *first, *record;
    bool same;

    if (found->timestamp_ms > history->last_ms)
        history->last_ms = found->timestamp_ms;
    if (history->records == NULL || found->timestamp_ms < history->first_ms)
        history->first_ms = found->timestamp_ms;
    history->partition = history->records == NULL || history->partition == found->partition ? found->partition : -1;
    first = earlier(history, found, &same);
    if (same) {
        if (first->repeats < UINT16_MAX)
            first->repeats++;
        return;
    }
    if (first != NULL && message_speaker(message->type) != NULL) { /* partitions are not read in the order of time */
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
        history->said |= FACT(message->type);
    learn(history, message);
}

static unsigned share_of(uint64_t hash, unsigned shares)
{
    return (unsigned)((hash ^ hash >> 29) % shares);
}

static bool is_asked_for(const struct order_histories *histories, const char *order_id, int64_t at_ms)
{
    const struct history_scope *scope = histories->scope;
    uint64_t hash;

    if (scope->until_ms != 0 && at_ms >= scope->until_ms)
        return false;
    if (scope->orders == NULL && scope->shares < 2)
        return true;
    hash = text_hash(order_id);
    return scope->orders != NULL ? hash_has(&histories->asked, hash) : share_of(hash, scope->shares) == scope->share;
}

bool histories_is_shared(const struct order_histories *histories, const char *order_id)
{
    return histories->shares < 2 || share_of(text_hash(order_id), histories->shares) == histories->share;
}

/* What anybody may ask is dead-lettered, and seen there; an event is by us, and is about the order that its key and headers name. */
static const char *astray_key(const struct order_histories *histories, const struct incoming *incoming, const char *subject, const char *header, struct arena *arena)
{
    const char *key;

    if (strchr(incoming->topic, '.') != NULL)
        return NULL;
    key = arena_copy(arena, incoming->key, incoming->key_length);
    if (subject != NULL && strcmp(key, subject) == 0 && (header == NULL || strcmp(header, subject) == 0))
        return NULL;
    return is_asked_for(histories, key, incoming->timestamp_ms) ? key : NULL;
}

/* Before the body is read, which alone tells whose it is: key and headers name one of few orders, or a share has it all looked at. */
static bool may_be_asked_for(const struct order_histories *histories, const struct incoming *incoming, const struct envelope *envelope, struct arena *arena)
{
    return histories->scope->orders == NULL || is_asked_for(histories, order_of(incoming, envelope, arena), incoming->timestamp_ms) ||
           is_asked_for(histories, arena_copy(arena, incoming->key, incoming->key_length), incoming->timestamp_ms);
}

static void record_decode(const struct order_histories *histories, const struct incoming *incoming, struct decoder *decoder, struct arena *arena, struct decoded *decoded)
{
    struct message *message = &decoded->message;
    const struct envelope *envelope = &message->envelope;
    enum message_type type;
    struct error error;

    if (envelope_decode(arena, incoming->headers, incoming->header_count, &message->envelope, &error) != STATUS_OK) {
        decoded->astray = astray_key(histories, incoming, NULL, NULL, arena);
        return;
    }
    if (!message_type_find(envelope->type, &type) || type == STOCK_SET || type == STOCK_ADD || !may_be_asked_for(histories, incoming, envelope, arena))
        return;
    if (message_decode(decoder, arena, type, incoming->value, incoming->value_length, message, &error) != STATUS_OK) {
        decoded->astray = astray_key(histories, incoming, NULL, NULL, arena);
        return;
    }
    decoded->astray = astray_key(histories, incoming, message->subject, envelope->subject, arena);
    if (!is_asked_for(histories, message->subject, incoming->timestamp_ms))
        return;
    decoded->what = A_RECORD;
    decoded->order = text_hash(message->subject);
    decoded->record = (struct history_record){.topic = topic_name(incoming->topic), .partition = incoming->partition, .offset = incoming->offset,
                                .timestamp_ms = incoming->timestamp_ms, .time_us = envelope->time_us, .type = (uint8_t)type,
                                .id = envelope->id == NULL ? 0 : text_hash(envelope->id),
                                .cause = envelope->causation_id == NULL ? 0 : text_hash(envelope->causation_id),
                                .strange = message_strangeness(incoming, message)};
    facts_take(message, &decoded->record, arena);
    if (message_speaker(type) != NULL)
        decoded->record.content = event_content(incoming, envelope);
    if (type == ORDER_PLACE && histories->scope->contents)
        decoded->record.detail = content_identity(message, arena);
}

/* Changes nothing of the histories: threads do it side by side. */
static struct decoded *decode(const struct order_histories *histories, const struct incoming *incoming, struct decoder *decoder, struct arena *arena)
{
    struct decoded *decoded = arena_alloc(arena, sizeof *decoded);
    const char *dot = strchr(incoming->topic, '.');

    if (dot != NULL && strcmp(dot, ".parked") == 0)
        dead_letter_decode(incoming, arena, decoded);
    else
        record_decode(histories, incoming, decoder, arena, decoded);
    return decoded;
}

/* Of very many the first tell enough. */
static void astray_add(struct order_histories *histories, const struct incoming *incoming, const char *order_id)
{
    if (histories->astray_count == ASTRAY_MAX)
        return;
    if (histories->astray == NULL)
        histories->astray = arena_array(histories->arena, ASTRAY_MAX, sizeof *histories->astray);
    histories->astray[histories->astray_count++] =
        (struct astray){arena_text(histories->arena, order_id), topic_name(incoming->topic), incoming->partition, incoming->offset, incoming->timestamp_ms};
}

const struct astray *histories_astray(const struct order_histories *histories, size_t *count)
{
    *count = histories->astray_count;
    return histories->astray;
}

static void take(void *context, const struct incoming *incoming, void *made)
{
    struct order_histories *histories = context;
    struct decoded *decoded = made;
    const struct history_scope *scope = histories->scope;
    struct order_history *history = NULL;

    histories->messages++;
    if (histories->beginnings_open > 0)
        beginning_found(histories, incoming);
    if (decoded->what == DEAD_LETTER) {
        hash_add(&histories->dead_letters[decoded->service], decoded->place);
    } else if (decoded->what == RESOLUTION) {
        hash_add(&histories->resolved, decoded->place);
    } else if (decoded->what == A_RECORD) {
        history = scope->orders != NULL ? histories_find(histories, decoded->message.subject)
                                          : history_of(histories, decoded->message.subject, decoded->order);
        if (history != NULL)
            record_add(histories, history, decoded);
    }
    if (decoded->astray != NULL)
        astray_add(histories, incoming, decoded->astray);
    if (scope->listen != NULL)
        scope->listen(scope->listen_context, incoming, history == NULL ? NULL : &decoded->message, history);
}

void histories_take(struct order_histories *histories, const struct history_scope *scope, const struct incoming *incoming)
{
    histories->scope = scope;
    take(histories, incoming, decode(histories, incoming, histories->decoder, histories->scratch));
    arena_reset(histories->scratch);
}

/* ---- reading ---- */

/* Only who listens needs the message itself. */
static void *decode_ahead(void *context, struct incoming *incoming, struct decoder *decoder, struct arena *arena)
{
    const struct order_histories *histories = context;
    struct decoded *decoded = decode(histories, incoming, decoder, arena);

    if (histories->scope->listen == NULL)
        incoming_release(incoming);
    return decoded;
}

static void opened(void *context, const struct reader *reader)
{
    struct order_histories *histories = context;
    const struct position *ends = reader_ends(reader, &histories->end_count);

    const int64_t *starts = reader_starts(reader);

    free(histories->ends);
    free(histories->beginnings);
    histories->ends = calloc(histories->end_count + 1, sizeof *histories->ends);
    histories->beginnings = calloc(histories->end_count + 1, sizeof *histories->beginnings);
    if (histories->ends == NULL || histories->beginnings == NULL)
        abort();
    histories->beginning_count = 0;
    for (size_t i = 0; i < histories->end_count; i++) {
        const char *topic = topic_name(ends[i].topic);

        histories->ends[i] = (struct position){topic, ends[i].partition, ends[i].offset};
        if (starts[i] > 0)
            histories->beginnings[histories->beginning_count++] = (struct beginning){topic, ends[i].partition, INT64_MAX};
    }
    histories->beginnings_open = histories->beginning_count;
}

/* What orders are made of lies in all topics but that of stock commands. */
static size_t topics_choose(const char **chosen)
{
    size_t count = 0;

    for (size_t i = 0; i < topic_count; i++)
        if (strcmp(topics[i].name, "inventory.commands") != 0)
            chosen[count++] = topics[i].name;
    return count;
}

enum status histories_read(struct order_histories *histories, const struct log_source *source, const struct history_scope *scope, struct error *error)
{
    const char *chosen[32];
    const struct reading reading = {
        .scope = {.topics = chosen, .topic_count = topics_choose(chosen), .from = scope->since_ms != 0 ? READER_TIME : READER_BEGINNING,
                  .since_ms = scope->since_ms,
                  .positions = scope->positions, .position_count = scope->position_count},
        .once = true, .progress = scope->progress, .prepare = decode_ahead, .take_made = take, .opened = opened};

    histories->scope = scope;
    histories->share = scope->share;
    histories->shares = scope->shares;
    for (const char *const *order = scope->orders; order != NULL && *order != NULL; order++) {
        hash_add(&histories->asked, text_hash(*order));
        history_of(histories, *order, text_hash(*order));
    }
    return messages_read(source, &reading, histories, error);
}

static void total_take(void *context, const struct reader *reader)
{
    *(int64_t *)context = reader_total(reader);
}

static void ignore(void *context, const struct incoming *incoming)
{
    (void)context;
    (void)incoming;
}

static bool end_at_once(void *context)
{
    (void)context;
    return true;
}

static int64_t usual_mib(void)
{
    int64_t quarter_mib = (int64_t)sysconf(_SC_PHYS_PAGES) / 4 * sysconf(_SC_PAGESIZE) / INT64_C(1048576);

    return quarter_mib < USUAL_MIB_MAX ? quarter_mib : USUAL_MIB_MAX;
}

enum status histories_passes(const struct log_source *source, int64_t most_mib, unsigned *passes, struct error *error)
{
    const char *chosen[32];
    const struct reading reading = {.scope = {.topics = chosen, .topic_count = topics_choose(chosen)}, .once = true, .take = ignore,
                                    .opened = total_take, .tick = end_at_once};
    int64_t total = 0;
    enum status status = messages_read(source, &reading, &total, error);

    if (most_mib == 0)
        most_mib = usual_mib();
    most_mib = most_mib < MEMORY_MIB_MIN ? MEMORY_MIB_MIN - OTHERWISE_MIB : most_mib - OTHERWISE_MIB;
    *passes = (unsigned)(total * BYTES_A_MESSAGE / (most_mib * 1024 * 1024)) + 1;
    return status;
}

/* ---- one order ---- */

/* How far down the chain of causes a type usually stands. */
static int rank(enum message_type type)
{
    switch (type) {
    case ORDER_PLACE:
    case ORDER_CANCEL:
        return 0;
    case ORDER_CREATED:
    case ORDER_REJECTED:
        return 1;
    case ORDER_CONFIRMED:
    case ORDER_CANCELLED:
    case ORDER_CANCEL_REJECTED:
        return 3;
    case PAYMENT_REFUNDED:
    case PAYMENT_VOIDED:
    case PAYMENT_REFUND_FAILED:
    case INVENTORY_RELEASED:
    case INVENTORY_VOIDED:
    case EMAIL_SENT:
    case EMAIL_FAILED:
        return 4;
    default:
        return 2;
    }
}

/* Two of one partition are as they lie; else the time decides, and the rank within a millisecond. */
static bool comes_before(const struct history_record *a, const struct history_record *b)
{
    if (a->topic == b->topic && a->partition == b->partition)
        return a->offset < b->offset;
    if (a->timestamp_ms != b->timestamp_ms)
        return a->timestamp_ms < b->timestamp_ms;
    return rank((enum message_type)a->type) < rank((enum message_type)b->type);
}

/* By insertion: there are few, and they nearly stand in order. */
void history_sort(struct order_history *history)
{
    struct history_record *sorted = NULL, *rest = history->records;

    while (rest != NULL) {
        struct history_record *record = rest, **at = &sorted;

        rest = rest->next;
        while (*at != NULL && !comes_before(record, *at))
            at = &(*at)->next;
        record->next = *at;
        *at = record;
    }
    history->records = sorted;
    for (history->end = &history->records; *history->end != NULL;)
        history->end = &(*history->end)->next;
}

const struct history_record *record_find(const struct order_history *history, enum message_type type)
{
    for (const struct history_record *record = history->records; record != NULL; record = record->next)
        if (record->type == type && record->strange == 0)
            return record;
    return NULL;
}
