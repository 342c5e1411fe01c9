#include "services/daemon/program.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/manual.h"
#include "base/version.h"
#include "services/daemon/settings.h"

static bool has_effects(const struct program *program)
{
    for (size_t i = 0; i < program->count; i++)
        if (program->services[i]->executor != NULL)
            return true;
    return false;
}

size_t program_tables(const struct program *program,
                      const struct setting *tables[static PROGRAM_TABLES_MAX])
{
    size_t count = 0;

    tables[count++] = daemon_settings;
    if (program->settings != NULL)
        tables[count++] = program->settings;
    for (size_t i = 0; i < program->count; i++) {
        const struct setting *const *outside = program->services[i]->outside_settings;

        assert(count < PROGRAM_TABLES_MAX);
        tables[count++] = program->services[i]->settings;
        for (; outside != NULL && *outside != NULL; outside++) {
            assert(count < PROGRAM_TABLES_MAX);
            tables[count++] = *outside;
        }
    }
    assert(count < PROGRAM_TABLES_MAX);
    if (has_effects(program))
        tables[count++] = daemon_effects_settings;
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
    printf(".PP\nThe %s service consumes these topics:\n", service->name);
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

static void description(const struct program *program)
{
    puts(".SH DESCRIPTION");
    manual_text(program->summary, stdout);
    manual_text(
        "Each service takes part in the order saga of Quadrille by choreography: it consumes "
        "events and commands from Kafka, keeps one row an order in PostgreSQL, and emits events. "
        "Delivery is at-least-once and the service idempotent, so that processing is effectively "
        "once.",
        stdout);
    puts(".PP");
    if (program->settings != NULL) {
        manual_text(
            "In one process an event goes from the service that emits it straight to those that "
            "consume it, and to Kafka, where everybody else finds it. Services that share a "
            "database save what follows in one transaction.",
            stdout);
        puts(".PP");
    }
    manual_text(
        "It makes its tables when it starts, waits for a broker or a database that is unavailable, "
        "and goes on until it is asked to stop. Run as many instances as there are partitions, at "
        "most.\n\n"
        "What it cannot process goes to the service's dead-letter queue, with the reason; sagactl "
        "lists it.\n",
        stdout);
    for (size_t i = 0; i < program->count; i++)
        topics(program->services[i]);
}

static void options(const struct program *program)
{
    const struct setting *tables[PROGRAM_TABLES_MAX];
    size_t count = program_tables(program, tables), from = 1;

    puts(".SH OPTIONS\nThe command line wins over the environment, that over the default.");
    if (program->settings != NULL) {
        puts(".SS Of this program");
        manual_options(tables[from++], stdout);
        puts(".SS Of the services that it hosts");
    } else if (program->services[0]->settings->name != NULL) {
        puts(".SS Of this service");
    }
    for (size_t i = from; i < count; i++)
        manual_options(tables[i], stdout);
    puts(".SS Of all services");
    manual_options(tables[0], stdout);
}

static const struct manual_section sections[] = {
    {"ENVIRONMENT",
     "QUADRILLE_NAME | What takes a value can also stand in the environment: --some-name as "
     "QUADRILLE_SOME_NAME.\n"
     "PGHOST, PGUSER, PGPASSFILE, ... | libpq's own variables: whatever --database leaves out."},
    {"FILES",
     "/etc/quadrille/SERVICE.env, /etc/quadrille/quadrille.env | The settings of systemd's "
     "units quadrille@SERVICE and quadrille, as QUADRILLE_NAME=VALUE; only root needs to "
     "read them.\n"
     "/run/quadrille-SERVICE/heartbeat, /run/quadrille/heartbeat | The heartbeat files of "
     "these units."},
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

static void examples(const struct program *program)
{
    const bool several = program->settings != NULL;
    const char *name = program->services[0]->name;

    puts(".SH EXAMPLES\n.EX");
    printf("    %s \\-\\-brokers kafka\\-1:9092,kafka\\-2:9092 \\-\\-database "
           "postgresql://db\\-1/quadrille%s%s\n",
           program->name, several ? "" : "_", several ? "" : name);
    if (several)
        printf("    %s \\-\\-services %s \\-\\-%s\\-database postgresql://db\\-1/quadrille_%s\n",
               program->name, name, name, name);
    printf("    %s \\-\\-health\\-check \\-\\-heartbeat\\-file /run/%s/heartbeat\n", program->name,
           program->name);
    printf("    systemctl enable \\-\\-now quadrille%s%s\n.EE\n", several ? "" : "@",
           several ? "" : name);
}

static void manual(const struct program *program)
{
    char about[200];

    snprintf(about, sizeof about, "%.*s", (int)strcspn(program->summary, ":."), program->summary);
    manual_head(program->name, about, stdout);
    synopsis(program->name);
    description(program);
    options(program);
    for (const struct manual_section *section = sections; section->heading != NULL; section++)
        manual_section(section, stdout);
    examples(program);
    puts(".SH SEE ALSO\n.BR sagactl (1),\n.BR quadrille\\-embedded\\-broker (1),\n.BR "
         "systemd.service (5)\n.PP\n"
         "docs/configuration.md and docs/operations.md of Quadrille.");
}

/* docs/configuration.md says once what all have, and what each service has. */
static void markdown(const struct program *program, bool own)
{
    const struct setting *tables[PROGRAM_TABLES_MAX];
    size_t count = program_tables(program, tables);

    if (!own) {
        settings_markdown(tables, 1, stdout);
        return;
    }
    printf("## %s\n\n%s\n\n", program->name, program->summary);
    if (program->settings != NULL)
        settings_markdown(&program->settings, 1, stdout);
    else if (count == 2 && tables[1]->name == NULL)
        puts("It has no settings of its own.\n");
    else
        settings_markdown(tables + 1, count - 1, stdout);
}

bool program_explain(const struct program *program, const struct settings *settings)
{
    const char *pages = settings_text(settings, "help-markdown");

    if (settings_flag(settings, "help"))
        settings_help(settings, stdout);
    else if (settings_flag(settings, "version"))
        printf("%s %s\n", program->name, QUADRILLE_VERSION);
    else if (settings_flag(settings, "help-man"))
        manual(program);
    else if (pages != NULL)
        markdown(program, strcmp(pages, "own") == 0);
    else
        return false;
    return true;
}
