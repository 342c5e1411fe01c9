#include "tools/sagactl/replay/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buffer.h"
#include "base/timestamp.h"
#include "brokers/topics.h"
#include "events/identity.h"
#include "history/assemble.h"
#include "history/memory_bound.h"
#include "history/replay_inputs.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"
#include "tools/sagactl/when.h"

enum { PLAN_VERSION = 1, LINE_MAX_BYTES = 1 << 20 };

/* ---- the plan itself ---- */

struct plan *plan_new(void)
{
    struct plan *plan = calloc(1, sizeof *plan);
    char *id;

    if (plan == NULL)
        abort();
    plan->arena = arena_new();
    id = arena_alloc(plan->arena, IDENTITY_SIZE);
    command_id(id);
    plan->id = id;
    return plan;
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    arena_free(plan->arena);
    free(plan->findings);
    free(plan->positions);
    free(plan);
}

static const char *keep(struct plan *plan, const char *text)
{
    return arena_copy(plan->arena, text, strlen(text));
}

void plan_add(struct plan *plan, const struct finding *finding)
{
    plan->findings =
        array_grow(plan->findings, plan->count, &plan->capacity, sizeof *plan->findings);
    plan->findings[plan->count++] = (struct finding){finding->kind,
                                                     keep(plan, finding->order_id),
                                                     finding->service,
                                                     keep(plan, finding->what),
                                                     keep(plan, finding->reason),
                                                     finding->action};
}

static int by_order(const void *a, const void *b)
{
    const struct planned_command *left = a, *right = b;
    int order = strcmp(left->order_id, right->order_id);

    return order != 0 ? order : left->type - right->type;
}

struct planned_command *plan_commands(const struct plan *plan, size_t *count)
{
    struct planned_command *planned_commands =
        arena_array(plan->arena, plan->count + 1, sizeof *planned_commands);
    size_t found = 0;

    for (size_t i = 0; i < plan->count; i++)
        if (plan->findings[i].action >= 0)
            planned_commands[found++] = (struct planned_command){
                .order_id = plan->findings[i].order_id, .type = plan->findings[i].action};
    qsort(planned_commands, found, sizeof *planned_commands, by_order);
    *count = 0;
    for (size_t i = 0; i < found; i++)
        if (*count == 0 || by_order(&planned_commands[*count - 1], &planned_commands[i]) != 0)
            planned_commands[(*count)++] = planned_commands[i];
    return planned_commands;
}

struct planned_command *planned_command_find(struct planned_command *planned_commands, size_t count,
                                             const char *order_id, int type)
{
    const struct planned_command wanted = {.order_id = order_id, .type = type};

    return bsearch(&wanted, planned_commands, count, sizeof wanted, by_order);
}

/* ---- its file ---- */

static const char *action_name(int action)
{
    return action >= 0                ? message_type_name((enum message_type)action)
           : action == ACTION_RECOVER ? "recover"
                                      : NULL;
}

struct json_object *finding_json(const struct finding *finding)
{
    struct json_object *json = json_object_new_object();

    json_add_texts(json, "order", finding->order_id, "service", catalog[finding->service].name,
                   "kind", finding_kinds[finding->kind], "what", finding->what, "reason",
                   finding->reason, "action", action_name(finding->action), NULL);
    return json;
}

static struct json_object *head_json(const struct plan *plan)
{
    struct json_object *json = json_object_new_object();
    struct buffer positions = {.arena = plan->arena};
    char now[TIMESTAMP_SIZE];

    timestamp_format(clock_us(), now);
    buffer_text(&positions, "");
    for (size_t i = 0; i < plan->position_count; i++)
        buffer_format(&positions, "%s%s/%d/%lld", i > 0 ? " " : "", plan->positions[i].topic,
                      plan->positions[i].partition, (long long)plan->positions[i].offset);
    json_add_integer(json, "plan", PLAN_VERSION);
    json_add_texts(json, "id", plan->id, "made_at", now, "positions", positions.data, NULL);
    return json;
}

/* Frees what it has written. */
static bool line_write(FILE *file, struct json_object *json)
{
    bool good = fprintf(file, "%s\n", json_line(json)) > 0;

    json_object_put(json);
    return good;
}

enum status plan_write(const struct plan *plan, const char *path, struct error *error)
{
    FILE *file = fopen(path, "w");
    bool good;

    if (file == NULL)
        return error_set(error, STATUS_INVALID, "%s: %s", path, strerror(errno));
    good = line_write(file, head_json(plan));
    for (size_t i = 0; good && i < plan->count; i++)
        good = line_write(file, finding_json(&plan->findings[i]));
    if (fclose(file) != 0 || !good)
        return error_set(error, STATUS_INVALID, "%s: %s", path, strerror(errno));
    return STATUS_OK;
}

static int number_of(const char *const *names, int count, const char *name)
{
    for (int i = 0; name != NULL && i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* "orders/0/17 orders/1/4" */
static bool positions_read(struct plan *plan, const char *text)
{
    char *copy = arena_copy(plan->arena, text, strlen(text)), *rest = NULL;

    plan->positions = calloc(strlen(text) + 1, sizeof *plan->positions);
    if (plan->positions == NULL)
        abort();
    for (char *part = strtok_r(copy, " ", &rest); part != NULL; part = strtok_r(NULL, " ", &rest)) {
        char *slash = strchr(part, '/'), *end;
        struct position *position = &plan->positions[plan->position_count++];

        if (slash == NULL)
            return false;
        *slash = '\0';
        position->topic = part;
        position->partition = (int32_t)strtol(slash + 1, &end, 10);
        if (end == slash + 1 || *end != '/')
            return false;
        position->offset = strtoll(end + 1, &end, 10);
        if (*end != '\0')
            return false;
    }
    return true;
}

static bool is_of_this_version(const struct json_object *json)
{
    struct json_object *version = NULL;

    return json_object_object_get_ex(json, "plan", &version) &&
           json_object_is_type(version, json_type_int) &&
           json_object_get_int64(version) == PLAN_VERSION;
}

static bool head_read(struct plan *plan, const struct json_object *json)
{
    const char *id = json_text(json, "id"), *positions = json_text(json, "positions");

    if (!is_of_this_version(json) || id == NULL || strlen(id) != IDENTITY_SIZE - 1 ||
        positions == NULL)
        return false;
    plan->id = keep(plan, id);
    return positions_read(plan, positions);
}

static bool finding_read(struct plan *plan, const struct json_object *json)
{
    struct finding finding = {.order_id = json_text(json, "order"),
                              .service = catalog_find(json_text(json, "service")),
                              .what = json_text(json, "what"),
                              .reason = json_text(json, "reason"),
                              .action = ACTION_NONE};
    int kind = number_of(finding_kinds, 3, json_text(json, "kind"));
    const char *action = json_text(json, "action");
    enum message_type type;

    if (finding.order_id == NULL || !order_id_valid(finding.order_id) || finding.service < 0 ||
        finding.what == NULL || finding.reason == NULL || kind < 0)
        return false;
    if (action != NULL && strcmp(action, "recover") == 0) {
        finding.action = ACTION_RECOVER;
    } else if (action != NULL) {
        const char *dot = strrchr(action, '.');

        if (!message_type_find(action, &type) || dot == NULL || strcmp(dot, ".republish") != 0)
            return false;
        finding.action = (int)type;
    }
    finding.kind = (enum finding_kind)kind;
    plan_add(plan, &finding);
    return true;
}

static enum status lines_read(struct plan *plan, FILE *file, const char *path, struct error *error)
{
    char *line = arena_alloc(plan->arena, LINE_MAX_BYTES);
    size_t number = 0;

    while (fgets(line, LINE_MAX_BYTES, file) != NULL) {
        struct json_object *json = json_line_read(line, strcspn(line, "\n"), error);
        bool good;

        number++;
        if (json == NULL)
            return error->status;
        good = number == 1 ? head_read(plan, json) : finding_read(plan, json);
        json_object_put(json);
        if (!good)
            return error_set(
                error, STATUS_INVALID,
                "%s: line %zu is no %s of a plan: sagactl replay plan --out FILE makes one", path,
                number, number == 1 ? "head" : "finding");
    }
    return number > 0 ? STATUS_OK
                      : error_set(error, STATUS_INVALID,
                                  "%s is empty: sagactl replay plan --out FILE makes a plan", path);
}

struct plan *plan_read(const char *path, struct error *error)
{
    FILE *file = fopen(path, "r");
    struct plan *plan;
    enum status status;

    if (file == NULL) {
        error_set(error, STATUS_INVALID, "%s: %s", path, strerror(errno));
        return NULL;
    }
    plan = plan_new();
    status = lines_read(plan, file, path, error);
    fclose(file);
    if (status == STATUS_OK)
        return plan;
    plan_free(plan);
    return NULL;
}

/* ---- replay plan ---- */

void plan_found(void *context, const struct finding *finding)
{
    plan_add(context, finding);
}

struct planning {
    const struct settings *from;
    const char *const *orders; /* NULL-terminated; NULL: all, or those of the window */
    int64_t since_ms, until_ms;
    struct plan *plan;
    struct drift_check check; /* counts of all passes */
    size_t unknown;           /* orders that were named, and that the log knows nothing of */
};

/* Those that somebody spoke of in the window: then all of the log is read for them. */
static enum status window_orders(struct planning *planning, struct order_histories **window,
                                 const char ***orders, struct error *error)
{
    const struct log_source source = command_source(planning->from);
    const struct history_scope scope = {
        .since_ms = planning->since_ms, .until_ms = planning->until_ms, .progress = "window"};
    enum status status;
    size_t count;

    *window = histories_new();
    status = histories_read(*window, &source, &scope, error);
    count = histories_count(*window);
    *orders = calloc(count + 1, sizeof(const char *));
    if (*orders == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        (*orders)[i] = histories_at(*window, i)->order_id;
    return status;
}

static void positions_keep(struct plan *plan, const struct order_histories *log)
{
    const struct position *ends = histories_ends(log, &plan->position_count);

    free(plan->positions);
    plan->positions = calloc(plan->position_count + 1, sizeof *plan->positions);
    if (plan->positions == NULL)
        abort();
    if (plan->position_count > 0)
        memcpy(plan->positions, ends, plan->position_count * sizeof *ends);
}

/* Of the orders that were named. */
static void unknown_tell(struct planning *planning, const struct order_histories *log)
{
    for (const char *const *order = planning->orders; order != NULL && *order != NULL; order++) {
        const struct order_history *history = histories_find(log, *order);

        if (history != NULL && history->records != NULL)
            continue;
        line_say(stderr, "nothing in the log is about order %s", *order);
        planning->unknown++;
    }
}

static enum status pass(struct planning *planning, const char *const *orders, unsigned share,
                        unsigned shares, struct error *error)
{
    const struct log_source source = command_source(planning->from);
    /* its rows know them */
    const bool contents = settings_text(planning->from, "order-database") != NULL;
    const struct history_scope scope = {.orders = orders,
                                        .share = share,
                                        .shares = shares,
                                        .contents = contents,
                                        .progress = "log"};
    const char *groups[SERVICES], *databases[SERVICES];
    struct replay_inputs inputs;
    enum status status;

    command_groups(planning->from, groups);
    command_databases(planning->from, databases);
    status = replay_inputs_open(&inputs, &source.broker, groups, databases, error);
    if (status == STATUS_OK)
        status = histories_read(inputs.log, &source, &scope, error);
    if (status == STATUS_OK) {
        planning->check.observer = source.observer;
        planning->check.log = inputs.log;
        planning->check.lags = inputs.lags;
        planning->check.stored = inputs.stored;
        status = drift_check_all(&planning->check, error);
        unknown_tell(planning, inputs.log);
        if (share == 0)
            positions_keep(planning->plan, inputs.log);
    }
    replay_inputs_close(&inputs);
    return status;
}

static enum status plan_make(struct planning *planning, struct error *error)
{
    const struct log_source source = command_source(planning->from);
    struct order_histories *window = NULL;
    const char *const *orders = planning->orders;
    const char **named = NULL;
    unsigned passes = 1;
    enum status status = STATUS_OK;

    if (orders == NULL && (planning->since_ms != 0 || planning->until_ms != 0)) {
        status = window_orders(planning, &window, &named, error);
        orders = named;
    } else if (orders == NULL) {
        status = histories_passes(&source, settings_integer(planning->from, "memory-mib"), &passes,
                                  error);
    }
    for (unsigned share = 0; status == STATUS_OK && share < passes && !command_interrupted();
         share++)
        status = pass(planning, orders, share, passes, error);
    histories_free(window);
    free(named);
    return status;
}

static const char *action_text(const struct finding *finding, struct arena *arena)
{
    if (finding->action == ACTION_RECOVER)
        return arena_format(arena, "  -> sagactl recover %s", catalog[finding->service].name);
    return finding->action < 0
               ? ""
               : arena_format(arena, "  -> %s",
                              message_type_name((enum message_type)finding->action));
}

static void plan_print(const struct planning *planning)
{
    const struct plan *plan = planning->plan;
    size_t fixable = 0, recoverable = 0;

    for (size_t i = 0; i < plan->count; i++) {
        const struct finding *finding = &plan->findings[i];

        line_wrap(9, "%s%-8s%s %-24s %-9s %s",
                  finding->kind == FINDING_MISSING ? colour_good() : colour_bad(),
                  finding_kinds[finding->kind], colour_off(), finding->order_id,
                  catalog[finding->service].name, finding->what);
        line_wrap(9, "         %s%s%s%s", colour_dim(), finding->reason,
                  action_text(finding, plan->arena), colour_off());
        fixable += finding->action >= 0;
        recoverable += finding->action == ACTION_RECOVER;
    }
    line_wrap(
        2, "%zu order%s: %zu finding%s, %zu of them can be fixed by republishing%s; %zu under way",
        planning->check.orders, plural(planning->check.orders), plan->count, plural(plan->count),
        fixable,
        recoverable == 0 ? "" : arena_format(plan->arena, ", %zu by sagactl recover", recoverable),
        planning->check.under_way);
    for (int i = 0; i < SERVICES; i++)
        if (planning->check.unread[i] > 0)
            line_wrap(
                2,
                "%s has yet to read about %zu order%s: is it running, in group %s? Nothing of "
                "it is judged there.",
                catalog[i].name, planning->check.unread[i], plural(planning->check.unread[i]),
                command_group(planning->from, i));
}

static void plan_print_json(const struct planning *planning)
{
    struct json_object *line, *unread;

    for (size_t i = 0; i < planning->plan->count; i++)
        json_line_print(finding_json(&planning->plan->findings[i]));
    line = json_object_new_object();
    json_add_count(line, "orders", planning->check.orders);
    json_add_count(line, "findings", planning->plan->count);
    json_add_count(line, "under_way", planning->check.under_way);
    unread = json_add_object(line, "unread");
    for (int i = 0; i < SERVICES; i++)
        json_add_count(unread, catalog[i].name, planning->check.unread[i]);
    json_line_print(line);
}

static enum status which(struct planning *planning, const char *const *arguments, size_t count,
                         struct error *error)
{
    enum status status = when_setting(planning->from, "since", &planning->since_ms, error);

    if (status == STATUS_OK)
        status = when_setting(planning->from, "until", &planning->until_ms, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        if (!order_id_valid(arguments[i]))
            status = error_set(error, STATUS_INVALID,
                               "order id \"%s\": 1 to %d of A-Z a-z 0-9 . _ : - are allowed",
                               arguments[i], ORDER_ID_MAX);
    if (status == STATUS_OK && (count > 0) + (planning->since_ms != 0 || planning->until_ms != 0) +
                                       settings_flag(planning->from, "all") !=
                                   1)
        status = error_set(error, STATUS_INVALID,
                           "replay plan needs orders, or --since and --until, or --all");
    planning->orders = count > 0 ? arguments : NULL;
    return status;
}

enum exit_code replay_plan(const struct settings *from, const char *const *arguments, size_t count)
{
    struct planning planning = {.from = from,
                                .check = {.found = plan_found,
                                          .now_ms = clock_us() / 1000,
                                          .under_way_ms = settings_integer(from, "under-way-ms")}};
    const char *path = settings_text(from, "out");
    struct error error = {0};
    enum status status = which(&planning, arguments, count, &error);
    size_t found = 0;

    planning.plan = plan_new();
    planning.check.context = planning.plan;
    if (status == STATUS_OK)
        status = plan_make(&planning, &error);
    if (status == STATUS_OK && command_interrupted()) {
        plan_free(planning.plan);
        return command_stopped("nothing is planned");
    }
    if (status == STATUS_OK && settings_flag(from, "json"))
        plan_print_json(&planning);
    else if (status == STATUS_OK)
        plan_print(&planning);
    if (status == STATUS_OK && path != NULL)
        status = plan_write(planning.plan, path, &error);
    found = planning.plan->count + planning.unknown;
    plan_free(planning.plan);
    if (status != STATUS_OK)
        return command_fail(&error);
    return found > 0 ? EXIT_FOUND : EXIT_FINE;
}
