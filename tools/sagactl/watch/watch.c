/* sagactl watch: messages of all topics as they come, one line each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "events/message.h"
#include "history/describe.h"
#include "history/history_record.h"
#include "history/reading.h"
#include "services/runtime/record.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"
#include "tools/sagactl/watch/top.h"
#include "tools/sagactl/when.h"

/* clang-format off */
static const struct setting settings[] = {
    {.name = "order", .kind = SETTING_LIST, .meaning = "only what is about this order or SKU"},
    {.name = "type", .kind = SETTING_LIST,
     .meaning = "only messages of this type, as payment.refunded"},
    {.name = "service", .kind = SETTING_LIST,
     .meaning = "only messages of this service; or producer, or sagactl"},
    {.name = "failed", .kind = SETTING_FLAG,
     .meaning = "only events that report that something was refused, or failed, or is to be compensated"},
    {.name = "overdue", .kind = SETTING_FLAG,
     .meaning = "only events that report that an order is late: time-outs, retries, republish commands, and "
                "payments without an answer"},
    {.name = "compensations", .kind = SETTING_FLAG,
     .meaning = "only compensation: refunds, releases, and what was kept from happening"},
    {.name = "since", .kind = SETTING_TEXT,
     .meaning = "first what came from then on: a time, or how long ago, as 2h"},
    {.name = "from-beginning", .kind = SETTING_FLAG, .meaning = "first all that is there already"},
    {.name = "once", .kind = SETTING_FLAG,
     .meaning = "end when all that was there is shown; goes with --from-beginning, --since and "
                "--top"},
    {.name = "top", .kind = SETTING_FLAG,
     .meaning = "one screen instead: what is open and how old, rates, lags, dead letters"},
    {.name = "every-ms", .kind = SETTING_INTEGER, .fallback = "2000", .min = 200, .max = 3600000,
     .meaning = "top: how often it is refreshed"},
    CATALOG_GROUPS
    {.name = NULL},
};
/* clang-format on */

enum { CONTINUED_AT = 14 /* below the order */, EARLIER_BYTES = 64 * 1024 * 1024 };

/* A message that was there already: `read` of them were read before it. */
struct earlier {
    struct incoming incoming;
    size_t read;
};

struct watching {
    const struct settings *from;
    struct decoder *decoder;
    struct arena *arena; /* of one message */
    /* Partitions are read side by side: what was there is shown in order of time. */
    struct earlier *earlier;
    struct arena *payloads;
    size_t earlier_count, earlier_capacity, earlier_bytes, read;
    struct position *ends; /* of what was there */
    size_t end_count;
};

/* What the flags ask for. */
static const struct kind {
    const char *flag;
    uint64_t types;
} kinds[] = {
    {"compensations", COMPENSATIONS},
    {"failed", FACT(ORDER_CANCELLED) | FACT(ORDER_REJECTED) | FACT(ORDER_CANCEL_REJECTED) |
                   FACT(PAYMENT_FAILED) | FACT(PAYMENT_REFUND_FAILED) | FACT(INVENTORY_FAILED) |
                   FACT(EMAIL_FAILED)},
    {"overdue", FACT(ORDER_TIMEOUT) | FACT(ORDER_REPUBLISH) | FACT(PAYMENT_RETRY) |
                    FACT(PAYMENT_PENDING) | FACT(EMAIL_RETRY)},
};

static bool is_kind_asked_for(const struct settings *from, enum message_type type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (settings_flag(from, kinds[i].flag) && (kinds[i].types & FACT(type)) == 0)
            return false;
    return true;
}

/* A list that is empty asks for everything. */
static bool is_asked_for(const char *const *list, const char *text)
{
    if (list == NULL || *list == NULL)
        return true;
    for (; *list != NULL; list++)
        if (strcmp(*list, text) == 0)
            return true;
    return false;
}

static void print(const struct incoming *incoming, const struct message *message, bool readable,
                  struct arena *arena)
{
    char at[16], where[96];

    time_of_day_format(incoming->timestamp_ms, at);
    snprintf(where, sizeof where, "%s/%d/%lld", incoming->topic, incoming->partition,
             (long long)incoming->offset);
    line_wrap(CONTINUED_AT, "%s  %-20s %s%-22s%s  %-28s  %-9s %s%s%s", at,
              describe_subject(incoming, &message->envelope, arena),
              is_bad_news(message->type) ? colour_bad() : "", message->envelope.type, colour_off(),
              readable ? describe_facts(message, arena) : "(cannot be read)",
              describe_emitter(&message->envelope), colour_dim(), where, colour_off());
}

static void print_json(const struct incoming *incoming, const struct message *message,
                       bool readable, struct arena *arena)
{
    struct json_object *line = json_object_new_object();

    json_add_integer(line, "time_ms", incoming->timestamp_ms);
    json_add_text(line, "topic", incoming->topic);
    json_add_integer(line, "partition", incoming->partition);
    json_add_integer(line, "offset", incoming->offset);
    json_add_text(line, "order", describe_subject(incoming, &message->envelope, arena));
    json_add_text(line, "type", message->envelope.type);
    json_add_text(line, "emitter", describe_emitter(&message->envelope));
    json_add_as_is(line, "body", readable ? describe_body(incoming, arena) : "null");
    json_line_print(line);
}

/* What is no message of ours is passed over: sagactl dlq shows what the services made of it. */
static bool is_to_be_shown(const struct settings *from, const struct incoming *incoming,
                           struct message *message, struct arena *arena)
{
    enum message_type type;
    struct error error;

    if (envelope_decode(arena, incoming->headers, incoming->header_count, &message->envelope,
                        &error) != STATUS_OK ||
        !message_type_find(message->envelope.type, &type) ||
        strstr(incoming->topic, ".dlq") != NULL)
        return false;
    message->type = type;
    return is_asked_for(settings_list(from, "order"),
                        describe_subject(incoming, &message->envelope, arena)) &&
           is_asked_for(settings_list(from, "type"), message->envelope.type) &&
           is_asked_for(settings_list(from, "service"), describe_emitter(&message->envelope)) &&
           is_kind_asked_for(from, type);
}

static void show(const struct watching *watching, const struct incoming *incoming)
{
    struct arena *arena = watching->arena;
    struct message message = {0};
    struct error error;

    if (is_to_be_shown(watching->from, incoming, &message, arena)) {
        const enum message_type type = message.type;
        const bool readable = message_decode(watching->decoder, arena, type, incoming->value,
                                             incoming->value_length, &message, &error) == STATUS_OK;

        message.type = type;
        if (settings_flag(watching->from, "json"))
            print_json(incoming, &message, readable, arena);
        else
            print(incoming, &message, readable, arena);
    }
    arena_reset(arena);
}

static void take(void *context, const struct incoming *incoming)
{
    show(context, incoming);
}

static int by_time(const void *a, const void *b)
{
    const struct earlier *left = a, *right = b;
    const int64_t left_ms = left->incoming.timestamp_ms, right_ms = right->incoming.timestamp_ms;

    if (left_ms != right_ms)
        return left_ms < right_ms ? -1 : 1;
    return left->read < right->read ? -1 : left->read > right->read;
}

/* Shows the first `count` of them in order of time, and keeps the others. */
static void show_earlier(struct watching *watching, size_t count)
{
    struct arena *payloads = arena_new();

    qsort(watching->earlier, watching->earlier_count, sizeof *watching->earlier, by_time);
    for (size_t i = 0; i < count; i++)
        show(watching, &watching->earlier[i].incoming);
    watching->earlier_bytes = 0;
    watching->earlier_count -= count;
    for (size_t i = 0; i < watching->earlier_count; i++) {
        watching->earlier[i] = watching->earlier[count + i];
        watching->earlier[i].incoming = incoming_copy(&watching->earlier[i].incoming, payloads);
        watching->earlier_bytes += incoming_bytes(&watching->earlier[i].incoming);
    }
    arena_free(watching->payloads);
    watching->payloads = payloads;
}

static void take_earlier(void *context, const struct incoming *incoming)
{
    struct watching *watching = context;
    struct message message = {0};

    if (is_to_be_shown(watching->from, incoming, &message, watching->arena)) {
        watching->earlier = array_grow(watching->earlier, watching->earlier_count,
                                       &watching->earlier_capacity, sizeof *watching->earlier);
        watching->earlier[watching->earlier_count++] =
            (struct earlier){incoming_copy(incoming, watching->payloads), watching->read++};
        watching->earlier_bytes += incoming_bytes(incoming) + sizeof *watching->earlier;
        if (watching->earlier_bytes > EARLIER_BYTES)
            show_earlier(watching, watching->earlier_count / 2);
    }
    arena_reset(watching->arena);
}

static void note_ends(void *context, const struct reader *reader)
{
    struct watching *watching = context;
    const struct position *ends = reader_ends(reader, &watching->end_count);

    watching->ends = array_resize(NULL, watching->end_count + 1, sizeof *ends);
    for (size_t i = 0; i < watching->end_count; i++)
        watching->ends[i] =
            (struct position){topic_in_table(ends[i].topic), ends[i].partition, ends[i].offset};
}

/* What came is seen at once, and many at a time cost one write. */
static bool on_tick(void *context)
{
    (void)context;
    fflush(stdout);
    return false;
}

static enum status watch_earlier(struct watching *watching, const struct log_source *source,
                                 struct reader_scope scope, struct error *error)
{
    const struct reading reading = {
        .scope = scope, .once = true, .progress = "log", .take = take_earlier, .opened = note_ends};
    enum status status;

    watching->payloads = arena_new();
    status = messages_read(source, &reading, watching, error);
    show_earlier(watching, watching->earlier_count);
    fflush(stdout);
    arena_free(watching->payloads);
    free(watching->earlier);
    return status;
}

static enum status watch(const struct settings *from, struct error *error)
{
    const struct log_source source = command_source(from);
    struct reading rest = {.scope.from = READER_END,
                           .once = settings_flag(from, "once"),
                           .take = take,
                           .tick = on_tick};
    struct reader_scope scope = {.from = READER_BEGINNING};
    struct watching watching = {.from = from, .decoder = decoder_new(), .arena = arena_new()};
    enum status status = when_setting(from, "since", &scope.since_ms, error);

    if (scope.since_ms != 0)
        scope.from = READER_TIME;
    if (status == STATUS_OK && (scope.since_ms != 0 || settings_flag(from, "from-beginning"))) {
        status = watch_earlier(&watching, &source, scope, error);
        rest.scope.from = READER_BEGINNING; /* of what is new since then */
        rest.scope.positions = watching.ends;
        rest.scope.position_count = watching.end_count;
    }
    if (status == STATUS_OK && !command_interrupted() && !(rest.once && watching.ends != NULL))
        status = messages_read(&source, &rest, &watching, error);

    free(watching.ends);
    arena_free(watching.arena);
    decoder_free(watching.decoder);
    return status;
}

static enum exit_code run(const struct settings *from)
{
    const char *const *types = settings_list(from, "type");
    enum message_type type;
    struct error error;
    size_t count;

    settings_arguments(from, &count);
    if (count > 0)
        return command_misused("watch takes no argument: --order names an order");
    for (; types != NULL && *types != NULL; types++)
        if (!message_type_find(*types, &type))
            return command_misused(
                "--type is \"%s\", which is no message: docs/messages.md lists them", *types);
    if (settings_flag(from, "top"))
        return watch_top(from);
    return watch(from, &error) == STATUS_OK ? EXIT_FINE : command_fail(&error);
}

const struct command watch_command = {"watch",
                                      "show messages as they come",
                                      "[OPTION ...]\n\n"
                                      "Prints every message of all topics as it comes: when, of "
                                      "which order, what was emitted, what matters of it,\n"
                                      "by whom, and where it lies; what is there already first, in "
                                      "order of time. Ctrl-C ends it.\n"
                                      "--top shows one screen that is refreshed in place: sagas "
                                      "that are\n"
                                      "open, by state and age, how fast they are closed, what each "
                                      "service has yet to read, and dead letters.\n\n"
                                      "  sagactl watch\n"
                                      "  sagactl watch --top\n"
                                      "  sagactl watch --order 536365 --from-beginning\n"
                                      "  sagactl watch --failed --since 1h --once\n"
                                      "  sagactl watch --compensations --from-beginning --once",
                                      settings,
                                      run,
                                      NULL};
