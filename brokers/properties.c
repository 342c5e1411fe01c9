#include "brokers/properties.h"

#include <librdkafka/rdkafka.h>
#include <string.h>

#define GROUP "a group is one service's own: --group names it, --instance the member"
#define COMMIT "an offset is committed when all before it is finished, never earlier"
#define SAFE "a message is sent until all in-sync replicas have it"
#define IDEMPOTENT \
    "the idempotent producer gives up for good where ours sends again; repeating is harmless"
#define VERSION "older versions of the protocol know no headers, and our types stand there"
#define LARGE "the largest message that a topic may hold must come through"
#define OURS "it belongs to the program"
#define TOPICS "the topics are part of the saga: one that is not seen is not read"
#define ONE_PLACE \
    "an order's messages meet in one partition, as the producers of other languages choose it"
#define REBALANCE \
    "partitions are given to this program in one way: eagerly, the same of each topic to one " \
    "instance"

#define SECURITY "who we are, and whom we trust"
#define CONNECTION "connections: how soon they are made, given up, made again"
#define SPEED "memory and speed"
#define LOGGING "what librdkafka logs"

const struct property_rule property_rules[] = {
    /* property                              free   why */

    /* what the guarantees rest on */
    {"acks", false, SAFE},
    {"request.required.acks", false, SAFE},
    {"message.timeout.ms", false, SAFE},
    {"delivery.timeout.ms", false, SAFE},
    {"retries", false, SAFE},
    {"message.send.max.retries", false, SAFE},
    {"delivery.report.only.error", false,
     "a message counts as safe when its acknowledgement has come"},
    {"enable.idempotence", false, IDEMPOTENT},
    {"enable.gapless.guarantee", false, IDEMPOTENT},
    {"transactional.id", false, "nothing here is transactional: the log is the outbox"},
    {"transaction.timeout.ms", false, "nothing here is transactional: the log is the outbox"},
    {"queuing.strategy", false, "what is published first is sent first"},
    {"partitioner", false, ONE_PLACE},
    {"message.max.bytes", false, LARGE},
    {"receive.message.max.bytes", false, LARGE},
    {"queue.buffering.max.kbytes", false, LARGE},
    {"enable.auto.commit", false, COMMIT},
    {"auto.commit.enable", false, COMMIT},
    {"auto.commit.interval.ms", false, COMMIT},
    {"enable.auto.offset.store", false, COMMIT},
    {"offset.store.method", false, COMMIT},
    {"offset.store.path", false, COMMIT},
    {"offset.store.sync.interval.ms", false, COMMIT},
    {"auto.offset.reset", false,
     "what was never read is read from the beginning, else orders would be passed over"},
    {"isolation.level", false, "a message of a transaction that was aborted was never emitted"},
    {"enable.partition.eof", false, "that a partition is read to its end is told by it"},
    {"consume.callback.max.messages", false, "messages are taken one by one"},
    {"partition.assignment.strategy", false, REBALANCE},
    {"group.protocol", false, REBALANCE},
    {"group.protocol.type", false, REBALANCE},
    {"group.remote.assignor", false, REBALANCE},
    {"group.id", false, GROUP},
    {"group.instance.id", false, GROUP},
    {"share.acknowledgement.mode", false, GROUP},
    {"api.version.request", false, VERSION},
    {"api.version.fallback.ms", false, VERSION},
    {"broker.version.fallback", false, VERSION},
    {"topic.blacklist", false, TOPICS},
    {"topic.metadata.refresh.interval.ms", false,
     "partitions that are added are found by it, and must be found"},
    {"metadata.broker.list", false, "--brokers says where the brokers are"},
    {"bootstrap.servers", false, "--brokers says where the brokers are"},
    {"log.queue", false, "log lines come through the program, so that all are of one format"},
    {"statistics.interval.ms", false, "nobody reads them"},
    {"plugin.library.paths", false, "code of others could change all of this"},
    {"internal.termination.signal", false, OURS},
    {"builtin.features", false, "it can only be read"},
    {"enabled_events", false, OURS},
    {"enable.sparse.connections", false, OURS},
    {"enable_sasl_queue", false, OURS},
    {"test.*", false, OURS},
    {"*_cb", false, OURS},

    /* what is left to taste and circumstances */
    {"client.id", true, "the name in the broker's quotas and logs"},
    {"client.software.*", true, "the name in the broker's logs"},
    {"client.rack", true, "where this client stands, to read from a near replica"},
    {"client.dns.lookup", true, CONNECTION},
    {"session.timeout.ms", true, "how soon the partitions of an instance that died are another's"},
    {"heartbeat.interval.ms", true, "a third of the session at most"},
    {"max.poll.interval.ms", true, "how long a batch may take; see --batch too"},
    {"max.poll.records", true, SPEED},
    {"coordinator.query.interval.ms", true, CONNECTION},
    {"allow.auto.create.topics", true, "the embedded broker makes topics by it"},
    {"security.protocol", true, SECURITY},
    {"enable.ssl.certificate.verification", true, SECURITY},
    {"enable.sasl.oauthbearer.unsecure.jwt", true, SECURITY},
    {"socket.timeout.ms", true, CONNECTION},
    {"socket.blocking.max.ms", true, CONNECTION},
    {"socket.send.buffer.bytes", true, SPEED},
    {"socket.receive.buffer.bytes", true, SPEED},
    {"socket.keepalive.enable", true, CONNECTION},
    {"socket.nagle.disable", true, SPEED},
    {"socket.max.fails", true, CONNECTION},
    {"socket.connection.setup.timeout.ms", true, CONNECTION},
    {"broker.address.ttl", true, CONNECTION},
    {"broker.address.family", true, CONNECTION},
    {"connections.max.idle.ms", true, CONNECTION},
    {"reconnect.backoff.jitter.ms", true, CONNECTION},
    {"reconnect.backoff.ms", true, CONNECTION},
    {"reconnect.backoff.max.ms", true, CONNECTION},
    {"retry.backoff.ms", true, CONNECTION},
    {"retry.backoff.max.ms", true, CONNECTION},
    {"request.timeout.ms", true, "how long the broker waits for replicas before it is asked again"},
    {"api.version.request.timeout.ms", true, CONNECTION},
    {"metadata.max.age.ms", true, CONNECTION},
    {"metadata.request.timeout.ms", true, CONNECTION},
    {"metadata.recovery.strategy", true, CONNECTION},
    {"metadata.recovery.rebootstrap.trigger.ms", true, CONNECTION},
    {"topic.metadata.refresh.fast.interval.ms", true, CONNECTION},
    {"topic.metadata.refresh.fast.cnt", true, CONNECTION},
    {"topic.metadata.refresh.sparse", true, CONNECTION},
    {"topic.metadata.propagation.max.ms", true,
     "how long a topic may be missing before publishing to it fails for good"},
    {"message.copy.max.bytes", true, SPEED},
    {"max.in.flight.requests.per.connection", true,
     "facts are a set: no guarantee rests on their order"},
    {"max.in.flight", true, "facts are a set: no guarantee rests on their order"},
    {"queued.min.messages", true, SPEED},
    {"queued.max.messages.kbytes", true, SPEED},
    {"fetch.wait.max.ms", true, SPEED},
    {"fetch.queue.backoff.ms", true, SPEED},
    {"fetch.message.max.bytes", true, SPEED},
    {"max.partition.fetch.bytes", true, SPEED},
    {"fetch.max.bytes", true, SPEED},
    {"fetch.min.bytes", true, SPEED},
    {"fetch.error.backoff.ms", true, SPEED},
    {"check.crcs", true, SPEED},
    {"queue.buffering.max.messages", true, SPEED},
    {"queue.buffering.max.ms", true, SPEED},
    {"linger.ms", true, SPEED},
    {"queue.buffering.backpressure.threshold", true, SPEED},
    {"compression.codec", true, SPEED},
    {"compression.type", true, SPEED},
    {"compression.level", true, SPEED},
    {"batch.num.messages", true, SPEED},
    {"batch.size", true, SPEED},
    {"sticky.partitioning.linger.ms", true, SPEED},
    {"produce.offset.report", true, SPEED},
    {"debug", true, LOGGING},
    {"log_level", true, LOGGING},
    {"log.thread.name", true, LOGGING},
    {"log.connection.close", true, LOGGING},
    {"enable.random.seed", true, LOGGING},
    {"enable.metrics.push", true, LOGGING},
    {"ssl.*", true, SECURITY},
    {"sasl.*", true, SECURITY},
    {"https.*", true, SECURITY},
};

const size_t property_rule_count = sizeof property_rules / sizeof property_rules[0];

/* "ssl.*" stands for all that begin with "ssl.", "*_cb" for all that end so. */
static bool is_named(const char *pattern, const char *name)
{
    size_t length = strlen(pattern), whole = strlen(name);

    if (pattern[length - 1] == '*')
        return strncmp(pattern, name, length - 1) == 0;
    if (pattern[0] == '*')
        return whole >= length - 1 && strcmp(pattern + 1, name + whole - (length - 1)) == 0;
    return strcmp(pattern, name) == 0;
}

const char *property_shown(const char *name, const char *value)
{
    return strncmp(name, "sasl.", 5) == 0 || strncmp(name, "ssl", 3) == 0 ? "..." : value;
}

enum status property_allowed(const char *name, const char *value, struct error *error)
{
    for (size_t i = 0; i < property_rule_count; i++) {
        if (!is_named(property_rules[i].name, name))
            continue;
        if (property_rules[i].is_free)
            return STATUS_OK;
        return error_set(error, STATUS_INVALID,
                         "Kafka property %s=%s: this one is fixed, the guarantees rest on it: %s",
                         name, value, property_rules[i].why);
    }
    return error_set(
        error, STATUS_INVALID,
        "Kafka property %s=%s: it is none that may be set: docs/configuration.md lists them", name,
        property_shown(name, value));
}

static void dump_each(const char **dump, size_t count,
                      void (*each)(void *context, const char *name), void *context)
{
    for (size_t i = 0; i + 1 < count; i += 2)
        each(context, dump[i]);
    rd_kafka_conf_dump_free(dump, count);
}

void properties_each(void (*each)(void *context, const char *name), void *context)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_conf_t *topic = rd_kafka_topic_conf_new();
    size_t count;
    const char **dump = rd_kafka_conf_dump(conf, &count);

    dump_each(dump, count, each, context);
    dump = rd_kafka_topic_conf_dump(topic, &count);
    dump_each(dump, count, each, context);
    rd_kafka_topic_conf_destroy(topic);
    rd_kafka_conf_destroy(conf);
}
