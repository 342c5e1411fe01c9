#include "services/runtime/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"
#include "services/runtime/local.h"
#include "services/runtime/rows.h"

void records_add(struct records *records, struct arena *arena, struct record *record)
{
    if (records->count == records->room) {
        struct record **all = arena_array(arena, records->room * 2 + 8, sizeof *all);

        if (records->count > 0)
            memcpy(all, records->all, records->count * sizeof *all);
        records->all = all;
        records->room = records->room * 2 + 8;
    }
    records->all[records->count++] = record;
}

void batch_begin(struct batch *batch, struct arena *arena, size_t order_room, bool wants_content)
{
    *batch = (struct batch){.arena = arena, .index.arena = arena, .wants_content = wants_content};
    batch->orders = arena_array(arena, order_room, sizeof *batch->orders);
    index_reserve(&batch->index, order_room);
}

static bool is_order(const void *orders, size_t number, const void *order_id)
{
    return strcmp(((const struct batch_order *)orders)[number].order_id, order_id) == 0;
}

static struct batch_order *order_of(struct batch *batch, const struct service *service,
                                    const char *order_id)
{
    uint64_t hash = text_hash(order_id);
    size_t number = index_find(&batch->index, hash, is_order, batch->orders, order_id);
    struct batch_order *order;

    if (number != INDEX_NONE)
        return &batch->orders[number];
    index_add(&batch->index, hash, batch->order_count);
    order = &batch->orders[batch->order_count++];
    order->order_id = order_id;
    order->wants_content = batch->wants_content;
    order->row = arena_alloc(batch->arena, service->rows->row_size);
    order->row->order_id = order_id;
    return order;
}

/* A row that was read without what it keeps aside is read again, unless it was decided on
 * meanwhile: then all of it is to be done again, with that. */
static void want_content(struct batch *batch, struct batch_order *order)
{
    if (order->wants_content)
        return;
    order->wants_content = true;
    if (!order->is_read || order->row->version == 0)
        return;
    if (order->row->changed)
        batch->lacks_content = true;
    else
        order->is_read = order->cached = false;
}

static void want(struct batch *batch, const struct service *service, const struct record *record)
{
    const uint64_t type = FACT(record->message.type);
    struct batch_order *order = record->order;

    if ((service->needs_content & type) != 0)
        want_content(batch, order);
    order->wants_stored |=
        service->effects_repeatable && order->wants_content && record->result.on == 0;
    order->has_result |= record->result.on != 0;
    order->may_be_first |= (service->may_be_first & type) != 0;
}

void batch_add(struct batch *batch, const struct service *service, struct record *record)
{
    record->kind = record->taken_as;
    record->is_answered = record->is_handed_on = false;
    record->emits = 0;
    record->events = NULL;
    records_add(&batch->records, batch->arena, record);
    if (record->kind != RECORD_FACT)
        return;
    record->order = order_of(batch, service, record->message.subject);
    want(batch, service, record);
}

bool batch_is_undecided(const struct batch *batch)
{
    return batch->first < batch->records.count;
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

void batch_decide_round(const struct service *service, void *context, struct batch *batch)
{
    for (size_t i = batch->first; i < batch->records.count; i++) {
        struct record *record = batch->records.all[i];
        const struct input result = {.on = record->result.on, .result = record->result.result};

        if (record->kind != RECORD_FACT)
            continue;
        if (!record->is_recorded || record->order->row->version == 0) /* or lost meanwhile */
            decide_message(service, context, batch, record);
        if (result.on != 0)
            batch_decide(service, context, batch, record->order, &result);
    }
}

struct input record_input(const struct batch *batch, const struct record *record)
{
    return (struct input){.on = FACT(record->message.type),
                          .message = &record->message,
                          .content_id = record->content_id,
                          .now_us = batch->now_us};
}

/* Of several messages that lead to the same event the last one is its cause: it completed what was
 * waited for. */
static void find_events(const struct service *service, struct batch *batch, bool inquiries)
{
    for (size_t i = batch->records.count; i-- > 0;) {
        struct record *record = batch->records.all[i];
        const struct input input = record_input(batch, record);

        if (record->kind != RECORD_FACT || record->is_answered ||
            record->order->effect != EFFECT_NONE ||
            ((input.on & service->inquiries) != 0) != inquiries)
            continue;
        record->emits = service->emits(record->order->row, &input) & ~record->order->emitted;
        record->order->emitted |= record->emits & ~service->emits_each;
        record->is_answered = true;
    }
}

void batch_find_events(const struct service *service, struct batch *batch)
{
    find_events(service, batch, false);
    find_events(service, batch, true); /* who asks about an order decides nothing */
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
    for (size_t i = batch->first; i < batch->records.count; i++)
        if (batch->records.all[i]->kind == RECORD_COMMAND)
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

static bool names_order(const void *ids, size_t number, const void *order_id)
{
    return strcmp(((const char *const *)ids)[number], order_id) == 0;
}

/* Which order each is of, by a number; what is of none goes with the first. */
static size_t *orders_number(const struct records *records, struct arena *arena,
                             size_t *order_count)
{
    size_t *numbers = arena_array(arena, records->count, sizeof *numbers), count = 0;
    const char **ids = arena_array(arena, records->count, sizeof *ids);
    struct index index = {.arena = arena};

    for (size_t i = 0; i < records->count; i++) {
        const char *id = records->all[i]->message.subject;

        if (records->all[i]->taken_as != RECORD_FACT)
            continue;
        numbers[i] = index_find(&index, text_hash(id), names_order, ids, id);
        if (numbers[i] != INDEX_NONE)
            continue;
        index_add(&index, text_hash(id), numbers[i] = count);
        ids[count++] = id;
    }
    *order_count = count;
    return numbers;
}

bool records_split(const struct records *records, struct arena *arena, struct records *left,
                   struct records *right)
{
    size_t order_count;
    const size_t *numbers;

    if (records->count < 2)
        return false;
    numbers = orders_number(records, arena, &order_count);
    *left = *right = (struct records){0};
    for (size_t i = 0; i < records->count; i++) {
        const bool is_first =
            order_count < 2 ? i < records->count / 2 : numbers[i] < order_count / 2;

        records_add(is_first ? left : right, arena, records->all[i]);
    }
    return true;
}
