#include "services/runtime/attempt.h"

#include "base/log.h"
#include "services/runtime/crash.h"
#include "services/runtime/heartbeat.h"

enum { WAIT_MIN_MS = 100, WAIT_MAX_MS = 5000, CONFLICTS_MAX = 100 };

static void wait_a_little(struct attempts *attempts, int *wait_ms);
static enum status attempt(struct attempts *attempts, struct batch *batch, struct error *error);
static enum status load_and_decide(struct attempts *attempts, struct batch *batch,
                                   struct error *error);
static enum status save(struct attempts *attempts, struct batch *batch, struct error *error);
static enum status apply(struct attempts *attempts, struct batch *batch, struct error *error);

enum status attempt_until_saved(struct attempts *attempts, struct batch *batch, struct error *error)
{
    int conflicts = 0, wait_ms = WAIT_MIN_MS;
    enum status status;

    for (;;) {
        status = attempt(attempts, batch, error);
        if (status != STATUS_OK)
            row_cache_invalidate(attempts->cache);
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
    *wait_ms = *wait_ms * 2 < WAIT_MAX_MS ? *wait_ms * 2 : WAIT_MAX_MS;
}

static enum status attempt(struct attempts *attempts, struct batch *batch, struct error *error)
{
    enum status status = load_and_decide(attempts, batch, error);

    if (status == STATUS_OK)
        status = save(attempts, batch, error);
    if (status == STATUS_OK)
        crash_point(attempts->settings->crash_at,
                    batch_has_effects(batch) ? "after-intent" : "after-save");
    return status;
}

/* What rests on the row cache and would not be saved is decided on again, on what is stored. */
static enum status load_and_decide(struct attempts *attempts, struct batch *batch,
                                   struct error *error)
{
    enum status status;

    for (;;) {
        batch_restart(attempts->service, batch);
        status = row_cache_load(attempts->cache, attempts->service->rows, attempts->decoder,
                                attempts->database, batch, error);
        if (status != STATUS_OK)
            return status;
        batch_decide_all(attempts->service, attempts->context, batch);
        if (!batch_has_unvalidated(attempts->service, batch))
            return STATUS_OK;
        row_cache_invalidate(attempts->cache);
    }
}

/* One transaction: what must change together with the rows, then the rows, in key order. */
static enum status save(struct attempts *attempts, struct batch *batch, struct error *error)
{
    const struct service *service = attempts->service;
    const bool applies = service->apply_in_transaction != NULL &&
                         (batch_has_effects(batch) || batch_has_commands(batch));
    enum status status = applies ? apply(attempts, batch, error) : STATUS_OK;
    struct saga **rows;
    size_t count = batch_changed(service, batch, &rows);

    if (count == 0 && !applies)
        return STATUS_OK;
    if (status == STATUS_OK && count > 0)
        status = rows_save(service->rows, attempts->database, rows, count, batch->arena, error);
    if (status == STATUS_OK && applies)
        status = database_defer(attempts->database, "COMMIT", NULL, error);
    if (status == STATUS_OK)
        status = database_run(attempts->database, error);
    if (status != STATUS_OK) {
        database_rollback(attempts->database);
        return status;
    }
    rows_saved(rows, count);
    row_cache_put(attempts->cache, service->rows, rows, count);
    return STATUS_OK;
}

/* What must change together with the rows (stock, in key order): it is read before it is written,
 * which takes a transaction of more than one round trip. */
static enum status apply(struct attempts *attempts, struct batch *batch, struct error *error)
{
    enum status status = database_defer(attempts->database, "BEGIN", NULL, error);

    return status == STATUS_OK ? attempts->service->apply_in_transaction(
                                     attempts->context, attempts->database, batch, error)
                               : status;
}
