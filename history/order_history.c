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
#include "tools/sagactl/command.h"

enum {
    BYTES_A_MESSAGE = 200, /* what a note takes with its texts and its share of the order, measured */
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
struct heard {
    enum { NOTHING, A_NOTE, PARKED, SETTLED } what;
    const char *astray; /* key of an event that cannot be read, or is about another order than that; NULL: it is none */
    struct message message;
    uint64_t order;     /* hash of its subject */
    struct note note;   /* texts stay where they are read */
    int service;        /* of what was parked, and... */
    uint64_t place;     /* ...where it lay */
};

/* A partition that has lost its first messages, and when the first was written that it still has. */
struct beginning {
    const char *topic;
    int32_t partition;
    int64_t first_ms; /* INT64_MAX: nothing is left, or nothing was read of it */
};

struct chronicles {
    struct arena *arena, *scratch; /* of all; of one message */
    struct decoder *decoder;
    struct chronicle **all;
    size_t count, capacity;
    struct index index; /* of `all`, by order id */
    size_t messages;
    struct beginning *beginnings;
    size_t beginning_count, beginnings_open; /* of the latter nothing was read yet */
    struct position *ends;
    size_t end_count;
    struct hash_set asked;                     /* hashes of the orders that the scope names */
    struct hash_set parked[SERVICES], settled; /* identities of what was parked, and of what became of it */
    const struct chronicle_scope *scope;       /* while reading */
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

struct chronicles *chronicles_new(void)
{
    struct chronicles *chronicles = calloc(1, sizeof *chronicles);

    if (chronicles == NULL)
        abort();
    chronicles->arena = arena_new();
    chronicles->scratch = arena_new();
    chronicles->decoder = decoder_new();
    return chronicles;
}

void chronicles_free(struct chronicles *chronicles)
{
    if (chronicles == NULL)
        return;
    arena_free(chronicles->arena);
    arena_free(chronicles->scratch);
    decoder_free(chronicles->decoder);
    for (int i = 0; i < SERVICES; i++)
        hash_set_free(&chronicles->parked[i]);
    hash_set_free(&chronicles->settled);
    hash_set_free(&chronicles->asked);
    free(chronicles->all);
    index_free(&chronicles->index);
    free(chronicles->beginnings);
    free(chronicles->ends);
    free(chronicles);
}

static bool is_chronicle(const void *all, size_t number, const void *order_id)
{
    return strcmp(((struct chronicle *const *)all)[number]->order_id, order_id) == 0;
}

static struct chronicle *chronicle_of(struct chronicles *chronicles, const char *order_id, uint64_t hash)
{
    size_t number = index_find(&chronicles->index, hash, is_chronicle, chronicles->all, order_id);
    struct chronicle *chronicle;

    if (number != INDEX_NONE)
        return chronicles->all[number];
    if (chronicles->count == chronicles->capacity) {
        chronicles->capacity = chronicles->capacity == 0 ? 1024 : chronicles->capacity * 2;
        chronicles->all = array_resize(chronicles->all, chronicles->capacity, sizeof(struct chronicle *));
    }
    chronicle = arena_alloc(chronicles->arena, sizeof *chronicle);
    chronicle->order_id = arena_text(chronicles->arena, order_id);
    chronicle->end = &chronicle->notes;
    index_add(&chronicles->index, hash, chronicles->count);
    return chronicles->all[chronicles->count++] = chronicle;
}

size_t chronicles_count(const struct chronicles *chronicles)
{
    return chronicles->count;
}

struct chronicle *chronicles_at(const struct chronicles *chronicles, size_t number)
{
    return chronicles->all[number];
}

struct chronicle *chronicles_find(const struct chronicles *chronicles, const char *order_id)
{
    size_t number = index_find(&chronicles->index, text_hash(order_id), is_chronicle, chronicles->all, order_id);

    return number == INDEX_NONE ? NULL : chronicles->all[number];
}

size_t chronicles_messages(const struct chronicles *chronicles)
{
    return chronicles->messages;
}

bool chronicles_truncated(const struct chronicles *chronicles)
{
    return chronicles->beginning_count > 0;
}

bool chronicles_has_all(const struct chronicles *chronicles, const struct chronicle *chronicle)
{
    if (chronicles->beginning_count == 0)
        return true;
    if ((chronicle->said & (FACT(ORDER_PLACE) | FACT(ORDER_CANCEL))) == 0)
        return false;
    for (size_t i = 0; i < chronicles->beginning_count; i++) {
        const struct beginning *beginning = &chronicles->beginnings[i];

        if ((chronicle->partition < 0 || chronicle->partition == beginning->partition) && beginning->first_ms > chronicle->first_ms)
            return false;
    }
    return true;
}

/* The first of a partition is the first that is read of it. */
static void beginning_note(struct chronicles *chronicles, const struct incoming *incoming)
{
    for (size_t i = 0; i < chronicles->beginning_count; i++) {
        struct beginning *beginning = &chronicles->beginnings[i];

        if (beginning->first_ms == INT64_MAX && beginning->partition == incoming->partition && strcmp(beginning->topic, incoming->topic) == 0) {
            beginning->first_ms = incoming->timestamp_ms;
            chronicles->beginnings_open--;
            return;
        }
    }
}

const struct position *chronicles_ends(const struct chronicles *chronicles, size_t *count)
{
    *count = chronicles->end_count;
    return chronicles->ends;
}

/* ---- what is parked ---- */

static uint64_t place_hash(const char *topic, long long partition, long long offset)
{
    char place[320];

    snprintf(place, sizeof place, "%s/%lld/%lld", topic, partition, offset);
    return text_hash(place);
}

/* The record of a message that was set aside, or of what became of it. */
static void parked_hear(const struct incoming *incoming, struct arena *arena, struct heard *heard)
{
    const char *topic = header_of(incoming, "parked_topic", arena);

    for (int i = 0; i < SERVICES; i++) {
        size_t name = strlen(service_names[i]);

        if (strncmp(incoming->topic, service_names[i], name) != 0 || incoming->topic[name] != '.')
            continue;
        heard->what = *header_of(incoming, "parked_resolution", arena) != '\0' ? SETTLED : PARKED;
        heard->service = i;
        heard->place = place_hash(topic, strtoll(header_of(incoming, "parked_partition", arena), NULL, 10),
                                  strtoll(header_of(incoming, "parked_offset", arena), NULL, 10));
    }
}

size_t chronicles_parked(const struct chronicles *chronicles, int service)
{
    const struct hash_set *set = &chronicles->parked[service];
    size_t open = 0;

    for (size_t i = 0; i < set->count; i++)
        open += !hash_has(&chronicles->settled, set->hashes[i]);
    return open;
}

bool chronicles_is_parked(const struct chronicles *chronicles, int service, const struct note *note)
{
    return hash_has(&chronicles->parked[service], place_hash(note->topic, note->partition, note->offset));
}

/* ---- notes ---- */

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

static void facts_take(const struct message *message, struct note *note, struct arena *arena)
{
    switch (message->type) {
    case ORDER_PLACE:
        lines_amount(message->order_place.lines, message->order_place.line_count, &note->number);
        note->text = message->order_place.currency;
        break;
    case ORDER_CREATED:
        note->number = message->order_created.amount_minor;
        note->text = message->order_created.currency;
        note->detail = message->order_created.payment_method;
        break;
    case ORDER_CONFIRMED:
        note->number = message->order_confirmed.amount_minor;
        note->text = message->order_confirmed.currency;
        break;
    case ORDER_CANCELLED:
        note->number = message->order_cancelled.amount_minor;
        note->text = message->order_cancelled.reason;
        note->detail = message->order_cancelled.detail;
        break;
    case PAYMENT_COMPLETED:
    case PAYMENT_REFUNDED:
        note->number = message->payment_made.amount_minor;
        note->text = message->payment_made.payment_id;
        note->detail = message->payment_made.currency;
        break;
    case INVENTORY_FAILED:
        note->number = message->inventory_failed.wanted;
        note->text = message->inventory_failed.sku;
        note->detail = arena_format(arena, "%lld", (long long)message->inventory_failed.available);
        break;
    case EMAIL_SENT:
        note->text = message->email_sent.kind;
        note->detail = message->email_sent.message_id;
        break;
    default: /* those that have at most a reason to give */
        note->text = message->outcome.reason;
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
            strange |= NOTE_STRANGE_ID;
    }
    if (speaker != NULL && strcmp(speaker_of(envelope), speaker) != 0)
        strange |= NOTE_STRANGE_SPEAKER;
    if (!internal && strcmp(incoming->topic, message_topic(message->type)) != 0) /* what was parked is given back by an internal topic */
        strange |= NOTE_STRANGE_TOPIC;
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
static bool same_facts(const struct note *a, const struct note *b)
{
    bool event = message_speaker((enum message_type)a->type) != NULL;

    return (a->strange & ~NOTE_CHANGED) == (b->strange & ~NOTE_CHANGED) && a->number == b->number && same_text(a->text, b->text) &&
           (a->type == ORDER_PLACE || same_text(a->detail, b->detail)) && (!event || (a->time_us == b->time_us && a->content == b->content));
}

/* The first note of the same id, type and topic (what was parked and is given back by another topic is told apart): one with the
 * same facts, if there is any, else one with others. */
static struct note *earlier(const struct chronicle *chronicle, const struct note *note, bool *same)
{
    struct note *different = NULL;

    *same = false;
    if (note->id == 0 || (chronicle->met & FACT(note->type)) == 0)
        return NULL;
    for (struct note *other = chronicle->notes; other != NULL; other = other->next) {
        if (other->type != note->type || other->id != note->id || other->topic != note->topic)
            continue;
        *same = same_facts(other, note);
        if (*same)
            return other;
        if (different == NULL)
            different = other;
    }
    return different;
}

static void learn(struct chronicle *chronicle, const struct message *message)
{
    if (chronicle->flow == NULL)
        chronicle->flow = flow_find(message->type == ORDER_CREATED ? message->order_created.flow : message->envelope.flow);
    if (message->type == ORDER_CREATED)
        chronicle->deadline_us = message->order_created.deadline_us;
}

static void note_add(struct chronicles *chronicles, struct chronicle *chronicle, struct heard *heard)
{
    const struct message *message = &heard->message;
    struct note *found = &heard->note, *first, *note;
    bool same;

    if (found->timestamp_ms > chronicle->last_ms)
        chronicle->last_ms = found->timestamp_ms;
    if (chronicle->notes == NULL || found->timestamp_ms < chronicle->first_ms)
        chronicle->first_ms = found->timestamp_ms;
    chronicle->partition = chronicle->notes == NULL || chronicle->partition == found->partition ? found->partition : -1;
    first = earlier(chronicle, found, &same);
    if (same) {
        if (first->repeats < UINT16_MAX)
            first->repeats++;
        return;
    }
    if (first != NULL && message_speaker(message->type) != NULL) { /* partitions are not read in the order of time */
        if (found->timestamp_ms < first->timestamp_ms)
            first->strange |= NOTE_CHANGED;
        else
            found->strange |= NOTE_CHANGED;
    }
    note = arena_room(chronicles->arena, sizeof *note);
    *note = *found;
    note->text = arena_text(chronicles->arena, found->text);
    note->detail = arena_text(chronicles->arena, found->detail);
    *chronicle->end = note;
    chronicle->end = &note->next;
    chronicle->met |= FACT(message->type);
    if (found->strange == 0)
        chronicle->said |= FACT(message->type);
    learn(chronicle, message);
}

static unsigned share_of(uint64_t hash, unsigned shares)
{
    return (unsigned)((hash ^ hash >> 29) % shares);
}

static bool is_asked_for(const struct chronicles *chronicles, const char *order_id, int64_t at_ms)
{
    const struct chronicle_scope *scope = chronicles->scope;
    uint64_t hash;

    if (scope->until_ms != 0 && at_ms >= scope->until_ms)
        return false;
    if (scope->orders == NULL && scope->shares < 2)
        return true;
    hash = text_hash(order_id);
    return scope->orders != NULL ? hash_has(&chronicles->asked, hash) : share_of(hash, scope->shares) == scope->share;
}

bool chronicles_is_shared(const struct chronicles *chronicles, const char *order_id)
{
    return chronicles->shares < 2 || share_of(text_hash(order_id), chronicles->shares) == chronicles->share;
}

/* What anybody may ask is dead-lettered, and seen there; an event is by us, and is about the order that its key and headers name. */
static const char *astray_key(const struct chronicles *chronicles, const struct incoming *incoming, const char *subject, const char *header, struct arena *arena)
{
    const char *key;

    if (strchr(incoming->topic, '.') != NULL)
        return NULL;
    key = arena_copy(arena, incoming->key, incoming->key_length);
    if (subject != NULL && strcmp(key, subject) == 0 && (header == NULL || strcmp(header, subject) == 0))
        return NULL;
    return is_asked_for(chronicles, key, incoming->timestamp_ms) ? key : NULL;
}

/* Before the body is read, which alone tells whose it is: key and headers name one of few orders, or a share has it all looked at. */
static bool may_be_asked_for(const struct chronicles *chronicles, const struct incoming *incoming, const struct envelope *envelope, struct arena *arena)
{
    return chronicles->scope->orders == NULL || is_asked_for(chronicles, order_of(incoming, envelope, arena), incoming->timestamp_ms) ||
           is_asked_for(chronicles, arena_copy(arena, incoming->key, incoming->key_length), incoming->timestamp_ms);
}

static void note_hear(const struct chronicles *chronicles, const struct incoming *incoming, struct decoder *decoder, struct arena *arena, struct heard *heard)
{
    struct message *message = &heard->message;
    const struct envelope *envelope = &message->envelope;
    enum message_type type;
    struct error error;

    if (envelope_decode(arena, incoming->headers, incoming->header_count, &message->envelope, &error) != STATUS_OK) {
        heard->astray = astray_key(chronicles, incoming, NULL, NULL, arena);
        return;
    }
    if (!message_type_find(envelope->type, &type) || type == STOCK_SET || type == STOCK_ADD || !may_be_asked_for(chronicles, incoming, envelope, arena))
        return;
    if (message_decode(decoder, arena, type, incoming->value, incoming->value_length, message, &error) != STATUS_OK) {
        heard->astray = astray_key(chronicles, incoming, NULL, NULL, arena);
        return;
    }
    heard->astray = astray_key(chronicles, incoming, message->subject, envelope->subject, arena);
    if (!is_asked_for(chronicles, message->subject, incoming->timestamp_ms))
        return;
    heard->what = A_NOTE;
    heard->order = text_hash(message->subject);
    heard->note = (struct note){.topic = topic_name(incoming->topic), .partition = incoming->partition, .offset = incoming->offset,
                                .timestamp_ms = incoming->timestamp_ms, .time_us = envelope->time_us, .type = (uint8_t)type,
                                .id = envelope->id == NULL ? 0 : text_hash(envelope->id),
                                .cause = envelope->causation_id == NULL ? 0 : text_hash(envelope->causation_id),
                                .strange = message_strangeness(incoming, message)};
    facts_take(message, &heard->note, arena);
    if (message_speaker(type) != NULL)
        heard->note.content = event_content(incoming, envelope);
    if (type == ORDER_PLACE && chronicles->scope->contents)
        heard->note.detail = content_identity(message, arena);
}

/* Changes nothing of the chronicles: threads do it side by side. */
static struct heard *hear(const struct chronicles *chronicles, const struct incoming *incoming, struct decoder *decoder, struct arena *arena)
{
    struct heard *heard = arena_alloc(arena, sizeof *heard);
    const char *dot = strchr(incoming->topic, '.');

    if (dot != NULL && strcmp(dot, ".parked") == 0)
        parked_hear(incoming, arena, heard);
    else
        note_hear(chronicles, incoming, decoder, arena, heard);
    return heard;
}

/* Of very many the first tell enough. */
static void astray_add(struct chronicles *chronicles, const struct incoming *incoming, const char *order_id)
{
    if (chronicles->astray_count == ASTRAY_MAX)
        return;
    if (chronicles->astray == NULL)
        chronicles->astray = arena_array(chronicles->arena, ASTRAY_MAX, sizeof *chronicles->astray);
    chronicles->astray[chronicles->astray_count++] =
        (struct astray){arena_text(chronicles->arena, order_id), topic_name(incoming->topic), incoming->partition, incoming->offset, incoming->timestamp_ms};
}

const struct astray *chronicles_astray(const struct chronicles *chronicles, size_t *count)
{
    *count = chronicles->astray_count;
    return chronicles->astray;
}

static void take(void *context, const struct incoming *incoming, void *made)
{
    struct chronicles *chronicles = context;
    struct heard *heard = made;
    const struct chronicle_scope *scope = chronicles->scope;
    struct chronicle *chronicle = NULL;

    chronicles->messages++;
    if (chronicles->beginnings_open > 0)
        beginning_note(chronicles, incoming);
    if (heard->what == PARKED) {
        hash_add(&chronicles->parked[heard->service], heard->place);
    } else if (heard->what == SETTLED) {
        hash_add(&chronicles->settled, heard->place);
    } else if (heard->what == A_NOTE) {
        chronicle = scope->orders != NULL ? chronicles_find(chronicles, heard->message.subject)
                                          : chronicle_of(chronicles, heard->message.subject, heard->order);
        if (chronicle != NULL)
            note_add(chronicles, chronicle, heard);
    }
    if (heard->astray != NULL)
        astray_add(chronicles, incoming, heard->astray);
    if (scope->listen != NULL)
        scope->listen(scope->listen_context, incoming, chronicle == NULL ? NULL : &heard->message, chronicle);
}

void chronicles_take(struct chronicles *chronicles, const struct chronicle_scope *scope, const struct incoming *incoming)
{
    chronicles->scope = scope;
    take(chronicles, incoming, hear(chronicles, incoming, chronicles->decoder, chronicles->scratch));
    arena_reset(chronicles->scratch);
}

/* ---- reading ---- */

/* Only who listens needs the message itself. */
static void *hear_ahead(void *context, struct incoming *incoming, struct decoder *decoder, struct arena *arena)
{
    const struct chronicles *chronicles = context;
    struct heard *heard = hear(chronicles, incoming, decoder, arena);

    if (chronicles->scope->listen == NULL)
        incoming_release(incoming);
    return heard;
}

static void opened(void *context, const struct reader *reader)
{
    struct chronicles *chronicles = context;
    const struct position *ends = reader_ends(reader, &chronicles->end_count);

    const int64_t *starts = reader_starts(reader);

    free(chronicles->ends);
    free(chronicles->beginnings);
    chronicles->ends = calloc(chronicles->end_count + 1, sizeof *chronicles->ends);
    chronicles->beginnings = calloc(chronicles->end_count + 1, sizeof *chronicles->beginnings);
    if (chronicles->ends == NULL || chronicles->beginnings == NULL)
        abort();
    chronicles->beginning_count = 0;
    for (size_t i = 0; i < chronicles->end_count; i++) {
        const char *topic = topic_name(ends[i].topic);

        chronicles->ends[i] = (struct position){topic, ends[i].partition, ends[i].offset};
        if (starts[i] > 0)
            chronicles->beginnings[chronicles->beginning_count++] = (struct beginning){topic, ends[i].partition, INT64_MAX};
    }
    chronicles->beginnings_open = chronicles->beginning_count;
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

enum status chronicles_read(struct chronicles *chronicles, const struct settings *from, const struct chronicle_scope *scope, struct error *error)
{
    const char *chosen[32];
    const struct reading reading = {
        .scope = {.topics = chosen, .topic_count = topics_choose(chosen), .from = scope->since_ms != 0 ? READER_TIME : READER_BEGINNING,
                  .since_ms = scope->since_ms,
                  .positions = scope->positions, .position_count = scope->position_count},
        .once = true, .progress = scope->progress, .prepare = hear_ahead, .take_made = take, .opened = opened};

    chronicles->scope = scope;
    chronicles->share = scope->share;
    chronicles->shares = scope->shares;
    for (const char *const *order = scope->orders; order != NULL && *order != NULL; order++) {
        hash_add(&chronicles->asked, text_hash(*order));
        chronicle_of(chronicles, *order, text_hash(*order));
    }
    return messages_read(from, &reading, chronicles, error);
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

enum status chronicles_passes(const struct settings *from, int64_t most_mib, unsigned *passes, struct error *error)
{
    const char *chosen[32];
    const struct reading reading = {.scope = {.topics = chosen, .topic_count = topics_choose(chosen)}, .once = true, .take = ignore,
                                    .opened = total_take, .tick = end_at_once};
    int64_t total = 0;
    enum status status = messages_read(from, &reading, &total, error);

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
static bool comes_before(const struct note *a, const struct note *b)
{
    if (a->topic == b->topic && a->partition == b->partition)
        return a->offset < b->offset;
    if (a->timestamp_ms != b->timestamp_ms)
        return a->timestamp_ms < b->timestamp_ms;
    return rank((enum message_type)a->type) < rank((enum message_type)b->type);
}

/* By insertion: there are few, and they nearly stand in order. */
void chronicle_sort(struct chronicle *chronicle)
{
    struct note *sorted = NULL, *rest = chronicle->notes;

    while (rest != NULL) {
        struct note *note = rest, **at = &sorted;

        rest = rest->next;
        while (*at != NULL && !comes_before(note, *at))
            at = &(*at)->next;
        note->next = *at;
        *at = note;
    }
    chronicle->notes = sorted;
    for (chronicle->end = &chronicle->notes; *chronicle->end != NULL;)
        chronicle->end = &(*chronicle->end)->next;
}

const struct note *chronicle_note(const struct chronicle *chronicle, enum message_type type)
{
    for (const struct note *note = chronicle->notes; note != NULL; note = note->next)
        if (note->type == type && note->strange == 0)
            return note;
    return NULL;
}
