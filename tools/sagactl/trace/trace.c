/* sagactl trace: the timeline of one order, from the log alone. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/timestamp.h"
#include "database/database.h"
#include "history/describe.h"
#include "history/order_history.h"
#include "history/reading.h"
#include "history/waiting_for.h"
#include "services/order/decide.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"
#include "tools/sagactl/trace/timeline.h"
#include "tools/sagactl/when.h"

static const char *const formats[] = {"text", "mermaid", "svg", NULL};

/* clang-format off */
static const struct setting settings[] = {
    {.name = "since", .kind = SETTING_TEXT,
     .meaning = "read the log from then on: a time, or how long ago, as 2h"},
    {.name = "order-database", .kind = SETTING_TEXT,
     .meaning = "PostgreSQL URI of the order service: it knows since when"},
    {.name = "format", .kind = SETTING_CHOICE, .fallback = "text", .choices = formats,
     .meaning = "how it is shown; the last two draw the sequence"},
    {.name = "follow", .kind = SETTING_FLAG,
     .meaning = "stay, and show what comes, until the saga is closed"},
    {.name = NULL},
};
/* clang-format on */

enum {
    BEFORE_MS = 600000, /* an order may have waited before the order service stored it */
    TYPE_WIDTH = 26,
    CONTINUED_AT = 25 /* below the emitter */
};

struct tracing {
    const struct settings *from;
    struct timeline *timeline;
    struct position *positions; /* where the first reading ended */
    size_t position_count;
    bool json;
};

/* ---- reading ---- */

static void take(void *context, const struct incoming *incoming)
{
    timeline_take(((struct tracing *)context)->timeline, incoming);
}

static void opened(void *context, const struct reader *reader)
{
    struct tracing *tracing = context;
    const struct position *ends = reader_ends(reader, &tracing->position_count);

    tracing->positions =
        arena_array(tracing->timeline->arena, tracing->position_count, sizeof *ends);
    for (size_t i = 0; i < tracing->position_count; i++)
        tracing->positions[i] = (struct position){
            arena_copy(tracing->timeline->arena, ends[i].topic, strlen(ends[i].topic)),
            ends[i].partition, ends[i].offset};
}

/* Stock commands are about SKUs. */
#define TOPICS(number, name, topic, ...) topic, #name ".internal", #name ".dlq",

static const char *const topics_of_orders[] = {"orders.commands", CATALOG(TOPICS)};

static enum status log_read(struct tracing *tracing, int64_t since_ms, struct error *error)
{
    const struct log_source source = command_source(tracing->from);
    const struct reading reading = {
        .scope = {.topics = topics_of_orders,
                  .topic_count = sizeof topics_of_orders / sizeof topics_of_orders[0],
                  .from = since_ms != 0 ? READER_TIME : READER_BEGINNING,
                  .since_ms = since_ms},
        .once = true,
        .progress = "log",
        .take = take,
        .opened = opened};

    return messages_read(&source, &reading, tracing, error);
}

/* When the order service stored it, a while before that; 0 when its database is not named, or
 * unavailable, or does not know. */
static int64_t since_of_database(const struct tracing *tracing)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT};
    const char *url = settings_text(tracing->from, "order-database");
    struct parameters *ids = parameters_new(tracing->timeline->arena, kinds, 1);
    struct database *database;
    struct result *result;
    struct error ignored;
    int64_t since_ms = 0;

    if (url == NULL)
        return 0;
    database = database_new(url, "sagactl");
    parameters_text(ids, 0, tracing->timeline->order_id);
    if (database_query(database, "SELECT placed_at FROM orders WHERE order_id = ANY ($1::text[])",
                       ids, &result, &ignored) == STATUS_OK) {
        if (result_rows(result) == 1 && !result_is_null(result, 0, 0))
            since_ms = result_time_us(result, 0, 0) / 1000 - BEFORE_MS;
        result_free(result);
    }
    database_free(database);
    return since_ms;
}

/* What the database says is only where to begin: when the order is older in the log, all of it is
 * read. */
static enum status read_all(struct tracing *tracing, struct error *error)
{
    int64_t since_ms, known_ms;
    enum status status = when_setting(tracing->from, "since", &since_ms, error);

    if (status != STATUS_OK)
        return status;
    known_ms = since_ms != 0 ? 0 : since_of_database(tracing);
    status = log_read(tracing, since_ms != 0 ? since_ms : known_ms, error);
    if (status == STATUS_OK && known_ms != 0 &&
        timeline_first(tracing->timeline, ORDER_PLACE) == NULL) {
        tracing->timeline->count = 0;
        status = log_read(tracing, 0, error);
    }
    timeline_arrange(tracing->timeline);
    return status;
}

/* ---- text ---- */

static const char *paint(const struct step *step)
{
    return step->strange != 0                      ? colour_bad()
           : step->repeated                        ? colour_dim()
           : is_bad_news(step->message.type)       ? colour_bad()
           : step->message.type == ORDER_CONFIRMED ? colour_good()
                                                   : "";
}

/* What is wrong with it, before anything else is told of it; "" of most. */
static const char *warning(const struct step *step, struct arena *arena)
{
    struct buffer text = {.arena = arena};

    if (step->strange == 0)
        return "";
    buffer_format(&text, "%s!%s:", colour_bad(), step_mark(step));
    if ((step->strange & RECORD_STRANGE_ID) != 0)
        buffer_text(&text, " has an id that is not its own,");
    if ((step->strange & RECORD_STRANGE_EMITTER) != 0)
        buffer_format(&text, " is not emitted by %s,", message_emitter(step->message.type));
    if ((step->strange & RECORD_STRANGE_TOPIC) != 0)
        buffer_text(&text, " lies in a topic of other messages,");
    if ((step->strange & RECORD_CHANGED) != 0)
        buffer_text(&text, " has other facts under the same id,");
    text.length--; /* the last comma */
    buffer_format(&text, "%s  ", colour_off());
    return text.data;
}

static void step_print(const struct timeline *timeline, const struct step *step)
{
    int indent = step->depth * 2, width = indent + (int)strlen(step->message.envelope.type);
    char at[16], where[96];

    time_of_day_format(step->timestamp_ms, at);
    snprintf(where, sizeof where, "%s/%d/%lld", step->topic, step->partition,
             (long long)step->offset);
    line_wrap(CONTINUED_AT, "%s %7lld ms  %-10s %*s%s%s%s%*s  %s%s%s%s  %s%s%s", at,
              (long long)(step->timestamp_ms - timeline->steps[0].timestamp_ms),
              describe_emitter(&step->message.envelope), indent, "", paint(step),
              step->message.envelope.type, colour_off(),
              width < TYPE_WIDTH ? TYPE_WIDTH - width : 0, "", warning(step, timeline->arena),
              step->readable ? describe_facts(&step->message, timeline->arena) : "(cannot be read)",
              step->repeated && step->strange == 0 ? "  again" : "",
              step->dead_lettered ? "  DEAD LETTER" : "", colour_dim(), where, colour_off());
}

static void step_print_json(const struct timeline *timeline, const struct step *step)
{
    struct json_object *line = json_object_new_object();
    const struct envelope *envelope = &step->message.envelope;
    char at[TIMESTAMP_SIZE];

    timestamp_format(step->timestamp_ms * 1000, at);
    json_add_integer(line, "offset_ms", step->timestamp_ms - timeline->steps[0].timestamp_ms);
    json_add_text(line, "at", at);
    json_add_text(line, "type", envelope->type);
    json_add_text(line, "emitter", describe_emitter(envelope));
    json_add_text(line, "topic", step->topic);
    json_add_integer(line, "partition", step->partition);
    json_add_integer(line, "offset", step->offset);
    json_add_flag(line, "repeated", step->repeated);
    json_add_flag(line, "dead_lettered", step->dead_lettered);
    json_add_integer(line, "took_ms", step_duration_ms(timeline, step));
    json_add_text(line, "id", envelope->id != NULL ? envelope->id : "");
    json_add_text(line, "cause", envelope->causation_id != NULL ? envelope->causation_id : "");
    json_add_flag(line, "forged", (step->strange & ~RECORD_CHANGED) != 0);
    json_add_flag(line, "contradicts", (step->strange & RECORD_CHANGED) != 0);
    json_add_as_is(line, "body", step->readable ? step->body : "null");
    json_line_print(line);
}

/* How long each service took from what it consumed to what it emitted, all its events together. */
static void durations_print(const struct timeline *timeline)
{
    int64_t took_ms[SERVICES] = {0};
    bool spoke[SERVICES] = {false};
    struct buffer line = {.arena = timeline->arena};
    int slowest = -1;

    for (size_t i = 0; i < timeline->count; i++) {
        const struct step *step = &timeline->steps[i];
        int64_t duration_ms = step_duration_ms(timeline, step);

        for (int j = 0; j < SERVICES; j++) {
            if (duration_ms < 0 || step->repeated || step->strange != 0 ||
                strcmp(describe_emitter(&step->message.envelope), catalog[j].name) != 0)
                continue;
            took_ms[j] += duration_ms;
            spoke[j] = true;
        }
    }
    for (int i = 0; i < SERVICES; i++)
        if (spoke[i] && (slowest < 0 || took_ms[i] > took_ms[slowest]))
            slowest = i;
    for (int i = 0; i < SERVICES; i++) {
        char span[16];

        if (!spoke[i])
            continue;
        span_format(took_ms[i], span);
        buffer_format(&line, "%s%s%s %s%s%s", line.length > 0 ? ", " : "",
                      i == slowest ? colour_bad() : "", catalog[i].name, span,
                      i == slowest ? " (the slowest)" : "", colour_off());
    }
    if (slowest >= 0)
        line_wrap(2, "%s", line.data);
}

/* Since when the order waits: since its decision, or since it was created or placed. */
static int64_t since_ms(const struct timeline *timeline)
{
    static const enum message_type milestones[] = {ORDER_CONFIRMED, ORDER_CANCELLED, ORDER_CREATED,
                                                   ORDER_PLACE};

    for (size_t i = 0; i < sizeof milestones / sizeof milestones[0]; i++)
        if (timeline_first(timeline, milestones[i]) != NULL)
            return timeline_first(timeline, milestones[i])->timestamp_ms;
    return timeline->steps[0].timestamp_ms;
}

static void waiting_print(const struct timeline *timeline, uint64_t emitted, int state)
{
    const struct step *created = timeline_first(timeline, ORDER_CREATED);
    struct waiting_for waiting[WAITING_FOR_MAX];
    size_t count = waiting_for_find(emitted, waiting);
    int64_t now_ms = clock_us() / 1000, late_ms;
    char span[16];

    span_format(now_ms - since_ms(timeline), span);
    printf("%s, not closed\n", state == ORDER_STATE_NEW && (emitted & FACT(ORDER_REJECTED)) != 0
                                   ? "REJECTED"
                                   : order_table.state_names[state]);
    for (size_t i = 0; i < count; i++)
        line_wrap(4, "  waits for %s from %s, for %s", waiting[i].what, waiting[i].from, span);
    if (state != ORDER_STATE_PENDING || created == NULL || !created->readable)
        return;
    late_ms = now_ms - created->message.order_created.deadline_us / 1000;
    span_format(late_ms < 0 ? -late_ms : late_ms, span);
    printf("  %sits deadline %s%s%s%s\n", late_ms < 0 ? "" : colour_bad(),
           late_ms < 0 ? "is in " : "passed ", span, late_ms < 0 ? "" : " ago: overdue",
           colour_off());
}

/* What the log knows of the order, as the order service would. */
static bool decision_print(const struct timeline *timeline, bool quietly)
{
    uint64_t emitted = timeline_emitted(timeline);
    int state = order_state_emitted(emitted);
    bool closed = order_closed(state, emitted);

    if (quietly)
        return closed;
    durations_print(timeline);
    if (closed)
        printf("%s%s, and closed%s\n",
               state == ORDER_STATE_CONFIRMED ? colour_good() : colour_bad(),
               order_table.state_names[state], colour_off());
    else
        waiting_print(timeline, emitted, state);
    return closed;
}

/* The last line: what it came to, and whom it waits for. */
static void decision_print_json(const struct timeline *timeline)
{
    const uint64_t emitted = timeline_emitted(timeline);
    const int state = order_state_emitted(emitted);
    const bool closed = order_closed(state, emitted);
    struct json_object *line = json_object_new_object(), *waits_for;
    struct waiting_for waiting[WAITING_FOR_MAX];
    size_t count = closed ? 0 : waiting_for_find(emitted, waiting);

    json_add_text(line, "order", timeline->order_id);
    json_add_text(line, "state",
                  state == ORDER_STATE_NEW && (emitted & FACT(ORDER_REJECTED)) != 0
                      ? "REJECTED"
                      : order_table.state_names[state]);
    json_add_flag(line, "closed", closed);
    json_add_integer(line, "waits_ms", closed ? 0 : clock_us() / 1000 - since_ms(timeline));
    waits_for = json_add_array(line, "waiting_for");
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_new_object();

        json_add_texts(one, "event", waiting[i].what, "from", waiting[i].from, NULL);
        json_append(waits_for, one);
    }
    json_line_print(line);
}

static void steps_print(struct tracing *tracing)
{
    struct timeline *timeline = tracing->timeline;

    for (size_t i = 0; i < timeline->count; i++) {
        if (timeline->steps[i].printed)
            continue;
        timeline->steps[i].printed = true;
        if (tracing->json)
            step_print_json(timeline, &timeline->steps[i]);
        else
            step_print(timeline, &timeline->steps[i]);
    }
    fflush(stdout);
}

/* ---- following ---- */

static bool on_tick(void *context)
{
    struct tracing *tracing = context;

    timeline_arrange(tracing->timeline);
    steps_print(tracing);
    return decision_print(tracing->timeline, true);
}

static enum status follow(struct tracing *tracing, struct error *error)
{
    const struct log_source source = command_source(tracing->from);
    const struct reading reading = {
        .scope = {.topics = topics_of_orders,
                  .topic_count = sizeof topics_of_orders / sizeof topics_of_orders[0],
                  .positions = tracing->positions,
                  .position_count = tracing->position_count},
        .take = take,
        .tick = on_tick};

    return decision_print(tracing->timeline, true)
               ? STATUS_OK
               : messages_read(&source, &reading, tracing, error);
}

/* ---- */

static enum status show(struct tracing *tracing, struct error *error)
{
    const char *format = settings_text(tracing->from, "format");
    bool text = strcmp(format, "text") == 0, follows = settings_flag(tracing->from, "follow");
    enum status status = STATUS_OK;

    if (text && (tracing->timeline->count > 0 || follows))
        steps_print(tracing);
    if (text && follows)
        status = follow(tracing, error);
    if (tracing->timeline->count == 0) {
        line_say(stderr, "nothing in the log is about order %s", tracing->timeline->order_id);
        return status;
    }
    if (strcmp(format, "mermaid") == 0)
        sequence_mermaid(tracing->timeline);
    else if (strcmp(format, "svg") == 0)
        sequence_svg(tracing->timeline);
    else if (tracing->json)
        decision_print_json(tracing->timeline);
    else
        decision_print(tracing->timeline, false);
    return status;
}

static enum exit_code run(const struct settings *from)
{
    struct tracing tracing = {.from = from, .json = settings_flag(from, "json")};
    struct error error = {0};
    size_t arguments, found;
    const char *const *orders = settings_arguments(from, &arguments);
    enum status status;

    if (arguments != 1)
        return command_misused("trace needs one order id");
    if (settings_flag(from, "follow") && strcmp(settings_text(from, "format"), "text") != 0)
        return command_misused("--follow goes with --format text alone");
    tracing.timeline = timeline_new(orders[0]);
    status = read_all(&tracing, &error);
    if (status == STATUS_OK)
        status = show(&tracing, &error);
    found = tracing.timeline->count;
    timeline_free(tracing.timeline);
    if (status != STATUS_OK)
        return command_fail(&error);
    return found == 0 ? EXIT_FOUND : EXIT_FINE;
}

const struct command trace_command = {"trace",
                                      "show the timeline of an order",
                                      "ORDER [OPTION ...]\n\n"
                                      "Prints every message about an order, in order of time: when "
                                      "and what was emitted by whom, what caused it (the\n"
                                      "deeper, the later in the chain), what matters of it, and "
                                      "where it lies; then how long each service\n"
                                      "took, the decision, and what it still waits for, from whom, "
                                      "since when. It needs nothing but the broker.\n\n"
                                      "!FORGED marks an event that has not the id of its fact, or "
                                      "another emitter or topic than its type has;\n"
                                      "!CONTRADICTS one that differs from an earlier one of the "
                                      "same id. Neither counts for the decision.\n\n"
                                      "All partitions are read: where an order lies today says "
                                      "nothing of where it lay before partitions were\n"
                                      "added, or where others wrote. --since, or the order "
                                      "service's database, which knows when the order\n"
                                      "came, save reading the log from its beginning.\n\n"
                                      "  sagactl trace 536365\n"
                                      "  sagactl trace 536365 --follow\n"
                                      "  sagactl trace 536365 --format svg > 536365.svg\n\n"
                                      "Exit code 1: nothing in the log is about it.",
                                      settings,
                                      run,
                                      NULL};
