/* One pass of the loop:
 *
 *   take     wait for one message, then take what is already fetched, at most batch_max and
 *            BATCH_BYTES; never wait for more
 *   decode   header first: skip what is not for us, dead-letter what is not a message of ours
 *   load     the rows that the batch names and that are not in the row cache, and the database's
 *            now(): one statement or none
 *   decide   in order, message by message, pure; a transition may start an effect
 *   save     one transaction; every row with its version; effects that must not be lost are on
 *            record from here on
 *   effects  run outside any transaction; their results go through decide and are saved like any
 *            other input
 *   publish  each event once an order and type; the next batch starts while late acknowledgements
 *            are out
 *   finish   batches whose events are all acknowledged, oldest first: their offsets may be
 *            committed
 *
 * Load to effects stand in attempt.c, all else below, in this order.
 *
 * A crash anywhere leads back to take: the offsets were not committed, decide sees the same facts,
 * and the same events follow. */
#include "services/runtime/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "services/runtime/attempt.h"
#include "services/runtime/crash.h"
#include "services/runtime/heartbeat.h"
#include "services/runtime/inflight.h"
#include "services/runtime/publish.h"
#include "services/runtime/sweeper.h"

/* Beside what the messages themselves take, a batch takes some three times as much where they are
 * orders with many lines. */
enum { BATCH_BYTES = 8 * 1024 * 1024 };

enum { IDLE_MS = 250, COMMIT_MS = 250, DRAIN_MS = 10000 };

/* The batch in hand. */
struct polled {
    struct arena *arena;
    struct record **records;
    size_t record_count;
    struct inflight_batch *inflight;
};

struct loop {
    const struct service *service;
    struct consumer *consumer;
    struct producer *producer;
    const struct loop_settings *settings;
    struct attempts attempts;
    struct sweeper sweeper;
    struct polled polled;
    struct inflight_ring *ring;
    unsigned long long batch_count, counts[RECORD_KINDS];
};

static void log_counts(const struct loop *loop);
static void loop_close(struct loop *loop);
static enum status drain(struct loop *loop, struct error *error);
static enum status pass(struct loop *loop, struct error *error);
static void memory_give_back(struct loop *loop);
static enum status polled_process(struct loop *loop, struct polled *polled, struct error *error);
static bool take(struct loop *loop, struct polled *polled);
static enum status process(struct loop *loop, struct polled *polled, struct record **records,
                           size_t count, struct error *error);
static void mid_publish(void *context);
static enum status publish_set_aside(struct loop *loop, struct polled *polled, struct error *error);
static enum status finish(struct loop *loop, struct error *error);
static void polled_release(struct polled *polled);

enum status loop_run(const struct service *service, void *context, struct database *database,
                     struct consumer *consumer, struct producer *producer,
                     const struct loop_settings *settings, const volatile sig_atomic_t *stop,
                     struct error *error)
{
    struct loop loop = {.service = service,
                        .consumer = consumer,
                        .producer = producer,
                        .settings = settings,
                        .polled.arena = arena_new(),
                        .ring = inflight_new(),
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

    loop.attempts.decoder = decoder_new();
    loop.attempts.arena = arena_new();
    loop.attempts.cache = row_cache_new();
    while (status == STATUS_OK && !*stop)
        status = pass(&loop, error);
    if (status == STATUS_UNAVAILABLE) /* told to stop while it waited: the batch comes again */
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

    log_info(
        "%llu batches: %llu facts, %llu commands, %llu dead-lettered, %llu rejected, %llu skipped, "
        "%llu of unknown types",
        loop->batch_count, n[RECORD_FACT], n[RECORD_COMMAND], n[RECORD_DEAD_LETTER],
        n[RECORD_REJECTED], n[RECORD_SKIP], n[RECORD_UNKNOWN]);
}

static void loop_close(struct loop *loop)
{
    polled_release(&loop->polled);
    arena_free(loop->polled.arena);
    arena_free(loop->attempts.arena);
    row_cache_free(loop->attempts.cache);
    decoder_free(loop->attempts.decoder);
    inflight_free(loop->ring);
}

/* What was published is worth waiting for: its offsets are committed when the consumer closes. */
static enum status drain(struct loop *loop, struct error *error)
{
    int64_t until_us = clock_steady_us() + DRAIN_MS * INT64_C(1000);
    enum status status = STATUS_OK;

    while (status == STATUS_OK && inflight_any(loop->ring) && clock_steady_us() < until_us) {
        producer_poll(loop->producer, IDLE_MS);
        status = finish(loop, error);
    }
    return status;
}

/* What a batch leaves under way takes a place in the ring of in-flight batches; while none is free,
 * the pass waits for acknowledgements. */
static enum status pass(struct loop *loop, struct error *error)
{
    struct polled *polled = &loop->polled;
    enum status status = consumer_status(loop->consumer, error);

    if (status != STATUS_OK)
        return status;
    heartbeat_beat();
    polled->inflight = inflight_next(loop->ring);
    if (polled->inflight == NULL) {
        producer_poll(loop->producer, IDLE_MS);
    } else if (take(loop, polled)) {
        status = polled_process(loop, polled, error);
        if (status == STATUS_INVALID)
            status = STATUS_BUG; /* an event of ours that cannot be published */
        if (status == STATUS_OK)
            inflight_start(loop->ring);
        polled_release(polled);
    } else {
        polled_release(polled);
        if (!inflight_any(loop->ring))
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
    row_cache_clear(loop->attempts.cache);
    arena_trim();
}

static enum status polled_process(struct loop *loop, struct polled *polled, struct error *error)
{
    struct record **records =
        arena_array(polled->arena, polled->record_count, sizeof(struct record *));
    const struct delivery *delivery = inflight_delivery(polled->inflight);
    enum status status = STATUS_OK;
    size_t count = 0;

    for (size_t i = 0; i < polled->record_count; i++)
        if (polled->records[i]->kind == RECORD_FACT || polled->records[i]->kind == RECORD_COMMAND)
            records[count++] = polled->records[i];
    if (count > 0)
        status = process(loop, polled, records, count, error);
    if (status == STATUS_OK)
        status = publish_set_aside(loop, polled, error);
    if (status == STATUS_OK && loop->settings->crash_at != NULL && delivery->pending > 0) {
        producer_flush(loop->producer, DRAIN_MS);
        crash_point(loop->settings->crash_at, "after-publish");
    }
    if (delivery->pending > 0)
        producer_push(loop->producer);
    return status;
}

/* ---- take and decode ---- */

static bool take(struct loop *loop, struct polled *polled)
{
    const int64_t idle_ms =
        loop->settings->sweep_interval_ms < IDLE_MS ? loop->settings->sweep_interval_ms : IDLE_MS;
    int timeout_ms = inflight_any(loop->ring) ? 10 : (int)idle_ms;
    size_t taken = 0, bytes = 0;

    polled->records =
        arena_array(polled->arena, loop->settings->batch_max, sizeof(struct record *));
    while (taken < loop->settings->batch_max && bytes < BATCH_BYTES &&
           !inflight_is_full(polled->inflight)) {
        struct record *record = arena_alloc(polled->arena, sizeof *record);

        if (!consumer_take(loop->consumer, timeout_ms, &record->incoming))
            break;
        timeout_ms = 0;
        taken++;
        inflight_add(polled->inflight, &record->incoming);
        record_decode(loop->service, loop->attempts.decoder, polled->arena, record);
        loop->counts[record->kind]++;
        bytes += record_bytes(record);
        if (record->kind == RECORD_SKIP || record->kind == RECORD_UNKNOWN)
            incoming_release(&record->incoming);
        else
            polled->records[polled->record_count++] = record;
    }
    loop->batch_count += taken > 0;
    return taken > 0;
}

/* ---- load to effects, and publish ---- */

/* Saves and publishes what the records lead to.  When the database says that something among them
 * is wrong, halves them until the culprit stands alone: that one will be dead-lettered. */
static enum status process(struct loop *loop, struct polled *polled, struct record **records,
                           size_t count, struct error *error)
{
    struct batch *batch =
        batch_new(loop->service, polled->arena, loop->attempts.arena, records, count);
    enum status status = attempt_until_saved(&loop->attempts, batch, error);
    struct record **left, **right;
    size_t left_count, right_count;

    if (status == STATUS_OK)
        return publish_events(loop->service, loop->producer, batch,
                              inflight_delivery(polled->inflight), mid_publish, loop, error);
    if (status != STATUS_INVALID)
        return status;
    if (batch_split(batch, &left, &left_count, &right, &right_count)) {
        status = process(loop, polled, left, left_count, error);
        return status == STATUS_OK ? process(loop, polled, right, right_count, error) : status;
    }
    records[0]->kind = RECORD_DEAD_LETTER;
    records[0]->why = *error;
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

static enum status publish_set_aside(struct loop *loop, struct polled *polled, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < polled->record_count; i++) {
        const struct record *record = polled->records[i];

        if (record->kind != RECORD_DEAD_LETTER && record->kind != RECORD_REJECTED)
            continue;
        log_write(LOG_WARNING, record->message.subject, record->message.envelope.correlation_id,
                  "%s %s/%d/%lld: %s",
                  record->kind == RECORD_DEAD_LETTER ? "dead-lettered" : "rejected",
                  record->incoming.topic, record->incoming.partition,
                  (long long)record->incoming.offset, record->why.message);
        status = publish_unprocessed(loop->service, loop->producer, polled->arena, record,
                                     inflight_delivery(polled->inflight), error);
    }
    return status == STATUS_OK ? sweeper_postpone(&loop->sweeper, polled->records,
                                                  polled->record_count, polled->arena, error)
                               : status;
}

/* ---- finish ---- */

/* Only the contiguous prefix of finished batches is ever committed. */
static enum status finish(struct loop *loop, struct error *error)
{
    enum status status;

    producer_poll(loop->producer, 0);
    status = inflight_finish(loop->ring, loop->consumer, error);
    if (status == STATUS_OK)
        consumer_commit(loop->consumer, COMMIT_MS);
    return status;
}

static void polled_release(struct polled *polled)
{
    for (size_t i = 0; i < polled->record_count; i++)
        incoming_release(&polled->records[i]->incoming);
    polled->record_count = 0;
    arena_reset(polled->arena);
}
