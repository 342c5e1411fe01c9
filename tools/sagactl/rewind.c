/* sagactl rewind: has a service read all of its topics again. */
#include <stdio.h>
#include <string.h>

#include "brokers/admin.h"
#include "tools/sagactl/command.h"

static const struct setting settings[] = {
    {.name = "group", .kind = SETTING_TEXT, .meaning = "its consumer group; quadrille-SERVICE unless set"},
    {.name = "yes", .kind = SETTING_FLAG, .meaning = "do not ask"},
    {.name = NULL},
};

static bool is_service(const char *name)
{
    for (int i = 0; i < SERVICES; i++)
        if (strcmp(service_names[i], name) == 0)
            return true;
    return false;
}

static enum exit_code run(const struct settings *from)
{
    struct broker_settings broker = command_broker(from);
    const char *const *arguments;
    const char *group = settings_text(from, "group");
    struct admin *admin;
    struct error error;
    enum status status;
    char own[64];
    size_t count;
    int moved = 0;

    arguments = settings_arguments(from, &count);
    if (count != 1 || !is_service(arguments[0]))
        return command_misused("rewind needs one service: order, payment, inventory or email");
    snprintf(own, sizeof own, "quadrille-%s", arguments[0]);
    if (group == NULL)
        group = own;
    if (command_ask(from, &error, "Group %s will read all of its topics from the beginning.", group) != STATUS_OK)
        return command_fail(&error);
    admin = admin_new(&broker, &error);
    if (admin == NULL)
        return command_fail(&error);
    status = admin_group_rewind(admin, group, &moved, &error);
    admin_free(admin);
    if (status != STATUS_OK)
        return command_fail(&error);
    printf(settings_flag(from, "json") ? "{\"group\":\"%s\",\"partitions\":%d}\n" : "group %s starts at the beginning of %d partitions\n", group, moved);
    return EXIT_FINE;
}

const struct command rewind_command = {
    "rewind", "have a service read everything again",
    "SERVICE [OPTION ...]\n\n"
    "Moves the offsets of a service's consumer group to the beginning of every topic that it has read; all\n"
    "its instances must be stopped. When they are started again, the service reads the whole log: orders\n"
    "that are open are answered again, rows of closed ones stay as they are, nothing is charged or mailed\n"
    "twice. It is what to do after a service's database came back from an old backup.\n\n"
    "  sagactl rewind payment",
    settings, run, "order payment inventory email"};
