/* sagactl services: the catalog, for people and for scripts. */
#include <stdio.h>

#include "services/runtime/rows.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

/* clang-format off */
static const struct setting settings[] = {
    {.name = "names", .kind = SETTING_FLAG, .meaning = "only the names, one a line"},
    {.name = NULL},
};
/* clang-format on */

static void consumed_print(const struct service *service)
{
    for (size_t i = 0; i < service->subscription_count; i++)
        printf("%s%s", i > 0 ? ", " : "", service->subscriptions[i].topic);
}

static void json_print(const struct catalog_entry *entry)
{
    const struct service *service = entry->service;
    struct json_object *line = json_object_new_object(), *consumes;

    json_add_texts(line, "service", entry->name, "emits_to", entry->emits_to, "internal",
                   entry->internal, "dead_letters", entry->dead_letters, "republish",
                   message_type_name(entry->republish), "table", service->rows->stored_in,
                   "database", entry->database, "group", entry->group, NULL);
    consumes = json_add_array(line, "consumes");
    for (size_t i = 0; i < service->subscription_count; i++)
        json_append(consumes, json_object_new_string(service->subscriptions[i].topic));
    json_line_print(line);
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
            consumed_print(catalog[i].service);
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
