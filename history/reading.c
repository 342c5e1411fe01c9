#include "history/reading.h"

#include "brokers/topics.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/terminal.h"

enum { TOPICS_MAX = 32, WAIT_MS = 100, PATIENCE_MS = 15000, TICK_US = 200000 };

static struct reader *open_reader(const struct settings *from, const struct reading *reading, struct error *error)
{
    struct broker_settings broker = command_broker(from);
    struct reader_scope scope = reading->scope;
    const char *all[TOPICS_MAX];

    for (size_t i = 0; i < topic_count; i++)
        all[i] = topics[i].name;
    scope.bounded = reading->once;
    if (scope.topics == NULL) {
        scope.topics = all;
        scope.topic_count = topic_count;
    }
    return reader_new(&broker, &scope, error);
}

struct state {
    struct progress progress;
    int64_t ticked_us;
    int waited_ms; /* for nothing, since the last message; what else a reader had to do meanwhile does not count */
    size_t taken;
};

/* True when the reading is to end.  The clock is looked at once in many messages. */
static bool look_up(const struct reading *reading, struct state *state, bool came, void *context)
{
    int64_t now_us;

    state->taken += came;
    state->waited_ms = came ? 0 : state->waited_ms + WAIT_MS;
    if (came && state->taken % 256 != 0)
        return false;
    now_us = clock_us();
    if (reading->progress != NULL)
        progress_show(&state->progress, state->taken);
    if (reading->tick == NULL || now_us - state->ticked_us < TICK_US)
        return false;
    state->ticked_us = now_us;
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

static enum status read_on(struct read_ahead *ahead, const struct reading *reading, struct state *state, void *context, struct error *error)
{
    while (!command_interrupted() && !(reading->once && read_ahead_caught_up(ahead))) {
        bool came = take_next(ahead, reading, context);

        if (look_up(reading, state, came, context))
            break;
        if (!came && read_ahead_status(ahead, error) != STATUS_OK)
            return error->status;
        if (!came && reading->once && !read_ahead_caught_up(ahead) && state->waited_ms > PATIENCE_MS)
            return error_set(error, STATUS_AWAY, "the broker says nothing for %d s", PATIENCE_MS / 1000);
    }
    return STATUS_OK;
}

enum status messages_read(const struct settings *from, const struct reading *reading, void *context, struct error *error)
{
    struct reader *reader = open_reader(from, reading, error);
    struct state state = {0};
    struct read_ahead *ahead;
    enum status status;

    if (reader == NULL)
        return error->status;
    if (reading->opened != NULL)
        reading->opened(context, reader);
    ahead = read_ahead_new(reader, reading->prepare, context);
    progress_start(&state.progress, reading->progress != NULL ? reading->progress : "", (size_t)reader_total(reader));
    status = read_on(ahead, reading, &state, context, error);
    progress_end(&state.progress);
    read_ahead_free(ahead);
    reader_free(reader);
    return status;
}
