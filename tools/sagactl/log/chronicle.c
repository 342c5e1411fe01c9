#include "tools/sagactl/log/chronicle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "brokers/topics.h"
#include "events/arena.h"
#include "events/buffer.h"
#include "events/identity.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/log/reading.h"
#include "tools/sagactl/log/telling.h"

enum {
    BYTES_A_MESSAGE = 200, /* what a note takes with its texts and its share of the order, measured */
    USUAL_MIB_MAX = 2048
};

/* Open addressing over hashes that are taken for the things themselves; 0 is a free place. */
struct hash_set {
    uint64_t *slots;
    size_t count, size;
};

struct chronicles {
    struct arena *arena, *scratch; /* of all; of one message */
    struct decoder *decoder;
    struct chronicle **all;
    size_t count, capacity;
    size_t *slots;                 /* open addressing over `all`; number + 1 */
    size_t slot_count;
    size_t messages;
    bool truncated;
    struct position *ends;
    size_t end_count;
    struct hash_set parked[SERVICES], settled; /* identities of what was parked, and of what became of it */
    const struct chronicle_scope *scope;       /* while reading */
};

uint64_t text_hash(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash == 0 ? 1 : hash;
}

/* ---- a set of hashes ---- */

static size_t hash_slot(const struct hash_set *set, uint64_t hash)
{
    size_t at = (size_t)(hash ^ hash >> 32) & (set->size - 1);

    while (set->slots[at] != 0 && set->slots[at] != hash)
        at = (at + 1) & (set->size - 1);
    return at;
}

static bool hash_has(const struct hash_set *set, uint64_t hash)
{
    return set->count > 0 && set->slots[hash_slot(set, hash)] != 0;
}

static void hash_add(struct hash_set *set, uint64_t hash)
{
    if (set->count * 2 >= set->size) {
        struct hash_set grown = {.size = set->size == 0 ? 64 : set->size * 2};

        grown.slots = calloc(grown.size, sizeof *grown.slots);
        if (grown.slots == NULL)
            abort();
        for (size_t i = 0; i < set->size; i++)
            if (set->slots[i] != 0)
                hash_add(&grown, set->slots[i]);
        free(set->slots);
        *set = grown;
    }
    if (!hash_has(set, hash)) {
        set->slots[hash_slot(set, hash)] = hash;
        set->count++;
    }
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
        free(chronicles->parked[i].slots);
    free(chronicles->settled.slots);
    free(chronicles->all);
    free(chronicles->slots);
    free(chronicles->ends);
    free(chronicles);
}

static size_t slot_of(const struct chronicles *chronicles, const char *order_id)
{
    uint64_t hash = text_hash(order_id);
    size_t at = (size_t)(hash ^ hash >> 32) & (chronicles->slot_count - 1);

    while (chronicles->slots[at] != 0 && strcmp(chronicles->all[chronicles->slots[at] - 1]->order_id, order_id) != 0)
        at = (at + 1) & (chronicles->slot_count - 1);
    return at;
}

static void grow(struct chronicles *chronicles)
{
    chronicles->capacity = chronicles->capacity == 0 ? 1024 : chronicles->capacity * 2;
    chronicles->slot_count = chronicles->capacity * 2;
    chronicles->all = realloc(chronicles->all, chronicles->capacity * sizeof(struct chronicle *));
    free(chronicles->slots);
    chronicles->slots = calloc(chronicles->slot_count, sizeof *chronicles->slots);
    if (chronicles->all == NULL || chronicles->slots == NULL)
        abort();
    for (size_t i = 0; i < chronicles->count; i++)
        chronicles->slots[slot_of(chronicles, chronicles->all[i]->order_id)] = i + 1;
}

static struct chronicle *chronicle_of(struct chronicles *chronicles, const char *order_id)
{
    struct chronicle *chronicle;
    size_t slot;

    if (chronicles->count == chronicles->capacity)
        grow(chronicles);
    slot = slot_of(chronicles, order_id);
    if (chronicles->slots[slot] != 0)
        return chronicles->all[chronicles->slots[slot] - 1];
    chronicle = arena_alloc(chronicles->arena, sizeof *chronicle);
    chronicle->order_id = arena_copy(chronicles->arena, order_id, strlen(order_id));
    chronicle->end = &chronicle->notes;
    chronicles->all[chronicles->count] = chronicle;
    chronicles->slots[slot] = ++chronicles->count;
    return chronicle;
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
    size_t slot = chronicles->slot_count == 0 ? 0 : slot_of(chronicles, order_id);

    return chronicles->slot_count == 0 || chronicles->slots[slot] == 0 ? NULL : chronicles->all[chronicles->slots[slot] - 1];
}

size_t chronicles_messages(const struct chronicles *chronicles)
{
    return chronicles->messages;
}

bool chronicles_truncated(const struct chronicles *chronicles)
{
    return chronicles->truncated;
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

static void parked_take(struct chronicles *chronicles, const struct incoming *incoming)
{
    const char *topic = header_of(incoming, "parked_topic", chronicles->scratch);
    uint64_t place = place_hash(topic, strtoll(header_of(incoming, "parked_partition", chronicles->scratch), NULL, 10),
                                strtoll(header_of(incoming, "parked_offset", chronicles->scratch), NULL, 10));

    for (int i = 0; i < SERVICES; i++) {
        size_t name = strlen(service_names[i]);

        if (strncmp(incoming->topic, service_names[i], name) != 0 || incoming->topic[name] != '.')
            continue;
        if (*header_of(incoming, "parked_resolution", chronicles->scratch) != '\0')
            hash_add(&chronicles->settled, place);
        else
            hash_add(&chronicles->parked[i], place);
    }
}

size_t chronicles_parked(const struct chronicles *chronicles, int service)
{
    const struct hash_set *set = &chronicles->parked[service];
    size_t open = 0;

    for (size_t i = 0; i < set->size; i++)
        open += set->slots[i] != 0 && !hash_has(&chronicles->settled, set->slots[i]);
    return open;
}

bool chronicles_is_parked(const struct chronicles *chronicles, int service, const struct note *note)
{
    return chronicles->parked[service].count > 0 && hash_has(&chronicles->parked[service], place_hash(note->topic, note->partition, note->offset));
}

/* ---- notes ---- */

/* The identity of an order's content, as the runtime makes it. */
static const char *content_identity(struct chronicles *chronicles, struct message *message)
{
    struct buffer canonical = {.arena = chronicles->scratch}, lines = {.arena = chronicles->scratch};
    char *id = arena_alloc(chronicles->arena, IDENTITY_SIZE);

    order_lines_encode(&message->order_place, &lines);
    message_encode(message, &canonical);
    name_id(canonical.data, canonical.length, id);
    return id;
}

/* Texts stay where they are read. */
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

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* An order.rejected is identified by the content that it refuses: what it says of itself is believed. */
static bool has_identity(enum message_type type)
{
    return message_speaker(type) != NULL && type != ORDER_REJECTED;
}

static uint8_t strangeness(const struct incoming *incoming, const struct message *message)
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
        if (strcmp(topics[i].name, name) == 0)
            return topics[i].name;
    return "";
}

/* A command may be sent again later, and a placed order's content is not compared here: it has an identity of its own. */
static bool same_facts(const struct note *a, const struct note *b)
{
    bool event = message_speaker((enum message_type)a->type) != NULL;

    return (a->strange & ~NOTE_CHANGED) == (b->strange & ~NOTE_CHANGED) && a->number == b->number && same_text(a->text, b->text) &&
           (a->type == ORDER_PLACE || same_text(a->detail, b->detail)) && (!event || a->time_us == b->time_us);
}

/* An earlier note of the same id, type and topic (what was parked and is given back by another topic is told apart), with the same
 * facts or with others. */
static struct note *earlier(const struct chronicle *chronicle, const struct note *note, bool same)
{
    for (struct note *other = chronicle->notes; note->id != 0 && other != NULL; other = other->next)
        if (other->type == note->type && other->id == note->id && other->topic == note->topic && same_facts(other, note) == same)
            return other;
    return NULL;
}

static void learn(struct chronicle *chronicle, const struct message *message)
{
    const char *flow = message->type == ORDER_CREATED ? message->order_created.flow : message->envelope.flow;

    if (chronicle->flow == NULL && flow_find(flow) != NULL)
        chronicle->flow = flow_find(flow)->name;
    if (message->type == ORDER_CREATED)
        chronicle->deadline_us = message->order_created.deadline_us;
}

static void note_add(struct chronicles *chronicles, struct chronicle *chronicle, const struct incoming *incoming, struct message *message)
{
    const struct envelope *envelope = &message->envelope;
    struct note found = {.topic = topic_name(incoming->topic), .partition = incoming->partition, .offset = incoming->offset,
                         .timestamp_ms = incoming->timestamp_ms, .time_us = envelope->time_us, .type = (uint8_t)message->type,
                         .id = envelope->id == NULL ? 0 : text_hash(envelope->id),
                         .cause = envelope->causation_id == NULL ? 0 : text_hash(envelope->causation_id)};
    struct note *first, *note;

    facts_take(message, &found, chronicles->scratch);
    found.strange = strangeness(incoming, message);
    if (incoming->timestamp_ms > chronicle->last_ms)
        chronicle->last_ms = incoming->timestamp_ms;
    first = earlier(chronicle, &found, true);
    if (first != NULL) {
        if (first->repeats < UINT16_MAX)
            first->repeats++;
        return;
    }
    first = earlier(chronicle, &found, false);
    if (first != NULL && message_speaker(message->type) != NULL) { /* partitions are not read in the order of time */
        if (found.timestamp_ms < first->timestamp_ms)
            first->strange |= NOTE_CHANGED;
        else
            found.strange |= NOTE_CHANGED;
    }
    note = arena_room(chronicles->arena, sizeof *note);
    *note = found;
    note->text = arena_text(chronicles->arena, found.text);
    note->detail = message->type == ORDER_PLACE && chronicles->scope->contents ? content_identity(chronicles, message) : arena_text(chronicles->arena, found.detail);
    *chronicle->end = note;
    chronicle->end = &note->next;
    if (found.strange == 0)
        chronicle->said |= FACT(message->type);
    learn(chronicle, message);
}

static bool is_asked_for(const struct chronicles *chronicles, const struct chronicle_scope *scope, const char *order_id, int64_t at_ms)
{
    uint64_t hash;

    if (scope->until_ms != 0 && at_ms >= scope->until_ms)
        return false;
    if (scope->orders != NULL)
        return chronicles_find(chronicles, order_id) != NULL;
    hash = text_hash(order_id);
    return scope->shares < 2 || (hash ^ hash >> 29) % scope->shares == scope->share;
}

void chronicles_take(struct chronicles *chronicles, const struct chronicle_scope *scope, const struct incoming *incoming)
{
    struct message message = {0};
    struct chronicle *chronicle = NULL;
    enum message_type type;
    struct error error;
    const char *dot = strchr(incoming->topic, '.');

    chronicles->scope = scope;
    chronicles->messages++;
    if (dot != NULL && strcmp(dot, ".parked") == 0) {
        parked_take(chronicles, incoming);
    } else if (envelope_decode(chronicles->scratch, incoming->headers, incoming->header_count, &message.envelope, &error) == STATUS_OK &&
               message_type_find(message.envelope.type, &type) && type != STOCK_SET && type != STOCK_ADD &&
               is_asked_for(chronicles, scope, order_of(incoming, &message.envelope, chronicles->scratch), incoming->timestamp_ms) &&
               message_decode(chronicles->decoder, chronicles->scratch, type, incoming->value, incoming->value_length, &message, &error) == STATUS_OK) {
        message.type = type;
        chronicle = chronicle_of(chronicles, message.subject);
        note_add(chronicles, chronicle, incoming, &message);
    }
    if (scope->listen != NULL)
        scope->listen(scope->listen_context, incoming, chronicle == NULL ? NULL : &message, chronicle);
    arena_reset(chronicles->scratch);
}

/* ---- reading ---- */

static void take(void *context, const struct incoming *incoming)
{
    struct chronicles *chronicles = context;

    chronicles_take(chronicles, chronicles->scope, incoming);
}

static void opened(void *context, const struct reader *reader)
{
    struct chronicles *chronicles = context;
    const struct position *ends = reader_ends(reader, &chronicles->end_count);

    chronicles->truncated = reader_is_truncated(reader);
    free(chronicles->ends);
    chronicles->ends = calloc(chronicles->end_count + 1, sizeof *chronicles->ends);
    if (chronicles->ends == NULL)
        abort();
    for (size_t i = 0; i < chronicles->end_count; i++)
        chronicles->ends[i] = (struct position){topic_name(ends[i].topic), ends[i].partition, ends[i].offset};
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
    static const char *const unhashed[] = {"orders.commands", NULL};
    bool single = scope->orders != NULL && scope->orders[0] != NULL && scope->orders[1] == NULL;
    const char *chosen[32];
    const struct reading reading = {
        .scope = {.topics = chosen, .topic_count = topics_choose(chosen), .from = scope->since_ms != 0 ? READER_TIME : READER_BEGINNING,
                  .since_ms = scope->since_ms, .key = single ? scope->orders[0] : NULL, .unhashed = unhashed,
                  .positions = scope->positions, .position_count = scope->position_count},
        .once = true, .progress = scope->progress, .take = take, .opened = opened};

    chronicles->scope = scope;
    for (const char *const *order = scope->orders; order != NULL && *order != NULL; order++)
        chronicle_of(chronicles, *order);
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
