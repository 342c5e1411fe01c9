#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "brokers/kafka.h"

enum { CLOSE_MS = 10000, REST_MS = 1000 };

/* A partition that was ever ours.  Slots are never given up, so that a number stays good; a new assignment of the same
 * partition is a new epoch, and what was taken under an older one can no longer move its offset. */
struct slot {
    char *topic;
    int32_t partition;
    int epoch;
    bool ours;
    int64_t finished;  /* next offset to read when all before it is finished; -1: nothing yet */
    int64_t committed; /* what the broker was last told; -1: nothing yet */
};

struct consumer {
    struct client client;
    rd_kafka_t *kafka;
    struct slot *slots;
    int slot_count;
    int64_t committed_at_ms;
    struct intake intake;
    bool paused; /* partitions that are assigned meanwhile start paused */
    int idle_ms; /* for how long nothing has come */
};

static const struct property properties[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "earliest"},
    {"partition.assignment.strategy", "range"}, /* same partition count everywhere: one instance has all of an order */
    {"session.timeout.ms", "6000"},
    {"heartbeat.interval.ms", "1000"},
    {"queued.max.messages.kbytes", "2048"},     /* in time for the next batch: see kafka_fetch_on */
    {"fetch.message.max.bytes", "131072"},      /* of a partition in one answer, unless one batch is larger */
    {"fetch.max.bytes", "1114112"},             /* in one answer: of what is compressed it unpacks all at once */
    {"fetch.error.backoff.ms", "50"},
    {"allow.auto.create.topics", "true"},
    {NULL, NULL},
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct slot *slot_find(struct consumer *consumer, const char *topic, int32_t partition)
{
    struct slot *grown;

    for (int i = 0; i < consumer->slot_count; i++)
        if (consumer->slots[i].partition == partition && strcmp(consumer->slots[i].topic, topic) == 0)
            return &consumer->slots[i];
    grown = realloc(consumer->slots, (size_t)(consumer->slot_count + 1) * sizeof *grown);
    if (grown == NULL)
        abort();
    consumer->slots = grown;
    grown = &consumer->slots[consumer->slot_count++];
    *grown = (struct slot){.topic = strdup(topic), .partition = partition, .finished = -1, .committed = -1};
    if (grown->topic == NULL)
        abort();
    return grown;
}

/* What is finished and not yet committed; NULL when that is nothing. */
static rd_kafka_topic_partition_list_t *uncommitted(struct consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = NULL;

    for (int i = 0; i < consumer->slot_count; i++) {
        struct slot *slot = &consumer->slots[i];

        if (!slot->ours || slot->finished < 0 || slot->finished == slot->committed)
            continue;
        if (list == NULL)
            list = rd_kafka_topic_partition_list_new(consumer->slot_count);
        rd_kafka_topic_partition_list_add(list, slot->topic, slot->partition)->offset = slot->finished;
        slot->committed = slot->finished;
    }
    return list;
}

static void commit(struct consumer *consumer, bool wait)
{
    rd_kafka_topic_partition_list_t *list = uncommitted(consumer);

    consumer->committed_at_ms = now_ms();
    if (list == NULL)
        return;
    rd_kafka_commit(consumer->kafka, list, wait ? 0 : 1); /* see on_commit */
    rd_kafka_topic_partition_list_destroy(list);
}

/* What failed to be committed is committed again with the next: a partition where nothing new comes would else lag for ever,
 * and a sweeper that waits for its commands to be read would wait with it.  client is the consumer's first member. */
static void on_commit(rd_kafka_t *kafka, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct consumer *consumer = opaque;

    (void)kafka;
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *partition = &list->elems[i];
        struct slot *slot = slot_find(consumer, partition->topic, partition->partition);

        if ((code != RD_KAFKA_RESP_ERR_NO_ERROR || partition->err != RD_KAFKA_RESP_ERR_NO_ERROR) && slot->committed == partition->offset)
            slot->committed = -1;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__NO_OFFSET)
        kafka_say(&consumer->client, LOG_DEBUG, "an offset commit failed and is made again: %s", rd_kafka_err2str(code));
}

static void set_paused(rd_kafka_t *kafka, rd_kafka_topic_partition_list_t *list, bool paused)
{
    if (paused)
        rd_kafka_pause_partitions(kafka, list);
    else
        rd_kafka_resume_partitions(kafka, list);
}

static void assigned(struct consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        struct slot *slot = slot_find(consumer, list->elems[i].topic, list->elems[i].partition);

        slot->epoch++;
        slot->ours = true;
        slot->finished = slot->committed = -1;
    }
}

static void revoked(struct consumer *consumer)
{
    for (int i = 0; i < consumer->slot_count; i++)
        consumer->slots[i].ours = false;
}

/* A partition that is paused when it is taken from us would come back paused, which nobody would undo.  One that comes is left
 * alone unless it must be paused: to resume one that is just being started can make librdkafka forget it.  client is the
 * consumer's first member. */
static void on_rebalance(rd_kafka_t *kafka, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct consumer *consumer = opaque;

    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        kafka_is_back(&consumer->client);
        kafka_say(&consumer->client, LOG_INFO, "%d partitions assigned", list->cnt);
        assigned(consumer, list);
        rd_kafka_assign(kafka, list);
        if (consumer->paused)
            set_paused(kafka, list, true);
        return;
    }
    kafka_say(&consumer->client, LOG_INFO, "%d partitions revoked", list->cnt);
    if (!rd_kafka_assignment_lost(kafka))
        commit(consumer, true);
    revoked(consumer);
    if (consumer->paused)
        set_paused(kafka, list, false);
    rd_kafka_assign(kafka, NULL);
}

static void configure(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
}

static enum status subscribe(rd_kafka_t *kafka, const char *const *topics, size_t count, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(kafka, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return STATUS_OK;
    return error_set(error, STATUS_BUG, "cannot subscribe: %s", rd_kafka_err2str(code));
}

struct consumer *consumer_new(const struct broker_settings *settings, const char *const *topics, size_t count,
                              struct error *error)
{
    struct property all[sizeof properties / sizeof properties[0] + 2];
    struct consumer *consumer = calloc(1, sizeof *consumer);
    size_t used = sizeof properties / sizeof properties[0] - 1;

    if (consumer == NULL)
        abort();
    memcpy(all, properties, sizeof properties);
    all[used++] = (struct property){"group.id", settings->group};
    if (settings->instance != NULL)
        all[used++] = (struct property){"group.instance.id", settings->instance};
    all[used] = (struct property){NULL, NULL};
    consumer->kafka = kafka_new(RD_KAFKA_CONSUMER, settings, all, configure, &consumer->client, error);
    if (consumer->kafka == NULL) {
        free(consumer);
        return NULL;
    }
    rd_kafka_poll_set_consumer(consumer->kafka);
    consumer->intake.queue = rd_kafka_queue_get_consumer(consumer->kafka);
    if (subscribe(consumer->kafka, topics, count, error) != STATUS_OK) {
        consumer_close(consumer);
        return NULL;
    }
    return consumer;
}

/* What a backlog took is given back once it is gone. */
static void rest(struct consumer *consumer, int waited_ms)
{
    bool rested = consumer->idle_ms >= REST_MS;

    consumer->idle_ms += rested ? 0 : waited_ms;
    if (!rested && consumer->idle_ms >= REST_MS)
        kafka_memory_trim();
}

/* Something else than a message.  True when a batch that cannot be unpacked is to be taken in its place; where it ends may not be
 * known yet, then it comes again. */
static bool news_take(struct consumer *consumer, rd_kafka_message_t *from, struct incoming *message)
{
    int64_t next;

    if (kafka_is_bad_batch(from)) {
        const char *topic = rd_kafka_topic_name(from->rkt);

        if (!kafka_bad_batch_end(&consumer->client, topic, from->partition, from->offset, &next) ||
            kafka_read_from(consumer->kafka, topic, from->partition, next) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return false;
        incoming_fill_bad_batch(message, from, next);
        return true;
    }
    if (from->err == RD_KAFKA_RESP_ERR__FATAL) /* a consumer learns it here, not by on_error */
        kafka_is_dead(consumer->kafka, &consumer->client);
    else if (from->err != RD_KAFKA_RESP_ERR__PARTITION_EOF && from->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        kafka_say(&consumer->client, LOG_DEBUG, "consumer: %s", rd_kafka_message_errstr(from));
    return false;
}

bool consumer_take(struct consumer *consumer, int timeout_ms, struct incoming *message)
{
    rd_kafka_message_t *from = rd_kafka_consumer_poll(consumer->kafka, timeout_ms);
    const struct slot *slot;

    if (from == NULL) {
        rest(consumer, timeout_ms);
        return false;
    }
    if (from->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        incoming_fill(message, from);
        incoming_headers(message);
    } else if (!news_take(consumer, from, message)) {
        rd_kafka_message_destroy(from);
        return false;
    }
    consumer->idle_ms = 0;
    kafka_fetch_on(consumer->kafka, &consumer->intake, message->value_length);
    kafka_is_back(&consumer->client);
    slot = slot_find(consumer, message->topic, message->partition);
    message->slot = (int)(slot - consumer->slots);
    message->epoch = slot->epoch;
    return true;
}

void consumer_finished(struct consumer *consumer, int slot, int epoch, int64_t next)
{
    if (consumer->slots[slot].ours && consumer->slots[slot].epoch == epoch)
        consumer->slots[slot].finished = next;
}

void consumer_commit(struct consumer *consumer, int interval_ms)
{
    if (now_ms() - consumer->committed_at_ms >= interval_ms)
        commit(consumer, false);
}

static void pause_all(struct consumer *consumer, bool pause)
{
    rd_kafka_topic_partition_list_t *list = NULL;

    consumer->paused = pause;
    if (rd_kafka_assignment(consumer->kafka, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    set_paused(consumer->kafka, list, pause);
    rd_kafka_topic_partition_list_destroy(list);
}

/* A message that slips out between pause and poll was taken by nobody: it is read again from its offset, or, where librdkafka
 * does not go back, by the next who is started, since what comes behind it must not be finished before. */
static void give_back(struct consumer *consumer, struct incoming *message)
{
    rd_kafka_resp_err_t code = kafka_read_from(consumer->kafka, message->topic, message->partition, message->offset);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && consumer->client.fatal.status == STATUS_OK)
        error_set(&consumer->client.fatal, STATUS_BUG, "%s/%d cannot be read again from offset %lld: %s", message->topic,
                  message->partition, (long long)message->offset, rd_kafka_err2str(code));
    incoming_release(message);
}

void consumer_idle(struct consumer *consumer, int timeout_ms)
{
    int64_t until = now_ms() + timeout_ms, left;
    struct incoming message;

    pause_all(consumer, true);
    while ((left = until - now_ms()) > 0)
        if (consumer_take(consumer, (int)left, &message))
            give_back(consumer, &message);
    pause_all(consumer, false);
}

enum status consumer_lag(struct consumer *consumer, const char *topic, int timeout_ms, int64_t *lag,
                         struct error *error)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;
    int partitions = 0;
    enum status status = kafka_topic_size(consumer->kafka, &consumer->client, topic, timeout_ms, &partitions, NULL, error);

    *lag = 0;
    if (status != STATUS_OK)
        return status;
    list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i);
    code = rd_kafka_committed(consumer->kafka, list, timeout_ms);
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++) {
        int64_t low, high, committed = list->elems[i].offset;

        code = kafka_ends(consumer->kafka, topic, list->elems[i].partition, timeout_ms, &low, &high);
        *lag += high - (committed < low ? low : committed);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(error, STATUS_AWAY, "the lag of %s is not to be had: %s", topic, rd_kafka_err2str(code));
    return STATUS_OK;
}

enum status consumer_status(const struct consumer *consumer, struct error *error)
{
    *error = consumer->client.fatal;
    return error->status;
}

/* rd_kafka_consumer_close would wait for ever for a broker that is gone.  False when it did not come about in time.  What comes
 * meanwhile comes as events, messages among them: only the rebalance wants an answer. */
static bool leave(struct consumer *consumer, int timeout_ms)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->kafka);
    rd_kafka_error_t *refused = rd_kafka_consumer_close_queue(consumer->kafka, queue); /* a fenced one has left already */
    int64_t until = refused == NULL ? now_ms() + timeout_ms : 0;
    bool left;

    if (refused != NULL)
        rd_kafka_error_destroy(refused);
    while (!(left = rd_kafka_consumer_closed(consumer->kafka) != 0) && now_ms() < until) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10);

        if (event != NULL && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
            on_rebalance(consumer->kafka, rd_kafka_event_error(event), rd_kafka_event_topic_partition_list(event), consumer);
        if (event != NULL)
            rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return left;
}

void consumer_close(struct consumer *consumer)
{
    if (consumer == NULL)
        return;
    commit(consumer, false);
    rd_kafka_queue_destroy(consumer->intake.queue);
    rd_kafka_destroy_flags(consumer->kafka, leave(consumer, CLOSE_MS) ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    for (int i = 0; i < consumer->slot_count; i++)
        free(consumer->slots[i].topic);
    free(consumer->slots);
    free(consumer);
}
