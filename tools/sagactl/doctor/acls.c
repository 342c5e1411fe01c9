#include "tools/sagactl/doctor/acls.h"

#include <stdio.h>
#include <string.h>

#include "brokers/topics.h"
#include "events/message.h"
#include "services/runtime/service.h"
#include "tools/sagactl/terminal/json_line.h"

/* Who there is beside the services: who places orders, and who runs sagactl. */
enum { PRODUCER = SERVICES, OPERATOR, PRINCIPALS };

#define NAME(number, name, ...) #name,

static const char *const names[PRINCIPALS] = {CATALOG(NAME) "producer", "operator"};

/* Are there commands for anyone to publish there? */
static bool is_for_anyone(const char *topic)
{
    for (int type = 0; type < MESSAGE_TYPES; type++)
        if (strcmp(message_topic((enum message_type)type), topic) == 0 &&
            message_emitter((enum message_type)type) == NULL)
            return true;
    return false;
}

static bool is_internal(const char *topic)
{
    const char *dot = strchr(topic, '.');

    return dot != NULL && (strcmp(dot, ".internal") == 0 || strcmp(dot, ".dlq") == 0);
}

static bool may_read(int who, const char *topic)
{
    if (who < SERVICES)
        return service_subscribes(catalog[who].service, topic);
    /* what became of its orders, the order service says */
    return who == OPERATOR ||
           (who == PRODUCER && strcmp(topic, catalog[SERVICE_ORDER].emits_to) == 0);
}

static bool may_write(int who, const char *topic)
{
    if (who < SERVICES)
        return strcmp(topic, catalog[who].emits_to) == 0 ||
               strcmp(topic, catalog[who].internal) == 0 ||
               strcmp(topic, catalog[who].dead_letters) == 0;
    if (who == PRODUCER)
        return strcmp(topic, message_topic(ORDER_PLACE)) == 0;
    return is_for_anyone(topic) || is_internal(topic);
}

static const char *principal(const struct settings *from, int who, char out[200])
{
    size_t length = strlen(names[who]);

    snprintf(out, 200, "User:quadrille-%s", names[who]);
    for (const char *const *given = settings_list(from, "principal"); *given != NULL; given++)
        if (strncmp(*given, names[who], length) == 0 && (*given)[length] == '=')
            snprintf(out, 200, "%s", *given + length + 1);
    return out;
}

/* ---- as a table ---- */

static void cell_print(int who, bool (*may)(int who, const char *topic))
{
    const char *between = "";

    for (size_t i = 0; i < topic_count; i++) {
        if (!may(who, topics[i].name))
            continue;
        printf("%s`%s`", between, topics[i].name);
        between = ", ";
    }
}

static void groups_print(const struct settings *from, int who)
{
    const char *between = "";

    for (int i = 0; i < SERVICES; i++) {
        if (who != i && who != OPERATOR)
            continue;
        printf("%s`%s`", between, command_group(from, i));
        between = ", ";
    }
}

static void table_print(const struct settings *from)
{
    char name[200];

    printf("| principal | writes | reads | reads, of groups |\n| --- | --- | --- | --- |\n");
    for (int who = 0; who < PRINCIPALS; who++) {
        printf("| `%s` | ", principal(from, who, name));
        cell_print(who, may_write);
        printf(" | ");
        if (who == OPERATOR)
            printf("all topics; describes and makes them, and reads their settings");
        else
            cell_print(who, may_read);
        printf(" | ");
        groups_print(from, who);
        printf(" |\n");
    }
}

static void rows_print(const struct settings *from)
{
    char name[200];

    for (int who = 0; who < PRINCIPALS; who++) {
        principal(from, who, name);
        for (size_t i = 0; i < topic_count; i++) {
            if (may_write(who, topics[i].name))
                json_line_print_texts("principal", name, "topic", topics[i].name, "operation",
                                      "Write", NULL);
            if (may_read(who, topics[i].name))
                json_line_print_texts("principal", name, "topic", topics[i].name, "operation",
                                      "Read", NULL);
        }
        for (int i = 0; i < SERVICES; i++)
            if (who == i || who == OPERATOR)
                json_line_print_texts("principal", name, "group", command_group(from, i),
                                      "operation", "Read", NULL);
    }
}

/* ---- as commands ---- */

static void command_begin(const struct settings *from, int who, const char *operations)
{
    char name[200];

    printf("kafka-acls.sh --bootstrap-server %s --add --allow-principal '%s' %s",
           settings_text(from, "brokers"), principal(from, who, name), operations);
}

static void commands_print(const struct settings *from)
{
    for (int who = 0; who < PRINCIPALS; who++) {
        command_begin(from, who, "--operation Write");
        for (size_t i = 0; i < topic_count; i++)
            if (may_write(who, topics[i].name))
                printf(" --topic %s", topics[i].name);
        putchar('\n');
        command_begin(from, who, "--operation Read");
        for (size_t i = 0; i < topic_count; i++)
            if (may_read(who, topics[i].name))
                printf(" --topic %s", topics[i].name);
        for (int i = 0; i < SERVICES; i++)
            if (who == i || who == OPERATOR)
                printf(" --group %s", command_group(from, i));
        putchar('\n');
    }
    command_begin(from, OPERATOR, "--operation Create --operation DescribeConfigs");
    for (size_t i = 0; i < topic_count; i++)
        printf(" --topic %s", topics[i].name);
    putchar('\n');
}

/* "order=User:eve": of somebody in the table, and nothing that a shell would take for its own. */
static bool is_principal(const char *given)
{
    for (int who = 0; who < PRINCIPALS; who++) {
        size_t length = strlen(names[who]);

        if (strncmp(given, names[who], length) == 0 && given[length] == '=')
            return strchr(given + length, ':') != NULL && strpbrk(given, "'\"\\\n|`") == NULL;
    }
    return false;
}

enum exit_code acls_print(const struct settings *from)
{
    for (const char *const *given = settings_list(from, "principal"); *given != NULL; given++)
        if (!is_principal(*given))
            return command_misused("--principal \"%s\": NAME=TYPE:PRINCIPAL is expected, as "
                                   "order=User:eve; NAME is %s, "
                                   "producer or operator",
                                   *given, CATALOG_LIST);
    if (settings_flag(from, "json"))
        rows_print(from);
    else if (strcmp(settings_text(from, "format"), "kafka-acls") == 0)
        commands_print(from);
    else
        table_print(from);
    return EXIT_FINE;
}
