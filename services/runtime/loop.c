/* One pass of the loop:
 *
 *   take     the effects that are answered; then wait for one message, and take what is already
 *            fetched, at most batch_max and BATCH_BYTES; never wait for more
 *   decode   header first: skip what is not for us, dead-letter what is not a message of ours
 *   load     the rows that the batch names and that are not in the row cache, and the database's
 *            now(): one statement or none
 *   decide   in order, record by record, pure; a transition may want an effect
 *   save     one transaction; every row with its version; effects that must not be lost are on
 *            record from here on
 *   publish  each event once an order and type; the next batch begins while late acknowledgements
 *            are out
 *   start    effects: handed to their executor, which answers later; nobody waits.  An answer is a
 *            record of a later batch, and goes the same way
 *   finish   batches whose events are all acknowledged and whose effects are all answered and
 *            published, oldest first: their offsets may be committed
 *
 * Load to save stand in attempt.c, effects in effects.c, all else below, in this order.
 *
 * A crash anywhere leads back to take: the offsets were not committed, decide sees the same facts,
 * and the same effects and events follow. */
#include "services/runtime/loop.h"

#include <assert.h>

#include "base/clock.h"
#include "base/log.h"
#include "services/runtime/attempt.h"
#include "services/runtime/crash.h"
#include "services/runtime/effects.h"
#include "services/runtime/heartbeat.h"
#include "services/runtime/inflight.h"
#include "services/runtime/publish.h"
#include "services/runtime/sweeper.h"

/* Beside what the messages themselves take, a batch takes some three times as much where they are
 * orders with many lines. */
enum { BATCH_BYTES = 8 * 1024 * 1024 };

enum { IDLE_MS = 250, ACKNOWLEDGED_MS = 10, COMMIT_MS = 250, STANDSTILL_MS = 1000 };

/* At the end; who told it to stop may have no patience for more. */
enum { DRAIN_MS = 10000, ANSWERS_MS = 5000 };

/* The batch in hand. */
struct polled {
    struct arena *arena;
    struct record **records;
    size_t record_count,
        answered_count; /* the second bring the results of effects, and are first */
    bool has_messages;
};

struct loop {
    const struct service *service;
    struct consumer *consumer;
    struct producer *producer;
    const struct loop_settings *settings;
    struct attempts attempts;
    struct sweeper sweeper;
    struct polled polled;
    struct effects effects;
    struct inflight *inflight;
    bool stopping;           /* nothing is taken or started any more */
    int64_t stands_since_ms; /* nothing has been taken since, at a bound; 0: no */
    unsigned long long batch_count, counts[RECORD_KINDS];
};

static void log_counts(const struct loop *loop);
static void loop_close(struct loop *loop);
static enum status drain(struct loop *loop, struct error *error);
static enum status pass(struct loop *loop, struct error *error);
static void memory_give_back(struct loop *loop);
static enum status start(struct loop *loop, struct error *error);
static enum status polled_process(struct loop *loop, struct polled *polled, struct error *error);
static void take(struct loop *loop, struct polled *polled);
static void stand_still(struct loop *loop);
static enum status process(struct loop *loop, struct polled *polled, struct record **records,
                           size_t count, struct error *error);
static void mid_publish(void *context);
static enum status publish_set_aside(struct loop *loop, struct polled *polled, struct error *error);
static enum status finish(struct loop *loop, struct error *error);
static void polled_release(struct polled *polled);

enum status loop_run(const struct hosted *hosted, size_t count, struct consumer *consumer,
                     struct producer *producer, const struct loop_settings *settings,
                     const volatile sig_atomic_t *stop, struct error *error)
{
    struct loop loop = {.service = hosted->service,
                        .consumer = consumer,
                        .producer = producer,
                        .settings = settings,
                        .polled.arena = arena_new(),
                        .inflight = inflight_new(),
                        .attempts = {.service = hosted->service,
                                     .context = hosted->context,
                                     .database = hosted->database,
                                     .consumer = consumer,
                                     .producer = producer,
                                     .settings = settings,
                                     .stop = stop},
                        .effects = {.service = hosted->service,
                                    .context = hosted->context,
                                    .executor = hosted->service->executor == NULL
                                                    ? NULL
                                                    : hosted->service->executor(hosted->context),
                                    .most = settings->effects_max},
                        .sweeper = {.service = hosted->service,
                                    .database = hosted->database,
                                    .consumer = consumer,
                                    .producer = producer,
                                    .interval_ms = settings->sweep_interval_ms}};
    enum status status = STATUS_OK;

    assert(count == 1);
    loop.attempts.decoder = decoder_new();
    loop.attempts.arena = arena_new();
    loop.attempts.cache = row_cache_new();
    while (status == STATUS_OK && !*stop)
        status = pass(&loop, error);
    if (status == STATUS_OK)
        status = drain(&loop, error);
    if (status == STATUS_UNAVAILABLE) /* told to stop while it waited: the batch comes again */
        status = STATUS_OK;
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
    effects_free(&loop->effects);
    inflight_free(loop->inflight);
}

/* What was published or asked is worth waiting for: its offsets are committed when the consumer
 * closes. */
static enum status drain(struct loop *loop, struct error *error)
{
    const int64_t since_us = clock_steady_us();
    enum status status = STATUS_OK;
    int64_t waited_ms = 0;

    loop->stopping = true;
    while (status == STATUS_OK && waited_ms < DRAIN_MS &&
           (inflight_is_unacknowledged(loop->inflight) ||
            (effects_are_asked(&loop->effects) && waited_ms < ANSWERS_MS))) {
        status = pass(loop, error);
        waited_ms = (clock_steady_us() - since_us) / 1000;
    }
    return status;
}

static enum status pass(struct loop *loop, struct error *error)
{
    struct polled *polled = &loop->polled;
    enum status status = consumer_status(loop->consumer, error);
    bool is_idle;

    if (status != STATUS_OK)
        return status;
    heartbeat_beat();
    take(loop, polled);
    is_idle = polled->record_count == 0 && !polled->has_messages;
    if (polled->record_count > 0)
        status = polled_process(loop, polled, error);
    else
        status = start(loop, error);
    if (status == STATUS_INVALID)
        status = STATUS_BUG; /* an event of ours that cannot be published */
    if (status == STATUS_OK && polled->has_messages)
        inflight_start(loop->inflight);
    if (status == STATUS_OK)
        effects_finish(&loop->effects);
    polled_release(polled);
    if (status == STATUS_OK)
        status = finish(loop, error);
    if (status == STATUS_OK && !loop->stopping)
        status = sweeper_run(&loop->sweeper, clock_steady_us() / 1000, error);
    if (is_idle && !inflight_any(loop->inflight))
        memory_give_back(loop);
    return status;
}

/* A service may be idle for days. */
static void memory_give_back(struct loop *loop)
{
    arena_reset(loop->attempts.arena);
    row_cache_clear(loop->attempts.cache);
    arena_trim();
}

static bool has_unacknowledged(const struct polled *polled)
{
    for (size_t i = 0; i < polled->record_count; i++)
        if (inflight_delivery(polled->records[i]->inflight)->pending > 0)
            return true;
    return false;
}

static enum status polled_process(struct loop *loop, struct polled *polled, struct error *error)
{
    struct record **records =
        arena_array(polled->arena, polled->record_count, sizeof(struct record *));
    enum status status = STATUS_OK;
    size_t count = 0;

    for (size_t i = 0; i < polled->record_count; i++)
        if (polled->records[i]->kind == RECORD_FACT || polled->records[i]->kind == RECORD_COMMAND)
            records[count++] = polled->records[i];
    if (count > 0)
        status = process(loop, polled, records, count, error);
    if (status == STATUS_OK)
        status = publish_set_aside(loop, polled, error);
    if (status == STATUS_OK)
        status = start(loop, error);
    if (status != STATUS_OK || !has_unacknowledged(polled))
        return status;
    if (loop->settings->crash_at != NULL) {
        producer_flush(loop->producer, DRAIN_MS);
        crash_point(loop->settings->crash_at, "after-publish");
    }
    producer_push(loop->producer);
    return STATUS_OK;
}

/* Before what was published is waited for: the outside takes its time meanwhile. */
static enum status start(struct loop *loop, struct error *error)
{
    return loop->stopping ? STATUS_OK : effects_start(&loop->effects, error);
}

/* ---- take and decode ---- */

static void take_messages(struct loop *loop, struct polled *polled, int timeout_ms)
{
    struct inflight_batch *inflight = inflight_next(loop->inflight);
    size_t taken = 0, bytes = 0;

    while (taken < loop->settings->batch_max && bytes < BATCH_BYTES) {
        struct record *record = arena_alloc(polled->arena, sizeof *record);

        if (!consumer_take(loop->consumer, timeout_ms, &record->incoming))
            break;
        timeout_ms = 0;
        taken++;
        inflight_add(inflight, &record->incoming);
        record->inflight = inflight;
        record_decode(loop->service, loop->attempts.decoder, polled->arena, record);
        loop->counts[record->kind]++;
        bytes += record_bytes(record);
        if (record->kind == RECORD_SKIP || record->kind == RECORD_UNKNOWN)
            incoming_release(&record->incoming);
        else
            polled->records[polled->record_count++] = record;
    }
    polled->has_messages = taken > 0;
    loop->batch_count += taken > 0;
}

/* What is answered comes first: messages of the same orders may have come later. */
static void take(struct loop *loop, struct polled *polled)
{
    struct effects *effects = &loop->effects;
    const int64_t idle_ms =
        loop->settings->sweep_interval_ms < IDLE_MS ? loop->settings->sweep_interval_ms : IDLE_MS;

    effects_collect(effects);
    if (effects_are_answered(effects))
        crash_point(loop->settings->crash_at, "after-effects");
    polled->record_count = polled->answered_count =
        effects_records(effects, loop->attempts.decoder, polled->arena, loop->settings->batch_max,
                        loop->settings->batch_max, &polled->records);
    polled->has_messages = false;
    if (!loop->stopping && !effects_at_bound(effects) && inflight_next(loop->inflight) != NULL) {
        loop->stands_since_ms = 0;
        take_messages(loop, polled,
                      polled->record_count > 0
                          ? 0
                          : effects_idle_ms(effects, inflight_is_unacknowledged(loop->inflight)
                                                         ? ACKNOWLEDGED_MS
                                                         : (int)idle_ms));
    } else if (polled->record_count == 0) {
        stand_still(loop);
    }
}

/* Too much is under way to take more, or it is time to stop.  Who stands still for long gives back
 * what was fetched, so that the group is heeded. */
static void stand_still(struct loop *loop)
{
    const int idle_ms = effects_idle_ms(&loop->effects, IDLE_MS);
    const int64_t now_ms = clock_steady_us() / 1000;

    if (loop->stands_since_ms == 0)
        loop->stands_since_ms = now_ms;
    if (!loop->stopping && now_ms - loop->stands_since_ms > STANDSTILL_MS)
        consumer_idle(loop->consumer, idle_ms);
    else
        producer_poll(loop->producer, idle_ms);
}

/* ---- load to save, and publish ---- */

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

    if (status == STATUS_OK) {
        effects_want(&loop->effects, batch);
        return publish_events(loop->service, loop->producer, batch, mid_publish, loop, error);
    }
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
        status = publish_unprocessed(loop->service, loop->producer, polled->arena, record, error);
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
    status = inflight_finish(loop->inflight, loop->consumer, error);
    if (status == STATUS_OK)
        consumer_commit(loop->consumer, COMMIT_MS);
    return status;
}

static void polled_release(struct polled *polled)
{
    for (size_t i = polled->answered_count; i < polled->record_count; i++)
        incoming_release(&polled->records[i]->incoming);
    polled->record_count = polled->answered_count = 0;
    arena_reset(polled->arena);
}
