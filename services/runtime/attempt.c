#include "services/runtime/attempt.h"

#include "base/backoff.h"
#include "base/log.h"
#include "services/runtime/crash.h"
#include "services/runtime/heartbeat.h"
#include "services/runtime/publish.h"

enum { WAIT_MIN_MS = 100, WAIT_MAX_MS = 5000, CONFLICTS_MAX = 100 };

static void wait_a_little(struct attempts *attempts, int *wait_ms);
static void caches_invalidate(struct attempts *attempts);
static enum status attempt(struct attempts *attempts, const struct records *records, bool apart,
                           struct error *error);
static enum status load_and_decide(struct attempts *attempts, const struct records *records,
                                   bool apart, struct error *error);
static void begin(struct attempts *attempts, const struct records *records, bool apart);
static struct local *next_undecided(const struct attempts *attempts);
static enum status round_of(struct attempts *attempts, struct local *local, struct error *error);
static enum status apply(struct attempts *attempts, struct local *local, struct error *error);
static void hand_over(struct attempts *attempts, const struct local *from);
static bool must_begin_again(struct attempts *attempts);
static enum status save(struct attempts *attempts, struct error *error);

enum status attempt_until_saved(struct attempts *attempts, const struct records *records,
                                bool apart, struct error *error)
{
    int conflicts = 0, wait_ms = WAIT_MIN_MS;
    enum status status;

    attempts->wants_content = false;
    for (;;) {
        status = attempt(attempts, records, apart, error);
        if (status != STATUS_OK)
            caches_invalidate(attempts);
        if (status == STATUS_CONFLICT && ++conflicts == CONFLICTS_MAX) {
            error->status = STATUS_INVALID; /* nobody moves a row so often: no write ever fits it */
            return STATUS_INVALID;
        }
        if (status == STATUS_CONFLICT) {
            log_info("%s: loaded again", error->message);
        } else if (status == STATUS_UNAVAILABLE && !*attempts->stop) {
            if (wait_ms > WAIT_MIN_MS)
                absence_begin(&attempts->absence, error->message);
            else /* what a second try fixes is no absence */
                log_info("%s: tried again", error->message);
            wait_a_little(attempts, &wait_ms);
        } else {
            if (status != STATUS_UNAVAILABLE)
                absence_end(&attempts->absence);
            return status;
        }
    }
}

/* Somebody is unavailable: stay in the group, take nothing, come back a little later each time. */
static void wait_a_little(struct attempts *attempts, int *wait_ms)
{
    heartbeat_beat();
    consumer_idle(attempts->consumer, *wait_ms);
    producer_poll(attempts->producer, 0);
    *wait_ms = backoff_next_ms(*wait_ms, WAIT_MIN_MS, WAIT_MAX_MS);
}

static void caches_invalidate(struct attempts *attempts)
{
    for (size_t i = 0; i < attempts->part_count; i++)
        row_cache_invalidate(attempts->parts[i]->cache);
}

static bool has_effects(const struct attempts *attempts)
{
    for (size_t i = 0; i < attempts->part_count; i++)
        if (batch_has_effects(&attempts->parts[i]->batch))
            return true;
    return false;
}

static enum status attempt(struct attempts *attempts, const struct records *records, bool apart,
                           struct error *error)
{
    enum status status = load_and_decide(attempts, records, apart, error);

    if (status == STATUS_OK)
        status = save(attempts, error);
    if (status != STATUS_OK)
        database_rollback(attempts->parts[0]->database);
    else
        crash_point(attempts->settings->crash_at,
                    has_effects(attempts) ? "after-intent" : "after-save");
    return status;
}

/* In rounds: what one service decides may give another something to decide. */
static enum status load_and_decide(struct attempts *attempts, const struct records *records,
                                   bool apart, struct error *error)
{
    enum status status = STATUS_OK;
    struct local *local;

    do {
        begin(attempts, records, apart);
        while (status == STATUS_OK && (local = next_undecided(attempts)) != NULL)
            status = round_of(attempts, local, error);
    } while (status == STATUS_OK && must_begin_again(attempts));
    return status;
}

static void begin(struct attempts *attempts, const struct records *records, bool apart)
{
    const struct local *first = records->all[0]->local;

    attempts->in_transaction = false;
    attempts->part_count = 0;
    attempts->answered = (struct records){0};
    arena_reset(attempts->arena);
    attempts->parts = arena_array(attempts->arena, attempts->locals->count, sizeof(struct local *));
    for (size_t i = 0; i < attempts->locals->count; i++) {
        struct local *local = &attempts->locals->all[i];

        local->takes_part = apart ? local == first : local->database == first->database;
        if (!local->takes_part)
            continue;
        attempts->parts[attempts->part_count++] = local;
        batch_begin(&local->batch, attempts->arena, records->count, attempts->wants_content);
    }
    for (size_t i = 0; i < records->count; i++)
        batch_add(&records->all[i]->local->batch, records->all[i]->local->service, records->all[i]);
}

/* Who locks what others wait for comes last, and so once, as a rule.  NULL also when all of it is
 * to be done again. */
static struct local *next_undecided(const struct attempts *attempts)
{
    struct local *last = NULL;

    for (size_t i = 0; i < attempts->part_count; i++) {
        struct local *local = attempts->parts[i];

        if (local->batch.lacks_content)
            return NULL;
        if (!batch_is_undecided(&local->batch))
            continue;
        if (local->service->apply_in_transaction == NULL)
            return local;
        last = local;
    }
    return last;
}

static enum status round_of(struct attempts *attempts, struct local *local, struct error *error)
{
    const struct service *service = local->service;
    struct batch *batch = &local->batch;
    enum status status = row_cache_load(local->cache, service->rows, attempts->decoder,
                                        local->database, batch, error);

    if (status != STATUS_OK)
        return status;
    batch_decide_round(service, local->context, batch);
    if (service->apply_in_transaction != NULL &&
        (batch_has_effects(batch) || batch_has_commands(batch)))
        status = apply(attempts, local, error);
    batch->first = batch->records.count;
    if (status == STATUS_OK) {
        batch_find_events(service, batch);
        hand_over(attempts, local);
    }
    return status;
}

/* What must change together with the rows (stock, in key order): it is read before it is written,
 * which takes a transaction of more than one round trip. */
static enum status apply(struct attempts *attempts, struct local *local, struct error *error)
{
    enum status status = attempts->in_transaction
                             ? STATUS_OK
                             : database_defer(local->database, "BEGIN", NULL, error);

    attempts->in_transaction = true;
    return status == STATUS_OK ? local->service->apply_in_transaction(
                                     local->context, local->database, &local->batch, error)
                               : status;
}

static void record_hand_over(struct attempts *attempts, struct record *record)
{
    for (int type = 0; type < MESSAGE_TYPES; type++)
        for (size_t i = 0; (record->emits & FACT(type)) != 0 && i < attempts->part_count; i++) {
            struct local *to = attempts->parts[i];
            struct record *taken = event_hand_over(record, (enum message_type)type, to,
                                                   attempts->decoder, attempts->arena);

            if (taken != NULL)
                batch_add(&to->batch, to->service, taken);
        }
}

/* What this round leads to, to those that are saved together with it. */
static void hand_over(struct attempts *attempts, const struct local *from)
{
    const struct records *records = &from->batch.records;

    for (size_t i = 0; i < records->count; i++) {
        struct record *record = records->all[i];

        if (!record->is_answered || record->is_handed_on)
            continue;
        record->is_handed_on = true;
        if (record->emits == 0)
            continue;
        records_add(&attempts->answered, attempts->arena, record);
        if (attempts->part_count > 1)
            record_hand_over(attempts, record);
    }
}

/* What rests on the row cache and would not be saved is decided on again, on what is stored. */
static bool must_begin_again(struct attempts *attempts)
{
    bool again = false;

    for (size_t i = 0; i < attempts->part_count; i++) {
        struct local *local = attempts->parts[i];

        attempts->wants_content |= local->batch.lacks_content;
        again |= local->batch.lacks_content;
        if (!batch_has_unvalidated(local->service, &local->batch))
            continue;
        row_cache_invalidate(local->cache);
        again = true;
    }
    if (again)
        database_rollback(attempts->parts[0]->database);
    return again;
}

/* One transaction: what had to change together with the rows was applied in it; now the rows, in
 * key order. */
static enum status save(struct attempts *attempts, struct error *error)
{
    struct database *database = attempts->parts[0]->database;
    bool anything = attempts->in_transaction;
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < attempts->part_count; i++) {
        struct local *local = attempts->parts[i];

        local->changed_count = batch_changed(local->service, &local->batch, &local->changed);
        if (local->changed_count == 0)
            continue;
        anything = true;
        status = rows_save(local->service->rows, database, local->changed, local->changed_count,
                           attempts->arena, error);
    }
    if (!anything)
        return STATUS_OK;
    if (status == STATUS_OK && attempts->in_transaction)
        status = database_defer(database, "COMMIT", NULL, error);
    if (status == STATUS_OK)
        status = database_run(database, error);
    for (size_t i = 0; status == STATUS_OK && i < attempts->part_count; i++) {
        const struct local *local = attempts->parts[i];

        rows_saved(local->changed, local->changed_count);
        row_cache_put(local->cache, local->service->rows, local->changed, local->changed_count);
    }
    return status;
}
