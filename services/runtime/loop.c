/* One pass of the loop:
 *
 *   take     the effects that are answered; then wait for a message, for acknowledgements or for
 *            whatever else is watched (base/wait.h), and take what is fetched already, at most
 *            batch_max and BATCH_BYTES; never wait for more
 *   decode   header first: skip what is not for us, dead-letter what is not a message of ours
 *   load     the rows that the batch names and that are not in the row cache, and the database's
 *            now(): one statement or none
 *   decide   in order, record by record, pure; a transition may want an effect.  What the records
 *            lead to is handed over to the services of this process that are saved together, which
 *            load and decide in turn
 *   save     one transaction; every row with its version; effects that must not be lost are on
 *            record from here on
 *   publish  each event once an order and type; the next batch begins while late acknowledgements
 *            are out.  Services of this process that are saved apart are given it now
 *   start    effects: handed to their executor, which answers later; nobody waits.  An answer is a
 *            record of a later batch, and goes the same way
 *   finish   batches whose events are all acknowledged and whose effects are all answered and
 *            published, oldest first: their offsets may be committed
 *
 * Load to save stand in attempt.c, what follows on a save in process.c, effects in effects.c, all
 * else below, in this order.
 *
 * A crash anywhere leads back to take: the offsets were not committed, decide sees the same facts,
 * and the same effects and events follow. */
#include "services/runtime/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "services/runtime/attempt.h"
#include "services/runtime/crash.h"
#include "services/runtime/effects.h"
#include "services/runtime/heartbeat.h"
#include "services/runtime/inflight.h"
#include "services/runtime/process.h"

/* Beside what the messages themselves take, a batch takes some three times as much where they are
 * orders with many lines; about that again for each further service that is saved with them. */
enum { BATCH_BYTES = 8 * 1024 * 1024 };

enum { IDLE_MS = 250, COMMIT_MS = 250, STANDSTILL_MS = 1000 };

/* For acknowledgements: who goes on before takes smaller batches, and more of them than a busy
 * machine can bear; not where batches are full as it is. */
enum { PUSH_MS = 10, PUSH_FULL_MS = 1 };

/* At the end; who told it to stop may have no patience for more. */
enum { DRAIN_MS = 10000, ANSWERS_MS = 5000 };

/* A message of the batch in hand. */
struct taken {
    struct taken *next;
    struct incoming incoming;
};

/* The batch in hand. */
struct polled {
    struct arena *arena;
    struct records records; /* those that bring the results of effects are first */
    struct taken *taken;    /* to be released */
    bool has_messages;      /* of those that were taken, some may have been released at once */
    bool is_full;           /* of as many as it may have */
};

struct loop {
    struct locals locals;
    struct consumer *consumer;
    struct producer *producer;
    const struct loop_settings *settings;
    struct attempts attempts;
    struct polled polled;
    struct inflight *inflight;
    bool stopping;           /* nothing is taken or started any more */
    int64_t stands_since_ms; /* nothing has been taken since, at a bound; 0: no */
    int64_t busy_at_ms;      /* when there was something in hand last */
    unsigned long long batch_count, counts[RECORD_KINDS];
};

static void log_counts(const struct loop *loop);
static void loop_close(struct loop *loop);
static enum status drain(struct loop *loop, struct error *error);
static enum status pass(struct loop *loop, struct error *error);
static void rest(struct loop *loop);
static enum status start(struct loop *loop, struct error *error);
static enum status polled_process(struct loop *loop, struct polled *polled, struct error *error);
static void take(struct loop *loop, struct polled *polled);
static void stand_still(struct loop *loop);
static enum status finish(struct loop *loop, struct error *error);
static void polled_release(struct polled *polled);

enum status loop_run(const struct hosted *hosted, size_t count, struct consumer *consumer,
                     struct producer *producer, const struct loop_settings *settings,
                     const volatile sig_atomic_t *stop, struct error *error)
{
    struct loop loop = {.consumer = consumer,
                        .producer = producer,
                        .settings = settings,
                        .polled.arena = arena_new(),
                        .inflight = inflight_new(),
                        .attempts = {.locals = &loop.locals,
                                     .consumer = consumer,
                                     .producer = producer,
                                     .settings = settings,
                                     .stop = stop,
                                     .decoder = decoder_new(),
                                     .arena = arena_new()}};
    enum status status = STATUS_OK;

    locals_open(&loop.locals, hosted, count, consumer, producer, settings);
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
    decoder_free(loop->attempts.decoder);
    locals_close(&loop->locals);
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
            (locals_are_asked(&loop->locals) && waited_ms < ANSWERS_MS))) {
        status = pass(loop, error);
        waited_ms = (clock_steady_us() - since_us) / 1000;
    }
    return status;
}

static enum status pass(struct loop *loop, struct error *error)
{
    struct polled *polled = &loop->polled;
    enum status status = consumer_status(loop->consumer, error);

    if (status != STATUS_OK)
        return status;
    heartbeat_beat();
    alerts_run(loop->settings->alerts);
    take(loop, polled);
    if (polled->records.count > 0 || polled->has_messages)
        loop->busy_at_ms = clock_steady_us() / 1000;
    if (polled->records.count > 0)
        status = polled_process(loop, polled, error);
    else
        status = start(loop, error);
    if (status == STATUS_INVALID)
        status = STATUS_BUG; /* an event of ours that cannot be published */
    if (status == STATUS_OK && polled->has_messages)
        inflight_start(loop->inflight);
    if (status == STATUS_OK)
        locals_finish_effects(&loop->locals);
    polled_release(polled);
    if (status == STATUS_OK)
        status = finish(loop, error);
    if (status == STATUS_OK && !loop->stopping)
        status = locals_sweep(&loop->locals, error);
    rest(loop);
    return status;
}

/* A service may be idle for days: then it keeps nothing that it could do without. */
static void rest(struct loop *loop)
{
    if (loop->busy_at_ms == 0 || inflight_any(loop->inflight) ||
        clock_steady_us() / 1000 - loop->busy_at_ms < IDLE_MS)
        return;
    loop->busy_at_ms = 0;
    arena_reset(loop->attempts.arena);
    for (size_t i = 0; i < loop->locals.count; i++)
        row_cache_clear(loop->locals.all[i].cache);
    arena_trim();
}

static bool has_unacknowledged(const struct records *records)
{
    for (size_t i = 0; i < records->count; i++)
        if (inflight_delivery(records->all[i]->inflight)->pending > 0)
            return true;
    return false;
}

/* What is published goes on its way, unless there is an answer that leads to more at once, or all
 * of it begins what answers will lead to: then it goes in the same requests as that, or after the
 * producer's linger.  In a backlog batches are full without waiting. */
static void push(struct loop *loop, const struct polled *polled, bool begins)
{
    if (!locals_collect(&loop->locals) && !begins)
        producer_push(loop->producer, polled->is_full ? PUSH_FULL_MS : PUSH_MS);
}

static enum status polled_process(struct loop *loop, struct polled *polled, struct error *error)
{
    enum status status = start(loop, error); /* in the place of those that are answered */
    bool begins = false;

    if (status == STATUS_OK)
        status = process(&loop->attempts, &polled->records, polled->arena, error);
    if (status == STATUS_OK) {
        begins = locals_begin_effects(&loop->locals);
        status = start(loop, error);
    }
    if (status != STATUS_OK || !has_unacknowledged(&polled->records))
        return status;
    if (loop->settings->crash_at != NULL) {
        producer_flush(loop->producer, DRAIN_MS);
        crash_point(loop->settings->crash_at, "after-publish");
    }
    push(loop, polled, begins);
    return STATUS_OK;
}

/* Before what was published is waited for: the outside takes its time meanwhile. */
static enum status start(struct loop *loop, struct error *error)
{
    return loop->stopping ? STATUS_OK : locals_start_effects(&loop->locals, error);
}

/* ---- take and decode ---- */

/* A record for each service that reads the topic and takes the message.  Is there any? */
static bool message_decode_for_all(struct loop *loop, struct polled *polled,
                                   const struct incoming *incoming, struct inflight_batch *inflight)
{
    const size_t before = polled->records.count;

    for (size_t i = 0; i < loop->locals.count; i++) {
        struct local *local = &loop->locals.all[i];
        struct record *record;

        if (!service_subscribes(local->service, incoming->topic))
            continue;
        record = arena_alloc(polled->arena, sizeof *record);
        record->local = local;
        record->incoming = *incoming;
        record->inflight = inflight;
        record_decode(local->service, loop->attempts.decoder, polled->arena, record);
        loop->counts[record->kind]++;
        if (record->kind != RECORD_SKIP && record->kind != RECORD_UNKNOWN)
            records_add(&polled->records, polled->arena, record);
    }
    return polled->records.count > before;
}

static void take_messages(struct loop *loop, struct polled *polled, int timeout_ms)
{
    struct inflight_batch *inflight = inflight_next(loop->inflight);
    size_t taken = 0, bytes = 0;

    while (taken < loop->settings->batch_max && bytes < BATCH_BYTES) {
        struct taken *message = arena_alloc(polled->arena, sizeof *message);

        if (!consumer_take(loop->consumer, timeout_ms, &message->incoming))
            break;
        timeout_ms = 0;
        taken++;
        inflight_add(inflight, &message->incoming);
        bytes += incoming_bytes(&message->incoming);
        if (!message_decode_for_all(loop, polled, &message->incoming, inflight)) {
            incoming_release(&message->incoming);
            continue;
        }
        message->next = polled->taken;
        polled->taken = message;
    }
    polled->has_messages = taken > 0;
    polled->is_full = taken == loop->settings->batch_max || bytes >= BATCH_BYTES;
    loop->batch_count += taken > 0;
}

/* What is answered comes first: messages of the same orders may have come later. */
static void take(struct loop *loop, struct polled *polled)
{
    const int64_t idle_ms =
        loop->settings->sweep_interval_ms < IDLE_MS ? loop->settings->sweep_interval_ms : IDLE_MS;

    if (locals_collect(&loop->locals))
        crash_point(loop->settings->crash_at, "after-effects");
    for (size_t i = 0; i < loop->locals.count; i++)
        effects_records(&loop->locals.all[i], loop->attempts.decoder, polled->arena,
                        loop->settings->batch_max, &polled->records);
    polled->has_messages = polled->is_full = false;
    if (!loop->stopping && !locals_at_bound(&loop->locals) &&
        inflight_next(loop->inflight) != NULL) {
        loop->stands_since_ms = 0;
        take_messages(loop, polled,
                      polled->records.count > 0 ? 0 : locals_idle_ms(&loop->locals, (int)idle_ms));
    } else if (polled->records.count == 0) {
        stand_still(loop);
    }
}

/* Too much is under way to take more, or it is time to stop.  Who stands still for long gives back
 * what was fetched, so that the group is heeded. */
static void stand_still(struct loop *loop)
{
    const int idle_ms = locals_idle_ms(&loop->locals, IDLE_MS);
    const int64_t now_ms = clock_steady_us() / 1000;

    if (loop->stands_since_ms == 0)
        loop->stands_since_ms = now_ms;
    if (!loop->stopping && now_ms - loop->stands_since_ms > STANDSTILL_MS)
        consumer_idle(loop->consumer, idle_ms);
    else
        producer_poll(loop->producer, idle_ms);
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
    for (struct taken *message = polled->taken; message != NULL; message = message->next)
        incoming_release(&message->incoming);
    arena_reset(polled->arena);
    *polled = (struct polled){.arena = polled->arena};
}
