/* A broker for a laptop demo and quick tests: librdkafka's mock cluster behind a port of its own on loopback.
 *
 * It keeps everything in memory, at most 5 MiB a partition, and forgets it when it ends.  It is for nothing else. */
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "brokers/topics.h"

static int usage(FILE *to, int code)
{
    fprintf(to,
            "usage: quadrille-embedded-broker [--partitions N]\n\n"
            "A Kafka broker in memory, on a free port of 127.0.0.1, for demos and tests. The address is\n"
            "printed on standard output; everything is gone when it ends (SIGTERM, SIGINT).\n\n"
            "  --partitions N   of every topic, 1 to 64 (default %d)\n"
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

static int serve(rd_kafka_t *kafka, int partitions, const sigset_t *signals)
{
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(kafka, 1);
    int signal_number;

    if (cluster == NULL) {
        fprintf(stderr, "cannot start the embedded broker\n");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < topic_count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(cluster, topics[i].name, partitions, 1);

        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            fprintf(stderr, "cannot create topic %s: %s\n", topics[i].name, rd_kafka_err2str(code));
    }
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    sigwait(signals, &signal_number);
    rd_kafka_mock_cluster_destroy(cluster);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    int partitions = partitions_of(argc, argv), code;
    rd_kafka_conf_t *conf;
    rd_kafka_t *kafka = NULL;
    sigset_t signals;
    char why[300];

    if (partitions <= 0)
        return partitions == 0 ? usage(stdout, EXIT_SUCCESS) : usage(stderr, 2);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL); /* before librdkafka makes threads, which inherit it */
    conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL); /* it would say that this client has no broker */
    if (rd_kafka_conf_set(conf, "socket.nagle.disable", "true", why, sizeof why) == RD_KAFKA_CONF_OK) /* the cluster's sockets heed it */
        kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (kafka == NULL) {
        rd_kafka_conf_destroy(conf);
        fprintf(stderr, "cannot start the embedded broker: %s\n", why);
        return EXIT_FAILURE;
    }
    code = serve(kafka, partitions, &signals);
    rd_kafka_destroy(kafka);
    return code;
}
