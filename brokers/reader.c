#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "brokers/kafka.h"

enum { ANSWER_MS = 10000, BATCH_MAX = 256 };

struct reader {
    struct client client;
    struct error denied; /* of the first topic that may not be read */
    rd_kafka_t *kafka;
    struct intake intake;
    rd_kafka_topic_partition_list_t *assigned; /* offset: where it starts */
    /* of each of them, in the same order, when we came */
    struct position *ends;
    int64_t *starts; /* the first offset that each still has */
    bool *is_behind; /* its end was not reached yet */
    /* how many are; which one brought the last message */
    size_t behind, last;
    int64_t total;
    bool bounded;
};

static const struct property properties[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"},
    /* librdkafka wants a name; nothing is ever joined or committed under it */
    {"group.id", "quadrille-reader"},
    {"auto.offset.reset", "earliest"},
    /* of a partition in one answer, unless one batch is larger */
    {"fetch.message.max.bytes", "131072"},
    /* and all answers at once; more is no faster, and takes three times as much again */
    {"queued.max.messages.kbytes", "4096"},
    /* else it holds less than that, where messages are small */
    {"queued.min.messages", "10000000"},
    {"fetch.wait.max.ms", "50"},
    {NULL, NULL},
};

/* Adds the partitions of a topic; one that does not exist has none. */
static enum status topic_add(struct reader *reader, const char *name, struct error *error)
{
    int partitions = 0;
    enum status status =
        kafka_topic_size(reader->kafka, &reader->client, name, ANSWER_MS, &partitions, NULL, error);

    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(reader->assigned, name, i);
    return status;
}

/* Learns where each partition starts and ends now. */
static rd_kafka_resp_err_t ends_find(struct reader *reader, rd_kafka_topic_partition_list_t *starts)
{
    rd_kafka_topic_partition_list_t *low, *high;
    rd_kafka_resp_err_t code = kafka_all_ends(reader->kafka, starts, ANSWER_MS, &low, &high);

    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < starts->cnt; i++) {
        starts->elems[i].offset = low->elems[i].offset;
        reader->ends[i] = (struct position){reader->assigned->elems[i].topic,
                                            starts->elems[i].partition, high->elems[i].offset};
        reader->starts[i] = low->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(low);
    rd_kafka_topic_partition_list_destroy(high);
    return code;
}

/* A partition's first message is younger than 1970: a broker that does not find it cannot look
 * times up, as the embedded one. */
static rd_kafka_resp_err_t times_find(struct reader *reader, int64_t since_ms,
                                      rd_kafka_topic_partition_list_t *starts)
{
    rd_kafka_topic_partition_list_t *at = rd_kafka_topic_partition_list_copy(starts),
                                    *first = rd_kafka_topic_partition_list_copy(starts);
    rd_kafka_resp_err_t code;

    for (int i = 0; i < starts->cnt; i++) {
        at->elems[i].offset = since_ms;
        first->elems[i].offset = 0;
    }
    code = rd_kafka_offsets_for_times(reader->kafka, at, ANSWER_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = rd_kafka_offsets_for_times(reader->kafka, first, ANSWER_MS);
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < starts->cnt; i++) {
        if (at->elems[i].offset >= 0)
            starts->elems[i].offset = at->elems[i].offset;
        else if (first->elems[i].offset >= 0)
            starts->elems[i].offset = reader->ends[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(at);
    rd_kafka_topic_partition_list_destroy(first);
    return code;
}

/* Behind the partition's beginning, and behind the time that is asked for. */
static void positions_take(const struct reader *reader, const struct reader_scope *scope,
                           rd_kafka_topic_partition_list_t *starts)
{
    for (size_t i = 0; i < scope->position_count; i++) {
        const struct position *position = &scope->positions[i];
        rd_kafka_topic_partition_t *start =
            rd_kafka_topic_partition_list_find(starts, position->topic, position->partition);

        if (start != NULL && scope->from == READER_END)
            start->offset = reader->starts[start - starts->elems];
        if (start != NULL && position->offset > start->offset)
            start->offset = position->offset;
    }
}

static rd_kafka_resp_err_t start(struct reader *reader, const struct reader_scope *scope,
                                 rd_kafka_topic_partition_list_t *starts)
{
    rd_kafka_resp_err_t code = ends_find(reader, starts);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && scope->from == READER_TIME)
        code = times_find(reader, scope->since_ms, starts);
    for (int i = 0; scope->from == READER_END && i < starts->cnt; i++)
        starts->elems[i].offset = reader->ends[i].offset;
    positions_take(reader, scope, starts);
    for (int i = 0; i < starts->cnt; i++) {
        int64_t left = reader->ends[i].offset - starts->elems[i].offset;

        reader->is_behind[i] = left > 0;
        reader->behind += left > 0;
        reader->total += left > 0 ? left : 0;
    }
    reader->client.has_messages = true;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_assign(reader->kafka, starts) : code;
}

struct reader *reader_new(const struct broker_settings *settings, const struct reader_scope *scope,
                          struct error *error)
{
    struct reader *reader = calloc(1, sizeof *reader);
    rd_kafka_topic_partition_list_t *starts;
    rd_kafka_resp_err_t code;
    enum status status = STATUS_OK;

    if (reader == NULL)
        abort();
    reader->kafka =
        kafka_new(RD_KAFKA_CONSUMER, settings, properties, NULL, &reader->client, error);
    if (reader->kafka == NULL) {
        free(reader);
        return NULL;
    }
    kafka_memory_keep();
    if (rd_kafka_poll_set_consumer(reader->kafka) != RD_KAFKA_RESP_ERR_NO_ERROR)
        abort(); /* it is a consumer */
    reader->intake.queue = rd_kafka_queue_get_consumer(reader->kafka);
    reader->bounded = scope->bounded;
    reader->assigned = rd_kafka_topic_partition_list_new((int)scope->topic_count * 8);
    for (size_t i = 0; status == STATUS_OK && i < scope->topic_count; i++)
        status = topic_add(reader, scope->topics[i], error);
    if (status == STATUS_OK) {
        reader->ends = calloc((size_t)reader->assigned->cnt + 1, sizeof *reader->ends);
        reader->starts = calloc((size_t)reader->assigned->cnt + 1, sizeof *reader->starts);
        reader->is_behind = calloc((size_t)reader->assigned->cnt + 1, sizeof *reader->is_behind);
        if (reader->ends == NULL || reader->starts == NULL || reader->is_behind == NULL)
            abort();
        starts = rd_kafka_topic_partition_list_copy(reader->assigned);
        code = start(reader, scope, starts);
        rd_kafka_topic_partition_list_destroy(starts);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            status = kafka_unavailable(&reader->client, rd_kafka_err2str(code), error);
    }
    if (status != STATUS_OK) {
        reader_free(reader);
        return NULL;
    }
    return reader;
}

/* Which of ours it is: mostly the same as the last one. */
static size_t place_of(struct reader *reader, const char *topic, int32_t partition)
{
    size_t count = (size_t)reader->assigned->cnt;

    for (size_t i = 0; i < count; i++) {
        size_t at = (reader->last + i) % count;

        if (reader->ends[at].partition == partition && strcmp(reader->ends[at].topic, topic) == 0)
            return reader->last = at;
    }
    return count;
}

/* The next offset to come is `next`.  True when it lies behind where the partition ended. */
static bool come_to(struct reader *reader, const char *topic, int32_t partition, int64_t next)
{
    size_t at = place_of(reader, topic, partition);

    if (at == (size_t)reader->assigned->cnt)
        return false;
    if (reader->is_behind[at] && next >= reader->ends[at].offset) {
        reader->is_behind[at] = false;
        reader->behind--;
    }
    return next > reader->ends[at].offset;
}

/* Is it none that was asked for: the news of an end, before which may lie no message but a marker,
 * or one that came too late? */
static bool is_passed_over(struct reader *reader, const rd_kafka_message_t *from)
{
    const char *topic = from->rkt == NULL ? "" : rd_kafka_topic_name(from->rkt);

    if (from->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        come_to(reader, topic, from->partition, from->offset);
        return true;
    }
    return from->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
           come_to(reader, topic, from->partition, from->offset + 1) && reader->bounded;
}

/* Reads on behind a batch that cannot be unpacked: the service that it was for says what became of
 * it. */
static void pass_over(struct reader *reader, const rd_kafka_message_t *from)
{
    const char *topic = rd_kafka_topic_name(from->rkt);
    int64_t next;

    if (!kafka_bad_batch_end(&reader->client, topic, from->partition, from->offset, &next) ||
        kafka_read_from(reader->kafka, topic, from->partition, next) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return; /* it comes again */
    kafka_say(&reader->client, LOG_WARNING, "%s/%d/%lld: %lld offsets are passed over: %s", topic,
              from->partition, (long long)from->offset, (long long)(next - from->offset),
              rd_kafka_message_errstr(from));
    come_to(reader, topic, from->partition, next);
}

/* What librdkafka gave: true when it is a message to be taken. */
static bool receive(struct reader *reader, rd_kafka_message_t *from, struct incoming *message)
{
    if (kafka_is_bad_batch(from))
        pass_over(reader, from);
    if (from->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED &&
        reader->denied.status == STATUS_OK)
        error_set(&reader->denied, STATUS_INVALID, "not authorized to read topic %s",
                  from->rkt == NULL ? "?" : rd_kafka_topic_name(from->rkt));
    if (is_passed_over(reader, from) || from->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_message_destroy(from);
        return false;
    }
    incoming_fill(message, from);
    kafka_fetch_on(reader->kafka, &reader->intake, message->value_length);
    return true;
}

size_t reader_take_batch(struct reader *reader, int timeout_ms, struct incoming *messages,
                         size_t most)
{
    rd_kafka_message_t *first = rd_kafka_consumer_poll(reader->kafka, timeout_ms), *more[BATCH_MAX];
    size_t count = 0;
    ssize_t came;

    if (first == NULL)
        return 0;
    count += receive(reader, first, &messages[count]);
    if (most < 2)
        return count;
    came = rd_kafka_consume_batch_queue(reader->intake.queue, 0, more,
                                        most - 1 < BATCH_MAX ? most - 1 : BATCH_MAX);
    for (ssize_t i = 0; i < came; i++)
        count += receive(reader, more[i], &messages[count]);
    return count;
}

bool reader_take(struct reader *reader, int timeout_ms, struct incoming *message)
{
    rd_kafka_message_t *from;

    while ((from = rd_kafka_consumer_poll(reader->kafka, timeout_ms)) != NULL) {
        bool news = from->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
                    from->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;

        if (receive(reader, from, message)) {
            incoming_headers(message);
            return true;
        }
        if (!news)
            return false;
        timeout_ms = reader_caught_up(reader) ? 0 : timeout_ms;
    }
    return false;
}

bool reader_caught_up(const struct reader *reader)
{
    return reader->behind == 0;
}

int64_t reader_total(const struct reader *reader)
{
    return reader->total;
}

const int64_t *reader_starts(const struct reader *reader)
{
    return reader->starts;
}

const struct position *reader_ends(const struct reader *reader, size_t *count)
{
    *count = (size_t)reader->assigned->cnt;
    return reader->ends;
}

enum status reader_status(const struct reader *reader, struct error *error)
{
    *error = reader->denied;
    return error->status;
}

void reader_free(struct reader *reader)
{
    if (reader == NULL)
        return;
    rd_kafka_queue_destroy(reader->intake.queue);
    rd_kafka_topic_partition_list_destroy(reader->assigned);
    kafka_destroy(reader->kafka, 0);
    free(reader->is_behind);
    free(reader->starts);
    free(reader->ends);
    free(reader);
}
