#include "history/reading.h"

#include "base/clock.h"
#include "brokers/topics.h"

enum { WAIT_MS = 100, PATIENCE_MS = 15000, TICK_US = 200000 };

static struct reader *open_reader(const struct log_source *source, const struct reading *reading,
                                  struct error *error)
{
    struct reader_scope scope = reading->scope;
    const char *all[TOPICS_MAX];

    for (size_t i = 0; i < topic_count; i++)
        all[i] = topics[i].name;
    scope.bounded = reading->once;
    if (scope.topics == NULL) {
        scope.topics = all;
        scope.topic_count = topic_count;
    }
    return reader_new(&source->broker, &scope, error);
}

struct progress {
    const struct observer *observer;
    size_t taken, total;
    int64_t ticked_us;
    int waited_ms; /* in vain since the last message; other work does not count */
};

/* True when the reading is to end.  The clock is looked at once in many messages. */
static bool look_up(const struct reading *reading, struct progress *progress, bool came,
                    void *context)
{
    int64_t now_us;

    progress->taken += came;
    progress->waited_ms = came ? 0 : progress->waited_ms + WAIT_MS;
    if (came && progress->taken % 256 != 0)
        return false;
    now_us = clock_us();
    observer_progress(progress->observer, reading->progress, progress->taken, progress->total);
    if (reading->tick == NULL || now_us - progress->ticked_us < TICK_US)
        return false;
    progress->ticked_us = now_us;
    return reading->tick(context);
}

static bool take_next(struct read_ahead *ahead, const struct reading *reading, void *context)
{
    void *made;
    struct incoming *incoming = read_ahead_take(ahead, WAIT_MS, &made);

    if (incoming == NULL)
        return false;
    if (reading->prepare != NULL)
        reading->take_made(context, incoming, made);
    else
        reading->take(context, incoming);
    incoming_release(incoming);
    return true;
}

static enum status read_on(struct read_ahead *ahead, const struct reading *reading,
                           struct progress *progress, void *context, struct error *error)
{
    while (!observer_interrupted(progress->observer) &&
           !(reading->once && read_ahead_caught_up(ahead))) {
        bool came = take_next(ahead, reading, context);

        if (look_up(reading, progress, came, context))
            break;
        if (!came && read_ahead_status(ahead, error) != STATUS_OK)
            return error->status;
        if (!came && reading->once && !read_ahead_caught_up(ahead) &&
            progress->waited_ms > PATIENCE_MS)
            return error_set(error, STATUS_UNAVAILABLE, "the broker says nothing for %d s",
                             PATIENCE_MS / 1000);
    }
    return STATUS_OK;
}

enum status messages_read(const struct log_source *source, const struct reading *reading,
                          void *context, struct error *error)
{
    struct reader *reader = open_reader(source, reading, error);
    struct progress progress = {.observer = &source->observer};
    struct read_ahead *ahead;
    enum status status;

    if (reader == NULL)
        return error->status;
    if (reading->opened != NULL)
        reading->opened(context, reader);
    ahead = read_ahead_new(reader, reading->prepare, context);
    progress.total = (size_t)reader_total(reader);
    observer_progress(progress.observer, reading->progress, 0, progress.total);
    status = read_on(ahead, reading, &progress, context, error);
    observer_end(progress.observer, reading->progress);
    read_ahead_free(ahead);
    reader_free(reader);
    return status;
}
