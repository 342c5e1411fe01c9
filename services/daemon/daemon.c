#include "services/daemon/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/streams.h"
#include "brokers/outages.h"
#include "services/daemon/hosts.h"
#include "services/daemon/program.h"
#include "services/daemon/settings.h"
#include "services/runtime/absence.h"
#include "services/runtime/alerts.h"
#include "services/runtime/heartbeat.h"

enum { EXIT_STOPPED = 0, EXIT_BUG = 1, EXIT_USAGE = 2, STOP_MS = 2000 };

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static void signals_catch(void)
{
    const struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void log_start(const char *name, const struct settings *settings)
{
    const int levels[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG};
    const char *format = settings_text(settings, "log-format"),
               *level = settings_text(settings, "log-level");
    bool json =
        strcmp(format, "json") == 0 || (strcmp(format, "auto") == 0 && isatty(STDERR_FILENO) == 0);
    size_t i = 0;

    while (strcmp(daemon_log_levels[i], level) != 0)
        i++;
    log_open(name, json, levels[i]);
}

static void on_broker(void *context, int level, const char *what)
{
    (void)context;
    log_write(level, NULL, NULL, "%s", what);
}

/* A service that waits is not stuck; told to stop, it gives what is under way a moment. */
static bool while_waiting(int64_t waited_ms)
{
    heartbeat_beat();
    return !stop_asked || waited_ms < STOP_MS;
}

/* A database may come later than the service: it is waited for. */
static enum status migrate(const struct hosts *hosts, struct error *error)
{
    const struct timespec pause = {.tv_nsec = 300000000};
    struct outages absence = {0};

    for (;;) {
        const enum status status = hosts_migrate(hosts, error);

        if (status != STATUS_UNAVAILABLE)
            absence_end(&absence);
        if (status != STATUS_UNAVAILABLE || stop_asked)
            return status;
        absence_begin(&absence, error->message);
        heartbeat_beat();
        nanosleep(&pause, NULL);
    }
}

/* STATUS_UNAVAILABLE: told to stop while the database was waited for. */
static int exit_code(enum status status)
{
    return status == STATUS_OK || status == STATUS_UNAVAILABLE ? EXIT_STOPPED
           : status == STATUS_INVALID                          ? EXIT_USAGE
                                                               : EXIT_BUG;
}

/* Why the service ends, unless it was told to; once. */
static void failure_say(enum status status, struct error *error)
{
    if (exit_code(status) == EXIT_STOPPED || error->message[0] == '\0')
        return;
    log_write(LOG_CRIT, NULL, NULL, "%s", error->message);
    error->message[0] = '\0';
}

/* What one message leads to in all services of the process is in memory at once. */
static size_t batch_max(const struct hosts *hosts, const struct settings *settings)
{
    const size_t most = (size_t)settings_integer(settings, "batch") / hosts->count;

    return most > 0 ? most : 1;
}

static struct breaker_settings breaker_settings(const struct settings *settings)
{
    return (struct breaker_settings){
        .threshold_percent = settings_integer(settings, "breaker-threshold-percent"),
        .min_calls = settings_integer(settings, "breaker-min-calls"),
        .reset_us = settings_integer(settings, "breaker-reset-ms") * 1000};
}

/* The clients first: what is wrong with their settings is logged before anything is waited for. */
static enum status run_connected(const struct hosts *hosts, const struct settings *settings,
                                 struct alerts *alerts, struct error *error)
{
    const char *topics[HOSTS_TOPICS_MAX];
    struct outages outages = {0};
    const struct loop_settings loop_settings = {
        .batch_max = batch_max(hosts, settings),
        .effects_max =
            hosts_have_effects(hosts) ? (size_t)settings_integer(settings, "effects-max") : 0,
        .breaker =
            hosts_have_effects(hosts) ? breaker_settings(settings) : (struct breaker_settings){0},
        .sweep_interval_ms = settings_integer(settings, "sweep-interval-ms"),
        .crash_at = settings_text(settings, "crash-at"),
        .alerts = alerts};
    struct broker_settings broker = {.brokers = settings_text(settings, "brokers"),
                                     .group = settings_text(settings, "group"),
                                     .instance = settings_text(settings, "instance"),
                                     .properties = settings_list(settings, "kafka"),
                                     .log = on_broker,
                                     .outages = &outages};
    struct consumer *consumer = NULL;
    struct producer *producer;
    enum status status;

    if (broker.group == NULL)
        broker.group = hosts->group;
    producer = producer_new(&broker, error);
    status = producer == NULL ? error->status : migrate(hosts, error);
    if (status == STATUS_OK) {
        consumer = consumer_new(&broker, topics, hosts_topics(hosts, topics), error);
        status = consumer == NULL ? error->status
                                  : loop_run(hosts->list, hosts->count, consumer, producer,
                                             &loop_settings, &stop_asked, error);
    }
    broker_ends_with(exit_code(status)); /* from here on it may end at any time */
    failure_say(status, error);
    consumer_close(consumer);
    producer_free(producer);
    return status;
}

/* Who is told of what is degraded; nobody where no URL is given. */
static enum status watch(const struct hosts *hosts, const struct settings *settings,
                         struct alerts **alerts, struct error *error)
{
    const char *url = hosts_have_effects(hosts) ? settings_text(settings, "alert-url") : NULL;

    if (url == NULL || *url == '\0')
        return STATUS_OK;
    *alerts = alerts_new(url, error);
    return *alerts == NULL ? error->status : STATUS_OK;
}

static enum status run(struct hosts *hosts, const struct program *program,
                       const struct settings *settings, struct error *error)
{
    struct alerts *alerts = NULL;
    enum status status;

    if (heartbeat_open(settings_text(settings, "heartbeat-file"), error) != STATUS_OK)
        return error->status;
    status = hosts_open(hosts, program, settings, error);
    if (status == STATUS_OK)
        status = watch(hosts, settings, &alerts, error);
    if (status == STATUS_OK) {
        database_while_waiting(while_waiting);
        broker_while_waiting(while_waiting);
        log_info("started");
        if (hosts->count > 1)
            hosts_tell(hosts);
        status = run_connected(hosts, settings, alerts, error);
    }
    if (status == STATUS_UNAVAILABLE) /* told to stop while the database was waited for */
        status = STATUS_OK;
    alerts_free(alerts);
    hosts_close(hosts);
    return status;
}

static int health_check(const char *program, const struct settings *settings)
{
    const char *file = settings_text(settings, "heartbeat-file");
    struct error error;

    if (file == NULL) {
        fprintf(stderr,
                "%s: --health-check needs --heartbeat-file, the file that the service was given\n",
                program);
        return EXIT_USAGE;
    }
    if (heartbeat_is_fresh(file, settings_integer(settings, "heartbeat-max-age-ms"), &error))
        return EXIT_STOPPED;
    fprintf(stderr, "%s: %s\n", program, error.message);
    return EXIT_BUG;
}

/* The whole life of a process. */
static int serve(struct hosts *hosts, const struct program *program,
                 const struct settings *settings)
{
    struct error error = {0};
    enum status status;

    log_start(hosts->count == 1 ? hosts->list[0].service->name : program->name, settings);
    signals_catch();
    broker_ends_with(EXIT_BUG);
    status = run(hosts, program, settings, &error);
    if (status == STATUS_OK)
        log_info("stopped");
    failure_say(status, &error);
    return exit_code(status);
}

static enum status arguments_refuse(const struct program *program, const struct settings *settings,
                                    struct error *error)
{
    size_t count;
    const char *const *arguments = settings_arguments(settings, &count);

    return count == 0 ? STATUS_OK
                      : error_set(error, STATUS_INVALID,
                                  "\"%s\" is unexpected: options begin with --, see %s --help",
                                  arguments[0], program->name);
}

static int program_run(const struct program *program, int argc, char **argv)
{
    const struct setting *tables[PROGRAM_TABLES_MAX];
    struct settings *settings;
    struct hosts hosts = {0};
    struct error error = {0};
    enum status status;
    int code = EXIT_STOPPED;

    streams_open();
    settings =
        settings_new(program->name, program->summary, tables, program_tables(program, tables));
    status = settings_parse(settings, argc, argv, &error);
    if (status == STATUS_OK)
        status = arguments_refuse(program, settings, &error);
    if (status == STATUS_OK)
        status = hosts_choose(&hosts, program, settings, &error);
    if (status != STATUS_OK) {
        fprintf(stderr, "%s: %s\n", program->name, error.message);
        code = EXIT_USAGE;
    } else if (program_explain(program, settings)) {
        code = EXIT_STOPPED;
    } else if (settings_flag(settings, "health-check")) {
        code = health_check(program->name, settings);
    } else {
        code = serve(&hosts, program, settings);
    }
    settings_free(settings);
    return code;
}

int daemon_run(const struct service *service, int argc, char **argv)
{
    char name[64];

    snprintf(name, sizeof name, "quadrille-%s", service->name);
    return program_run(
        &(struct program){
            .name = name, .summary = service->summary, .services = &service, .count = 1},
        argc, argv);
}

int daemon_run_several(const struct service *const *services, size_t count,
                       const struct setting *settings, int argc, char **argv)
{
    return program_run(
        &(struct program){.name = "quadrille",
                          .summary = "Quadrille in one process: the services that --services "
                                     "names, all of them unless it is given.",
                          .services = services,
                          .count = count,
                          .settings = settings},
        argc, argv);
}
