/* sagactl recover: a service whose database lost rows gets them back from the log, and its position
 * to where they stand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brokers/admin.h"
#include "history/memory_bound.h"
#include "history/restore.h"
#include "services/runtime/service.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/copy.h"
#include "tools/sagactl/rows_behind.h"
#include "tools/sagactl/terminal/json_line.h"

/* clang-format off */
static const struct setting settings[] = {
    CATALOG_DATABASES
    CATALOG_GROUPS
    {.name = "dry-run", .kind = SETTING_FLAG, .meaning = "say what would be done, and do nothing"},
    {.name = "partial", .kind = SETTING_FLAG,
     .meaning = "the log has lost its beginning: recover the orders of which it has all, and "
                "leave the rows of the others as they are"},
    {.name = "memory-mib", .kind = SETTING_INTEGER, .min = MEMORY_MIB_MIN, .max = 1048576,
     .meaning = "a log that needs more is read in several passes, each for a share of the "
                "orders; unless set a quarter of what the machine has, at most 2048"},
    {.name = "force", .kind = SETTING_FLAG,
     .meaning = "also where its group has read nothing yet"},
    {.name = "yes", .kind = SETTING_FLAG, .meaning = "do not ask"},
    {.name = NULL},
};
/* clang-format on */

struct recovery {
    const struct settings *from;
    const char *group;
    int service;
    unsigned sharing; /* the services of its process */
    struct database *database;
    struct admin *admin;
    struct restored restored;
    int moved;
    size_t copied;
};

static void report_json(const struct recovery *recovery, bool dry)
{
    const struct restored *restored = &recovery->restored;
    struct json_object *line = json_object_new_object();

    json_add_text(line, "service", catalog[recovery->service].name);
    json_add_count(line, "made", restored->made);
    json_add_count(line, "brought_up", restored->brought_up);
    json_add_count(line, "kept", restored->kept);
    json_add_count(line, "beginning_gone", restored->beginning_gone);
    json_add_count(line, "open", restored->open);
    json_add_text(line, "group", recovery->group);
    json_add_integer(line, "partitions_moved", recovery->moved);
    json_add_count(line, "copied", recovery->copied);
    json_add_flag(line, "dry_run", dry);
    json_line_print(line);
}

static void report(const struct recovery *recovery, bool dry)
{
    const struct restored *restored = &recovery->restored;

    printf("%zu rows %s, %zu %s up to what the log tells, %zu were right\n", restored->made,
           dry ? "would be made" : "made", restored->brought_up,
           dry ? "would be brought" : "brought", restored->kept);
    if (restored->beginning_gone > 0)
        printf("%zu orders whose beginning is gone from the log: their rows are as they were\n",
               restored->beginning_gone);
    printf("%zu orders of which %s has yet to emit something\n", restored->open,
           catalog[recovery->service].name);
    if (!dry)
        printf("group %s reads on from there: %d partition%s moved back\n", recovery->group,
               recovery->moved, recovery->moved == 1 ? "" : "s");
    if (recovery->copied > 0)
        printf("%zu messages that were handed over within its process are copied to %s\n",
               recovery->copied, catalog[recovery->service].internal);
}

static void unreadable_tell(const char *why)
{
    fprintf(stderr, "sagactl: %s: made anew\n", why);
}

/* The service's schema of a shared database, where the address says search_path=SERVICE; else
 * `schema` is NULL. */
static enum status schema_find(struct database *database, const char *service, const char **schema,
                               struct error *error)
{
    struct result *path = NULL;
    enum status status = database_query(
        database, "SELECT trim('\"' from current_setting('search_path'))", NULL, &path, error);

    *schema = status == STATUS_OK && strcmp(result_text(path, 0, 0), service) == 0 ? service : NULL;
    result_free(path);
    return status;
}

/* In one transaction; a dry run takes it back. */
static enum status rows_recover(struct recovery *recovery, bool dry, struct error *error)
{
    const struct log_source source = command_source(recovery->from);
    const struct restore_scope scope = {.service = recovery->service,
                                        .memory_mib =
                                            settings_integer(recovery->from, "memory-mib"),
                                        .partial = settings_flag(recovery->from, "partial"),
                                        .unreadable = unreadable_tell};
    const struct service *service = catalog[recovery->service].service;
    const char *schema;
    enum status status = schema_find(recovery->database, service->name, &schema, error);

    if (status == STATUS_OK)
        status = database_migrate_schema(recovery->database, schema, service->migrations, error);
    if (status == STATUS_OK)
        status = database_execute(recovery->database, "BEGIN", error);
    if (status == STATUS_OK)
        status = rows_restore(&source, &scope, recovery->database, &recovery->restored, error);
    if (status == STATUS_OK && !dry && !command_interrupted())
        return database_execute(recovery->database, "COMMIT", error);
    database_rollback(recovery->database);
    return status;
}

/* The positions of the topics that the service's group reads. */
static enum status group_move(struct recovery *recovery, struct error *error)
{
    const struct restored *restored = &recovery->restored;
    struct position *positions = calloc(restored->position_count + 1, sizeof *positions);
    enum status status;
    size_t count = 0;

    if (positions == NULL)
        abort();
    for (size_t i = 0; i < restored->position_count; i++)
        if (services_read(recovery->sharing, restored->positions[i].topic))
            positions[count++] = restored->positions[i];
    status = admin_group_move_back(recovery->admin, recovery->group, positions, count,
                                   &recovery->moved, error);
    free(positions);
    return status;
}

/* What it consumes of a topic that its group does not read, since it is given that within its
 * process. */
static enum status given_copy(struct recovery *recovery, struct error *error)
{
    const struct restored *restored = &recovery->restored;
    struct copy *copies = calloc(restored->position_count + 1, sizeof *copies);
    enum status status;
    size_t count = 0;

    if (copies == NULL)
        abort();
    for (size_t i = 0; i < restored->position_count; i++) {
        const struct position *position = &restored->positions[i];

        if (service_subscribes(catalog[recovery->service].service, position->topic) &&
            !services_read(recovery->sharing, position->topic))
            copies[count++] = (struct copy){recovery->service, position->topic, position->partition,
                                            position->offset, INT64_MAX};
    }
    status = messages_copy(recovery->from, copies, count, &recovery->copied, error);
    free(copies);
    return status;
}

/* A name that is another's or nobody's has committed nothing: no position would be moved back. */
static enum status name_is_read(const struct recovery *recovery, struct error *error)
{
    const char *name = catalog[recovery->service].name;
    bool has_read = true;
    enum status status = STATUS_OK;

    if (!settings_flag(recovery->from, "force"))
        status = admin_group_has_read(recovery->admin, recovery->group, &has_read, error);
    if (status == STATUS_OK && !has_read)
        status = error_set(error, STATUS_INVALID,
                           "nobody has read in group %s: --%s-group names the group of %s; --force "
                           "is for a service that never ran",
                           recovery->group, name, name);
    return status;
}

/* The position is moved last: with the rows back, what is read too late is only emitted too late,
 * and a second run finds it. */
static enum status recover(struct recovery *recovery, bool dry, struct error *error)
{
    enum status status =
        dry ? STATUS_OK : admin_group_is_idle(recovery->admin, recovery->group, error);

    if (status == STATUS_OK)
        status = name_is_read(recovery, error);
    if (status == STATUS_OK)
        status = rows_recover(recovery, dry, error);
    if (status == STATUS_OK && !dry && !command_interrupted())
        status = given_copy(recovery, error);
    if (status == STATUS_OK && !dry && !command_interrupted())
        status = group_move(recovery, error);
    return status;
}

/* Whoever shares its process decides anew with it, as its group is moved back: a backup of a
 * database that they share took rows of theirs as well. */
static void sharing_look(const struct recovery *recovery)
{
    const char *databases[SERVICES];

    command_databases(recovery->from, databases);
    for (int i = 0; i < SERVICES && !command_interrupted(); i++) {
        const char *name = catalog[i].name;
        struct error error;
        size_t behind;

        if (i == recovery->service || (recovery->sharing & SERVICE_BIT(i)) == 0)
            continue;
        if (databases[i] == NULL)
            fprintf(stderr,
                    "sagactl: %s shares the process, which is not to start while rows of it are "
                    "missing: --%s-database looks for them\n",
                    name, name);
        else if (rows_behind(recovery->from, i, databases[i], &behind, &error) != STATUS_OK)
            fprintf(stderr,
                    "sagactl: %s shares the process, which is not to start while rows of it are "
                    "missing: %s\n",
                    name, error.message);
        else if (behind > 0)
            fprintf(stderr,
                    "sagactl: %s shares the process, and %zu of its rows are missing or older than "
                    "the log: recover it too before the process starts\n",
                    name, behind);
    }
}

static enum exit_code recover_from(struct recovery *recovery, const char *url)
{
    struct broker_settings broker = command_broker(recovery->from);
    const bool dry = settings_flag(recovery->from, "dry-run");
    struct error error = {0};
    enum status status;

    recovery->admin = admin_new(&broker, &error);
    if (recovery->admin == NULL)
        return command_fail(&error);
    recovery->database = database_new(url, "sagactl");
    status = recover(recovery, dry, &error);
    if (status == STATUS_OK && !command_interrupted())
        settings_flag(recovery->from, "json") ? report_json(recovery, dry) : report(recovery, dry);
    restored_free(&recovery->restored);
    database_free(recovery->database);
    admin_free(recovery->admin);
    if (status != STATUS_OK)
        return command_fail(&error);
    if (command_interrupted())
        return command_stopped("the database is as it was");
    if (!dry)
        sharing_look(recovery);
    return EXIT_FINE;
}

static enum exit_code run(const struct settings *from)
{
    struct recovery recovery = {.from = from};
    struct error error;
    const char *const *arguments;
    const char *groups[SERVICES], *url;
    char setting[64];
    size_t count;

    arguments = settings_arguments(from, &count);
    recovery.service = count == 1 ? catalog_find(arguments[0]) : SERVICE_NONE;
    if (recovery.service == SERVICE_NONE)
        return command_misused("recover needs one service: one of %s is expected", CATALOG_LIST);
    snprintf(setting, sizeof setting, "%s-database", arguments[0]);
    url = settings_text(from, setting);
    if (url == NULL)
        return command_misused("recover %s needs --%s, the database that lost rows", arguments[0],
                               setting);
    command_groups(from, groups);
    recovery.group = groups[recovery.service];
    recovery.sharing = services_sharing(groups, recovery.service);
    if (!settings_flag(from, "dry-run") &&
        command_ask(from, &error,
                    "The rows of %s will be brought to what the log tells, and group %s moved back "
                    "to what it has yet to answer.",
                    arguments[0], recovery.group) != STATUS_OK)
        return command_fail(&error);
    return recover_from(&recovery, url);
}

const struct command recover_command = {
    "recover",
    "give a service back the rows that its database lost",
    "SERVICE [OPTION ...]\n\n"
    "What to do after a service's database came back from an old backup, or was lost: stop all "
    "instances of\n"
    "the service, restore the backup (or make an empty database), recover, start.\n\n"
    "It reads the log, and brings each row to what the log tells. What the service emitted is the "
    "truth: a\n"
    "decided order stays decided, what was reserved is reserved again, a mail that is out is not "
    "sent again.\n"
    "Rows that are missing, or cannot be read, are made; older ones are brought up; those that are "
    "further\n"
    "stay. Then the group is moved back to the first message whose consequence was never emitted: "
    "only that\n"
    "is decided when the service starts, its effects under the same keys as ever. Where the "
    "service shares a\n"
    "process (--SERVICE-group), what was handed over to it there is copied to its internal topic. "
    "Nobody is asked,\n"
    "nothing else is published.\n\n"
    "All rows are written in one transaction: interrupted, it leaves the database as it was. It "
    "may be run again.\n\n"
    "  sagactl recover order --order-database postgresql:///orders --dry-run\n"
    "  sagactl recover inventory --yes",
    settings,
    run,
    CATALOG_WORDS};
