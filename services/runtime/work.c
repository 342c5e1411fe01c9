#include "services/runtime/work.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/index.h"
#include "base/log.h"
#include "events/flow.h"
#include "events/identity.h"
#include "services/runtime/rows.h"

enum {
    PLACE_BYTES = 512, /* what an order.place has at most beside its lines, mostly */
    TYPE_SHOWN = 80,   /* of one that is not known */
    HEADER_BYTES = 128 /* what one takes beside its value, mostly in librdkafka */
};

static bool is_internal(const struct service *service, const char *topic)
{
    size_t name = strlen(service->name);

    return strncmp(topic, service->name, name) == 0 && strcmp(topic + name, ".internal") == 0;
}

bool service_takes(const struct service *service, const char *topic, enum message_type type)
{
    for (size_t i = 0; i < service->subscription_count; i++) {
        const struct subscription *subscription = &service->subscriptions[i];

        if ((subscription->types & FACT(type)) != 0 && (strcmp(subscription->topic, topic) == 0 || is_internal(service, topic)))
            return true;
    }
    return false;
}

/* The identity of an order's content: of its canonical encoding, so that spaces and the order of fields do not count.  That
 * encoding is what is stored, and must be readable again. */
static enum item_kind content_find(struct item *item, struct arena *arena)
{
    struct buffer canonical = {.arena = arena}, lines = {.arena = arena};
    char *id = arena_alloc(arena, IDENTITY_SIZE);

    if (order_lines_encode(&item->message.order_place, &lines, &item->why) != STATUS_OK)
        return ITEM_REFUSE;
    buffer_reserve(&canonical, lines.length + PLACE_BYTES);
    if (message_encode_strictly(&item->message, &canonical, &item->why) != STATUS_OK)
        return ITEM_REFUSE;
    name_id(canonical.data, canonical.length, id);
    item->content = canonical.data;
    item->content_id = id;
    if (canonical.length <= ORDER_BYTES_MAX)
        return ITEM_FACT;
    error_set(&item->why, STATUS_WRONG, "the order has %zu bytes when written plainly: at most %d are allowed",
              canonical.length, ORDER_BYTES_MAX);
    return ITEM_REFUSE;
}

/* Whoever placed an order that names itself is told; nobody waits for anything else. */
static enum item_kind body_refused(struct decoder *decoder, struct arena *arena, struct item *item)
{
    const char *field = decoder_field(decoder);

    item->why_field = arena_text(arena, field);
    return item->message.type == ORDER_PLACE && item->message.subject != NULL ? ITEM_REFUSE : ITEM_PARK;
}

/* The topic's subscription where it holds commands for the service, else NULL. */
static const struct subscription *commands_of(const struct service *service, const char *topic)
{
    for (size_t i = 0; i < service->subscription_count; i++)
        if (service->subscriptions[i].commands && strcmp(service->subscriptions[i].topic, topic) == 0)
            return &service->subscriptions[i];
    return NULL;
}

static enum item_kind header_wrong(struct item *item)
{
    item->why_envelope = true;
    return ITEM_PARK;
}

/* A message that the service does not take from its topic. */
static enum item_kind not_taken(const struct service *service, struct arena *arena, struct item *item, enum item_kind of_events)
{
    const struct subscription *commands = commands_of(service, item->incoming.topic);
    const char *name = item->message.envelope.type;
    struct buffer types = {.arena = arena};

    if (commands == NULL)
        return of_events;
    for (int type = 0; type < MESSAGE_TYPES; type++)
        if ((commands->types & FACT(type)) != 0)
            buffer_format(&types, "%s%s", types.length > 0 ? " and " : "", message_type_name((enum message_type)type));
    error_set(&item->why, STATUS_WRONG, "header ce_type is \"%.*s\": %s takes %s from %s", (int)utf8_prefix(name, TYPE_SHOWN), name,
              service->name, types.data, commands->topic);
    return header_wrong(item);
}

static enum item_kind command_check(struct item *item)
{
    if (item->message.envelope.id != NULL)
        return ITEM_COMMAND;
    error_set(&item->why, STATUS_WRONG, "header ce_id is missing: a stock command is applied once an id");
    return header_wrong(item);
}

static enum item_kind kind_find(const struct service *service, struct decoder *decoder, struct arena *arena, struct item *item)
{
    const struct incoming *in = &item->incoming;
    struct envelope *envelope = &item->message.envelope;
    const struct flow *flow;
    enum message_type type;

    if (in->unreadable != NULL) {
        error_set(&item->why, STATUS_WRONG, "a batch of %lld offsets, up to %lld, that cannot be unpacked: %s", (long long)(in->next - in->offset),
                  (long long)in->next - 1, in->unreadable);
        return header_wrong(item);
    }
    if (envelope_decode(arena, in->headers, in->header_count, envelope, &item->why) != STATUS_OK)
        return header_wrong(item);
    if (!message_type_find(envelope->type, &type))
        return not_taken(service, arena, item, ITEM_UNKNOWN);
    if (!service_takes(service, in->topic, type))
        return not_taken(service, arena, item, ITEM_SKIP);
    flow = flow_find(envelope->flow);
    if (flow != NULL && service->awaits != NULL && !service->awaits(flow, type))
        return ITEM_SKIP;
    if (message_decode(decoder, arena, type, in->value, in->value_length, &item->message, &item->why) != STATUS_OK)
        return body_refused(decoder, arena, item);
    if (type == STOCK_SET || type == STOCK_ADD)
        return command_check(item);
    return type == ORDER_PLACE ? content_find(item, arena) : ITEM_FACT;
}

void item_decode(const struct service *service, struct decoder *decoder, struct arena *arena, struct item *item)
{
    item->kind = item->taken_as = kind_find(service, decoder, arena, item);
}

void item_set_aside(struct item *item, const struct error *why)
{
    item->kind = ITEM_PARK;
    item->why = *why;
}

size_t item_bytes(const struct item *item)
{
    const struct incoming *in = &item->incoming;
    size_t bytes = in->key_length + in->value_length + in->header_count * HEADER_BYTES;

    for (size_t i = 0; i < in->header_count; i++)
        bytes += in->headers[i].length;
    return bytes;
}

static bool is_entry(const void *entries, size_t number, const void *order_id)
{
    return strcmp(((const struct entry *)entries)[number].order_id, order_id) == 0;
}

static struct entry *entry_of(struct work *work, struct index *index, const char *order_id)
{
    uint64_t hash = text_hash(order_id);
    size_t number = index_find(index, hash, is_entry, work->entries, order_id);

    if (number == INDEX_NONE) {
        index_add(index, hash, number = work->entry_count++);
        work->entries[number].order_id = order_id;
    }
    return &work->entries[number];
}

struct work *work_new(const struct service *service, struct arena *kept, struct arena *arena, struct item **items, size_t count)
{
    struct work *work = arena_alloc(kept, sizeof *work);
    struct index index = {.arena = kept};

    index_reserve(&index, count);
    work->arena = arena;
    work->kept = kept;
    work->items = items;
    work->item_count = count;
    work->entries = arena_array(kept, count, sizeof *work->entries);
    for (size_t i = 0; i < count; i++) {
        items[i]->kind = items[i]->taken_as;
        if (items[i]->kind != ITEM_FACT)
            continue;
        items[i]->entry = entry_of(work, &index, items[i]->message.subject);
        items[i]->entry->wants_content |= (service->needs_content & FACT(items[i]->message.type)) != 0;
        items[i]->entry->begins |= (service->begins & FACT(items[i]->message.type)) != 0;
    }
    return work;
}

void work_restart(const struct service *service, struct work *work)
{
    arena_reset(work->arena);
    for (size_t i = 0; i < work->item_count; i++)
        work->items[i]->kind = work->items[i]->taken_as;
    for (size_t i = 0; i < work->entry_count; i++) {
        struct entry *entry = &work->entries[i];

        entry->row = arena_alloc(work->arena, service->rows->row_size);
        entry->row->order_id = entry->order_id;
        entry->ask = ASK_NONE;
        entry->known = false;
    }
}

void work_resolve(struct work *work, struct entry *entry, uint64_t on, const void *outcome)
{
    if (work->outcome_count == work->outcome_capacity) {
        size_t capacity = work->outcome_capacity == 0 ? 64 : work->outcome_capacity * 2;
        struct outcome_of_ask *grown = arena_array(work->kept, capacity, sizeof *grown);

        if (work->outcome_count > 0)
            memcpy(grown, work->outcomes, work->outcome_count * sizeof *grown);
        work->outcomes = grown;
        work->outcome_capacity = capacity;
    }
    work->outcomes[work->outcome_count++] = (struct outcome_of_ask){entry, on, outcome};
}

void work_decide(const struct service *service, void *context, struct work *work, struct entry *entry, const struct input *input)
{
    struct input timed = *input;
    int from = entry->row->state;
    const struct transition *transition;

    timed.now_us = work->now_us;
    timed.arena = work->arena;
    entry->row->remark = NULL;
    transition = service->decide(context, entry->row, &timed);
    if (entry->row->remark != NULL)
        log_write(LOG_WARNING, entry->order_id, input->message == NULL ? NULL : input->message->envelope.correlation_id, "%s", entry->row->remark);
    if (transition == NULL)
        return;
    entry->ask = transition->ask;
    if (log_wants(LOG_DEBUG))
        log_write(LOG_DEBUG, entry->order_id,
                  input->message == NULL ? NULL : input->message->envelope.correlation_id, "%s -> %s: %s",
                  service->table->state_names[from], service->table->state_names[entry->row->state],
                  transition->because);
}

void work_decide_outcomes(const struct service *service, void *context, struct work *work, size_t first)
{
    for (size_t i = first; i < work->outcome_count; i++) {
        const struct outcome_of_ask *outcome = &work->outcomes[i];
        const struct input input = {.on = outcome->on, .outcome = outcome->outcome};

        work_decide(service, context, work, outcome->entry, &input);
    }
}

void work_decide_all(const struct service *service, void *context, struct work *work)
{
    for (size_t i = 0; i < work->item_count; i++) {
        struct item *item = work->items[i];
        const struct input input = {
            .on = FACT(item->message.type), .message = &item->message, .content = item->content, .content_id = item->content_id};
        struct error why;

        if (item->kind != ITEM_FACT)
            continue;
        if (service->contradicts != NULL && service->contradicts(item->entry->row, &input, &why))
            item_set_aside(item, &why);
        else
            work_decide(service, context, work, item->entry, &input);
    }
    work_decide_outcomes(service, context, work, 0);
}

bool work_asks(const struct work *work)
{
    for (size_t i = 0; i < work->entry_count; i++)
        if (work->entries[i].ask != ASK_NONE)
            return true;
    return false;
}

bool work_commands(const struct work *work)
{
    for (size_t i = 0; i < work->item_count; i++)
        if (work->items[i]->kind == ITEM_COMMAND)
            return true;
    return false;
}

bool work_unproven(const struct work *work)
{
    for (size_t i = 0; i < work->entry_count; i++)
        if (work->entries[i].known && !work->entries[i].row->changed)
            return true;
    return false;
}

static int by_key(const void *a, const void *b)
{
    const struct saga *const *left = a, *const *right = b;

    return strcmp((*left)->order_id, (*right)->order_id);
}

size_t work_changed(const struct work *work, struct saga ***rows)
{
    size_t count = 0;

    *rows = arena_array(work->arena, work->entry_count, sizeof **rows);
    for (size_t i = 0; i < work->entry_count; i++)
        if (work->entries[i].row->changed)
            (*rows)[count++] = work->entries[i].row;
    qsort(*rows, count, sizeof **rows, by_key);
    return count;
}

bool work_split(const struct work *work, struct item ***left, size_t *left_count, struct item ***right, size_t *right_count)
{
    if (work->item_count < 2)
        return false;
    *left = arena_array(work->kept, work->item_count, sizeof **left);
    *right = arena_array(work->kept, work->item_count, sizeof **right);
    *left_count = *right_count = 0;
    for (size_t i = 0; i < work->item_count; i++) {
        struct item *item = work->items[i];
        bool first = work->entry_count < 2 ? i < work->item_count / 2
                                           : item->entry == NULL || item->entry < work->entries + work->entry_count / 2;

        if (first)
            (*left)[(*left_count)++] = item;
        else
            (*right)[(*right_count)++] = item;
    }
    return true;
}
