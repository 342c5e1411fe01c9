/* What the log says of orders: a history each, made of records of all messages about it.
 *
 * A record keeps of a message what decisions and proofs need, some hundred bytes, so that a million orders fit in memory; a log
 * that has more is read in several passes, each for a share of the orders.
 *
 *     struct order_histories *log = histories_new();
 *     if (histories_read(log, &source, &(struct history_scope){0}, &error) == STATUS_OK)
 *         for (size_t i = 0; i < histories_count(log); i++)
 *             print(histories_at(log, i));
 *     histories_free(log); */
#ifndef QUADRILLE_HISTORY_ORDER_HISTORY_H
#define QUADRILLE_HISTORY_ORDER_HISTORY_H

#include <stdbool.h>

#include "brokers/broker.h"
#include "events/flow.h"
#include "events/message.h"
#include "history/log_source.h"

/* What about a message is not as it should be. */
enum {
    RECORD_STRANGE_ID = 1,      /* an event whose ce_id is not the identity of its fact */
    RECORD_STRANGE_EMITTER = 2, /* its ce_source is not who says such things */
    RECORD_STRANGE_TOPIC = 4,   /* it lies where such things are not said */
    RECORD_CHANGED = 8          /* the same id as one before, with other facts */
};

struct history_record {
    struct history_record *next;         /* in the order of reading until history_sort */
    const char *topic;
    const char *text, *detail; /* of place and created: currency, identity of the content or payment method; of order.cancelled reason and
                                * detail; of payments id and currency; of inventory.failed SKU and quantity available; of email.sent
                                * kind and Message-ID; of others the reason.  NULL: none */
    int64_t number;            /* an amount in minor units, or the quantity wanted */
    int64_t offset, timestamp_ms, time_us; /* ce_time; 0: none */
    uint64_t id, cause;        /* text_hash of ce_id and ce_causationid; 0: none */
    uint64_t content;          /* of an event a hash of its value and flow; else 0 */
    int32_t partition;
    uint16_t repeats;          /* how often the very same was said again */
    uint8_t type;              /* enum message_type */
    uint8_t strange;           /* NOTE_... */
};

struct order_history {
    const char *order_id;
    struct history_record *records;
    struct history_record **end;         /* where the next one is to be linked */
    const struct flow *flow;   /* NULL: not told */
    uint64_t met;              /* set of FACTs: of what there is a record */
    uint64_t said;             /* those of them that are events under their own identity, or commands under any */
    int64_t deadline_us;       /* of order.created; 0: none */
    int64_t first_ms, last_ms; /* of the oldest and the newest message, repeats included */
    int32_t partition;         /* of all that is noted of it; -1: of more than one */
    bool marked;               /* free for who walks over them */
};

struct order_histories;

struct history_scope {
    const char *const *orders;   /* NULL-terminated; NULL: all.  Each then has a history, empty or not */
    int64_t since_ms, until_ms;  /* 0: no bound */
    const struct position *positions; /* where to start instead */
    size_t position_count;
    unsigned share, shares;      /* orders whose hash leaves `share` when divided by `shares`; 0 and 0: all */
    bool contents;               /* also identify the contents of orders that were placed */
    const char *progress;        /* what its observer is told it reads; NULL: nothing */

    /* NULL, or told of every message after its record was taken, bodies included; `message` is NULL when it cannot be read. */
    void (*listen)(void *context, const struct incoming *incoming, const struct message *message, struct order_history *history);
    void *listen_context;
};

struct order_histories *histories_new(void);
void histories_free(struct order_histories *histories); /* NULL is allowed */

/* Reads what is there now and adds it.  STATUS_AWAY, or STATUS_WRONG for settings that are no good. */
enum status histories_read(struct order_histories *histories, const struct log_source *source, const struct history_scope *scope, struct error *error);

/* One message; histories_read does this for each. */
void histories_take(struct order_histories *histories, const struct history_scope *scope, const struct incoming *incoming);

size_t histories_count(const struct order_histories *histories);
struct order_history *histories_at(const struct order_histories *histories, size_t number);  /* in the order in which they were met */
struct order_history *histories_find(const struct order_histories *histories, const char *order_id); /* NULL: not met */

/* A message in a topic of events that cannot be read, or is about another order than its key and headers say. */
struct astray {
    const char *order_id; /* its key */
    const char *topic;
    int32_t partition;
    int64_t offset, timestamp_ms;
};

enum { ASTRAY_MAX = 1000 };

const struct astray *histories_astray(const struct order_histories *histories, size_t *count);

size_t histories_messages(const struct order_histories *histories); /* how many were read, those of other shares included */
bool histories_truncated(const struct order_histories *histories);  /* some partition has lost its beginning */

/* Is all that was ever said of the order still there?  Topics lose their beginnings one by one (retention): an order is whole that
 * starts with a command, later than whatever is gone from the partitions where it may lie. */
bool histories_has_all(const struct order_histories *histories, const struct order_history *history);

/* Where the partitions ended when reading began; lives until the next reading. */
const struct position *histories_ends(const struct order_histories *histories, size_t *count);

/* What a process may be bounded to at least: so much takes who reads the log for the smallest share of its orders. */
enum { MEMORY_MIB_MIN = 48 };

/* How many passes keep the process's memory below `most_mib`, 0 for what is usual, as far as the lengths of the topics tell. */
enum status histories_passes(const struct log_source *source, int64_t most_mib, unsigned *passes, struct error *error);

/* The messages that services set aside and nobody has given back or dropped, by service. */
size_t histories_dead_letters(const struct order_histories *histories, int service);
bool histories_is_dead_letter(const struct order_histories *histories, int service, const struct history_record *record);

/* Is the order one of the share that was read last? */
bool histories_is_shared(const struct order_histories *histories, const char *order_id);

/* Puts the records in order of time; within a millisecond, which several share, causes before what they cause. */
void history_sort(struct order_history *history);

/* A set of RECORD_STRANGE_...: what about a message can be told without any other. */
uint8_t message_strangeness(const struct incoming *incoming, const struct message *message);

/* Of an event a hash of what is the same whenever it is said, but for its time. */
uint64_t event_content(const struct incoming *incoming, const struct envelope *envelope);

/* Of records' texts, which may be NULL. */
bool same_text(const char *a, const char *b);

/* The first that was said under its own identity by who says it; NULL when it was not. */
const struct history_record *record_find(const struct order_history *history, enum message_type type);

#endif
