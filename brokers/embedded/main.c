/* A broker for a laptop demo and quick tests: librdkafka's mock cluster, behind a relay that lets
 * any client talk to it.
 *
 * It keeps everything in memory, at most 5 MiB a partition, and forgets it when it ends.  It is for
 * nothing else. */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/manual.h"
#include "base/settings.h"
#include "base/version.h"
#include "brokers/embedded/relay.h"
#include "brokers/topics.h"

#define PROGRAM "quadrille-embedded-broker"

static int signalled[2]; /* a pipe: the relay waits for what comes out of it */

static void on_signal(int number)
{
    int kept = errno;

    if (write(signalled[1], &number, sizeof number) < 0)
        _exit(EXIT_FAILURE);
    errno = kept;
}

/* clang-format off */
static const struct setting own_settings[] = {
    {.name = "partitions", .kind = SETTING_INTEGER, .fallback = "4", .min = 1, .max = 64,
     .meaning = "partitions of every topic",
     .details = "As many instances of a service can share its work."},
    {.name = "help", .kind = SETTING_FLAG, .meaning = "print this text"},
    {.name = "version", .kind = SETTING_FLAG, .meaning = "print the version"},
    {.name = "help-man", .kind = SETTING_FLAG, .meaning = "print the manual page"},
    {.name = NULL},
};
/* clang-format on */

_Static_assert(TOPIC_PARTITIONS_DEFAULT == 4, "the default of --partitions says so");

static const char summary[] =
    "A Kafka broker in memory, on a free port of 127.0.0.1, for demos and tests. The address is "
    "printed on\nstandard output; everything is gone when it ends (SIGTERM, SIGINT).";

static const struct manual_section description = {
    "DESCRIPTION",
    "It is librdkafka's mock cluster behind a relay that lets any client talk to it: a Kafka "
    "broker "
    "in memory, on a free port of 127.0.0.1, with the topics of Quadrille. The address is the one "
    "line that it prints on standard output.\n\n"
    "It is for demos and quick tests, and for nothing else: a partition keeps 5 MiB, older "
    "messages "
    "vanish, transactions are not real, and everything is gone when it ends."};

static const struct manual_section after[] = {
    {"ENVIRONMENT", "QUADRILLE_PARTITIONS | The same as --partitions, which wins."},
    {"FILES", "It reads and writes none."},
    {"EXIT STATUS", "0 | It was asked to stop, and has.\n"
                    "1 | It cannot listen or wait.\n"
                    "2 | An option is invalid."},
    {"SIGNALS", "SIGTERM, SIGINT | End."},
    {"EXAMPLES", "    quadrille-embedded-broker --partitions 12\n"
                 "    tools/stack/stack up build/stack"},
    {NULL, NULL},
};

static void manual(void)
{
    manual_head(PROGRAM, "Kafka broker in memory for demos and tests", stdout);
    puts(".SH SYNOPSIS\n.B " PROGRAM "\n[\\fIOPTION\\fR ...]");
    manual_section(&description, stdout);
    puts(".SH OPTIONS");
    manual_options(own_settings, stdout);
    for (const struct manual_section *section = after; section->heading != NULL; section++)
        manual_section(section, stdout);
    puts(".SH SEE ALSO\n.BR sagactl (1),\n.BR quadrille\\-order (1),\n.BR kcat (1)");
}

/* The partitions asked for; 0 when only something was to be printed, and it is; -1 and the reason
 * is printed when an option is invalid. */
static int partitions_of(int argc, char **argv)
{
    const struct setting *const tables[] = {own_settings};
    struct settings *settings = settings_new(PROGRAM, summary, tables, 1);
    struct error error;
    size_t arguments = 0;
    int partitions = 0;

    error.status = settings_parse(settings, argc, argv, &error);
    if (error.status == STATUS_OK && settings_arguments(settings, &arguments) != NULL &&
        arguments > 0)
        error_set(&error, STATUS_INVALID,
                  "\"%s\" is unexpected: options begin with --, see %s --help",
                  settings_arguments(settings, &arguments)[0], PROGRAM);
    if (error.status != STATUS_OK) {
        fprintf(stderr, "%s: %s\n", PROGRAM, error.message);
        partitions = -1;
    } else if (settings_flag(settings, "help")) {
        settings_help(settings, stdout);
    } else if (settings_flag(settings, "version")) {
        puts(PROGRAM " " QUADRILLE_VERSION);
    } else if (settings_flag(settings, "help-man")) {
        manual();
    } else {
        partitions = (int)settings_integer(settings, "partitions");
    }
    settings_free(settings);
    return partitions;
}

/* Versions that the mock of each librdkafka from 2.0 on keeps.  Newer ones promise more, and then
 * close the connection on it or answer what cannot be read: clients that take them at their word
 * are left without a group, or without offsets. */
static bool versions_cap(rd_kafka_mock_cluster_t *cluster)
{
    static const struct {
        int16_t api, max;
    } caps[] = {
        {1, 11} /* Fetch */,       {2, 2} /* ListOffsets */,  {3, 2} /* Metadata */,
        {8, 7} /* OffsetCommit */, {9, 5} /* OffsetFetch */,  {10, 2} /* FindCoordinator */,
        {11, 5} /* JoinGroup */,   {12, 3} /* Heartbeat */,   {13, 1} /* LeaveGroup */,
        {14, 3} /* SyncGroup */,   {18, 2} /* ApiVersions */,
    };

    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++)
        if (rd_kafka_mock_set_apiversion(cluster, caps[i].api, 0, caps[i].max) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
            return false;
    return true;
}

static bool topics_make(rd_kafka_mock_cluster_t *cluster, int partitions)
{
    for (size_t i = 0; i < topic_count; i++) {
        rd_kafka_resp_err_t code =
            rd_kafka_mock_topic_create(cluster, topics[i].name, partitions, 1);

        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            fprintf(stderr, "cannot create topic %s: %s\n", topics[i].name, rd_kafka_err2str(code));
            return false;
        }
    }
    return true;
}

static int serve(rd_kafka_mock_cluster_t *cluster, const sigset_t *signals)
{
    const char *colon = strrchr(rd_kafka_mock_cluster_bootstraps(cluster), ':');
    uint16_t port;
    int listener = relay_listen(&port);

    if (colon == NULL || listener < 0) {
        fprintf(stderr, "cannot listen: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    printf("127.0.0.1:%u\n", port);
    fflush(stdout);
    sigprocmask(SIG_UNBLOCK, signals, NULL);
    if (!relay_run(listener, port, (uint16_t)strtoul(colon + 1, NULL, 10), signalled[0])) {
        fprintf(stderr, "cannot wait: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    close(listener);
    return EXIT_SUCCESS;
}

static int run(rd_kafka_t *kafka, int partitions, const sigset_t *signals)
{
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(kafka, 1);
    int code = EXIT_FAILURE;

    if (cluster == NULL || !versions_cap(cluster))
        fprintf(stderr, "cannot start the embedded broker\n");
    else if (topics_make(cluster, partitions))
        code = serve(cluster, signals);
    if (cluster != NULL)
        rd_kafka_mock_cluster_destroy(cluster);
    return code;
}

/* Blocked until there is somebody to heed them, and in each of librdkafka's threads, which inherit
 * that, for ever. */
static bool signals_take(sigset_t *signals)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    return pipe(signalled) == 0 && sigprocmask(SIG_BLOCK, signals, NULL) == 0 &&
           sigaction(SIGTERM, &action, NULL) == 0 && sigaction(SIGINT, &action, NULL) == 0;
}

/* A client takes three descriptors: its own, one of ours to the cluster, and the cluster's.  A
 * shell gives 1,024 unless asked. */
static void descriptors_ask(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    int partitions, code;
    rd_kafka_conf_t *conf;
    rd_kafka_t *kafka = NULL;
    sigset_t signals;
    char why[300];

    partitions = partitions_of(argc, argv);
    if (partitions <= 0)
        return partitions == 0 ? EXIT_SUCCESS : 2;
    if (!signals_take(&signals)) {
        fprintf(stderr, "cannot start the embedded broker: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    descriptors_ask();
    conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL); /* it would say that this client has no broker */
    /* the cluster's sockets heed it */
    if (rd_kafka_conf_set(conf, "socket.nagle.disable", "true", why, sizeof why) ==
        RD_KAFKA_CONF_OK)
        kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (kafka == NULL) {
        rd_kafka_conf_destroy(conf);
        fprintf(stderr, "cannot start the embedded broker: %s\n", why);
        return EXIT_FAILURE;
    }
    code = run(kafka, partitions, &signals);
    rd_kafka_destroy(kafka);
    return code;
}
