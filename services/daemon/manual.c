#include "services/daemon/manual.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/manual.h"
#include "base/version.h"
#include "services/daemon/settings.h"

size_t daemon_tables(const struct service *service,
                     const struct setting *tables[static DAEMON_TABLES_MAX])
{
    const struct setting *const *outside = service->outside_settings;
    size_t count = 0;

    tables[count++] = daemon_settings;
    tables[count++] = service->settings;
    if (service->executor != NULL)
        tables[count++] = daemon_effects_settings;
    for (; outside != NULL && *outside != NULL; outside++) {
        assert(count < DAEMON_TABLES_MAX);
        tables[count++] = *outside;
    }
    return count;
}

static void synopsis(const char *program)
{
    printf(".SH SYNOPSIS\n.B %s\n[\\fIOPTION\\fR ...]\n.br\n.B %s\n\\-\\-health\\-check "
           "\\-\\-heartbeat\\-file "
           "\\fIFILE\\fR\n",
           program, program);
}

/* What it consumes, by topic. */
static void topics(const struct service *service)
{
    for (size_t i = 0; i < service->subscription_count; i++) {
        const struct subscription *from = &service->subscriptions[i];
        const char *between = "";

        fputs(".TP\n", stdout);
        manual_escape(from->topic, strlen(from->topic), stdout);
        putchar('\n');
        for (enum message_type type = 0; type < MESSAGE_TYPES; type++)
            if ((from->types & FACT(type)) != 0) {
                printf("%s%s", between, message_type_name(type));
                between = ", ";
            }
        putchar('\n');
    }
}

static void description(const struct service *service)
{
    puts(".SH DESCRIPTION");
    manual_text(service->summary, stdout);
    manual_text(
        "It takes part in the order saga of Quadrille by choreography: it consumes events and "
        "commands "
        "from Kafka, keeps one row an order in its own PostgreSQL database, and emits events. "
        "Delivery is "
        "at-least-once and the service idempotent, so that processing is effectively once.\n\n"
        "It makes its tables when it starts, waits for a broker or a database that is unavailable, "
        "and "
        "goes on until it is asked to stop. Run as many instances as there are partitions, at "
        "most.\n\n"
        "What it cannot process goes to its dead-letter queue, with the reason; sagactl lists "
        "it.\n\n"
        "It consumes these topics:",
        stdout);
    topics(service);
}

static void options(const struct service *service)
{
    const struct setting *tables[DAEMON_TABLES_MAX];
    size_t count = daemon_tables(service, tables);

    puts(".SH OPTIONS\nThe command line wins over the environment, that over the default.");
    if (service->settings->name != NULL)
        puts(".SS Of this service");
    for (size_t i = 1; i < count; i++)
        manual_options(tables[i], stdout);
    puts(".SS Of all services");
    manual_options(tables[0], stdout);
}

static const struct manual_section sections[] = {
    {"ENVIRONMENT",
     "QUADRILLE_NAME | What takes a value can also stand in the environment: --some-name as "
     "QUADRILLE_SOME_NAME.\n"
     "PGHOST, PGUSER, PGPASSFILE, ... | libpq's own variables: whatever --database leaves out."},
    {"FILES", "/etc/quadrille/SERVICE.env | The settings of systemd's unit quadrille@SERVICE, as "
              "QUADRILLE_NAME=VALUE; only root "
              "needs to read it.\n"
              "/run/quadrille-SERVICE/heartbeat | The heartbeat file of that unit."},
    {"EXIT STATUS",
     "0 | It was asked to stop, and has; or --health-check found the heartbeat recent enough.\n"
     "1 | A fault, after which going on could lose or double something, or another instance has "
     "its name; the log says "
     "which. Or --health-check found no recent heartbeat.\n"
     "2 | A setting is invalid: a restart changes nothing."},
    {"SIGNALS", "SIGTERM, SIGINT | Finish what is under way, commit, leave the consumer group and "
                "end: within 25 seconds, "
                "also when the broker is unavailable."},
    {NULL, NULL},
};

static void examples(const char *program, const char *name)
{
    printf(".SH EXAMPLES\n.EX\n    %s \\-\\-brokers kafka\\-1:9092,kafka\\-2:9092 \\-\\-database "
           "postgresql://db\\-1/quadrille_%s\n"
           "    %s \\-\\-health\\-check \\-\\-heartbeat\\-file /run/%s/heartbeat\n"
           "    systemctl enable \\-\\-now quadrille@%s\n.EE\n",
           program, name, program, program, name);
}

static void manual(const struct service *service, const char *program)
{
    char about[200];

    snprintf(about, sizeof about, "%.*s", (int)strcspn(service->summary, ":."), service->summary);
    manual_head(program, about, stdout);
    synopsis(program);
    description(service);
    options(service);
    for (const struct manual_section *section = sections; section->heading != NULL; section++)
        manual_section(section, stdout);
    examples(program, service->name);
    puts(".SH SEE ALSO\n.BR sagactl (1),\n.BR quadrille\\-embedded\\-broker (1),\n.BR "
         "systemd.service (5)\n.PP\n"
         "docs/configuration.md and docs/operations.md of Quadrille.");
}

/* docs/configuration.md says once what all services have. */
static void markdown(const struct service *service, const char *program, bool own)
{
    const struct setting *tables[DAEMON_TABLES_MAX];
    size_t count = daemon_tables(service, tables);

    if (!own) {
        settings_markdown(tables, 1, stdout);
        return;
    }
    printf("## %s\n\n%s\n\n", program, service->summary);
    if (count == 2 && service->settings->name == NULL)
        puts("It has no settings of its own.\n");
    else
        settings_markdown(tables + 1, count - 1, stdout);
}

bool daemon_explain(const struct service *service, const struct settings *settings)
{
    const char *pages = settings_text(settings, "help-markdown");
    char program[64];

    snprintf(program, sizeof program, "quadrille-%s", service->name);
    if (settings_flag(settings, "help"))
        settings_help(settings, stdout);
    else if (settings_flag(settings, "version"))
        printf("%s %s\n", program, QUADRILLE_VERSION);
    else if (settings_flag(settings, "help-man"))
        manual(service, program);
    else if (pages != NULL)
        markdown(service, program, strcmp(pages, "own") == 0);
    else
        return false;
    return true;
}
