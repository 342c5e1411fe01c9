/* sagactl regroup: hands the positions of the old groups to the new ones, when services move out of
 * a process or into one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brokers/admin.h"
#include "brokers/topics.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/copy.h"
#include "tools/sagactl/regroup/plan.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

/* clang-format off */
static const struct setting settings[] = {
    CATALOG_GROUPS
    {.name = "dry-run", .kind = SETTING_FLAG, .meaning = "print the plan, and do nothing"},
    {.name = "force", .kind = SETTING_FLAG,
     .meaning = "also where a group has read nothing yet"},
    {.name = "yes", .kind = SETTING_FLAG, .meaning = "do not ask"},
    {.name = NULL},
};
/* clang-format on */

struct shape {
    unsigned services[SERVICES];                /* of each: who shares its process */
    char groups[SERVICES][SERVICES_GROUP_SIZE]; /* ...and the group of those */
};

struct regroup {
    const struct settings *from;
    bool json;
    struct admin *admin;
    struct shape before, after;
    int partitions[TOPICS_MAX];
    size_t partition_count; /* of all topics */
    struct extent *extents;
    int64_t *committed_before[SERVICES], *committed_after[SERVICES];
    struct regroup_plan plan;
    size_t copied;
};

/* ---- the shapes ---- */

static void before_read(struct regroup *regroup)
{
    const char *groups[SERVICES];

    command_groups(regroup->from, groups);
    for (int i = 0; i < SERVICES; i++) {
        regroup->before.services[i] = services_sharing(groups, i);
        snprintf(regroup->before.groups[i], SERVICES_GROUP_SIZE, "%s", groups[i]);
    }
}

/* "order,inventory": the services of one process. */
static enum status process_read(const char *text, unsigned *services, struct error *error)
{
    const char *const whole = text;

    *services = 0;
    for (;;) {
        const int length = (int)strcspn(text, ",");
        int service = 0;

        while (service < SERVICES && (strncmp(catalog[service].name, text, (size_t)length) != 0 ||
                                      catalog[service].name[length] != '\0'))
            service++;
        if (service == SERVICES)
            return error_set(error, STATUS_INVALID,
                             "\"%s\": \"%.*s\" is no service: some of %s are expected, joined by "
                             "commas",
                             whole, length, text, CATALOG_LIST);
        if ((*services & SERVICE_BIT(service)) != 0)
            return error_set(error, STATUS_INVALID, "\"%s\" names %s twice", whole,
                             catalog[service].name);
        *services |= SERVICE_BIT(service);
        if (text[length] == '\0')
            return STATUS_OK;
        text += length + 1;
    }
}

/* A process that stays as it is keeps its group, whatever that is called. */
static void group_find(struct regroup *regroup, int service)
{
    if (regroup->after.services[service] == regroup->before.services[service])
        memcpy(regroup->after.groups[service], regroup->before.groups[service],
               SERVICES_GROUP_SIZE);
    else
        services_group(regroup->after.services[service], regroup->after.groups[service]);
}

static enum status after_read(struct regroup *regroup, const char *const *processes, size_t count,
                              struct error *error)
{
    unsigned named = 0, services;

    for (size_t i = 0; i < count; i++) {
        if (process_read(processes[i], &services, error) != STATUS_OK)
            return error->status;
        for (int j = 0; j < SERVICES; j++) {
            if ((services & SERVICE_BIT(j)) == 0)
                continue;
            if ((named & SERVICE_BIT(j)) != 0)
                return error_set(error, STATUS_INVALID, "%s is named for two processes",
                                 catalog[j].name);
            regroup->after.services[j] = services;
            group_find(regroup, j);
        }
        named |= services;
    }
    for (int i = 0; i < SERVICES; i++)
        if ((named & SERVICE_BIT(i)) == 0)
            return error_set(error, STATUS_INVALID,
                             "%s is named for no process: each of %s is to be named once, the "
                             "services of a process joined by commas",
                             catalog[i].name, CATALOG_LIST);
    return STATUS_OK;
}

/* Its positions would be those of both. */
static enum status names_check(const struct regroup *regroup, struct error *error)
{
    for (int i = 0; i < SERVICES; i++)
        for (int j = 0; j < SERVICES; j++)
            if (strcmp(regroup->after.groups[i], regroup->before.groups[j]) == 0 &&
                regroup->after.services[i] != regroup->before.services[j])
                return error_set(error, STATUS_INVALID,
                                 "group %s is that of other services now, as --%s-group says: it "
                                 "cannot be that of %s as well",
                                 regroup->after.groups[i], catalog[j].name, catalog[i].name);
    return STATUS_OK;
}

/* ---- what there is ---- */

static int64_t *committed_read(struct regroup *regroup, const char *group, struct error *error)
{
    struct group_offsets *offsets = admin_group(regroup->admin, group, regroup->partitions, error);
    int64_t *committed = calloc(regroup->partition_count + 1, sizeof *committed);

    if (committed == NULL)
        abort();
    for (size_t i = 0, at = 0; offsets != NULL && i < topic_count; i++)
        for (int j = 0; j < regroup->partitions[i]; j++)
            committed[at++] = group_offset(offsets, topics[i].name, j);
    if (offsets == NULL) {
        free(committed);
        committed = NULL;
    }
    group_offsets_free(offsets);
    return committed;
}

static enum status broker_read(struct regroup *regroup, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < topic_count; i++) {
        status =
            admin_topic_partitions(regroup->admin, topics[i].name, &regroup->partitions[i], error);
        regroup->partition_count += (size_t)regroup->partitions[i];
    }
    for (int i = 0; status == STATUS_OK && i < SERVICES; i++) {
        regroup->committed_before[i] = committed_read(regroup, regroup->before.groups[i], error);
        if (regroup->committed_before[i] != NULL)
            regroup->committed_after[i] = committed_read(regroup, regroup->after.groups[i], error);
        status = regroup->committed_after[i] == NULL ? error->status : STATUS_OK;
    }
    if (status == STATUS_OK) { /* the ends last: what is committed lies before them */
        regroup->extents = admin_extents(regroup->admin, regroup->partitions, error);
        status = regroup->extents == NULL ? error->status : STATUS_OK;
    }
    return status;
}

static struct regrouping regrouping_of(const struct regroup *regroup)
{
    struct regrouping regrouping = {.partitions = regroup->partitions, .extents = regroup->extents};

    for (int i = 0; i < SERVICES; i++) {
        regrouping.before[i] = regroup->before.services[i];
        regrouping.after[i] = regroup->after.services[i];
        regrouping.committed_before[i] = regroup->committed_before[i];
        regrouping.committed_after[i] = regroup->committed_after[i];
    }
    return regrouping;
}

/* ---- what must not be ---- */

/* Of the processes that change. */
static enum status shape_idle_check(struct regroup *regroup, const struct shape *shape,
                                    struct error *error)
{
    enum status status = STATUS_OK;

    for (int i = 0; status == STATUS_OK && i < SERVICES; i++)
        if (is_first_of(shape->services[i], i) &&
            regroup->before.services[i] != regroup->after.services[i])
            status = admin_group_is_idle(regroup->admin, shape->groups[i], error);
    return status;
}

static enum status idle_check(struct regroup *regroup, struct error *error)
{
    const enum status status = shape_idle_check(regroup, &regroup->before, error);

    return status == STATUS_OK ? shape_idle_check(regroup, &regroup->after, error) : status;
}

/* A name that is another's or nobody's has committed nothing: the new groups would begin all
 * topics anew. */
static enum status names_are_read(const struct regroup *regroup, struct error *error)
{
    const struct regrouping regrouping = regrouping_of(regroup);
    const int unread = regroup_unread(&regrouping);

    if (unread == SERVICE_NONE || settings_flag(regroup->from, "force"))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID,
                     "nobody has read in group %s: --%s-group names the group that %s is in now; "
                     "--force is for a service that never ran",
                     regroup->before.groups[unread], catalog[unread].name, catalog[unread].name);
}

/* What an open transaction holds back cannot be copied, and would not be read any more. */
static enum status held_check(const struct regroup *regroup, struct error *error)
{
    for (size_t i = 0, at = 0; i < topic_count; i++)
        for (int j = 0; j < regroup->partitions[i]; j++, at++)
            for (int k = 0; k < SERVICES; k++)
                if (regroup->extents[at].held > 0 &&
                    services_read_for(regroup->before.services[k], k, topics[i].name) &&
                    !services_read_for(regroup->after.services[k], k, topics[i].name))
                    return error_set(error, STATUS_INVALID,
                                     "an open transaction holds back %lld messages of %s/%d, which "
                                     "%s would miss: end or abort it at its producer",
                                     (long long)regroup->extents[at].held, topics[i].name, j,
                                     catalog[k].name);
    return STATUS_OK;
}

/* ---- the plan on paper ---- */

static const char *group_of(const struct regroup *regroup, int service, bool before)
{
    return (before ? &regroup->before : &regroup->after)->groups[service];
}

static void move_print_json(const struct regroup *regroup, const struct move *move)
{
    struct json_object *line = json_object_new_object();

    json_add_text(line, "group", group_of(regroup, move->service, move->before));
    json_add_text(line, "topic", move->topic);
    json_add_integer(line, "partition", move->partition);
    json_add_integer(line, "old", move->from);
    json_add_integer(line, "new", move->to);
    json_line_print(line);
}

static void copy_print_json(const struct copy *copy)
{
    struct json_object *line = json_object_new_object();

    json_add_text(line, "copied_to", catalog[copy->service].internal);
    json_add_text(line, "topic", copy->topic);
    json_add_integer(line, "partition", copy->partition);
    json_add_integer(line, "from", copy->from);
    json_add_integer(line, "to", copy->to);
    json_line_print(line);
}

static void move_print(const struct regroup *regroup, const struct move *move)
{
    char old[24] = "-";

    if (move->from >= 0)
        snprintf(old, sizeof old, "%lld", (long long)move->from);
    line_wrap(2, "%-40s %-20s %9d %12s %12lld", group_of(regroup, move->service, move->before),
              move->topic, move->partition, old, (long long)move->to);
}

static void plan_print(const struct regroup *regroup)
{
    const struct regroup_plan *plan = &regroup->plan;

    if (plan->move_count > 0 && !regroup->json)
        line_wrap(2, "%-40s %-20s %9s %12s %12s", "GROUP", "TOPIC", "PARTITION", "OLD", "NEW");
    for (size_t i = 0; i < plan->move_count; i++)
        regroup->json ? move_print_json(regroup, &plan->moves[i])
                      : move_print(regroup, &plan->moves[i]);
    for (size_t i = 0; i < plan->copy_count; i++) {
        const struct copy *copy = &plan->copies[i];

        if (regroup->json)
            copy_print_json(copy);
        else
            line_wrap(2, "up to %lld messages of %s/%d are copied to %s",
                      (long long)(copy->to - copy->from), copy->topic, copy->partition,
                      catalog[copy->service].internal);
    }
}

/* ---- doing ---- */

/* Those of the plan that are of one group. */
static enum status group_move(struct regroup *regroup, int service, bool before,
                              struct error *error)
{
    const struct regroup_plan *plan = &regroup->plan;
    struct position *positions = calloc(plan->move_count + 1, sizeof *positions);
    enum status status;
    size_t count = 0;

    if (positions == NULL)
        abort();
    for (size_t i = 0; i < plan->move_count; i++)
        if (plan->moves[i].service == service && plan->moves[i].before == before)
            positions[count++] = (struct position){plan->moves[i].topic, plan->moves[i].partition,
                                                   plan->moves[i].to};
    status = admin_group_move(regroup->admin, group_of(regroup, service, before), positions, count,
                              error);
    free(positions);
    return status;
}

/* First what is copied is safe, then the old groups are moved behind it, then the new ones are
 * moved: interrupted anywhere, it may be done again. */
static enum status carry_out(struct regroup *regroup, struct error *error)
{
    enum status status = messages_copy(regroup->from, regroup->plan.copies,
                                       regroup->plan.copy_count, &regroup->copied, error);

    for (int before = 1; before >= 0; before--)
        for (int i = 0; status == STATUS_OK && !command_interrupted() && i < SERVICES; i++)
            status = group_move(regroup, i, before == 1, error);
    return status;
}

static void report(const struct regroup *regroup)
{
    if (regroup->json)
        json_line_print_counts("moved", regroup->plan.move_count, "copied", regroup->copied);
    else
        printf("moved %zu position%s, copied %zu message%s\n", regroup->plan.move_count,
               plural(regroup->plan.move_count), regroup->copied, plural(regroup->copied));
}

static enum status regroup_do(struct regroup *regroup, struct error *error)
{
    enum status status = broker_read(regroup, error);
    struct regrouping regrouping;

    if (status == STATUS_OK)
        status = idle_check(regroup, error);
    if (status == STATUS_OK)
        status = names_are_read(regroup, error);
    if (status == STATUS_OK)
        status = held_check(regroup, error);
    if (status != STATUS_OK || command_interrupted())
        return status;
    regrouping = regrouping_of(regroup);
    regroup_plan(&regrouping, &regroup->plan);
    plan_print(regroup);
    if (regroup->plan.move_count == 0 && !regroup->json)
        printf("all groups stand where they are to stand: there is nothing to do\n");
    if (regroup->plan.move_count == 0 || settings_flag(regroup->from, "dry-run"))
        return STATUS_OK;
    status =
        command_ask(regroup->from, error, "%zu positions will be moved.", regroup->plan.move_count);
    if (status == STATUS_OK) /* the answer may have taken its time */
        status = idle_check(regroup, error);
    if (status == STATUS_OK)
        status = carry_out(regroup, error);
    if (status == STATUS_OK && !command_interrupted())
        report(regroup);
    return status;
}

static void regroup_free(struct regroup *regroup)
{
    for (int i = 0; i < SERVICES; i++) {
        free(regroup->committed_before[i]);
        free(regroup->committed_after[i]);
    }
    free(regroup->extents);
    regroup_plan_free(&regroup->plan);
    admin_free(regroup->admin);
}

static enum exit_code run(const struct settings *from)
{
    const struct broker_settings broker = command_broker(from);
    struct regroup regroup = {.from = from, .json = settings_flag(from, "json")};
    size_t count;
    const char *const *processes = settings_arguments(from, &count);
    struct error error = {0};
    enum status status;

    before_read(&regroup);
    if (after_read(&regroup, processes, count, &error) != STATUS_OK ||
        names_check(&regroup, &error) != STATUS_OK)
        return command_fail(&error);
    regroup.admin = admin_new(&broker, &error);
    if (regroup.admin == NULL)
        return command_fail(&error);
    status = regroup_do(&regroup, &error);
    regroup_free(&regroup);
    if (status != STATUS_OK)
        return command_fail(&error);
    return command_interrupted() ? command_stopped("do it again: what was done does no harm")
                                 : EXIT_FINE;
}

const struct command regroup_command = {
    "regroup",
    "hand on the positions of groups when services move out of a process or into one",
    "SERVICE[,SERVICE ...] ... [OPTION ...]\n\n"
    "Each argument names the services of one process, joined by commas; together they name each "
    "service once.\n"
    "That is the shape as it will be; the shape as it is stands in --SERVICE-group: services whose "
    "groups are\n"
    "equal share a process. Stop the processes that will be others, regroup, start the new ones; a "
    "process\n"
    "that stays may run on.\n\n"
    "A new group, called quadrille- and its services joined by -, reads on where the last of its "
    "services stood.\n"
    "What a service had yet to read of a topic that its new group does not read, since the emitter "
    "is in the\n"
    "same process, is copied to its internal topic. The plan is printed first. Positions that a "
    "group of that\n"
    "name has from before are overwritten. It may be done again, and be interrupted: what is read "
    "or copied\n"
    "twice does no harm. Going back is the same command, with the groups as they are then.\n\n"
    "  sagactl regroup order,payment,inventory,email\n"
    "  G=quadrille-order-payment-inventory-email\n"
    "  sagactl regroup order,inventory,email payment --order-group $G --payment-group $G \\\n"
    "    --inventory-group $G --email-group $G\n\n"
    "Exit code 2: a group has members, or nobody has read in it, or the arguments name no shape.",
    settings,
    run,
    CATALOG_WORDS};
