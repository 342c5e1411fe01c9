#include "services/runtime/batch.h"

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

bool service_subscribes(const struct service *service, const char *topic)
{
    for (size_t i = 0; i < service->subscription_count; i++)
        if (strcmp(service->subscriptions[i].topic, topic) == 0)
            return true;
    return false;
}

bool service_takes(const struct service *service, const char *topic, enum message_type type)
{
    for (size_t i = 0; i < service->subscription_count; i++) {
        const struct subscription *subscription = &service->subscriptions[i];

        if ((subscription->types & FACT(type)) != 0 &&
            (strcmp(subscription->topic, topic) == 0 || is_internal(service, topic)))
            return true;
    }
    return false;
}

/* The identity of an order's content: of its canonical encoding, so that spaces and the order of
 * fields do not count.  That encoding is what is stored, and must be readable again. */
static enum record_kind content_find(struct record *record, struct arena *arena)
{
    struct buffer canonical = {.arena = arena}, lines = {.arena = arena};
    char *id = arena_alloc(arena, IDENTITY_SIZE);

    if (order_lines_encode(&record->message.order_place, &lines, &record->why) != STATUS_OK)
        return RECORD_REJECTED;
    buffer_reserve(&canonical, lines.length + PLACE_BYTES);
    if (message_encode_strictly(&record->message, &canonical, &record->why) != STATUS_OK)
        return RECORD_REJECTED;
    name_id(canonical.data, canonical.length, id);
    record->content = canonical.data;
    record->content_id = id;
    if (canonical.length <= ORDER_BYTES_MAX)
        return RECORD_FACT;
    error_set(&record->why, STATUS_INVALID,
              "the order has %zu bytes when written plainly: at most %d are allowed",
              canonical.length, ORDER_BYTES_MAX);
    return RECORD_REJECTED;
}

/* Whoever placed an order that names itself is told; nobody waits for anything else. */
static enum record_kind body_refused(struct decoder *decoder, struct arena *arena,
                                     struct record *record)
{
    const char *field = decoder_field(decoder);

    record->why_field = arena_text(arena, field);
    return record->message.type == ORDER_PLACE && record->message.subject != NULL
               ? RECORD_REJECTED
               : RECORD_DEAD_LETTER;
}

/* The topic's subscription where it holds commands for the service, else NULL. */
static const struct subscription *commands_of(const struct service *service, const char *topic)
{
    for (size_t i = 0; i < service->subscription_count; i++)
        if (service->subscriptions[i].commands &&
            strcmp(service->subscriptions[i].topic, topic) == 0)
            return &service->subscriptions[i];
    return NULL;
}

static enum record_kind header_wrong(struct record *record)
{
    record->why_envelope = true;
    return RECORD_DEAD_LETTER;
}

/* A message that the service does not take from its topic. */
static enum record_kind not_taken(const struct service *service, struct arena *arena,
                                  struct record *record, enum record_kind of_events)
{
    const struct subscription *commands = commands_of(service, record->incoming.topic);
    const char *name = record->message.envelope.type;
    struct buffer types = {.arena = arena};

    if (commands == NULL)
        return of_events;
    for (int type = 0; type < MESSAGE_TYPES; type++)
        if ((commands->types & FACT(type)) != 0)
            buffer_format(&types, "%s%s", types.length > 0 ? " and " : "",
                          message_type_name((enum message_type)type));
    error_set(&record->why, STATUS_INVALID, "header ce_type is \"%.*s\": %s takes %s from %s",
              (int)utf8_prefix(name, TYPE_SHOWN), name, service->name, types.data, commands->topic);
    return header_wrong(record);
}

static enum record_kind command_check(struct record *record)
{
    if (record->message.envelope.id != NULL)
        return RECORD_COMMAND;
    error_set(&record->why, STATUS_INVALID,
              "header ce_id is missing: a stock command is applied once an id");
    return header_wrong(record);
}

static enum record_kind kind_find(const struct service *service, struct decoder *decoder,
                                  struct arena *arena, struct record *record)
{
    const struct incoming *in = &record->incoming;
    struct envelope *envelope = &record->message.envelope;
    const struct flow *flow;
    enum message_type type;

    if (in->unreadable != NULL) {
        error_set(&record->why, STATUS_INVALID,
                  "a batch of %lld offsets, up to %lld, that cannot be unpacked: %s",
                  (long long)(in->next - in->offset), (long long)in->next - 1, in->unreadable);
        return header_wrong(record);
    }
    if (envelope_decode(arena, in->headers, in->header_count, envelope, &record->why) != STATUS_OK)
        return header_wrong(record);
    if (!message_type_find(envelope->type, &type))
        return not_taken(service, arena, record, RECORD_UNKNOWN);
    if (!service_takes(service, in->topic, type))
        return not_taken(service, arena, record, RECORD_SKIP);
    flow = flow_find(envelope->flow);
    if (flow != NULL && service->waits_for != NULL && !service->waits_for(flow, type))
        return RECORD_SKIP;
    if (message_decode(decoder, arena, type, in->value, in->value_length, &record->message,
                       &record->why) != STATUS_OK)
        return body_refused(decoder, arena, record);
    if (type == STOCK_SET || type == STOCK_ADD)
        return command_check(record);
    return type == ORDER_PLACE ? content_find(record, arena) : RECORD_FACT;
}

void record_decode(const struct service *service, struct decoder *decoder, struct arena *arena,
                   struct record *record)
{
    record->kind = record->taken_as = kind_find(service, decoder, arena, record);
}

void record_dead_letter(struct record *record, const struct error *why)
{
    record->kind = RECORD_DEAD_LETTER;
    record->why = *why;
}

size_t record_bytes(const struct record *record)
{
    const struct incoming *in = &record->incoming;
    size_t bytes = in->key_length + in->value_length + in->header_count * HEADER_BYTES;

    for (size_t i = 0; i < in->header_count; i++)
        bytes += in->headers[i].length;
    return bytes;
}

static bool is_order(const void *orders, size_t number, const void *order_id)
{
    return strcmp(((const struct batch_order *)orders)[number].order_id, order_id) == 0;
}

static struct batch_order *order_of(struct batch *batch, struct index *index, const char *order_id)
{
    uint64_t hash = text_hash(order_id);
    size_t number = index_find(index, hash, is_order, batch->orders, order_id);

    if (number == INDEX_NONE) {
        index_add(index, hash, number = batch->order_count++);
        batch->orders[number].order_id = order_id;
    }
    return &batch->orders[number];
}

struct batch *batch_new(const struct service *service, struct arena *kept, struct arena *arena,
                        struct record **records, size_t count)
{
    struct batch *batch = arena_alloc(kept, sizeof *batch);
    struct index index = {.arena = kept};

    index_reserve(&index, count);
    batch->arena = arena;
    batch->kept = kept;
    batch->records = records;
    batch->record_count = count;
    batch->orders = arena_array(kept, count, sizeof *batch->orders);
    for (size_t i = 0; i < count; i++) {
        records[i]->kind = records[i]->taken_as;
        if (records[i]->kind != RECORD_FACT)
            continue;
        records[i]->order = order_of(batch, &index, records[i]->message.subject);
        records[i]->order->wants_content |=
            (service->needs_content & FACT(records[i]->message.type)) != 0;
        records[i]->order->wants_stored |=
            service->effects_repeatable && records[i]->order->wants_content;
        records[i]->order->has_result |= records[i]->result.on != 0;
        records[i]->order->may_be_first |=
            (service->may_be_first & FACT(records[i]->message.type)) != 0;
    }
    return batch;
}

void batch_restart(const struct service *service, struct batch *batch)
{
    arena_reset(batch->arena);
    for (size_t i = 0; i < batch->record_count; i++)
        batch->records[i]->kind = batch->records[i]->taken_as;
    for (size_t i = 0; i < batch->order_count; i++) {
        struct batch_order *order = &batch->orders[i];

        order->row = arena_alloc(batch->arena, service->rows->row_size);
        order->row->order_id = order->order_id;
        order->effect = EFFECT_NONE;
        order->by_result = order->cached = false;
    }
}

void batch_decide(const struct service *service, void *context, struct batch *batch,
                  struct batch_order *order, const struct input *input)
{
    struct input timed = *input;
    int from = order->row->state;
    const struct transition *transition;

    timed.now_us = batch->now_us;
    timed.arena = batch->arena;
    order->row->remark = NULL;
    transition = service->decide(context, order->row, &timed);
    if (order->row->remark != NULL)
        log_write(LOG_WARNING, order->order_id,
                  input->message == NULL ? NULL : input->message->envelope.correlation_id, "%s",
                  order->row->remark);
    if (transition == NULL)
        return;
    order->effect = transition->effect;
    order->by_result = order->effect != EFFECT_NONE && (order->by_result || input->result != NULL);
    if (log_wants(LOG_DEBUG))
        log_write(LOG_DEBUG, order->order_id,
                  input->message == NULL ? NULL : input->message->envelope.correlation_id,
                  "%s -> %s: %s", service->table->state_names[from],
                  service->table->state_names[order->row->state], transition->reason);
}

static void decide_message(const struct service *service, void *context, struct batch *batch,
                           struct record *record)
{
    const struct input input = {.on = FACT(record->message.type),
                                .message = &record->message,
                                .content = record->content,
                                .content_id = record->content_id};
    struct error why;

    if (service->contradicts != NULL && service->contradicts(record->order->row, &input, &why))
        record_dead_letter(record, &why);
    else
        batch_decide(service, context, batch, record->order, &input);
}

void batch_decide_all(const struct service *service, void *context, struct batch *batch)
{
    for (size_t i = 0; i < batch->record_count; i++) {
        struct record *record = batch->records[i];
        const struct input result = {.on = record->result.on, .result = record->result.result};

        if (record->kind != RECORD_FACT)
            continue;
        if (!record->is_recorded || record->order->row->version == 0) /* or lost meanwhile */
            decide_message(service, context, batch, record);
        if (result.on != 0)
            batch_decide(service, context, batch, record->order, &result);
    }
}

bool order_is_saved_later(const struct service *service, const struct batch_order *order)
{
    return service->effects_repeatable && order->effect != EFFECT_NONE && !order->has_result;
}

static bool is_saved(const struct service *service, const struct batch_order *order)
{
    return order->row->changed && !order_is_saved_later(service, order);
}

bool batch_has_effects(const struct batch *batch)
{
    for (size_t i = 0; i < batch->order_count; i++)
        if (batch->orders[i].effect != EFFECT_NONE)
            return true;
    return false;
}

bool batch_has_commands(const struct batch *batch)
{
    for (size_t i = 0; i < batch->record_count; i++)
        if (batch->records[i]->kind == RECORD_COMMAND)
            return true;
    return false;
}

bool batch_has_unvalidated(const struct service *service, const struct batch *batch)
{
    for (size_t i = 0; i < batch->order_count; i++)
        if (batch->orders[i].cached && !is_saved(service, &batch->orders[i]))
            return true;
    return false;
}

static int by_key(const void *a, const void *b)
{
    const struct saga *const *left = a, *const *right = b;

    return strcmp((*left)->order_id, (*right)->order_id);
}

size_t batch_changed(const struct service *service, const struct batch *batch, struct saga ***rows)
{
    size_t count = 0;

    *rows = arena_array(batch->arena, batch->order_count, sizeof **rows);
    for (size_t i = 0; i < batch->order_count; i++)
        if (is_saved(service, &batch->orders[i]))
            (*rows)[count++] = batch->orders[i].row;
    qsort(*rows, count, sizeof **rows, by_key);
    return count;
}

bool batch_split(const struct batch *batch, struct record ***left, size_t *left_count,
                 struct record ***right, size_t *right_count)
{
    if (batch->record_count < 2)
        return false;
    *left = arena_array(batch->kept, batch->record_count, sizeof **left);
    *right = arena_array(batch->kept, batch->record_count, sizeof **right);
    *left_count = *right_count = 0;
    for (size_t i = 0; i < batch->record_count; i++) {
        struct record *record = batch->records[i];
        bool first =
            batch->order_count < 2
                ? i < batch->record_count / 2
                : record->order == NULL || record->order < batch->orders + batch->order_count / 2;

        if (first)
            (*left)[(*left_count)++] = record;
        else
            (*right)[(*right_count)++] = record;
    }
    return true;
}
