#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brokers/kafka.h"
#include "brokers/topics.h"
#include "brokers/wakeup.h"

/* To be sent once more: a dead letter that the broker refused with its value, now without; what a
 * topic that is gone cannot take. */
struct again {
    struct again *next;
    struct delivery *delivery;
    rd_kafka_topic_t *topic;
    rd_kafka_headers_t *headers;
    size_t key_length, value_length;
    bool has_key, has_value;
    char key_and_value[];
};

struct producer {
    struct client client;
    rd_kafka_t *kafka;
    /* opened before the first message, which else waits for metadata */
    rd_kafka_topic_t *topics[TOPICS_MAX];
    size_t topic_count;
    struct again *again;
    rd_kafka_queue_t *queue; /* of acknowledgements, among others */
    struct wakeup wakeup;
};

static const struct property properties[] = {
    {"acks", "all"},
    {"message.timeout.ms", "0"}, /* retried until it is safe */
    /* as Java clients hash, so that consoles and other languages agree */
    {"partitioner", "murmur2_random"},
    {"linger.ms", "5"}, /* for who does not call producer_push */
    {"batch.num.messages", "10000"},
    /* below the max.message.bytes of any topic, that of a broker's default too */
    {"batch.size", "1000000"},
    /* above the topics' own limit, so that the broker's word counts */
    {"message.max.bytes", "2097152"},
    {"queue.buffering.max.kbytes", "65536"},
    {"isolation.level", "read_uncommitted"}, /* of where partitions end: see producer_handle */
    {NULL, NULL},
};

/* ---- dead letters ---- */

/* What the opaque pointer of their topics points to. */
static char dead_letters;

/* What comes compressed is dead-lettered compressed: else a flood of little would become a flood of
 * much. */
static rd_kafka_topic_conf_t *dead_letters_conf(rd_kafka_t *kafka)
{
    /* the second for a librdkafka that was built without the first */
    static const char *const codecs[] = {"zstd", "lz4"};
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(kafka);
    rd_kafka_conf_res_t set = RD_KAFKA_CONF_INVALID;

    for (size_t i = 0; set != RD_KAFKA_CONF_OK && i < sizeof codecs / sizeof codecs[0]; i++)
        set = rd_kafka_topic_conf_set(conf, "compression.codec", codecs[i], NULL, 0);
    rd_kafka_topic_conf_set_opaque(conf, &dead_letters);
    return conf;
}

/* Is it a dead letter too large for its topic, whatever that was set to?  It can do without its
 * value. */
static bool may_go_without_value(const rd_kafka_message_t *message)
{
    return message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && message->payload != NULL &&
           rd_kafka_topic_opaque(message->rkt) == &dead_letters;
}

/* ---- what is sent once more ---- */

/* Remembers a copy; the headers are its own. */
static void again_put(struct producer *producer, rd_kafka_topic_t *topic,
                      const struct outgoing *message, rd_kafka_headers_t *headers,
                      struct delivery *delivery)
{
    const size_t key_length = message->key == NULL ? 0 : message->key_length;
    const size_t value_length = message->value == NULL ? 0 : message->value_length;
    struct again *again = calloc(1, sizeof *again + key_length + value_length);

    if (again == NULL)
        abort();
    *again = (struct again){.next = producer->again,
                            .delivery = delivery,
                            .topic = topic,
                            .headers = headers,
                            .key_length = key_length,
                            .value_length = value_length,
                            .has_key = message->key != NULL,
                            .has_value = message->value != NULL};
    if (key_length > 0)
        memcpy(again->key_and_value, message->key, key_length);
    if (value_length > 0)
        memcpy(again->key_and_value + key_length, message->value, value_length);
    producer->again = again;
}

/* What librdkafka gives up, it has forgotten when the callback returns. */
static void again_put_failed(struct producer *producer, const rd_kafka_message_t *message,
                             bool with_value, struct delivery *delivery)
{
    const struct outgoing copy = {.key = message->key,
                                  .key_length = message->key_len,
                                  .value = with_value ? message->payload : NULL,
                                  .value_length = message->len};
    rd_kafka_headers_t *headers = NULL;

    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        headers = rd_kafka_headers_copy(headers);
    again_put(producer, message->rkt, &copy, headers, delivery);
}

/* True where that is to be waited for: by whoever has outages to log. */
static bool topic_is_gone(struct producer *producer, const rd_kafka_topic_t *topic,
                          rd_kafka_resp_err_t code)
{
    char what[OUTAGE_TEXT];

    if (producer->client.outages == NULL ||
        (code != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC && code != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION &&
         code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART))
        return false;
    snprintf(what, sizeof what, "publishing to %s", rd_kafka_topic_name(topic));
    kafka_outage(&producer->client, what, "gone",
                 "topic %s is gone, waiting for it to be there again: what it is to hold is kept",
                 rd_kafka_topic_name(topic));
    return true;
}

static void topic_is_back(struct producer *producer, const rd_kafka_topic_t *topic)
{
    char what[OUTAGE_TEXT];

    if (producer->client.outages == NULL || producer->client.outages->count == 0)
        return;
    snprintf(what, sizeof what, "publishing to %s", rd_kafka_topic_name(topic));
    kafka_outage_over(&producer->client, what);
}

static void again_free(struct again *again)
{
    if (again->headers != NULL)
        rd_kafka_headers_destroy(again->headers);
    free(again);
}

static void failed(struct delivery *delivery, const char *topic, const char *why)
{
    delivery->pending--;
    if (delivery->error.status == STATUS_OK)
        error_set(&delivery->error, STATUS_INVALID, "publishing to %s failed for good: %s", topic,
                  why);
}

static void on_delivery(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque)
{
    struct delivery *delivery = message->_private;
    struct producer *producer = opaque; /* client is its first member */

    (void)kafka;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_is_back(&producer->client);
        topic_is_back(producer, message->rkt);
    }
    if (delivery == NULL)
        return;
    if (may_go_without_value(message))
        again_put_failed(producer, message, false, delivery);
    else if (topic_is_gone(producer, message->rkt, message->err))
        again_put_failed(producer, message, true, delivery);
    else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        failed(delivery, rd_kafka_topic_name(message->rkt), rd_kafka_err2str(message->err));
    else
        delivery->pending--;
}

static void configure(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
}

struct producer *producer_new(const struct broker_settings *settings, struct error *error)
{
    struct producer *producer = calloc(1, sizeof *producer);

    if (producer == NULL)
        abort();
    producer->kafka =
        kafka_new(RD_KAFKA_PRODUCER, settings, properties, configure, &producer->client, error);
    if (producer->kafka == NULL) {
        free(producer);
        return NULL;
    }
    producer->queue = rd_kafka_queue_get_main(producer->kafka);
    producer->wakeup = wakeup_open(producer->queue);
    wakeup_watch(&producer->wakeup);
    return producer;
}

rd_kafka_t *producer_handle(struct producer *producer)
{
    return producer->kafka;
}

static rd_kafka_topic_t *topic_of(struct producer *producer, const char *name)
{
    rd_kafka_topic_t *topic;

    for (size_t i = 0; i < producer->topic_count; i++)
        if (strcmp(rd_kafka_topic_name(producer->topics[i]), name) == 0)
            return producer->topics[i];
    if (producer->topic_count == TOPICS_MAX)
        return NULL;
    topic = rd_kafka_topic_new(producer->kafka, name,
                               topic_holds_dead_letters(name) ? dead_letters_conf(producer->kafka)
                                                              : NULL);
    if (topic != NULL)
        producer->topics[producer->topic_count++] = topic;
    return topic;
}

static rd_kafka_headers_t *headers_of(const struct outgoing *message)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);

    for (size_t i = 0; i < message->header_count; i++)
        rd_kafka_header_add(
            headers, message->headers[i].name, -1, message->headers[i].value,
            message->headers[i].value == NULL ? -1 : (ssize_t)message->headers[i].length);
    return headers;
}

/* What librdkafka's variable arguments are named for; it copies key and value although it takes
 * them as plain pointers. */
static rd_kafka_error_t *produce(struct producer *producer, rd_kafka_topic_t *topic,
                                 const struct outgoing *message, rd_kafka_headers_t *headers,
                                 struct delivery *delivery)
{
    rd_kafka_vu_t arguments[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {(void *)(uintptr_t)message->key, message->key_length}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)message->value, message->value_length}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = delivery},
    };

    return rd_kafka_produceva(producer->kafka, arguments, sizeof arguments / sizeof arguments[0]);
}

enum status producer_send(struct producer *producer, const struct outgoing *message,
                          struct delivery *delivery, struct error *error)
{
    rd_kafka_topic_t *topic = topic_of(producer, message->topic);
    const int64_t since_ms = kafka_clock_ms();

    if (topic == NULL)
        return error_set(error, STATUS_INVALID, "cannot open topic %s", message->topic);
    for (;;) {
        rd_kafka_headers_t *headers = headers_of(message);
        rd_kafka_error_t *failure = produce(producer, topic, message, headers, delivery);
        rd_kafka_resp_err_t code =
            failure == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(failure);

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            delivery->pending++;
            return STATUS_OK;
        }
        if (topic_is_gone(producer, topic, code)) {
            rd_kafka_error_destroy(failure);
            again_put(producer, topic, message, headers, delivery);
            delivery->pending++;
            return STATUS_OK;
        }
        rd_kafka_headers_destroy(headers);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            error_set(error, STATUS_INVALID, "cannot publish %zu bytes to %s: %s",
                      message->value_length, message->topic, rd_kafka_error_string(failure));
            rd_kafka_error_destroy(failure);
            return error->status;
        }
        rd_kafka_error_destroy(failure);
        if (!kafka_waits_on(kafka_clock_ms() - since_ms))
            return error_set(error, STATUS_UNAVAILABLE,
                             "%s: there is no room for more in the queue to the broker",
                             message->topic);
        producer_poll(producer, 100);
    }
}

/* What finds no room, or whose topic is still gone, waits for the next call. */
static void send_again(struct producer *producer)
{
    struct again **at = &producer->again;

    while (*at != NULL) {
        struct again *again = *at;
        const char *key = again->key_and_value;
        const struct outgoing message = {.key = again->has_key ? key : NULL,
                                         .key_length = again->key_length,
                                         .value = again->has_value ? key + again->key_length : NULL,
                                         .value_length = again->value_length};
        rd_kafka_error_t *failure =
            produce(producer, again->topic, &message, again->headers, again->delivery);
        rd_kafka_resp_err_t code =
            failure == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(failure);
        bool waits =
            code == RD_KAFKA_RESP_ERR__QUEUE_FULL || topic_is_gone(producer, again->topic, code);

        if (failure == NULL)
            again->headers = NULL; /* librdkafka's now */
        else if (!waits)
            failed(again->delivery, rd_kafka_topic_name(again->topic),
                   rd_kafka_error_string(failure));
        if (failure != NULL)
            rd_kafka_error_destroy(failure);
        if (waits) {
            at = &again->next;
            continue;
        }
        *at = again->next;
        again_free(again);
    }
}

void producer_poll(struct producer *producer, int timeout_ms)
{
    wakeup_take(&producer->wakeup);
    if (rd_kafka_poll(producer->kafka, 0) == 0 && timeout_ms > 0) {
        wakeup_wait(&producer->wakeup, timeout_ms);
        rd_kafka_poll(producer->kafka, 0);
    }
    send_again(producer);
}

/* librdkafka heeds no linger while somebody flushes. */
void producer_push(struct producer *producer, int timeout_ms)
{
    rd_kafka_flush(producer->kafka, timeout_ms);
    wakeup_take(&producer->wakeup);
    rd_kafka_poll(producer->kafka, 0);
    send_again(producer);
}

bool producer_flush(struct producer *producer, int timeout_ms)
{
    bool flushed = rd_kafka_flush(producer->kafka, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;

    if (producer->again == NULL)
        return flushed;
    send_again(producer);
    return rd_kafka_flush(producer->kafka, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           producer->again == NULL;
}

/* Without a last poll, which would count down deliveries whose owners may be gone. */
void producer_free(struct producer *producer)
{
    if (producer == NULL)
        return;
    while (producer->again != NULL) {
        struct again *next = producer->again->next;

        again_free(producer->again);
        producer->again = next;
    }
    rd_kafka_purge(producer->kafka, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (size_t i = 0; i < producer->topic_count; i++)
        rd_kafka_topic_destroy(producer->topics[i]);
    wakeup_close(&producer->wakeup);
    rd_kafka_queue_destroy(producer->queue);
    kafka_destroy(producer->kafka, 0);
    free(producer);
}
