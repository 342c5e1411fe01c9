/* What the log tells of orders: a history each, made of the records of all messages about it.
 *
 *     struct order_histories *log = histories_new();
 *
 *     if (histories_read(log, &source, &(struct history_scope){0}, &error) == STATUS_OK)
 *         for (size_t i = 0; i < histories_count(log); i++)
 *             print(histories_at(log, i));
 *     histories_free(log);
 *
 * assemble.h reads them.  A million orders fit in memory; memory_bound.h tells how many passes a
 * longer log takes. */
#ifndef QUADRILLE_HISTORY_ORDER_HISTORY_H
#define QUADRILLE_HISTORY_ORDER_HISTORY_H

#include <stdbool.h>

#include "brokers/broker.h"
#include "events/flow.h"
#include "history/history_record.h"

struct order_history {
    const char *order_id;
    struct history_record *records;
    struct history_record **end; /* where the next one is to be linked */
    const struct flow *flow;     /* NULL: not told */
    uint64_t met;                /* set of FACTs: of what there is a record */
    uint64_t genuine;            /* events of them under their own identity, and commands */
    int64_t deadline_us;         /* of order.created; 0: none */
    int64_t first_ms, last_ms;   /* of the oldest and the newest message, repeats included */
    int32_t partition;           /* of all its messages; -1: of more than one */
    bool marked;                 /* free for who walks over them */
};

struct order_histories;

struct order_histories *histories_new(void);
void histories_free(struct order_histories *histories); /* NULL is allowed */

/* How many there are; one of them, in the order in which they were met; that of an order, NULL when
 * it was not met.  They live as long as all. */
size_t histories_count(const struct order_histories *histories);
struct order_history *histories_at(const struct order_histories *histories, size_t number);
struct order_history *histories_find(const struct order_histories *histories, const char *order_id);

/* A message in a topic of events that cannot be read, or is about another order than its key and
 * headers say. */
struct astray {
    const char *order_id; /* its key */
    const char *topic;
    int32_t partition;
    int64_t offset, timestamp_ms;
};

enum { ASTRAY_MAX = 1000 };

const struct astray *histories_astray(const struct order_histories *histories, size_t *count);

size_t histories_messages(const struct order_histories
                              *histories); /* how many were read, those of other shares included */
bool histories_truncated(
    const struct order_histories *histories); /* some partition has lost its beginning */

/* Is all that was ever written about the order still there?  Topics lose their beginnings one by
 * one (retention): an order is whole that starts with a command, later than whatever is gone from
 * the partitions where it may lie. */
bool histories_has_all(const struct order_histories *histories,
                       const struct order_history *history);

/* Where the partitions ended when reading began; lives until the next reading. */
const struct position *histories_ends(const struct order_histories *histories, size_t *count);

/* How many messages a service dead-lettered that nobody has redriven or dropped; and is a record
 * of that order one that it dead-lettered, as the log has it or as it was handed over within its
 * process?  NULL: of an order that cannot be told, and was read from the log. */
size_t histories_dead_letters(const struct order_histories *histories, int service);
bool histories_is_dead_letter(const struct order_histories *histories, int service,
                              const char *order_id, const struct history_record *record);

/* Is the order one of the share that was read last? */
bool histories_is_shared(const struct order_histories *histories, const char *order_id);

/* Puts the records in order of time; within a millisecond, which several share, causes before what
 * they cause. */
void history_sort(struct order_history *history);

/* The first of that type under its own identity and from its emitter; NULL: there is none. */
const struct history_record *record_find(const struct order_history *history,
                                         enum message_type type);

/* Its ce_time; 0: there is none. */
int64_t event_time_us(const struct order_history *history, enum message_type type);

#endif
