/* sagactl rewind: has a service read all of its topics again. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "brokers/admin.h"
#include "history/memory_bound.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/rows_behind.h"
#include "tools/sagactl/terminal/json_line.h"

/* clang-format off */
static const struct setting settings[] = {
    CATALOG_GROUPS
    CATALOG_DATABASES
    {.name = "memory-mib", .kind = SETTING_INTEGER, .min = MEMORY_MIB_MIN, .max = 1048576,
     .meaning = "of the look at the log; unless set a quarter of what the machine has, at most "
                "2048"},
    {.name = "force", .kind = SETTING_FLAG, .meaning = "do not look whether rows are missing"},
    {.name = "yes", .kind = SETTING_FLAG, .meaning = "do not ask"},
    {.name = NULL},
};
/* clang-format on */

/* A service that lost rows and reads its inputs again decides again, in another order of events
 * than the first time. */
static enum status rows_check(const struct settings *from, int service, struct error *error)
{
    const char *name = catalog[service].name;
    const char *databases[SERVICES];
    enum status status;
    size_t behind;

    command_databases(from, databases);
    if (databases[service] == NULL)
        return error_set(
            error, STATUS_INVALID,
            "rewind needs --%s-database, to see whether rows are missing; --force does not look",
            name);
    status = rows_behind(from, service, databases[service], &behind, error);
    if (status == STATUS_OK && behind > 0)
        status = error_set(error, STATUS_CONFLICT,
                           "%zu rows of %s are missing or older than the log: reading again would "
                           "decide again what was decided. "
                           "sagactl recover %s brings them back; --force rewinds all the same",
                           behind, name, name);
    return status;
}

/* Whoever shares its process reads again with it: what began an order is what they are all given
 * their events by. */
static enum status all_rows_check(const struct settings *from, unsigned sharing,
                                  struct error *error)
{
    enum status status = STATUS_OK;

    for (int i = 0; status == STATUS_OK && !command_interrupted() && i < SERVICES; i++)
        if ((sharing & SERVICE_BIT(i)) != 0)
            status = rows_check(from, i, error);
    return status;
}

/* ", for order, email too"; "" for one that shares its process with nobody. */
static const char *others_text(unsigned sharing, int service, struct arena *arena)
{
    struct buffer text = {.arena = arena};

    buffer_text(&text, "");
    for (int i = 0; i < SERVICES; i++)
        if (i != service && (sharing & SERVICE_BIT(i)) != 0)
            buffer_format(&text, ", %s%s", text.length == 0 ? "for " : "", catalog[i].name);
    if (text.length > 0)
        buffer_text(&text, " too");
    return text.data;
}

static void print_json(const char *group, unsigned sharing, int moved)
{
    struct json_object *line = json_object_new_object(), *services;

    json_add_text(line, "group", group);
    services = json_add_array(line, "services");
    for (int i = 0; i < SERVICES; i++)
        if ((sharing & SERVICE_BIT(i)) != 0)
            json_append(services, json_object_new_string(catalog[i].name));
    json_add_integer(line, "partitions", moved);
    json_line_print(line);
}

static enum status rewind_group(const struct settings *from, const char *group, int *moved,
                                struct error *error)
{
    struct broker_settings broker = command_broker(from);
    struct admin *admin = admin_new(&broker, error);
    enum status status;

    if (admin == NULL)
        return error->status;
    status = admin_group_rewind(admin, group, moved, error);
    admin_free(admin);
    return status;
}

static enum exit_code rewind_service(const struct settings *from, int service, struct arena *arena)
{
    const char *groups[SERVICES], *group, *others;
    struct error error;
    unsigned sharing;
    int moved = 0;

    command_groups(from, groups);
    group = groups[service];
    sharing = services_sharing(groups, service);
    others = others_text(sharing, service, arena);
    if (!settings_flag(from, "force") && all_rows_check(from, sharing, &error) != STATUS_OK)
        return command_fail(&error);
    if (command_interrupted())
        return command_stopped("nothing was done");
    if (command_ask(from, &error, "Group %s will read all of its topics from the beginning%s.",
                    group, others) != STATUS_OK ||
        rewind_group(from, group, &moved, &error) != STATUS_OK)
        return command_fail(&error);
    if (settings_flag(from, "json"))
        print_json(group, sharing, moved);
    else
        printf("group %s starts at the beginning of %d partitions%s\n", group, moved, others);
    return EXIT_FINE;
}

static enum exit_code run(const struct settings *from)
{
    size_t count;
    const char *const *arguments = settings_arguments(from, &count);
    struct arena *arena;
    enum exit_code code;

    if (count != 1 || catalog_find(arguments[0]) == SERVICE_NONE)
        return command_misused("rewind needs one service: one of %s is expected", CATALOG_LIST);
    arena = arena_new();
    code = rewind_service(from, catalog_find(arguments[0]), arena);
    arena_free(arena);
    return code;
}

const struct command rewind_command = {
    "rewind",
    "have a service read everything again",
    "SERVICE [OPTION ...]\n\n"
    "Moves the offsets of a service's consumer group to the beginning of every topic that it has "
    "read; all\n"
    "its instances must be stopped. When they are started again, the service reads the whole log: "
    "every order\n"
    "is answered again, under the same ids; rows stay as they are, nothing is charged or mailed "
    "twice. It is for\n"
    "readers who lost events, never for a service that lost rows: that one would decide again. "
    "Rewind refuses\n"
    "where rows are missing that the log knows; recover is what brings them back. Services of one "
    "process read\n"
    "again together: the databases of all of them are looked at, and it says who they are.\n\n"
    "  sagactl rewind payment --payment-database postgresql:///payments",
    settings,
    run,
    CATALOG_WORDS};
