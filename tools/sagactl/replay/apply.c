/* sagactl replay apply: publishes the commands of a plan, once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "history/assemble.h"
#include "history/replay_inputs.h"
#include "tools/sagactl/replay/plan.h"
#include "tools/sagactl/send.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

struct applying {
    const struct settings *from;
    struct plan *plan;
    struct arena *arena;
    /* done: published already, says the log or the resume file */
    struct planned_command *planned_commands;
    size_t count;
    const char **named; /* the plan's orders, each once, NULL-terminated */
    struct order_histories *log;
    bool newer; /* something new was emitted of one of them */
    char what[300];
};

static void commands_take(struct applying *applying)
{
    size_t named = 0;

    applying->planned_commands = plan_commands(applying->plan, &applying->count);
    applying->named = arena_array(applying->arena, applying->count + 1, sizeof(const char *));
    for (size_t i = 0; i < applying->count; i++)
        if (i == 0 || strcmp(applying->planned_commands[i - 1].order_id,
                             applying->planned_commands[i].order_id) != 0)
            applying->named[named++] = applying->planned_commands[i].order_id;
}

static void mark_done(struct applying *applying, const char *order_id, const char *type_name)
{
    enum message_type type;
    struct planned_command *planned =
        message_type_find(type_name, &type)
            ? planned_command_find(applying->planned_commands, applying->count, order_id, (int)type)
            : NULL;

    if (planned != NULL)
        planned->done = true;
}

/* ---- the resume file: a line each command, "ORDER TYPE" ---- */

static const char *resume_path(const struct applying *applying, const char *plan_path)
{
    const char *set = settings_text(applying->from, "resume");

    return set != NULL ? set : arena_format(applying->arena, "%s.applied", plan_path);
}

static enum status resume_read(struct applying *applying, const char *path, struct error *error)
{
    char line[400], order_id[100], type[100], id[64];
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return errno == ENOENT ? STATUS_OK
                               : error_set(error, STATUS_INVALID, "%s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "%63s %99s %99s", id, order_id, type) == 3 &&
            strcmp(id, applying->plan->id) == 0)
            mark_done(applying, order_id, type);
    fclose(file);
    return STATUS_OK;
}

/* ---- what was emitted since the plan was made ---- */

static bool is_after(const struct plan *plan, const struct incoming *incoming)
{
    for (size_t i = 0; i < plan->position_count; i++)
        if (plan->positions[i].partition == incoming->partition &&
            strcmp(plan->positions[i].topic, incoming->topic) == 0)
            return incoming->offset >= plan->positions[i].offset;
    return true;
}

/* What sweepers send themselves is not news; nor is what this plan itself led to. */
static void listen(void *context, const struct incoming *incoming, const struct message *message,
                   struct order_history *history)
{
    struct applying *applying = context;
    const char *replay_of;

    if (message == NULL || history == NULL || !is_after(applying->plan, incoming))
        return;
    replay_of = message->envelope.replay_of;
    if (replay_of != NULL && strcmp(replay_of, applying->plan->id) == 0) {
        mark_done(applying, message->subject, message->envelope.type);
        return;
    }
    if (strstr(incoming->topic, ".internal") != NULL || applying->newer)
        return;
    applying->newer = true;
    snprintf(applying->what, sizeof applying->what, "order %s: %s at %s/%d/%lld", message->subject,
             message->envelope.type, incoming->topic, incoming->partition,
             (long long)incoming->offset);
}

static enum status log_read(struct applying *applying, struct error *error)
{
    const struct log_source source = command_source(applying->from);
    const struct history_scope scope = {.orders = applying->named,
                                        .contents = true,
                                        .progress = "log",
                                        .listen = listen,
                                        .listen_context = applying};

    histories_free(applying->log);
    applying->log = histories_new();
    return histories_read(applying->log, &source, &scope, error);
}

/* ---- publishing ---- */

static size_t left_of(const struct applying *applying)
{
    size_t left = 0;

    for (size_t i = 0; i < applying->count; i++)
        left += !applying->planned_commands[i].done;
    return left;
}

static enum status send_one(const struct applying *applying, struct sender *sender,
                            struct planned_command *planned, FILE *resume, const char *path,
                            struct error *error)
{
    struct message command = {.type = (enum message_type)planned->type,
                              .envelope = {.replay_of = applying->plan->id}};
    struct arena *arena = arena_new();
    enum status status;

    command.subject = planned->order_id;
    status = sender_send(sender, arena, &command, error);
    if (status == STATUS_OK)
        status = sender_flush(sender, error);
    arena_free(arena);
    if (status != STATUS_OK)
        return status;
    planned->done = true;
    if (fprintf(resume, "%s %s %s\n", applying->plan->id, planned->order_id,
                message_type_name(command.type)) < 0 ||
        fflush(resume) != 0)
        return error_set(error, STATUS_INVALID, "%s: %s", path, strerror(errno));
    return STATUS_OK;
}

static enum status publish(struct applying *applying, const char *path, struct error *error)
{
    struct broker_settings broker = command_broker(applying->from);
    const struct timespec pause = {.tv_nsec =
                                       1000000000L / settings_integer(applying->from, "rate") -
                                       (settings_integer(applying->from, "rate") == 1)};
    FILE *resume = fopen(path, "a");
    struct progress progress;
    struct sender sender;
    enum status status;

    if (resume == NULL)
        return error_set(error, STATUS_INVALID, "%s: %s", path, strerror(errno));
    status = sender_open(&sender, &broker, error);
    progress_start(&progress, "published", left_of(applying));
    for (size_t i = 0, sent = 0;
         status == STATUS_OK && i < applying->count && !command_interrupted(); i++) {
        if (applying->planned_commands[i].done)
            continue;
        status = send_one(applying, &sender, &applying->planned_commands[i], resume, path, error);
        progress_show(&progress, ++sent);
        nanosleep(&pause, NULL); /* the rate that was asked for */
    }
    progress_end(&progress);
    sender_close(&sender);
    if (fclose(resume) != 0 && status == STATUS_OK)
        status = error_set(error, STATUS_INVALID, "%s: %s", path, strerror(errno));
    return status;
}

/* ---- afterwards ---- */

static int by_place(const void *a, const void *b)
{
    const struct finding *left = a, *right = b;
    int order = strcmp(left->order_id, right->order_id);

    return order != 0 ? order : left->service - right->service;
}

/* What is still found of the plan's orders, sorted by_place. */
static enum status look_again(struct applying *applying, struct plan *after, struct error *error)
{
    const struct log_source source = command_source(applying->from);
    const char *groups[SERVICES], *databases[SERVICES];
    struct replay_inputs inputs;
    struct drift_check check = {.now_ms = INT64_MAX,
                                .unread_is_found = true,
                                .observer = source.observer,
                                .found = plan_found,
                                .context = after};
    enum status status;

    command_groups(applying->from, groups);
    command_databases(applying->from, databases);
    status = replay_inputs_open(&inputs, &source.broker, groups, databases, error);
    check.lags = inputs.lags;
    check.stored = inputs.stored;
    if (status == STATUS_OK)
        status = log_read(applying, error);
    check.log = applying->log;
    if (status == STATUS_OK)
        status = drift_check_all(&check, error);
    if (after->count > 0)
        qsort(after->findings, after->count, sizeof *after->findings, by_place);
    replay_inputs_close(&inputs);
    return status;
}

/* Fixed is an order at a service of which nothing is found any more: half a fix leads to another
 * finding. */
static bool stands_in(const struct plan *after, const struct finding *finding)
{
    return after->count > 0 &&
           bsearch(finding, after->findings, after->count, sizeof *finding, by_place) != NULL;
}

static size_t open_of(const struct plan *plan, const struct plan *after)
{
    size_t open = 0;

    for (size_t i = 0; i < plan->count; i++)
        open += plan->findings[i].action >= 0 && stands_in(after, &plan->findings[i]);
    return open;
}

static void change_print_json(const struct finding *finding, bool fixed)
{
    struct json_object *line = json_object_new_object();

    json_add_flag(line, "fixed", fixed);
    json_add(line, "finding", finding_json(finding));
    json_line_print(line);
}

static void changes_print(const struct applying *applying, const struct plan *after, bool json)
{
    for (size_t i = 0; i < applying->plan->count; i++) {
        const struct finding *finding = &applying->plan->findings[i];
        bool stands = stands_in(after, finding);

        if (finding->action < 0)
            continue;
        if (json)
            change_print_json(finding, !stands);
        else
            printf("%s%-8s%s %-24s %-9s %s\n", stands ? colour_bad() : colour_good(),
                   stands ? "open" : "fixed", colour_off(), finding->order_id,
                   catalog[finding->service].name, finding->what);
    }
}

/* Until nothing of it is open any more, or the time is up. */
static enum status wait_and_print(struct applying *applying, size_t *open, struct error *error)
{
    const struct timespec pause = {.tv_nsec = 500000000};
    int64_t until_us = clock_us() + settings_integer(applying->from, "timeout") * 1000000;
    enum status status;

    for (;;) {
        struct plan *after = plan_new();

        status = look_again(applying, after, error);
        *open = open_of(applying->plan, after);
        if (status != STATUS_OK || *open == 0 || clock_us() > until_us || command_interrupted()) {
            if (status == STATUS_OK)
                changes_print(applying, after, settings_flag(applying->from, "json"));
            plan_free(after);
            return status;
        }
        plan_free(after);
        nanosleep(&pause, NULL);
    }
}

/* What apply leaves to a person, since the service has to be stopped for it; returns how many
 * findings that are. */
static size_t recover_tell(const struct plan *plan)
{
    size_t counts[SERVICES] = {0}, total = 0;

    for (size_t i = 0; i < plan->count; i++)
        counts[plan->findings[i].service] += plan->findings[i].action == ACTION_RECOVER;
    for (int i = 0; i < SERVICES; i++) {
        if (counts[i] > 0)
            fprintf(stderr, "left to sagactl recover %s: %zu finding%s\n", catalog[i].name,
                    counts[i], plural(counts[i]));
        total += counts[i];
    }
    return total;
}

static enum exit_code apply(struct applying *applying, const char *plan_path)
{
    const char *path = resume_path(applying, plan_path);
    struct error error = {0};
    enum status status = resume_read(applying, path, &error);
    size_t left, published, open = 0;

    if (status == STATUS_OK && applying->count > 0)
        status = log_read(applying, &error);
    left = left_of(applying);
    if (status == STATUS_OK && left > 0 && applying->newer)
        status = error_set(&error, STATUS_INVALID,
                           "%s is stale: %s came after it was made; make a new plan", plan_path,
                           applying->what);
    if (status == STATUS_OK && left > 0)
        status = command_ask(applying->from, &error, "%zu command%s will be published.", left,
                             plural(left));
    if (status != STATUS_OK)
        return command_fail(&error);
    if (left > 0)
        status = publish(applying, path, &error);
    published = left - left_of(applying);
    if (status == STATUS_OK && settings_flag(applying->from, "json"))
        json_line_print_counts("published", published, "published_before", applying->count - left);
    else if (status == STATUS_OK)
        printf("%zu command%s published, %zu before\n", published, plural(published),
               applying->count - left);
    if (status == STATUS_OK && applying->count > 0 && !command_interrupted())
        status = wait_and_print(applying, &open, &error);
    if (status != STATUS_OK)
        return command_fail(&error);
    open += recover_tell(applying->plan);
    return open > 0 || left_of(applying) > 0 ? EXIT_FOUND : EXIT_FINE;
}

enum exit_code replay_apply(const struct settings *from, const char *const *arguments, size_t count)
{
    struct applying applying = {.from = from};
    struct error error = {0};
    enum exit_code code;

    if (count != 1)
        return command_misused("replay apply needs one plan: the file that sagactl replay plan "
                               "--out FILE has written");
    applying.plan = plan_read(arguments[0], &error);
    if (applying.plan == NULL)
        return command_fail(&error);
    applying.arena = arena_new();
    commands_take(&applying);
    code = apply(&applying, arguments[0]);
    histories_free(applying.log);
    arena_free(applying.arena);
    plan_free(applying.plan);
    return code;
}
