/* One pass of the loop:
 *
 *   take     wait for one message, then take what is already fetched, at most batch_max and BATCH_BYTES; never wait for more
 *   decode   header first: skip what is not for us, set aside what is not a message of ours
 *   load     the rows that the batch names and that memory.h does not know, and the database's now(): one statement or none
 *   decide   in order, message by message, pure; rows may ask for something outside
 *   save     one transaction; every row with its version; asks that must not be lost are on record from here on
 *   resolve  asks, outside any transaction; their outcomes go through decide and are saved like any other input
 *   publish  each answer once an order and type; the next batch starts while late acknowledgements are out
 *   finish   batches whose answers are all acknowledged, oldest first: their offsets may be committed
 *
 * A crash anywhere leads back to take: the offsets were not committed, decide sees the same facts, and says the same. */
#include "services/runtime/loop.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "services/runtime/absence.h"
#include "services/runtime/flight.h"
#include "services/runtime/memory.h"
#include "services/runtime/publish.h"
#include "services/runtime/heartbeat.h"
#include "services/runtime/sweeper.h"
#include "services/runtime/work.h"

/* Beside what the messages themselves take, a batch takes some three times as much where they are orders with many lines. */
enum { BATCH_BYTES = 8 * 1024 * 1024 };

enum { IDLE_MS = 250, COMMIT_MS = 250, WAIT_MIN_MS = 100, WAIT_MAX_MS = 5000, DRAIN_MS = 10000, CONFLICTS_MAX = 100 };

const char *const loop_crash_points[] = {"after-intent", "after-resolve", "after-save", "mid-publish", "after-publish", NULL};

/* The batch in hand. */
struct batch {
    struct arena *arena;
    struct item **items;
    size_t item_count;
    struct flight *flight;
};

struct loop {
    const struct service *service;
    void *context;
    struct database *database;
    struct consumer *consumer;
    struct producer *producer;
    const struct loop_settings *settings;
    const volatile sig_atomic_t *stop;
    struct decoder *decoder;
    struct arena *attempt; /* what one attempt needs; see struct work */
    struct memory *memory;
    struct sweeper sweeper;
    struct batch batch;
    struct flights flights;
    int wait_ms;                   /* what the next wait for somebody away takes */
    struct outages absence;
    unsigned long long batch_count, counts[ITEM_KINDS];
};

static void crash_point(const struct loop *loop, const char *point)
{
    if (loop->settings->crash_at != NULL && strcmp(loop->settings->crash_at, point) == 0)
        raise(SIGKILL);
}

/* ---- finish ---- */

static void batch_release(struct batch *batch)
{
    for (size_t i = 0; i < batch->item_count; i++)
        incoming_release(&batch->items[i]->incoming);
    batch->item_count = 0;
    arena_reset(batch->arena);
}

/* Only the contiguous prefix of finished batches is ever committed. */
static enum status finish(struct loop *loop, struct error *error)
{
    enum status status;

    producer_poll(loop->producer, 0);
    status = flights_finish(&loop->flights, loop->consumer, error);
    if (status == STATUS_OK)
        consumer_commit(loop->consumer, COMMIT_MS);
    return status;
}

/* ---- take and decode ---- */

static bool take(struct loop *loop, struct batch *batch)
{
    const int64_t idle_ms = loop->settings->sweep_interval_ms < IDLE_MS ? loop->settings->sweep_interval_ms : IDLE_MS;
    int timeout_ms = loop->flights.count > 0 ? 10 : (int)idle_ms;
    size_t taken = 0, bytes = 0;

    batch->items = arena_array(batch->arena, loop->settings->batch_max, sizeof(struct item *));
    while (taken < loop->settings->batch_max && bytes < BATCH_BYTES && batch->flight->mark_count < MARKS_MAX) {
        struct item *item = arena_alloc(batch->arena, sizeof *item);

        if (!consumer_take(loop->consumer, timeout_ms, &item->incoming))
            break;
        timeout_ms = 0;
        taken++;
        flight_mark(batch->flight, &item->incoming);
        item_decode(loop->service, loop->decoder, batch->arena, item);
        loop->counts[item->kind]++;
        bytes += item_bytes(item);
        if (item->kind == ITEM_SKIP || item->kind == ITEM_UNKNOWN)
            incoming_release(&item->incoming);
        else
            batch->items[batch->item_count++] = item;
    }
    loop->batch_count += taken > 0;
    return taken > 0;
}

/* ---- save and resolve ---- */

/* What must change together with the rows (stock, in key order): it is read before it is written, which takes a transaction of more
 * than one round trip. */
static enum status settle(struct loop *loop, struct work *work, struct error *error)
{
    enum status status = database_defer(loop->database, "BEGIN", NULL, error);

    return status == STATUS_OK ? loop->service->settle(loop->context, loop->database, work, error) : status;
}

/* One transaction: what must change together with the rows, then the rows, in key order. */
static enum status save(struct loop *loop, struct work *work, struct error *error)
{
    const struct service *service = loop->service;
    const bool settles = service->settle != NULL && (work_asks(work) || work_commands(work));
    enum status status = settles ? settle(loop, work, error) : STATUS_OK;
    struct saga **rows;
    size_t count = work_changed(work, &rows);

    if (count == 0 && !settles)
        return STATUS_OK;
    if (status == STATUS_OK && count > 0)
        status = rows_save(service->rows, loop->database, rows, count, work->arena, error);
    if (status == STATUS_OK && settles)
        status = database_defer(loop->database, "COMMIT", NULL, error);
    if (status == STATUS_OK)
        status = database_run(loop->database, error);
    if (status != STATUS_OK) {
        database_rollback(loop->database);
        return status;
    }
    rows_saved(rows, count);
    memory_keep(loop->memory, service->rows, rows, count);
    return STATUS_OK;
}

/* ---- load, decide, save, resolve: one attempt ---- */

/* What rests on memory and would not be saved is decided on again, on what is stored. */
static enum status load_and_decide(struct loop *loop, struct work *work, struct error *error)
{
    enum status status;

    for (;;) {
        work_restart(loop->service, work);
        status = memory_load(loop->memory, loop->service->rows, loop->decoder, loop->database, work, error);
        if (status != STATUS_OK)
            return status;
        work_decide_all(loop->service, loop->context, work);
        if (!work_unproven(work))
            return STATUS_OK;
        memory_doubt(loop->memory);
    }
}

static enum status attempt(struct loop *loop, struct work *work, struct error *error)
{
    const struct service *service = loop->service;
    enum status status = load_and_decide(loop, work, error);

    if (status != STATUS_OK)
        return status;
    while (service->resolve != NULL && work_asks(work)) {
        size_t known = work->outcome_count;

        status = save(loop, work, error); /* the intent: from here on the ask cannot be lost */
        if (status != STATUS_OK)
            return status;
        crash_point(loop, "after-intent");
        status = service->resolve(loop->context, work, error);
        if (status != STATUS_OK)
            return status;
        crash_point(loop, "after-resolve");
        work_decide_outcomes(service, loop->context, work, known);
    }
    status = save(loop, work, error);
    if (status == STATUS_OK)
        crash_point(loop, "after-save");
    return status;
}

/* Somebody is away: stay in the group, take nothing, come back a little later each time. */
static void wait_a_little(struct loop *loop)
{
    heartbeat_beat();
    consumer_idle(loop->consumer, loop->wait_ms);
    producer_poll(loop->producer, 0);
    loop->wait_ms = loop->wait_ms * 2 < WAIT_MAX_MS ? loop->wait_ms * 2 : WAIT_MAX_MS;
}

/* Until it is saved, or known never to be; STATUS_AWAY only when told to stop while waiting. */
static enum status attempt_until_settled(struct loop *loop, struct work *work, struct error *error)
{
    enum status status;
    int conflicts = 0;

    loop->wait_ms = WAIT_MIN_MS;
    for (;;) {
        status = attempt(loop, work, error);
        if (status != STATUS_OK)
            memory_doubt(loop->memory);
        if (status == STATUS_CONFLICT && ++conflicts == CONFLICTS_MAX) { /* nobody moves a row so often: it is such that no write fits it */
            error->status = STATUS_WRONG;
            return STATUS_WRONG;
        }
        if (status == STATUS_CONFLICT) {
            log_info("%s: loaded again", error->message);
        } else if (status == STATUS_AWAY && !*loop->stop) {
            if (loop->wait_ms > WAIT_MIN_MS)
                absence_begin(&loop->absence, error->message);
            else /* what a second try mends is no absence */
                log_info("%s: tried again", error->message);
            wait_a_little(loop);
        } else {
            if (status != STATUS_AWAY)
                absence_end(&loop->absence);
            return status;
        }
    }
}

static void mid_publish(void *context)
{
    struct loop *loop = context;

    if (loop->settings->crash_at == NULL || strcmp(loop->settings->crash_at, "mid-publish") != 0)
        return;
    producer_flush(loop->producer, DRAIN_MS);
    crash_point(loop, "mid-publish");
}

/* Settles and publishes the items.  When the database says that something among them is wrong, halves them until the culprit
 * stands alone: that one will be parked. */
static enum status process(struct loop *loop, struct batch *batch, struct item **items, size_t count, struct error *error)
{
    struct work *work = work_new(loop->service, batch->arena, loop->attempt, items, count);
    enum status status = attempt_until_settled(loop, work, error);
    struct item **left, **right;
    size_t left_count, right_count;

    if (status == STATUS_OK)
        return publish_answers(loop->service, loop->producer, work, &batch->flight->delivery, mid_publish, loop, error);
    if (status != STATUS_WRONG)
        return status;
    if (work_split(work, &left, &left_count, &right, &right_count)) {
        status = process(loop, batch, left, left_count, error);
        return status == STATUS_OK ? process(loop, batch, right, right_count, error) : status;
    }
    items[0]->kind = ITEM_PARK;
    items[0]->why = *error;
    return STATUS_OK;
}

/* ---- publish what stands apart ---- */

static enum status publish_set_aside(struct loop *loop, struct batch *batch, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < batch->item_count; i++) {
        const struct item *item = batch->items[i];

        if (item->kind != ITEM_PARK && item->kind != ITEM_REFUSE)
            continue;
        log_write(LOG_WARNING, item->message.subject, item->message.envelope.correlation_id, "%s %s/%d/%lld: %s",
                  item->kind == ITEM_PARK ? "parked" : "rejected", item->incoming.topic, item->incoming.partition,
                  (long long)item->incoming.offset, item->why.message);
        status = publish_apart(loop->service, loop->producer, batch->arena, item, &batch->flight->delivery, error);
    }
    return status == STATUS_OK ? sweeper_postpone(&loop->sweeper, batch->items, batch->item_count, batch->arena, error) : status;
}

static enum status batch_process(struct loop *loop, struct batch *batch, struct error *error)
{
    struct item **items = arena_array(batch->arena, batch->item_count, sizeof(struct item *));
    enum status status = STATUS_OK;
    size_t count = 0;

    for (size_t i = 0; i < batch->item_count; i++)
        if (batch->items[i]->kind == ITEM_FACT || batch->items[i]->kind == ITEM_COMMAND)
            items[count++] = batch->items[i];
    if (count > 0)
        status = process(loop, batch, items, count, error);
    if (status == STATUS_OK)
        status = publish_set_aside(loop, batch, error);
    if (status == STATUS_OK && loop->settings->crash_at != NULL && batch->flight->delivery.pending > 0) {
        producer_flush(loop->producer, DRAIN_MS);
        crash_point(loop, "after-publish");
    }
    if (batch->flight->delivery.pending > 0)
        producer_push(loop->producer);
    return status;
}

/* ---- the loop ---- */

/* One pass.  What the batch leaves takes the next place of the ring; when there is none, acknowledgements are waited for. */
static enum status pass(struct loop *loop, struct error *error)
{
    struct batch *batch = &loop->batch;
    enum status status = consumer_status(loop->consumer, error);

    if (status != STATUS_OK)
        return status;
    heartbeat_beat();
    batch->flight = flights_next(&loop->flights);
    if (batch->flight == NULL) {
        producer_poll(loop->producer, IDLE_MS);
    } else if (take(loop, batch)) {
        status = batch_process(loop, batch, error);
        status = status == STATUS_WRONG ? STATUS_BUG : status; /* an answer that cannot be said is ours to mend */
        loop->flights.count++;
        batch_release(batch);
    } else {
        batch_release(batch);
        if (loop->flights.count == 0) { /* what was made ready for messages is given back too: a service may be idle for days */
            arena_reset(loop->attempt);
            memory_clear(loop->memory);
            arena_trim();
        }
    }
    if (status == STATUS_OK)
        status = finish(loop, error);
    if (status == STATUS_OK)
        status = sweeper_run(&loop->sweeper, clock_steady_us() / 1000, error);
    return status;
}

/* What was published is worth waiting for: its offsets are committed when the consumer is closed. */
static enum status drain(struct loop *loop, struct error *error)
{
    int64_t until_us = clock_steady_us() + DRAIN_MS * INT64_C(1000);
    enum status status = STATUS_OK;

    while (status == STATUS_OK && loop->flights.count > 0 && clock_steady_us() < until_us) {
        producer_poll(loop->producer, IDLE_MS);
        status = finish(loop, error);
    }
    return status;
}

static void log_counts(const struct loop *loop)
{
    const unsigned long long *n = loop->counts;

    log_info("%llu batches: %llu facts, %llu commands, %llu parked, %llu rejected, %llu skipped, %llu of unknown types",
             loop->batch_count, n[ITEM_FACT], n[ITEM_COMMAND], n[ITEM_PARK], n[ITEM_REFUSE], n[ITEM_SKIP], n[ITEM_UNKNOWN]);
}

enum status loop_run(const struct service *service, void *context, struct database *database, struct consumer *consumer, struct producer *producer,
                     const struct loop_settings *settings, const volatile sig_atomic_t *stop, struct error *error)
{
    struct loop loop = {.service = service, .context = context, .database = database, .consumer = consumer, .producer = producer, .settings = settings,
                        .stop = stop, .decoder = decoder_new(), .attempt = arena_new(), .memory = memory_new(), .sweeper = {.service = service, .database = database,
                        .consumer = consumer, .producer = producer, .interval_ms = settings->sweep_interval_ms}};
    enum status status = STATUS_OK;

    loop.batch.arena = arena_new();
    while (status == STATUS_OK && !*stop)
        status = pass(&loop, error);
    if (status == STATUS_AWAY) { /* told to stop while somebody was away: the batch comes again */
        loop.flights.count--;
        status = STATUS_OK;
    }
    if (status == STATUS_OK)
        status = drain(&loop, error);
    producer_flush(producer, 0);
    batch_release(&loop.batch);
    arena_free(loop.batch.arena);
    decoder_free(loop.decoder);
    arena_free(loop.attempt);
    memory_free(loop.memory);
    log_counts(&loop);
    return status;
}
