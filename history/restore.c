#include "history/restore.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "brokers/topics.h"
#include "events/identity.h"
#include "history/assemble.h"
#include "history/memory_bound.h"
#include "history/reading.h"
#include "history/replay_run.h"
#include "history/restore_stock.h"
#include "history/routes.h"
#include "history/row_compare.h"
#include "services/email/decide.h"
#include "services/inventory/decide.h"
#include "services/inventory/store.h"
#include "services/order/decide.h"
#include "services/runtime/rows.h"
#include "services/runtime/batch.h"

enum { BATCH = 1000, BATCH_BYTES = 8 * 1024 * 1024 /* of contents, as they came */ };

struct restoring {
    const struct log_source *source;
    int service;
    struct database *database;
    void (*unreadable)(const char *why);
    struct order_histories *log; /* of this pass */
    struct decoder *decoder;
    struct arena *arena;      /* of a batch */
    struct saga *rows[BATCH]; /* as the log leads to them */
    bool owes[BATCH];         /* of each: the service has yet to emit something */
    size_t count, bytes;
    int64_t now_us; /* the time of what was never emitted */
    bool partial;
    struct restored *out;
    enum status status; /* of what happened while messages were taken */
    struct error *error;
};

/* The payload of the service's rows comes with this type. */
static enum message_type content_type(int service)
{
    return service == SERVICE_ORDER ? ORDER_PLACE : ORDER_CREATED;
}

/* ---- rows ---- */

static int by_key(const void *a, const void *b)
{
    const struct saga *const *left = a, *const *right = b;

    return strcmp((*left)->order_id, (*right)->order_id);
}

/* Rows of the batch as they are stored. */
static enum status stored_load(struct restoring *restoring, struct saga **stored, size_t first,
                               size_t count)
{
    struct arena *arena = restoring->arena;
    const struct rows *rows = catalog[restoring->service].service->rows;
    struct batch batch = {.arena = arena,
                          .orders = arena_array(arena, count, sizeof *batch.orders),
                          .order_count = count};

    for (size_t i = 0; i < count; i++) {
        struct saga *row = stored[first + i] = arena_alloc(arena, rows->row_size);

        row->order_id = restoring->rows[first + i]->order_id;
        batch.orders[i] = (struct batch_order){.order_id = row->order_id, .row = row};
    }
    return rows_load(rows, restoring->decoder, restoring->database, &batch, restoring->error);
}

/* One that cannot be read is removed, and made anew as if it were missing. */
static enum status readable_load(struct restoring *restoring, struct saga **stored)
{
    const char *unreadable[BATCH];
    size_t count = 0;
    enum status status = stored_load(restoring, stored, 0, restoring->count);

    if (status != STATUS_INVALID)
        return status;
    for (size_t i = 0; i < restoring->count; i++) {
        status = stored_load(restoring, stored, i, 1);
        if (status == STATUS_INVALID) {
            if (restoring->unreadable != NULL)
                restoring->unreadable(restoring->error->message);
            unreadable[count++] = stored[i]->order_id;
            *stored[i] = (struct saga){.order_id = stored[i]->order_id};
        } else if (status != STATUS_OK) {
            return status;
        }
    }
    return rows_remove(catalog[restoring->service].service->rows, restoring->database, unreadable,
                       count, restoring->arena, restoring->error);
}

/* Does the stored row know all that the log tells?  What was saved and never emitted is more than
 * the log has, and stays. */
static bool is_kept(const struct restoring *restoring, size_t number, const struct saga *stored)
{
    const uint64_t messages = (UINT64_C(1) << MESSAGE_TYPES) - 1;
    const struct replayed replayed = {.row = restoring->rows[number]};
    struct difference differences[DIFFERENCES_MAX];

    if (stored->version == 0 || (replayed.row->facts & messages & ~stored->facts) != 0)
        return false;
    return restoring->owes[number] || replay_compare(restoring->service, &replayed, stored,
                                                     restoring->arena, differences) == 0;
}

/* A row that is to be made must have its payload. */
static bool lacks_content(const struct restoring *restoring, const struct saga *row,
                          const struct saga *stored)
{
    const uint64_t fact = FACT(content_type(restoring->service));

    return catalog[restoring->service].service->rows->content_read != NULL &&
           (row->facts & fact) != 0 && !row->content_is_new &&
           (stored->version == 0 || (stored->facts & fact) == 0);
}

static enum status batch_write(struct restoring *restoring)
{
    struct saga **stored = arena_array(restoring->arena, restoring->count, sizeof(struct saga *));
    struct saga **changed = arena_array(restoring->arena, restoring->count, sizeof(struct saga *));
    size_t count = 0;
    enum status status = readable_load(restoring, stored);

    for (size_t i = 0; status == STATUS_OK && i < restoring->count; i++) {
        struct saga *row = restoring->rows[i];

        if (is_kept(restoring, i, stored[i])) {
            restoring->out->kept++;
            continue;
        }
        if (lacks_content(restoring, row, stored[i]))
            return error_set(restoring->error, STATUS_INVALID,
                             "order %s: the log has no %s that its row could keep", row->order_id,
                             message_type_name(content_type(restoring->service)));
        row->version = stored[i]->version;
        restoring->out->made += row->version == 0;
        restoring->out->brought_up += row->version != 0;
        changed[count++] = row;
    }
    if (status != STATUS_OK || count == 0)
        return status;
    qsort(changed, count, sizeof *changed, by_key);
    status = rows_save(catalog[restoring->service].service->rows, restoring->database, changed,
                       count, restoring->arena, restoring->error);
    return status == STATUS_OK ? database_run(restoring->database, restoring->error) : status;
}

static void flush(struct restoring *restoring)
{
    if (restoring->count > 0 && restoring->status == STATUS_OK)
        restoring->status = batch_write(restoring);
    restoring->count = restoring->bytes = 0;
    arena_reset(restoring->arena);
}

/* ---- where it must read on ---- */

static void read_from(struct restoring *restoring, const struct order_history *history)
{
    struct restored *out = restoring->out;

    for (const struct history_record *record = history->records; record != NULL;
         record = record->next) {
        if (!record_is_for(restoring->log, history, restoring->service, record))
            continue;
        for (size_t i = 0; i < out->position_count; i++) {
            struct position *position = &out->positions[i];

            if (position->topic == record->topic && position->partition == record->partition &&
                record->offset < position->offset)
                position->offset = record->offset;
        }
    }
}

/* The first pass says how far the log was read; what comes later is read by the service. */
static void positions_start(struct restoring *restoring)
{
    struct restored *out = restoring->out;
    size_t count;
    const struct position *ends = histories_ends(restoring->log, &count);

    if (out->positions != NULL)
        return;
    out->positions = calloc(count + 1, sizeof *out->positions);
    if (out->positions == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        out->positions[out->position_count++] = ends[i];
}

/* ---- an order ---- */

/* The row's payload is what it keeps of the message. */
static void content_set(const struct restoring *restoring, struct saga *row, struct record *record)
{
    struct message *message = &record->message;

    row->content_is_new = true;
    if (restoring->service == SERVICE_ORDER) {
        row->content = record->content;
        ((struct order_row *)(void *)row)->place = &message->order_place;
    } else if (restoring->service == SERVICE_INVENTORY) {
        ((struct inventory_row *)(void *)row)->created = &message->order_created;
    } else if (restoring->service == SERVICE_EMAIL) {
        ((struct email_row *)(void *)row)->created = &message->order_created;
    }
}

/* `record` NULL: its row has no payload, or the log has not. */
static void order_add(struct restoring *restoring, struct order_history *history,
                      struct record *record)
{
    const uint64_t emitted = history->genuine & own_events(restoring->service);
    struct replayed replayed;
    bool owes;

    history->marked = true;
    if (!histories_has_all(restoring->log, history)) {
        restoring->out->beginning_gone++;
        return;
    }
    replay_service(restoring->log, history, restoring->service, restoring->now_us, restoring->arena,
                   &replayed);
    if (replayed.row->facts == 0)
        return;
    owes = replayed.waiting_for != 0 || (replayed.must & ~emitted & ~FACT(ORDER_REJECTED)) != 0;
    if (owes) {
        restoring->out->open++;
        read_from(restoring, history);
    }
    if (restoring->service == SERVICE_ORDER && (emitted & FACT(ORDER_CREATED)) == 0 &&
        replayed.row->state != ORDER_STATE_NEW)
        return; /* its flow and its deadline are still to be given */
    replayed.row->content_is_new = false;
    if (record != NULL)
        content_set(restoring, replayed.row, record);
    restoring->owes[restoring->count] = owes;
    restoring->rows[restoring->count++] = replayed.row;
    if (restoring->count == BATCH)
        flush(restoring);
}

/* A message as it came outlives its batch's reading: what the record points to is copied. */
static struct record *record_read(struct restoring *restoring, const struct incoming *incoming)
{
    struct record *record = arena_alloc(restoring->arena, sizeof *record);

    record->incoming = *incoming;
    record_decode(catalog[restoring->service].service, restoring->decoder, restoring->arena,
                  record);
    return record;
}

/* Of several messages of the type it is the one that the service acted on: a place with the content
 * that was accepted, an order.created under its own identity. */
static bool is_content(const struct restoring *restoring, const struct order_history *history,
                       const struct record *record)
{
    char id[IDENTITY_SIZE];

    if (restoring->service == SERVICE_ORDER) {
        const struct history_record *place = record_find(history, ORDER_PLACE);

        return place != NULL && place->detail != NULL && record->content_id != NULL &&
               strcmp(place->detail, record->content_id) == 0;
    }
    event_id(history->order_id, ORDER_CREATED, id);
    return record->message.envelope.id != NULL && strcmp(record->message.envelope.id, id) == 0;
}

static void content_take(void *context, const struct incoming *incoming)
{
    struct restoring *restoring = context;
    const struct arena_mark before = arena_mark(restoring->arena);
    struct order_history *history;
    struct record *record;

    if (restoring->status != STATUS_OK)
        return;
    record = record_read(restoring, incoming);
    history =
        record->kind == RECORD_FACT && record->message.type == content_type(restoring->service)
            ? histories_find(restoring->log, record->message.subject)
            : NULL;
    if (history == NULL || history->marked || !is_content(restoring, history, record)) {
        arena_rewind(restoring->arena, before);
        return;
    }
    order_add(restoring, history, record);
    restoring->bytes += incoming->value_length;
    if (restoring->bytes >= BATCH_BYTES)
        flush(restoring);
}

static bool has_failed(void *context)
{
    return ((const struct restoring *)context)->status != STATUS_OK;
}

/* Of whom everything that they take the type from is read: what was dead-lettered and repaired
 * comes by an internal topic. */
static size_t content_topics(int service, const char **chosen)
{
    const enum message_type type = content_type(service);
    size_t count = 0;

    for (size_t i = 0; i < topic_count; i++)
        if (service_takes(catalog[service].service, topics[i].name, type))
            chosen[count++] = topics[i].name;
    return count;
}

static enum status orders_restore(struct restoring *restoring)
{
    const char *chosen[TOPICS_MAX];
    const struct reading reading = {
        .scope = {.topics = chosen, .topic_count = content_topics(restoring->service, chosen)},
        .once = true,
        .progress = "contents",
        .take = content_take,
        .tick = has_failed};
    enum status status = STATUS_OK;

    for (size_t i = 0; i < histories_count(restoring->log); i++)
        history_sort(histories_at(restoring->log, i));
    if (catalog[restoring->service].service->rows->content_read != NULL)
        status = messages_read(restoring->source, &reading, restoring, restoring->error);
    for (size_t i = 0;
         status == STATUS_OK && restoring->status == STATUS_OK &&
         i < histories_count(restoring->log) && !observer_interrupted(&restoring->source->observer);
         i++)
        if (!histories_at(restoring->log, i)->marked)
            order_add(restoring, histories_at(restoring->log, i), NULL);
    flush(restoring);
    return status == STATUS_OK ? restoring->status : status;
}

/* ---- all of it ---- */

static enum status pass(struct restoring *restoring, unsigned share, unsigned shares)
{
    const struct history_scope scope = {
        .share = share, .shares = shares, .contents = true, .progress = "log"};
    enum status status;

    restoring->log = histories_new();
    status = histories_read(restoring->log, restoring->source, &scope, restoring->error);
    if (status == STATUS_OK && histories_truncated(restoring->log) && !restoring->partial)
        status = error_set(
            restoring->error, STATUS_INVALID,
            "the log has lost its beginning: not all rows can be told from what is left of it; "
            "--partial restores the orders of which it has all");
    if (status == STATUS_OK)
        positions_start(restoring);
    if (status == STATUS_OK)
        status = orders_restore(restoring);
    histories_free(restoring->log);
    return status;
}

enum status rows_restore(const struct log_source *source, const struct restore_scope *scope,
                         struct database *database, struct restored *out, struct error *error)
{
    struct restoring *restoring = calloc(1, sizeof *restoring);
    unsigned count = 1;
    enum status status;

    if (restoring == NULL)
        abort();
    *restoring = (struct restoring){.source = source,
                                    .service = scope->service,
                                    .database = database,
                                    .unreadable = scope->unreadable,
                                    .decoder = decoder_new(),
                                    .arena = arena_new(),
                                    .now_us = clock_us(),
                                    .partial = scope->partial,
                                    .out = out,
                                    .error = error};
    *out = (struct restored){0};
    status =
        scope->service == SERVICE_INVENTORY ? stock_restore(source, database, error) : STATUS_OK;
    if (status == STATUS_OK)
        status = histories_passes(source, scope->memory_mib, &count, error);
    for (unsigned share = 0; status == STATUS_OK && share < count &&
                             !observer_interrupted(&restoring->source->observer);
         share++)
        status = pass(restoring, share, count);
    if (status == STATUS_OK && scope->service == SERVICE_INVENTORY &&
        !observer_interrupted(&restoring->source->observer))
        status = balances_recount(database, error);
    arena_free(restoring->arena);
    decoder_free(restoring->decoder);
    free(restoring);
    return status;
}

void restored_free(struct restored *restored)
{
    free(restored->positions);
    *restored = (struct restored){0};
}
