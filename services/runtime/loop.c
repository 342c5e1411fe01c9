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
 * From load to resolve stands in attempt.c, the rest below, in this order.
 *
 * A crash anywhere leads back to take: the offsets were not committed, decide sees the same facts, and says the same. */
#include "services/runtime/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "services/runtime/attempt.h"
#include "services/runtime/crash.h"
#include "services/runtime/flight.h"
#include "services/runtime/heartbeat.h"
#include "services/runtime/publish.h"
#include "services/runtime/sweeper.h"

/* Beside what the messages themselves take, a batch takes some three times as much where they are orders with many lines. */
enum { BATCH_BYTES = 8 * 1024 * 1024 };

enum { IDLE_MS = 250, COMMIT_MS = 250, DRAIN_MS = 10000 };

/* The batch in hand. */
struct batch {
    struct arena *arena;
    struct item **items;
    size_t item_count;
    struct flight *flight;
};

struct loop {
    const struct service *service;
    struct consumer *consumer;
    struct producer *producer;
    const struct loop_settings *settings;
    const volatile sig_atomic_t *stop;
    struct decoder *decoder;
    struct attempts attempts;
    struct sweeper sweeper;
    struct batch batch;
    struct flights *flights;
    unsigned long long batch_count, counts[ITEM_KINDS];
};

static void log_counts(const struct loop *loop);
static void loop_close(struct loop *loop);
static enum status drain(struct loop *loop, struct error *error);
static enum status pass(struct loop *loop, struct error *error);
static void memory_give_back(struct loop *loop);
static enum status batch_process(struct loop *loop, struct batch *batch, struct error *error);
static bool take(struct loop *loop, struct batch *batch);
static enum status process(struct loop *loop, struct batch *batch, struct item **items,
                           size_t count, struct error *error);
static void mid_publish(void *context);
static enum status publish_set_aside(struct loop *loop, struct batch *batch, struct error *error);
static enum status finish(struct loop *loop, struct error *error);
static void batch_release(struct batch *batch);

enum status loop_run(const struct service *service, void *context, struct database *database,
                     struct consumer *consumer, struct producer *producer,
                     const struct loop_settings *settings, const volatile sig_atomic_t *stop,
                     struct error *error)
{
    struct loop loop = {.service = service,
                        .consumer = consumer,
                        .producer = producer,
                        .settings = settings,
                        .stop = stop,
                        .decoder = decoder_new(),
                        .batch.arena = arena_new(),
                        .flights = flights_new(),
                        .attempts = {.service = service,
                                     .context = context,
                                     .database = database,
                                     .consumer = consumer,
                                     .producer = producer,
                                     .settings = settings,
                                     .stop = stop},
                        .sweeper = {.service = service,
                                    .database = database,
                                    .consumer = consumer,
                                    .producer = producer,
                                    .interval_ms = settings->sweep_interval_ms}};
    enum status status = STATUS_OK;

    loop.attempts.decoder = loop.decoder;
    loop.attempts.arena = arena_new();
    loop.attempts.memory = memory_new();
    while (status == STATUS_OK && !*stop)
        status = pass(&loop, error);
    if (status == STATUS_AWAY) /* told to stop while somebody was away: the batch comes again */
        status = STATUS_OK;
    if (status == STATUS_OK)
        status = drain(&loop, error);
    producer_flush(producer, 0);
    log_counts(&loop);
    loop_close(&loop);
    return status;
}

static void log_counts(const struct loop *loop)
{
    const unsigned long long *n = loop->counts;

    log_info("%llu batches: %llu facts, %llu commands, %llu parked, %llu rejected, %llu skipped, "
             "%llu of unknown types",
             loop->batch_count, n[ITEM_FACT], n[ITEM_COMMAND], n[ITEM_PARK], n[ITEM_REFUSE],
             n[ITEM_SKIP], n[ITEM_UNKNOWN]);
}

static void loop_close(struct loop *loop)
{
    batch_release(&loop->batch);
    arena_free(loop->batch.arena);
    arena_free(loop->attempts.arena);
    memory_free(loop->attempts.memory);
    decoder_free(loop->decoder);
    flights_free(loop->flights);
}

/* What was published is worth waiting for: its offsets are committed when the consumer closes. */
static enum status drain(struct loop *loop, struct error *error)
{
    int64_t until_us = clock_steady_us() + DRAIN_MS * INT64_C(1000);
    enum status status = STATUS_OK;

    while (status == STATUS_OK && flights_any(loop->flights) && clock_steady_us() < until_us) {
        producer_poll(loop->producer, IDLE_MS);
        status = finish(loop, error);
    }
    return status;
}

/* What a batch leaves under way takes a place among the flights; while none is free, it waits for
 * acknowledgements. */
static enum status pass(struct loop *loop, struct error *error)
{
    struct batch *batch = &loop->batch;
    enum status status = consumer_status(loop->consumer, error);

    if (status != STATUS_OK)
        return status;
    heartbeat_beat();
    batch->flight = flights_next(loop->flights);
    if (batch->flight == NULL) {
        producer_poll(loop->producer, IDLE_MS);
    } else if (take(loop, batch)) {
        status = batch_process(loop, batch, error);
        if (status == STATUS_WRONG)
            status = STATUS_BUG; /* an event of ours that cannot be published */
        if (status == STATUS_OK)
            flights_start(loop->flights);
        batch_release(batch);
    } else {
        batch_release(batch);
        if (!flights_any(loop->flights))
            memory_give_back(loop);
    }
    if (status == STATUS_OK)
        status = finish(loop, error);
    if (status == STATUS_OK)
        status = sweeper_run(&loop->sweeper, clock_steady_us() / 1000, error);
    return status;
}

/* A service may be idle for days. */
static void memory_give_back(struct loop *loop)
{
    arena_reset(loop->attempts.arena);
    memory_clear(loop->attempts.memory);
    arena_trim();
}

static enum status batch_process(struct loop *loop, struct batch *batch, struct error *error)
{
    struct item **items = arena_array(batch->arena, batch->item_count, sizeof(struct item *));
    const struct delivery *delivery = flight_delivery(batch->flight);
    enum status status = STATUS_OK;
    size_t count = 0;

    for (size_t i = 0; i < batch->item_count; i++)
        if (batch->items[i]->kind == ITEM_FACT || batch->items[i]->kind == ITEM_COMMAND)
            items[count++] = batch->items[i];
    if (count > 0)
        status = process(loop, batch, items, count, error);
    if (status == STATUS_OK)
        status = publish_set_aside(loop, batch, error);
    if (status == STATUS_OK && loop->settings->crash_at != NULL && delivery->pending > 0) {
        producer_flush(loop->producer, DRAIN_MS);
        crash_point(loop->settings->crash_at, "after-publish");
    }
    if (delivery->pending > 0)
        producer_push(loop->producer);
    return status;
}

/* ---- take and decode ---- */

static bool take(struct loop *loop, struct batch *batch)
{
    const int64_t idle_ms =
        loop->settings->sweep_interval_ms < IDLE_MS ? loop->settings->sweep_interval_ms : IDLE_MS;
    int timeout_ms = flights_any(loop->flights) ? 10 : (int)idle_ms;
    size_t taken = 0, bytes = 0;

    batch->items = arena_array(batch->arena, loop->settings->batch_max, sizeof(struct item *));
    while (taken < loop->settings->batch_max && bytes < BATCH_BYTES &&
           !flight_is_full(batch->flight)) {
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

/* ---- load to resolve, and publish ---- */

/* Saves and publishes what the items lead to.  When the database says that something among them is
 * wrong, halves them until the culprit stands alone: that one will be parked. */
static enum status process(struct loop *loop, struct batch *batch, struct item **items,
                           size_t count, struct error *error)
{
    struct work *work = work_new(loop->service, batch->arena, loop->attempts.arena, items, count);
    enum status status = attempt_until_saved(&loop->attempts, work, error);
    struct item **left, **right;
    size_t left_count, right_count;

    if (status == STATUS_OK)
        return publish_answers(loop->service, loop->producer, work, flight_delivery(batch->flight),
                               mid_publish, loop, error);
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

static void mid_publish(void *context)
{
    struct loop *loop = context;

    if (!crash_wanted(loop->settings->crash_at, "mid-publish"))
        return;
    producer_flush(loop->producer, DRAIN_MS);
    crash_point(loop->settings->crash_at, "mid-publish");
}

static enum status publish_set_aside(struct loop *loop, struct batch *batch, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < batch->item_count; i++) {
        const struct item *item = batch->items[i];

        if (item->kind != ITEM_PARK && item->kind != ITEM_REFUSE)
            continue;
        log_write(LOG_WARNING, item->message.subject, item->message.envelope.correlation_id,
                  "%s %s/%d/%lld: %s", item->kind == ITEM_PARK ? "parked" : "rejected",
                  item->incoming.topic, item->incoming.partition, (long long)item->incoming.offset,
                  item->why.message);
        status = publish_apart(loop->service, loop->producer, batch->arena, item,
                               flight_delivery(batch->flight), error);
    }
    return status == STATUS_OK ? sweeper_postpone(&loop->sweeper, batch->items, batch->item_count,
                                                  batch->arena, error)
                               : status;
}

/* ---- finish ---- */

/* Only the contiguous prefix of finished batches is ever committed. */
static enum status finish(struct loop *loop, struct error *error)
{
    enum status status;

    producer_poll(loop->producer, 0);
    status = flights_finish(loop->flights, loop->consumer, error);
    if (status == STATUS_OK)
        consumer_commit(loop->consumer, COMMIT_MS);
    return status;
}

static void batch_release(struct batch *batch)
{
    for (size_t i = 0; i < batch->item_count; i++)
        incoming_release(&batch->items[i]->incoming);
    batch->item_count = 0;
    arena_reset(batch->arena);
}
