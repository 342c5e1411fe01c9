#include "services/daemon/daemon.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/streams.h"
#include "brokers/outages.h"
#include "services/daemon/manual.h"
#include "services/daemon/settings.h"
#include "services/runtime/absence.h"
#include "services/runtime/loop.h"
#include "services/runtime/heartbeat.h"

enum { EXIT_STOPPED = 0, EXIT_BUG = 1, EXIT_USAGE = 2, STOP_MS = 2000, SUBSCRIPTIONS_MAX = 32 };

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

static void log_start(const struct service *service, const struct settings *settings)
{
    const int levels[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG};
    const char *format = settings_text(settings, "log-format"),
               *level = settings_text(settings, "log-level");
    bool json =
        strcmp(format, "json") == 0 || (strcmp(format, "auto") == 0 && isatty(STDERR_FILENO) == 0);
    size_t i = 0;

    while (strcmp(daemon_log_levels[i], level) != 0)
        i++;
    log_open(service->name, json, levels[i]);
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

/* The database may come later than the service: it is waited for. */
static enum status migrate(const struct service *service, struct database *database,
                           struct error *error)
{
    const struct timespec pause = {.tv_nsec = 300000000};
    struct outages absence = {0};

    for (;;) {
        enum status status = database_has_session(database, error);

        if (status == STATUS_OK)
            status = database_migrate(database, service->migrations, error);
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

/* The clients first: what is wrong with their settings is logged before anything is waited for. */
static enum status run_connected(const struct service *service, void *context,
                                 const struct settings *settings, struct database *database,
                                 struct error *error)
{
    const char *topics[SUBSCRIPTIONS_MAX];
    char group[64];
    struct outages outages = {0};
    const struct loop_settings loop_settings = {
        .batch_max = (size_t)settings_integer(settings, "batch"),
        .effects_max =
            service->executor == NULL ? 0 : (size_t)settings_integer(settings, "effects-max"),
        .sweep_interval_ms = settings_integer(settings, "sweep-interval-ms"),
        .crash_at = settings_text(settings, "crash-at")};
    struct broker_settings broker = {.brokers = settings_text(settings, "brokers"),
                                     .group = settings_text(settings, "group"),
                                     .instance = settings_text(settings, "instance"),
                                     .properties = settings_list(settings, "kafka"),
                                     .log = on_broker,
                                     .outages = &outages};
    struct consumer *consumer = NULL;
    struct producer *producer;
    enum status status;

    snprintf(group, sizeof group, "quadrille-%s", service->name);
    if (broker.group == NULL)
        broker.group = group;
    assert(service->subscription_count <= SUBSCRIPTIONS_MAX);
    for (size_t i = 0; i < service->subscription_count; i++)
        topics[i] = service->subscriptions[i].topic;
    producer = producer_new(&broker, error);
    status = producer == NULL ? error->status : migrate(service, database, error);
    if (status == STATUS_OK) {
        consumer = consumer_new(&broker, topics, service->subscription_count, error);
        status = consumer == NULL
                     ? error->status
                     : loop_run(&(struct hosted){service, context, database}, 1, consumer, producer,
                                &loop_settings, &stop_asked, error);
    }
    broker_ends_with(exit_code(status)); /* from here on it may end at any time */
    failure_say(status, error);
    consumer_close(consumer);
    producer_free(producer);
    return status;
}

static enum status run(const struct service *service, const struct settings *settings,
                       struct error *error)
{
    struct database *database;
    enum status status;
    char name[64];
    void *context;

    if (heartbeat_open(settings_text(settings, "heartbeat-file"), error) != STATUS_OK)
        return error->status;
    if (database_check(settings_text(settings, "database"), error) != STATUS_OK)
        return error->status;
    context = service->open == NULL ? NULL : service->open(settings, error);
    if (context == NULL && service->open != NULL)
        return error->status;
    snprintf(name, sizeof name, "quadrille-%s", service->name);
    database = database_new(settings_text(settings, "database"), name);
    database_called(database, "database"); /* a service has no other */
    database_by_key(database);
    database_answers_within(database, (int)settings_integer(settings, "database-timeout-ms"));
    database_while_waiting(while_waiting);
    broker_while_waiting(while_waiting);
    log_info("started");
    status = run_connected(service, context, settings, database, error);
    if (status == STATUS_UNAVAILABLE) /* told to stop while the database was waited for */
        status = STATUS_OK;
    database_free(database);
    if (service->close != NULL)
        service->close(context);
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

/* The whole life of a service. */
static int serve(const struct service *service, const struct settings *settings)
{
    struct error error = {0};
    enum status status;

    log_start(service, settings);
    signals_catch();
    broker_ends_with(EXIT_BUG);
    status = run(service, settings, &error);
    if (status == STATUS_OK)
        log_info("stopped");
    failure_say(status, &error);
    return exit_code(status);
}

int daemon_run(const struct service *service, int argc, char **argv)
{
    const struct setting *tables[DAEMON_TABLES_MAX];
    char program[64];
    struct settings *settings;
    struct error error = {0};
    size_t arguments;
    int code = EXIT_STOPPED;

    streams_open();
    snprintf(program, sizeof program, "quadrille-%s", service->name);
    settings = settings_new(program, service->summary, tables, daemon_tables(service, tables));
    error.status = settings_parse(settings, argc, argv, &error);
    if (error.status == STATUS_OK && settings_arguments(settings, &arguments) != NULL &&
        arguments > 0)
        error_set(&error, STATUS_INVALID,
                  "\"%s\" is unexpected: options begin with --, see %s --help",
                  settings_arguments(settings, &arguments)[0], program);
    if (error.status != STATUS_OK) {
        fprintf(stderr, "%s: %s\n", program, error.message);
        code = EXIT_USAGE;
    } else if (daemon_explain(service, settings)) {
        code = EXIT_STOPPED;
    } else if (settings_flag(settings, "health-check")) {
        code = health_check(program, settings);
    } else {
        code = serve(service, settings);
    }
    settings_free(settings);
    return code;
}
