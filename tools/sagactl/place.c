/* sagactl place: orders from files or standard input to orders.commands. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "events/identity.h"
#include "events/message.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/follow.h"
#include "tools/sagactl/records.h"
#include "tools/sagactl/send.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

/* clang-format off */
static const struct setting settings[] = {
    {.name = "rate", .kind = SETTING_INTEGER, .fallback = "0", .max = 1000000,
     .meaning = "orders a second; 0: as fast as they go"},
    {.name = "window", .kind = SETTING_INTEGER, .fallback = "0", .max = 1000000,
     .meaning = "orders that may be unanswered at a time; 0: any number"},
    {.name = "wait", .kind = SETTING_FLAG,
     .meaning = "wait until every saga is closed, then print a summary"},
    {.name = "timeout", .kind = SETTING_INTEGER, .fallback = "60", .min = 1, .max = 86400,
     .meaning = "seconds to wait without any progress before giving up"},
    {.name = NULL},
};
/* clang-format on */

enum { SPARE_US = 2000 }; /* time enough for something else than to sleep */

struct placing {
    const struct settings *settings;
    struct sender sender;
    struct records *records;
    struct follow *follow; /* NULL when nothing is waited for */
    struct decoder *decoder;
    struct arena *arena;
    struct progress progress;
    bool json;
    size_t placed, refused;
    int64_t started_us; /* when the first order was placed */
};

static void refuse(struct placing *placing, const struct error *error)
{
    struct json_object *line;

    placing->refused++;
    progress_end(&placing->progress);
    if (!placing->json) {
        line_say(stderr, "refused: %s: %s", records_where(placing->records), error->message);
        return;
    }
    line = json_object_new_object();
    json_add_count(line, "refused", records_line(placing->records));
    json_add_text(line, "field", decoder_field(placing->decoder));
    json_add_text(line, "reason", error->message);
    json_line_print(line);
}

/* What the bar shows: while orders are placed how many are, then how many are closed. */
static size_t done_of(const struct placing *placing)
{
    return placing->progress.total == 0
               ? placing->placed
               : follow_count(placing->follow) - follow_unfinished(placing->follow);
}

/* Until `done` says so; gives up after --timeout seconds without any progress.  False when it gave
 * up. */
static bool wait_for(struct placing *placing, bool (*done)(const struct placing *placing))
{
    int64_t patience_us = settings_integer(placing->settings, "timeout") * 1000000,
            moved_us = clock_us();
    size_t unanswered = SIZE_MAX, unfinished = SIZE_MAX;

    while (!done(placing)) {
        follow_poll(placing->follow, 20, placing->json);
        progress_show(&placing->progress, done_of(placing));
        if (follow_unanswered(placing->follow) != unanswered ||
            follow_unfinished(placing->follow) != unfinished)
            moved_us = clock_us();
        unanswered = follow_unanswered(placing->follow);
        unfinished = follow_unfinished(placing->follow);
        if (command_interrupted() || clock_us() - moved_us > patience_us)
            return false;
    }
    return true;
}

static bool has_room(const struct placing *placing)
{
    return follow_unanswered(placing->follow) <
           (size_t)settings_integer(placing->settings, "window");
}

static bool all_closed(const struct placing *placing)
{
    return follow_unfinished(placing->follow) == 0;
}

/* How long until the next order is due at the rate asked for. */
static int64_t due_in_us(const struct placing *placing)
{
    int64_t rate = settings_integer(placing->settings, "rate");

    return rate == 0 ? 0
                     : placing->started_us + (int64_t)placing->placed * 1000000 / rate - clock_us();
}

static void keep_rate(struct placing *placing)
{
    int64_t left_us;

    if (placing->placed == 0)
        placing->started_us = clock_us();
    if (due_in_us(placing) > SPARE_US)
        sender_push(&placing->sender);
    while (!command_interrupted() && (left_us = due_in_us(placing)) > 0) {
        struct timespec pause = {.tv_sec = left_us / 1000000,
                                 .tv_nsec = (long)(left_us % 1000000) * 1000};

        if (placing->follow != NULL && left_us > SPARE_US)
            follow_poll(placing->follow, 1, placing->json);
        else
            nanosleep(&pause, NULL);
    }
}

/* Until fewer than --window orders are unanswered; STATUS_UNAVAILABLE when none is answered any
 * more. */
static enum status keep_window(struct placing *placing, struct error *error)
{
    if (settings_integer(placing->settings, "window") == 0 || has_room(placing))
        return STATUS_OK;
    sender_push(&placing->sender);
    if (wait_for(placing, has_room) || command_interrupted())
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE,
                     "no order is answered any more: is the order service running?");
}

static enum status place(struct placing *placing, struct message *order, struct error *error)
{
    keep_rate(placing);
    if (placing->follow != NULL) {
        order->envelope.id = command_id_make(placing->arena);
        follow_order(placing->follow, order->subject, order->envelope.id, clock_us());
        follow_poll(placing->follow, 0, placing->json);
    }
    placing->placed++;
    progress_show(&placing->progress, placing->placed);
    return sender_send(&placing->sender, placing->arena, order, error);
}

static enum status place_all(struct placing *placing, struct error *error)
{
    const char *record;
    size_t length;

    while (!command_interrupted() &&
           (record = records_next(placing->records, placing->arena, &length, error)) != NULL) {
        struct message order = {0};
        enum status status = STATUS_OK;

        if (message_decode(placing->decoder, placing->arena, ORDER_PLACE, record, length, &order,
                           error) != STATUS_OK)
            refuse(placing, error);
        else
            status = place(placing, &order, error);
        if (status == STATUS_OK)
            status = keep_window(placing, error);
        if (status != STATUS_OK)
            return status;
        arena_reset(placing->arena);
    }
    return command_interrupted() ? STATUS_OK : error->status;
}

static enum exit_code finish(struct placing *placing)
{
    bool waits = settings_flag(placing->settings, "wait"), complete = true;

    if (waits)
        complete = wait_for(placing, all_closed);
    progress_end(&placing->progress);
    if (waits)
        follow_print_summary(placing->follow, placing->json);
    else if (placing->json)
        json_line_print_counts("placed", placing->placed, "refused", placing->refused);
    else
        printf("%zu order%s placed, %zu refused\n", placing->placed, plural(placing->placed),
               placing->refused);
    if (!complete) {
        fprintf(stderr, "%zu saga%s not closed:\n", follow_unfinished(placing->follow),
                plural(follow_unfinished(placing->follow)));
        follow_print_unfinished(placing->follow, stderr);
    }
    return !complete || placing->refused > 0 ||
                   (placing->follow != NULL && follow_rejected(placing->follow) > 0)
               ? EXIT_FOUND
               : EXIT_FINE;
}

static enum exit_code run(const struct settings *from)
{
    struct broker_settings broker = command_broker(from);
    bool follows = settings_flag(from, "wait") || settings_integer(from, "window") > 0;
    struct placing placing = {.settings = from, .json = settings_flag(from, "json")};
    struct error error = {0};
    enum exit_code code;
    size_t arguments;

    if (sender_open(&placing.sender, &broker, &error) != STATUS_OK ||
        (follows && (placing.follow = follow_new(&broker, &error)) == NULL)) {
        sender_close(&placing.sender);
        return command_fail(&error);
    }
    placing.records = records_new(settings_arguments(from, &arguments));
    placing.decoder = decoder_new();
    placing.arena = arena_new();
    progress_start(&placing.progress, "placed", 0);
    error.status = place_all(&placing, &error);
    if (error.status == STATUS_OK)
        error.status = sender_flush(&placing.sender, &error);
    progress_end(&placing.progress);
    if (placing.follow != NULL)
        progress_start(&placing.progress, "closed", follow_count(placing.follow));
    code = error.status == STATUS_OK ? finish(&placing) : command_fail(&error);
    sender_close(&placing.sender);
    follow_free(placing.follow);
    records_free(placing.records);
    decoder_free(placing.decoder);
    arena_free(placing.arena);
    return code;
}

const struct command place_command = {
    "place",
    "place orders from JSON",
    "[OPTION ...] [FILE ...]\n\n"
    "Reads orders from the files or from standard input, JSON objects of any layout, one after the "
    "other\n"
    "or in one array, checks each, and publishes it to orders.commands. What is refused is named "
    "with the\n"
    "number of its line, the field and the reason; the others are placed. An order that is placed "
    "twice\n"
    "with the same content is the same order.\n\n"
    "  sagactl place orders.ndjson --window 200 --wait\n"
    "  jq -c '.orders[]' shop.json | sagactl place --rate 50\n\n"
    "Exit code 1: something was refused or rejected, or a saga did not close.",
    settings,
    run,
    NULL};
