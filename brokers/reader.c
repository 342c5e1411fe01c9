#include <stdlib.h>
#include <string.h>

#include "brokers/kafka.h"

enum { ANSWER_MS = 10000 };

struct reader {
    struct client client;
    rd_kafka_t *kafka;
    rd_kafka_topic_partition_list_t *assigned; /* offset: where the partition ended when we came */
    size_t behind;                             /* partitions whose end was not reached yet */
};

static const struct property properties[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"group.id", "quadrille-reader"}, /* librdkafka wants a name; nothing is ever joined or committed under it */
    {"auto.offset.reset", "earliest"},
    {"fetch.message.max.bytes", "4194304"},
    {"queued.max.messages.kbytes", "16384"},
    {"fetch.wait.max.ms", "50"},
    {NULL, NULL},
};

/* Adds the partitions of a topic; one that does not exist has none. */
static enum status topic_add(struct reader *reader, const char *name, struct error *error)
{
    int partitions = 0;
    enum status status = kafka_topic_size(reader->kafka, &reader->client, name, ANSWER_MS, &partitions, NULL, error);

    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(reader->assigned, name, i);
    return status;
}

/* Learns where each partition ends now, and starts it at its beginning or at that end. */
static enum status start(struct reader *reader, bool from_beginning, struct error *error)
{
    rd_kafka_topic_partition_list_t *from = rd_kafka_topic_partition_list_copy(reader->assigned);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < from->cnt; i++) {
        rd_kafka_topic_partition_t *partition = &reader->assigned->elems[i];
        int64_t low = 0, high = 0;

        code = kafka_ends(reader->kafka, partition->topic, partition->partition, ANSWER_MS, &low, &high);
        from->elems[i].offset = from_beginning ? low : high;
        partition->offset = high;
        reader->behind += from_beginning && high > low;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = rd_kafka_assign(reader->kafka, from);
    rd_kafka_topic_partition_list_destroy(from);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_away(&reader->client, rd_kafka_err2str(code), error);
    return STATUS_OK;
}

struct reader *reader_new(const struct broker_settings *settings, const char *const *topics, size_t count,
                          bool from_beginning, struct error *error)
{
    struct reader *reader = calloc(1, sizeof *reader);
    enum status status = STATUS_OK;

    if (reader == NULL)
        abort();
    reader->kafka = kafka_new(RD_KAFKA_CONSUMER, settings, properties, NULL, &reader->client, error);
    if (reader->kafka == NULL) {
        free(reader);
        return NULL;
    }
    rd_kafka_poll_set_consumer(reader->kafka);
    reader->assigned = rd_kafka_topic_partition_list_new((int)count * 8);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = topic_add(reader, topics[i], error);
    if (status == STATUS_OK)
        status = start(reader, from_beginning, error);
    if (status != STATUS_OK) {
        reader_free(reader);
        return NULL;
    }
    return reader;
}

bool reader_take(struct reader *reader, int timeout_ms, struct incoming *message)
{
    rd_kafka_message_t *from = rd_kafka_consumer_poll(reader->kafka, timeout_ms);
    const rd_kafka_topic_partition_t *partition;

    if (from == NULL)
        return false;
    if (from->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_message_destroy(from);
        return false;
    }
    incoming_fill(message, from);
    partition = rd_kafka_topic_partition_list_find(reader->assigned, message->topic, message->partition);
    if (partition != NULL && message->offset == partition->offset - 1)
        reader->behind--;
    return true;
}

bool reader_caught_up(const struct reader *reader)
{
    return reader->behind == 0;
}

void reader_free(struct reader *reader)
{
    if (reader == NULL)
        return;
    rd_kafka_consumer_close(reader->kafka);
    rd_kafka_topic_partition_list_destroy(reader->assigned);
    rd_kafka_destroy(reader->kafka);
    free(reader);
}
