#include "services/runtime/process.h"

#include "base/log.h"
#include "services/runtime/crash.h"
#include "services/runtime/publish.h"

enum { FLUSH_MS = 10000 };

struct processing {
    struct attempts *attempts;
    struct arena *arena;
    struct records waiting; /* what was taken, and what is handed over */
};

static struct records of_one_database(struct processing *processing);
static enum status process_together(struct processing *processing, const struct records *records,
                                    bool apart, struct error *error);
static enum status publish(struct processing *processing, struct error *error);
static void mid_publish(void *context);
static void hand_over(struct processing *processing);
static enum status set_aside(const struct attempts *attempts, const struct record *record,
                             struct arena *arena, struct error *error);

enum status process(struct attempts *attempts, const struct records *records, struct arena *arena,
                    struct error *error)
{
    struct processing processing = {.attempts = attempts, .arena = arena};
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < records->count; i++) {
        struct record *record = records->all[i];

        if (record->kind == RECORD_FACT || record->kind == RECORD_COMMAND)
            records_add(&processing.waiting, arena, record);
        else
            status = set_aside(attempts, record, arena, error);
    }
    while (status == STATUS_OK && processing.waiting.count > 0) {
        const struct records together = of_one_database(&processing);

        status = process_together(&processing, &together, false, error);
    }
    return status;
}

/* Those of the database whose turn it is, out of all that wait. */
static struct records of_one_database(struct processing *processing)
{
    struct records *waiting = &processing->waiting;
    const struct database *database = waiting->all[0]->local->database;
    struct records together = {0};
    size_t left = 0;

    for (size_t i = 0; i < waiting->count; i++)
        if (waiting->all[i]->local->database == database)
            records_add(&together, processing->arena, waiting->all[i]);
        else
            waiting->all[left++] = waiting->all[i];
    waiting->count = left;
    return together;
}

/* When the database says that something among the records is wrong, halves them until the culprit
 * stands alone: that one will be dead-lettered.  But what others here decided on its account may be
 * the fault of their rows: so it is processed apart from them first, and what it leads to is given
 * to them once it is saved. */
static enum status process_together(struct processing *processing, const struct records *records,
                                    bool apart, struct error *error)
{
    struct attempts *attempts = processing->attempts;
    enum status status = attempt_until_saved(attempts, records, apart, error);
    struct records left, right;

    if (status == STATUS_OK)
        return publish(processing, error);
    if (status != STATUS_INVALID)
        return status;
    if (records_split(records, processing->arena, &left, &right)) {
        status = process_together(processing, &left, false, error);
        return status == STATUS_OK ? process_together(processing, &right, false, error) : status;
    }
    if (attempts->part_count > 1)
        return process_together(processing, records, true, error);
    record_dead_letter(records->all[0], error);
    return set_aside(attempts, records->all[0], processing->arena, error);
}

/* What is decided and saved: effects are wanted, events said, messages set aside. */
static enum status publish(struct processing *processing, struct error *error)
{
    struct attempts *attempts = processing->attempts;
    enum status status;

    for (size_t i = 0; i < attempts->part_count; i++)
        effects_want(&attempts->parts[i]->effects, &attempts->parts[i]->batch);
    hand_over(processing);
    status = publish_events(attempts->producer, &attempts->answered, mid_publish, attempts, error);
    for (size_t i = 0; status == STATUS_OK && i < attempts->part_count; i++) {
        const struct batch *batch = &attempts->parts[i]->batch;

        for (size_t j = 0; status == STATUS_OK && j < batch->records.count; j++)
            if (batch->records.all[j]->kind == RECORD_DEAD_LETTER ||
                batch->records.all[j]->kind == RECORD_REJECTED)
                status = set_aside(attempts, batch->records.all[j], batch->arena, error);
    }
    return status;
}

static void mid_publish(void *context)
{
    const struct attempts *attempts = context;

    if (!crash_wanted(attempts->settings->crash_at, "mid-publish"))
        return;
    producer_flush(attempts->producer, FLUSH_MS);
    crash_point(attempts->settings->crash_at, "mid-publish");
}

static void record_hand_over(struct processing *processing, struct record *cause,
                             enum message_type type)
{
    struct attempts *attempts = processing->attempts;

    for (size_t i = 0; i < attempts->locals->count; i++) {
        struct local *to = &attempts->locals->all[i];
        struct record *record =
            to->takes_part ? NULL
                           : event_hand_over(cause, type, to, attempts->decoder, processing->arena);

        if (record != NULL)
            records_add(&processing->waiting, processing->arena, record);
    }
}

/* To those that are saved apart, and decide on it later: what it rests on is saved. */
static void hand_over(struct processing *processing)
{
    const struct attempts *attempts = processing->attempts;

    if (attempts->part_count == attempts->locals->count)
        return;
    for (size_t i = 0; i < attempts->answered.count; i++)
        for (int type = 0; type < MESSAGE_TYPES; type++)
            if ((attempts->answered.all[i]->emits & FACT(type)) != 0)
                record_hand_over(processing, attempts->answered.all[i], (enum message_type)type);
}

static enum status set_aside(const struct attempts *attempts, const struct record *record,
                             struct arena *arena, struct error *error)
{
    enum status status;

    log_write(LOG_WARNING, record->message.subject, record->message.envelope.correlation_id,
              "%s %s/%d/%lld: %s",
              record->kind == RECORD_DEAD_LETTER ? "dead-lettered" : "rejected",
              record->incoming.topic, record->incoming.partition,
              (long long)record->incoming.offset, record->why.message);
    status = publish_unprocessed(attempts->producer, arena, record, error);
    return status == STATUS_OK ? sweeper_postpone(&record->local->sweeper, record, arena, error)
                               : status;
}
