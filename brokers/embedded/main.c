/* A broker for a laptop demo and quick tests: librdkafka's mock cluster, behind a relay that lets any client talk to it.
 *
 * It keeps everything in memory, at most 5 MiB a partition, and forgets it when it ends.  It is for nothing else. */
#include <errno.h>
#include <getopt.h>
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

#include "base/version.h"
#include "brokers/embedded/relay.h"
#include "brokers/topics.h"

static int signalled[2]; /* a pipe: the relay waits for what comes out of it */

static void on_signal(int number)
{
    int kept = errno;

    if (write(signalled[1], &number, sizeof number) < 0)
        _exit(EXIT_FAILURE);
    errno = kept;
}

static int usage(FILE *to, int code)
{
    fprintf(to,
            "usage: quadrille-embedded-broker [--partitions N]\n\n"
            "A Kafka broker in memory, on a free port of 127.0.0.1, for demos and tests. The address is\n"
            "printed on standard output; everything is gone when it ends (SIGTERM, SIGINT).\n\n"
            "  --partitions N   of every topic, 1 to 64 (default %d)\n"
            "  --version        print the version\n"
            "  --help           this text\n",
            TOPIC_PARTITIONS_DEFAULT);
    return code;
}

static int partitions_of(int argc, char **argv)
{
    static const struct option options[] = {{"partitions", required_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'}, {0}};
    long partitions = TOPIC_PARTITIONS_DEFAULT;
    char *end;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h')
            return 0;
        if (option != 'p')
            return -1;
        partitions = strtol(optarg, &end, 10);
        if (*end != '\0' || partitions < 1 || partitions > 64) {
            fprintf(stderr, "--partitions is \"%s\": 1 to 64 is allowed\n", optarg);
            return -1;
        }
    }
    return optind == argc ? (int)partitions : -1;
}

/* Versions that the mock of each librdkafka from 2.0 on keeps.  Newer ones promise more, and then close the connection on it or
 * answer what cannot be read: clients that take them at their word are left without a group, or without offsets. */
static bool versions_cap(rd_kafka_mock_cluster_t *cluster)
{
    static const struct {
        int16_t api, max;
    } caps[] = {
        {1, 11} /* Fetch */,        {2, 2} /* ListOffsets */, {3, 2} /* Metadata */,   {8, 7} /* OffsetCommit */, {9, 5} /* OffsetFetch */,
        {10, 2} /* FindCoordinator */, {11, 5} /* JoinGroup */,  {12, 3} /* Heartbeat */, {13, 1} /* LeaveGroup */,  {14, 3} /* SyncGroup */,
        {18, 2} /* ApiVersions */,
    };

    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++)
        if (rd_kafka_mock_set_apiversion(cluster, caps[i].api, 0, caps[i].max) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return false;
    return true;
}

static bool topics_make(rd_kafka_mock_cluster_t *cluster, int partitions)
{
    for (size_t i = 0; i < topic_count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(cluster, topics[i].name, partitions, 1);

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

/* Blocked until there is somebody to heed them, and in each of librdkafka's threads, which inherit that, for ever. */
static bool signals_take(sigset_t *signals)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    return pipe(signalled) == 0 && sigprocmask(SIG_BLOCK, signals, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0 &&
           sigaction(SIGINT, &action, NULL) == 0;
}

/* A client takes three descriptors: its own, one of ours to the cluster, and the cluster's.  A shell gives 1,024 unless asked. */
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

    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("quadrille-embedded-broker " QUADRILLE_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    partitions = partitions_of(argc, argv);
    if (partitions <= 0)
        return partitions == 0 ? usage(stdout, EXIT_SUCCESS) : usage(stderr, 2);
    if (!signals_take(&signals)) {
        fprintf(stderr, "cannot start the embedded broker: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    descriptors_ask();
    conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL); /* it would say that this client has no broker */
    if (rd_kafka_conf_set(conf, "socket.nagle.disable", "true", why, sizeof why) == RD_KAFKA_CONF_OK) /* the cluster's sockets heed it */
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
