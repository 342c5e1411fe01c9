/* sagactl services: the catalog, for people and for scripts. */
#include <stdio.h>

#include "services/runtime/rows.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/terminal.h"

/* clang-format off */
static const struct setting settings[] = {
    {.name = "names", .kind = SETTING_FLAG, .meaning = "only the names, one a line"},
    {.name = NULL},
};
/* clang-format on */

static void consumed_print(const struct service *service, const char *quote, const char *between)
{
    for (size_t i = 0; i < service->subscription_count; i++)
        printf("%s%s%s%s", i > 0 ? between : "", quote, service->subscriptions[i].topic, quote);
}

static void json_print(const struct catalog_entry *entry)
{
    printf("{\"service\":\"%s\",\"emits_to\":\"%s\",\"internal\":\"%s\",\"dead_letters\":\"%s\",",
           entry->name, entry->emits_to, entry->internal, entry->dead_letters);
    printf("\"republish\":\"%s\",\"table\":\"%s\",\"database\":\"%s\",\"group\":\"%s\",",
           message_type_name(entry->republish), entry->service->rows->stored_in, entry->database,
           entry->group);
    printf("\"consumes\":[");
    consumed_print(entry->service, "\"", ",");
    puts("]}");
}

static enum exit_code run(const struct settings *from)
{
    if (!settings_flag(from, "json") && !settings_flag(from, "names"))
        printf("%-10s %-10s %-20s %-12s %s\n", "SERVICE", "EMITS TO", "DATABASE", "TABLE",
               "CONSUMES");
    for (int i = 0; i < SERVICES; i++) {
        if (settings_flag(from, "json")) {
            json_print(&catalog[i]);
        } else if (settings_flag(from, "names")) {
            puts(catalog[i].name);
        } else {
            printf("%-10s %-10s %-20s %-12s ", catalog[i].name, catalog[i].emits_to,
                   catalog[i].database, catalog[i].service->rows->stored_in);
            consumed_print(catalog[i].service, "", ", ");
            putchar('\n');
        }
    }
    return EXIT_FINE;
}

const struct command services_command = {
    "services",
    "list the services, their topics and databases",
    "[--names]\n\n"
    "Prints the table of services that everything here goes by: the topics that each consumes and "
    "emits\n"
    "to, the database that it has in tools/stack, and the table of its rows. Nothing is asked of a "
    "broker.\n"
    "With --json also its other topics, its consumer group and the command to emit again.\n\n"
    "  for service in $(sagactl services --names); do systemctl status quadrille@$service; done",
    settings,
    run,
    NULL};
