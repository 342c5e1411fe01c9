/* A batch that cannot be unpacked.  librdkafka unpacks none of zstd beyond
 * receive.message.max.bytes, and none that is damaged; it says so with the batch's first offset and
 * asks for the same batch again, for ever.  Where the batch ends it does not say: that is found by
 * trying, with a client of its own, so that the consumer's position stays what it is. */
#include <time.h>

#include "brokers/kafka.h"

enum { TRY_MS = 5000, POLL_MS = 100 };

static const struct property properties[] = {
    /* librdkafka wants a name; nothing is ever joined or committed under it */
    {"group.id", "quadrille-reader"},
    {"enable.auto.commit", "false"},
    {"enable.partition.eof", "true"},
    {"auto.offset.reset", "error"},
    {"fetch.max.bytes", "1114112"},
    {"fetch.error.backoff.ms", "20"}, /* each try but the first comes after an error */
    {NULL, NULL},
};

enum found { NOTHING, THE_BATCH, WHAT_IS_BEHIND };

bool kafka_is_bad_batch(const rd_kafka_message_t *message)
{
    return message->err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION && message->rkt != NULL &&
           message->offset >= 0;
}

static enum found found_by(const rd_kafka_message_t *message, int64_t first)
{
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
        message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return WHAT_IS_BEHIND;
    if (!kafka_is_bad_batch(message))
        return NOTHING;
    return message->offset == first ? THE_BATCH : WHAT_IS_BEHIND;
}

/* What is read first from offset `at` on; NOTHING when that does not come in time. */
static enum found try(rd_kafka_t *kafka, const char *topic, int32_t partition, int64_t at,
                      int64_t first)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;
    enum found found = NOTHING;

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = at;
    code = rd_kafka_assign(kafka, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (int waited_ms = 0;
         code == RD_KAFKA_RESP_ERR_NO_ERROR && found == NOTHING && waited_ms < TRY_MS;
         waited_ms += POLL_MS) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka, POLL_MS);

        if (message == NULL)
            continue;
        found = found_by(message, first);
        rd_kafka_message_destroy(message);
    }
    return found;
}

bool kafka_bad_batch_end(const struct client *client, const char *topic, int32_t partition,
                         int64_t first, int64_t *next)
{
    const struct broker_settings settings = {.brokers = client->brokers,
                                             .properties = client->properties};
    struct client prober = {0};
    struct error ignored;
    rd_kafka_t *kafka =
        kafka_new(RD_KAFKA_CONSUMER, &settings, properties, NULL, &prober, &ignored);
    int64_t low, high, inside = first;
    enum found found = WHAT_IS_BEHIND;

    if (kafka == NULL)
        return false;
    rd_kafka_poll_set_consumer(kafka);
    if (kafka_ends(kafka, topic, partition, TRY_MS, &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR)
        high = first;
    while (found != NOTHING && high - inside > 1) { /* `inside` is of the batch, `high` behind it */
        int64_t middle = inside + (high - inside) / 2;

        found = try(kafka, topic, partition, middle, first);
        if (found == THE_BATCH)
            inside = middle;
        else if (found == WHAT_IS_BEHIND)
            high = middle;
    }
    kafka_destroy(kafka, 0);
    *next = high;
    return found != NOTHING && high > first;
}
