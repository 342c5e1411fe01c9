/* What producer.c, consumer.c and reader.c share of librdkafka.  Included in brokers/ only. */
#ifndef QUADRILLE_BROKERS_KAFKA_H
#define QUADRILLE_BROKERS_KAFKA_H

#include <librdkafka/rdkafka.h>

#include "brokers/broker.h"
#include "brokers/outages.h"

struct property {
    const char *name, *value;
};

/* The one who is told about the broker, behind each client's opaque pointer. */
struct client {
    const char *brokers; /* as in the settings, which outlive the client; so do the next */
    const char *const *properties;
    broker_log *log;
    void *log_context;
    struct outages *outages; /* NULL: nobody is told */
    char why[OUTAGE_TEXT];   /* the last reason for which a connection failed */
    int64_t asked_ms;        /* when it was last looked whether the broker is back */
    struct error fatal;      /* the client cannot go on */
    /* waiting in its queue: rd_kafka_poll, which is for events alone, would abort the program */
    bool has_messages;
};

/* A client of `kind` with our settings, then `properties` (up to a NULL name), then the user's.
 * NULL and `error` when one is refused. `configure` may add callbacks; NULL for none. */
rd_kafka_t *kafka_new(rd_kafka_type_t kind, const struct broker_settings *settings,
                      const struct property *properties, void (*configure)(rd_kafka_conf_t *conf),
                      struct client *client, struct error *error);

/* STATUS_UNAVAILABLE: "the broker at ... does not answer: `why`". */
enum status kafka_unavailable(const struct client *client, const char *why, struct error *error);

/* While the broker is waited for, see broker_while_waiting: false when that is to be given up. */
bool kafka_waits_on(int64_t waited_ms);

/* How many partitions a topic has, 0 when there is no such topic, and replicas of its first;
 * `replication` may be NULL. STATUS_INVALID: "topic ...: not authorized". */
enum status kafka_topic_size(rd_kafka_t *kafka, const struct client *client, const char *name,
                             int timeout_ms, int *partitions, int *replication,
                             struct error *error);

/* Which of the former topics there are: `found` has FORMER_TOPICS places.  Asks for a list of all
 * topics: one that is asked for by its name may be made. */
enum status kafka_former_topics(rd_kafka_t *kafka, const struct client *client, int timeout_ms,
                                bool *found, struct error *error);

/* Warns of those that there are, in one line of the log; false when the broker does not tell in
 * time. */
bool kafka_former_topics_say(rd_kafka_t *kafka, struct client *client, int timeout_ms);

/* The first offset of a partition, and the one behind its last.  One that was made just now, or is
 * changing hands, has nobody to ask for a moment: asked again until `timeout_ms`. */
rd_kafka_resp_err_t kafka_ends(rd_kafka_t *kafka, const char *topic, int32_t partition,
                               int timeout_ms, int64_t *low, int64_t *high);

/* The producer's connection.  Where a partition ends, it is told as one who reads uncommitted: what
 * open transactions have written is there, though nobody can read it yet. */
rd_kafka_t *producer_handle(struct producer *producer);

/* The same of all partitions of the list at once, in one request a broker: their first offsets into
 * `low`, the ones behind their last into `high`, which are copies of the list. */
rd_kafka_resp_err_t kafka_all_ends(rd_kafka_t *kafka,
                                   const rd_kafka_topic_partition_list_t *partitions,
                                   int timeout_ms, rd_kafka_topic_partition_list_t **low,
                                   rd_kafka_topic_partition_list_t **high);

/* The same of where they end alone, into the list itself; what is not known now has an error or no
 * offset. */
rd_kafka_resp_err_t kafka_list_ends(rd_kafka_t *kafka, rd_kafka_topic_partition_list_t *partitions,
                                    int timeout_ms);

void kafka_say(struct client *client, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* librdkafka will do nothing any more with this client: remembers why. */
void kafka_is_dead(rd_kafka_t *kafka, struct client *client);

/* Something came through: if the broker was unavailable, it is back. */
void kafka_is_back(struct client *client);

/* Is it the news of a batch that librdkafka cannot unpack, at its first offset? */
bool kafka_is_bad_batch(const rd_kafka_message_t *message);

/* The offset behind the batch that begins at `first`.  False when that cannot be found out now.
 * Takes some dozen round trips. */
bool kafka_bad_batch_end(const struct client *client, const char *topic, int32_t partition,
                         int64_t first, int64_t *next);

/* Has the client read on from there, instead of trying the same batch for ever. */
rd_kafka_resp_err_t kafka_read_from(rd_kafka_t *kafka, const char *topic, int32_t partition,
                                    int64_t offset);

/* Nothing came through: while the broker is unavailable, asks it now and then whether it is
 * back. */
void kafka_look_back(rd_kafka_t *kafka, struct client *client);

/* `what` cannot be had: says so as a warning, once for each reason; what `format` makes is logged.
 * And once when it can be again. */
void kafka_outage(struct client *client, const char *what, const char *reason, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
void kafka_outage_over(struct client *client, const char *what);

/* Destroys it, as rd_kafka_destroy_flags does, which may wait for ever: see broker_ends_with. */
void kafka_destroy(rd_kafka_t *kafka, int flags);

int64_t kafka_clock_ms(void); /* monotonic */

/* What a consumer has fetched and nobody has taken yet. */
struct intake {
    rd_kafka_queue_t *queue; /* rd_kafka_queue_get_consumer */
    size_t taken;            /* bytes since it was last looked at */
    size_t size;             /* of a message: that of the largest, which is forgotten slowly */
    size_t most;             /* messages that waited since the brokers were last woken */
};

/* A message of so many bytes was taken.  Sees to it that more is fetched once half of what waited
 * is gone: librdkafka 2.0 stops when as much waits as it may hold, and looks again after a second,
 * whatever was taken meanwhile. */
void kafka_fetch_on(rd_kafka_t *kafka, struct intake *intake, size_t bytes);

/* A process that reads and ends keeps what it frees, for what it reads next. */
void kafka_memory_keep(void);

/* Gives memory that nobody uses back to the system; takes milliseconds. */
void kafka_memory_trim(void);

void incoming_fill(struct incoming *message, rd_kafka_message_t *from);

/* A batch that cannot be unpacked, in place of its messages. */
void incoming_fill_bad_batch(struct incoming *message, rd_kafka_message_t *from, int64_t next);

#endif
