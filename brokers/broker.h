/* How messages travel: the only door to Kafka.
 *
 * A producer publishes and says when what it published is safe; a consumer reads as a member of a
 * group and commits what was finished; a reader reads for a person, outside any group.  All three
 * belong to one thread.
 *
 *     struct consumer *consumer = consumer_new(&settings, topics, 2, &error);
 *     struct incoming message;
 *     if (consumer_take(consumer, 100, &message)) {
 *         ...
 *         consumer_finished(consumer, message.slot, message.epoch, message.offset + 1);
 *         incoming_release(&message);
 *     }
 *     consumer_close(consumer); */
#ifndef QUADRILLE_BROKERS_BROKER_H
#define QUADRILLE_BROKERS_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "events/envelope.h"

/* Told when the broker becomes unavailable, comes back, or says something worth a log line; `level`
 * as in syslog(3). */
typedef void broker_log(void *context, int level, const char *what);

/* Its strings and its properties outlive the client. */
struct broker_settings {
    const char *brokers; /* "host:port,..." */
    const char *group;   /* consumers only */
    /* consumers only: group.instance.id; NULL for a dynamic member */
    const char *instance;
    const char *const *properties; /* "name=value" of librdkafka, NULL-terminated; NULL for none */
    broker_log *log;               /* NULL: silent */
    void *log_context;
    /* the outages that were logged and last; zeroed at first, shared by the clients of a process;
     * NULL: silent */
    struct outages *outages;
};

/* librdkafka may wait for ever for a thread of its own, when it is made and when it is ended.  Then
 * the process ends with this code, a few seconds later: whoever ends a client has done with it. */
void broker_ends_with(int code);

/* Called ten times a second while a producer's queue has no room, and twice while a broker has yet
 * to say what topics there are or to answer an admin, with the milliseconds so far; false gives up,
 * and what was to be sent or known is STATUS_UNAVAILABLE. */
void broker_while_waiting(bool (*look)(int64_t waited_ms));

/* A message as it came.  Everything it points to lives until incoming_release. */
struct incoming {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t next; /* the offset behind it */
    /* not NULL: it stands for a batch that nobody here can unpack, up to `next`, and says why */
    const char *unreadable;
    /* as its producer or the broker says; 0 for none, and for what is outside the years 0 to
     * 9999 */
    int64_t timestamp_ms;
    const void *key;
    size_t key_length;
    const char *value;
    size_t value_length;
    struct header *headers; /* however many there are; NULL for none */
    size_t header_count;
    int slot;  /* consumers: which partition, for consumer_finished */
    int epoch; /* consumers: which assignment of it */
    void *handle;
};

/* Reads the headers of what reader_take_batch gave; any thread may. */
void incoming_headers(struct incoming *message);

/* Any thread may, once. */
void incoming_release(struct incoming *message);

/* ---- producing ---- */

/* Counts what is not yet safe.  Must live until all that was sent with it is acknowledged, or until
 * the last call but producer_free. */
struct delivery {
    int pending; /* sent, not yet acknowledged by all in-sync replicas */
    /* of the first that can never be acknowledged; status STATUS_OK while there is none */
    struct error error;
};

struct outgoing {
    const char *topic;
    const void *key;
    size_t key_length;
    const void *value; /* NULL: none */
    size_t value_length;
    const struct header *headers;
    size_t header_count;
};

struct producer;

struct producer *producer_new(const struct broker_settings *settings, struct error *error);

/* What goes to a topic of dead letters is compressed; where the broker refuses one for its size, it
 * is sent again without its value: the last resort must not fail.
 *
 * Copies the message and hands it to the sending thread; waits while that is full, see
 * broker_while_waiting.  With acks=all and no time-out a message is retried until it is safe, also
 * while its topic is gone where the settings have outages to tell of that; so the only other
 * failures are those that repeating cannot fix: STATUS_INVALID. */
enum status producer_send(struct producer *producer, const struct outgoing *message,
                          struct delivery *delivery, struct error *error);

/* What was sent goes on its way now, in as few requests as there are partitions: for the end of a
 * batch.  Takes acknowledgements in until all are there, for `timeout_ms` at most: one does for its
 * thread to wake up.  Without it a message waits for company for up to five. */
void producer_push(struct producer *producer, int timeout_ms);

/* Takes acknowledgements in; waits for one for at most `timeout_ms`.  Who waits for something else
 * in the same thread (base/wait.h) goes on when one comes. */
void producer_poll(struct producer *producer, int timeout_ms);

/* Waits until all is safe or `timeout_ms` passed; true when all is. */
bool producer_flush(struct producer *producer, int timeout_ms);

/* drops what is not sent, touches no delivery; NULL is allowed */
void producer_free(struct producer *producer);

/* ---- consuming as a member of a group ---- */

struct consumer;

/* `topics`, and what the settings point to, must live as long as the consumer. */
struct consumer *consumer_new(const struct broker_settings *settings, const char *const *topics,
                              size_t count, struct error *error);

/* Waits for a message for at most `timeout_ms`, or until somebody who watches (base/wait.h) was
 * served; 0 takes only what was fetched already.  Rebalances run in here. */
bool consumer_take(struct consumer *consumer, int timeout_ms, struct incoming *message);

/* All messages of the slot before `next` are finished.  Ignored when the partition was given to
 * somebody else meanwhile. */
void consumer_finished(struct consumer *consumer, int slot, int epoch, int64_t next);

/* Commits what is finished, without waiting, when the last commit is `interval_ms` ago.  No message
 * of this consumer may be held meanwhile: where a topic was deleted and made anew, it leaves its
 * group and joins it again, and what is not committed comes again. */
void consumer_commit(struct consumer *consumer, int interval_ms);

/* Stays in the group for `timeout_ms` without taking a message: for when there is nothing to be
 * done with one. */
void consumer_idle(struct consumer *consumer, int timeout_ms);

/* How many messages of `topic` nobody of the group has read yet: what other members took counts
 * once it is finished.  Those of open transactions are included, which nobody can read yet.  Asks
 * the broker, also by the producer's connection.  STATUS_INVALID: "topic ...: not authorized". */
enum status consumer_lag(struct consumer *consumer, struct producer *producer, const char *topic,
                         int timeout_ms, int64_t *lag, struct error *error);

/* STATUS_OK while the consumer can go on; STATUS_BUG once it was fenced by another of its instance
 * name, or librdkafka refused what it must do. */
enum status consumer_status(const struct consumer *consumer, struct error *error);

/* Commits what is finished and leaves the group, waiting for both for at most ten seconds: what a
 * broker that is gone was not told comes again.  NULL is allowed.  See broker_ends_with. */
void consumer_close(struct consumer *consumer);

/* ---- reading for a person ---- */

struct reader;

struct position {
    const char *topic;
    int32_t partition;
    int64_t offset;
};

enum reader_from {
    READER_BEGINNING, /* all that is there */
    READER_END,       /* what comes from now on */
    /* what came from `since_ms` on; a broker that cannot look up times is read from the
     * beginning */
    READER_TIME
};

/* Which partitions, and from where on. */
struct reader_scope {
    const char *const *topics;
    size_t topic_count;
    enum reader_from from;
    int64_t since_ms;                 /* of READER_TIME: milliseconds since 1970 */
    const struct position *positions; /* partitions that start elsewhere than `from` says */
    size_t position_count;
    /* of what comes after reader_new nothing is taken: all partitions end at the same time */
    bool bounded;
};

/* Reads all partitions of the topics: where a key lies today says nothing of where it lay before
 * partitions were added.  A topic that does not exist has none; one that may not be seen is
 * STATUS_INVALID.  Nothing of `scope` is kept. */
struct reader *reader_new(const struct broker_settings *settings, const struct reader_scope *scope,
                          struct error *error);
bool reader_take(struct reader *reader, int timeout_ms, struct incoming *message);

/* Takes what is there, at most `most`, and waits for the first only; headers are left to
 * incoming_headers.  Returns how many. */
size_t reader_take_batch(struct reader *reader, int timeout_ms, struct incoming *messages,
                         size_t most);

/* True once everything that was there at reader_new has been taken. */
bool reader_caught_up(const struct reader *reader);

/* How many messages there are, of those that were there at reader_new; the numbers of offsets,
 * which a compacted topic does not all have. */
int64_t reader_total(const struct reader *reader);

/* The first offset that each partition still has, in the order of reader_ends; 0 unless it has lost
 * its beginning. */
const int64_t *reader_starts(const struct reader *reader);

/* Where each partition ended at reader_new; `count` is their number.  Lives with the reader. */
const struct position *reader_ends(const struct reader *reader, size_t *count);

/* STATUS_INVALID once a topic turned out to be one that may not be read: more of it never comes. */
enum status reader_status(const struct reader *reader, struct error *error);

void reader_free(struct reader *reader); /* NULL is allowed */

#endif
