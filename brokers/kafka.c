#include "brokers/kafka.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/timestamp.h"
#include "brokers/properties.h"
#include "brokers/topics.h"

static const char the_broker[] = "the broker";

enum { LOOK_EVERY_MS = 1000, LOOK_BACK_MS = 50, SLICE_MS = 500, REFUSED_MS = 2000, END_S = 5 };
enum {
    PAUSE_MS = 50,
    SEEK_MS = 5000,
    LOOK_EVERY = 64 * 1024,
    MUCH = 512 * 1024 /* bytes: less than that waiting is no reason to stop */
};

/* Of every client.  Values that are not taste are explained; the rest can be set by the user. */
static const struct property common[] = {
    {"client.id", "quadrille"},
    /* a saga is many small messages, each waited for by somebody */
    {"socket.nagle.disable", "true"},
    {"reconnect.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "1000"},
    /* a broker that has just come back may not know all leaders yet */
    {"topic.metadata.refresh.interval.ms", "10000"},
    {"log_level", "5"},
    {"log.queue", "true"}, /* log lines come with poll, from no other thread */
    {NULL, NULL},
};

void kafka_say(struct client *client, int level, const char *format, ...)
{
    char what[512];
    va_list arguments;

    if (client->log == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    client->log(client->log_context, level, what);
}

int64_t kafka_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what is unavailable ---- */

void kafka_outage(struct client *client, const char *what, const char *reason, const char *format,
                  ...)
{
    char text[480];
    va_list arguments;

    if (client->outages == NULL || !outage_begin(client->outages, what, reason))
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    kafka_say(client, LOG_WARNING, "%s", text);
}

void kafka_outage_over(struct client *client, const char *what)
{
    if (client->outages != NULL && client->outages->count > 0 && outage_end(client->outages, what))
        kafka_say(client, LOG_NOTICE, "%s: back", what);
}

void kafka_is_back(struct client *client)
{
    if (client->outages != NULL && client->outages->count > 0 &&
        outage_end(client->outages, the_broker))
        kafka_say(client, LOG_NOTICE, "the broker is back");
}

void kafka_look_back(rd_kafka_t *kafka, struct client *client)
{
    const struct rd_kafka_metadata *metadata;

    if (client->outages == NULL || !outage_lasts(client->outages, the_broker) ||
        kafka_clock_ms() - client->asked_ms < LOOK_EVERY_MS)
        return;
    if (rd_kafka_metadata(kafka, 0, NULL, &metadata, LOOK_BACK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
        kafka_is_back(client);
    }
    client->asked_ms = kafka_clock_ms();
}

static void broker_is_unavailable(struct client *client, const char *reason)
{
    kafka_outage(client, the_broker, reason, "the broker is unavailable, waiting for it: %s",
                 reason);
}

void kafka_is_dead(rd_kafka_t *kafka, struct client *client)
{
    char why[400] = "";
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(kafka, why, sizeof why);

    error_set(&client->fatal, STATUS_BUG, "%s: %s", rd_kafka_err2name(fatal), why);
}

/* Why a connection failed comes before the news that there is none left; what fails later is told
 * as long as there is none. */
static void on_error(rd_kafka_t *kafka, int code, const char *reason, void *opaque)
{
    struct client *client = opaque;

    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        kafka_is_dead(kafka, client);
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        broker_is_unavailable(client, client->why[0] != '\0' ? client->why : reason);
        return;
    }
    outage_reason(reason, client->why);
    if (client->outages != NULL && outage_lasts(client->outages, the_broker))
        broker_is_unavailable(client, client->why);
}

/* librdkafka repeats itself while a broker is unavailable; on_error says it once.  What is left to
 * log is what is wrong with us. */
static void on_log(const rd_kafka_t *kafka, int level, const char *facility, const char *text)
{
    struct client *client = rd_kafka_opaque(kafka);

    if (client != NULL && level <= LOG_ERR && strcmp(facility, "FAIL") != 0 &&
        strcmp(facility, "ERROR") != 0)
        kafka_say(client, level, "librdkafka %s: %s", facility, text);
}

static enum status property_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                                struct error *error)
{
    char why[300];

    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "Kafka property %s=%s: %s", name,
                     property_shown(name, value), why);
}

static enum status properties_set(rd_kafka_conf_t *conf, const struct property *properties,
                                  struct error *error)
{
    enum status status = STATUS_OK;

    for (; status == STATUS_OK && properties->name != NULL; properties++)
        status = property_set(conf, properties->name, properties->value, error);
    return status;
}

static enum status user_properties_set(rd_kafka_conf_t *conf, const char *const *properties,
                                       struct error *error)
{
    enum status status = STATUS_OK;

    for (; status == STATUS_OK && properties != NULL && *properties != NULL; properties++) {
        const char *equals = strchr(*properties, '=');
        char name[128];

        if (equals == NULL || equals == *properties ||
            (size_t)(equals - *properties) >= sizeof name)
            return error_set(error, STATUS_INVALID, "Kafka property \"%s\": name=value is expected",
                             *properties);
        snprintf(name, sizeof name, "%.*s", (int)(equals - *properties), *properties);
        status = property_allowed(name, equals + 1, error);
        if (status == STATUS_OK)
            status = property_set(conf, name, equals + 1, error);
    }
    return status;
}

/* librdkafka rounds the wait for a timer down to milliseconds and turns in a circle for the rest,
 * in each client once a second and more: most of what an idle service would cost.  Time-outs that
 * may be a millisecond late end that; what wakes a thread for a message is never late. */
static void timers_may_be_late(void)
{
#ifdef __linux__
    prctl(PR_SET_TIMERSLACK, 1000000UL, 0UL, 0UL, 0UL);
#endif
}

/* librdkafka has half a dozen threads in a client and large buffers in each: what is freed goes
 * back to the system, instead of staying where the largest batch has been. */
static void memory_is_given_back(void)
{
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    mallopt(M_TRIM_THRESHOLD, 128 * 1024);
#endif
}

void kafka_memory_keep(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
#endif
}

void kafka_memory_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* ---- what may take for ever ---- */

static volatile sig_atomic_t last_code = 3;
static const char *volatile last_words; /* NULL: there is nothing to be written */

void broker_ends_with(int code)
{
    last_code = code;
}

/* librdkafka is waited for in vain: by then all is committed that can be, and written out. */
static void on_alarm(int number)
{
    (void)number;
    if (last_words != NULL && write(STDERR_FILENO, last_words, strlen(last_words)) < 0)
        _exit(last_code);
    _exit(last_code);
}

/* Destroying a client waits for its threads: librdkafka 2.0 loses count of who uses a partition
 * whose topic was gone for a moment, and one of them never ends.  Making one waits for threads too,
 * which the system may not give.  Who waits cannot look at a clock: an alarm does. */
static void bound_begin(const char *words)
{
    const struct sigaction action = {.sa_handler = on_alarm};

    fflush(NULL);
    last_words = words;
    sigaction(SIGALRM, &action, NULL);
    alarm(END_S);
}

static void bound_end(void)
{
    alarm(0);
}

void kafka_destroy(rd_kafka_t *kafka, int flags)
{
    bound_begin(NULL);
    rd_kafka_destroy_flags(kafka, flags);
    bound_end();
}

rd_kafka_t *kafka_new(rd_kafka_type_t kind, const struct broker_settings *settings,
                      const struct property *properties, void (*configure)(rd_kafka_conf_t *conf),
                      struct client *client, struct error *error)
{
    const struct property own[] = {{"bootstrap.servers", settings->brokers}, {NULL, NULL}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *kafka;
    char why[300];

    client->brokers = settings->brokers;
    client->properties = settings->properties;
    client->log = settings->log;
    client->log_context = settings->log_context;
    client->outages = settings->outages;
    if (properties_set(conf, common, error) != STATUS_OK ||
        properties_set(conf, own, error) != STATUS_OK ||
        properties_set(conf, properties, error) != STATUS_OK ||
        user_properties_set(conf, settings->properties, error) != STATUS_OK) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (configure != NULL)
        configure(conf);
    timers_may_be_late();
    memory_is_given_back();
    bound_begin("librdkafka cannot start its threads: it needs more memory, or more threads than "
                "this process may have\n");
    kafka = rd_kafka_new(kind, conf, why, sizeof why);
    bound_end();
    if (kafka == NULL) {
        rd_kafka_conf_destroy(conf);
        error_set(error, STATUS_INVALID, "cannot make a Kafka client: %s", why);
        return NULL;
    }
    /* they would come from another thread */
    if (rd_kafka_set_log_queue(kafka, NULL) != RD_KAFKA_RESP_ERR_NO_ERROR)
        abort();
    return kafka;
}

enum status kafka_unavailable(const struct client *client, const char *why, struct error *error)
{
    return error_set(error, STATUS_UNAVAILABLE, "the broker at %s does not answer: %s",
                     client->brokers, why);
}

static bool (*while_waiting)(int64_t waited_ms);

void broker_while_waiting(bool (*look)(int64_t waited_ms))
{
    while_waiting = look;
}

bool kafka_waits_on(int64_t waited_ms)
{
    return while_waiting == NULL || while_waiting(waited_ms);
}

/* Of one topic, or of all: NULL.  Whom no broker lets in is told so soon; one that merely takes its
 * time is waited for. */
static rd_kafka_resp_err_t topic_metadata(rd_kafka_t *kafka, const struct client *client,
                                          rd_kafka_topic_t *topic, int timeout_ms,
                                          const struct rd_kafka_metadata **metadata)
{
    int64_t start_ms = kafka_clock_ms(), spent_ms = 0;
    rd_kafka_resp_err_t code;

    do {
        int slice_ms =
            timeout_ms - (int)spent_ms < SLICE_MS ? timeout_ms - (int)spent_ms : SLICE_MS;

        code = rd_kafka_metadata(kafka, topic == NULL, topic, metadata, slice_ms);
        spent_ms = kafka_clock_ms() - start_ms;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !client->has_messages)
            rd_kafka_poll(kafka, 0); /* on_error is told why */
    } while ((code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT) &&
             spent_ms < timeout_ms && (spent_ms < REFUSED_MS || client->why[0] == '\0') &&
             kafka_waits_on(spent_ms));
    return code;
}

static enum status no_metadata(const struct client *client, rd_kafka_resp_err_t code,
                               struct error *error)
{
    return kafka_unavailable(client, client->why[0] != '\0' ? client->why : rd_kafka_err2str(code),
                             error);
}

enum status kafka_topic_size(rd_kafka_t *kafka, const struct client *client, const char *name,
                             int timeout_ms, int *partitions, int *replication, struct error *error)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka, name, NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code;

    if (topic == NULL)
        return error_set(error, STATUS_INVALID, "cannot open topic %s", name);
    code = topic_metadata(kafka, client, topic, timeout_ms, &metadata);
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return no_metadata(client, code, error);
    code = metadata->topic_cnt > 0 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_NO_ERROR;
    *partitions = metadata->topic_cnt > 0 ? metadata->topics[0].partition_cnt : 0;
    if (replication != NULL)
        *replication = *partitions > 0 ? metadata->topics[0].partitions[0].replica_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return error_set(error, STATUS_INVALID, "topic %s: not authorized", name);
    return STATUS_OK;
}

enum status kafka_former_topics(rd_kafka_t *kafka, const struct client *client, int timeout_ms,
                                bool *found, struct error *error)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = topic_metadata(kafka, client, NULL, timeout_ms, &metadata);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return no_metadata(client, code, error);
    for (size_t i = 0; i < FORMER_TOPICS; i++) {
        found[i] = false;
        for (int j = 0; !found[i] && j < metadata->topic_cnt; j++)
            found[i] = strcmp(metadata->topics[j].topic, former_topics[i].name) == 0;
    }
    rd_kafka_metadata_destroy(metadata);
    return STATUS_OK;
}

bool kafka_former_topics_say(rd_kafka_t *kafka, struct client *client, int timeout_ms)
{
    char names[300] = "";
    bool found[FORMER_TOPICS] = {false};
    struct error error;

    if (kafka_former_topics(kafka, client, timeout_ms, found, &error) != STATUS_OK)
        return false;
    for (size_t i = 0, length = 0; i < FORMER_TOPICS; i++)
        if (found[i])
            length += (size_t)snprintf(names + length, sizeof names - length, "%s%s",
                                       length == 0 ? "" : ", ", former_topics[i].name);
    if (names[0] != '\0')
        kafka_say(client, LOG_WARNING,
                  "topics that only 0.1 uses are still there: %s; how to move stands in "
                  "docs/operations.md, Upgrading",
                  names);
    return true;
}

static bool is_changing_hands(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

rd_kafka_resp_err_t kafka_ends(rd_kafka_t *kafka, const char *topic, int32_t partition,
                               int timeout_ms, int64_t *low, int64_t *high)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    rd_kafka_resp_err_t code;

    for (;;) {
        code = rd_kafka_query_watermark_offsets(kafka, topic, partition, low, high, timeout_ms);
        timeout_ms -= PAUSE_MS;
        if (!is_changing_hands(code) || timeout_ms <= 0)
            return code;
        nanosleep(&pause, NULL);
    }
}

/* Kafka's ListOffsets takes -2 and -1 for a time: the first offset there is, and the one behind the
 * last. */
static rd_kafka_resp_err_t offsets_at(rd_kafka_t *kafka, rd_kafka_topic_partition_list_t *list,
                                      int64_t time, int timeout_ms)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    rd_kafka_resp_err_t code;

    for (;;) {
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].offset = time;
        code = rd_kafka_offsets_for_times(kafka, list, timeout_ms);
        for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
            code = list->elems[i].err;
        timeout_ms -= PAUSE_MS;
        if (!is_changing_hands(code) || timeout_ms <= 0)
            return code;
        nanosleep(&pause, NULL);
    }
}

rd_kafka_resp_err_t kafka_all_ends(rd_kafka_t *kafka,
                                   const rd_kafka_topic_partition_list_t *partitions,
                                   int timeout_ms, rd_kafka_topic_partition_list_t **low,
                                   rd_kafka_topic_partition_list_t **high)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    *low = rd_kafka_topic_partition_list_copy(partitions);
    *high = rd_kafka_topic_partition_list_copy(partitions);
    if (partitions->cnt > 0)
        code = offsets_at(kafka, *low, RD_KAFKA_OFFSET_BEGINNING, timeout_ms);
    if (partitions->cnt > 0 && code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = offsets_at(kafka, *high, RD_KAFKA_OFFSET_END, timeout_ms);
    return code;
}

rd_kafka_resp_err_t kafka_list_ends(rd_kafka_t *kafka, rd_kafka_topic_partition_list_t *partitions,
                                    int timeout_ms)
{
    return offsets_at(kafka, partitions, RD_KAFKA_OFFSET_END, timeout_ms);
}

rd_kafka_resp_err_t kafka_read_from(rd_kafka_t *kafka, const char *topic, int32_t partition,
                                    int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_error_t *late;
    rd_kafka_resp_err_t code;

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    late = rd_kafka_seek_partitions(kafka, list, SEEK_MS);
    code = late != NULL ? rd_kafka_error_code(late) : list->elems[0].err;
    if (late != NULL)
        rd_kafka_error_destroy(late);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

/* Whatever is asked of a broker wakes the thread that also fetches from it; nobody waits for the
 * answer. */
static void brokers_wake(rd_kafka_t *kafka)
{
    rd_kafka_topic_partition_list_t *list;

    if (rd_kafka_assignment(kafka, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    offsets_at(kafka, list, RD_KAFKA_OFFSET_END, 1);
    rd_kafka_topic_partition_list_destroy(list);
}

void kafka_fetch_on(rd_kafka_t *kafka, struct intake *intake, size_t bytes)
{
    size_t waiting;

    intake->size = bytes > intake->size ? bytes : intake->size - (intake->size - bytes) / 64;
    intake->taken += bytes;
    if (intake->taken < LOOK_EVERY)
        return;
    intake->taken = 0;
    waiting = rd_kafka_queue_length(intake->queue);
    if (waiting > intake->most)
        intake->most = waiting;
    if (intake->most * intake->size < MUCH || waiting * 2 > intake->most)
        return;
    intake->most = waiting;
    brokers_wake(kafka);
}

/* A producer may write any number as a record's time. */
static bool is_a_time(int64_t timestamp_ms)
{
    return timestamp_ms >= TIMESTAMP_FIRST_US / 1000 && timestamp_ms <= TIMESTAMP_LAST_US / 1000;
}

void incoming_fill(struct incoming *message, rd_kafka_message_t *from)
{
    rd_kafka_timestamp_type_t kind;
    int64_t timestamp = rd_kafka_message_timestamp(from, &kind);

    message->topic = rd_kafka_topic_name(from->rkt);
    message->partition = from->partition;
    message->offset = from->offset;
    message->timestamp_ms =
        kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || !is_a_time(timestamp) ? 0 : timestamp;
    message->key = from->key;
    message->key_length = from->key_len;
    message->value = from->payload;
    message->value_length = from->len;
    message->next = from->offset + 1;
    message->unreadable = NULL;
    message->headers = NULL;
    message->header_count = 0;
    message->slot = message->epoch = 0;
    message->handle = from;
}

void incoming_fill_bad_batch(struct incoming *message, rd_kafka_message_t *from, int64_t next)
{
    *message = (struct incoming){.topic = rd_kafka_topic_name(from->rkt),
                                 .partition = from->partition,
                                 .offset = from->offset,
                                 .next = next,
                                 .unreadable = rd_kafka_message_errstr(from),
                                 .handle = from};
}

void incoming_headers(struct incoming *message)
{
    rd_kafka_headers_t *headers = NULL;
    size_t count;

    if (rd_kafka_message_headers(message->handle, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    count = rd_kafka_header_cnt(headers);
    message->headers = malloc((count + 1) * sizeof *message->headers);
    if (message->headers == NULL)
        abort();
    for (; message->header_count < count; message->header_count++) {
        struct header *header = &message->headers[message->header_count];

        if (rd_kafka_header_get_all(headers, message->header_count, &header->name, &header->value,
                                    &header->length) != RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
    }
}

void incoming_release(struct incoming *message)
{
    if (message->handle != NULL)
        rd_kafka_message_destroy(message->handle);
    free(message->headers);
    message->handle = NULL;
    message->headers = NULL;
    message->header_count = 0;
}
