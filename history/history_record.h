/* What is kept of a message about an order: what decisions and proofs need of it, some hundred
 * bytes.
 *
 *     struct history_record record;
 *
 *     record_make(&incoming, &message, false, arena, &record);
 *     if (record.strange == 0)
 *         printf("%s of %lld\n", message_type_name(record.type), (long long)record.number);
 *
 *     type                                 text        detail                   number
 *     order.place                          currency    identity of the content  amount
 *     order.created                        currency    payment method           amount
 *     order.confirmed                      currency                             amount
 *     order.cancelled                      reason      detail                   amount
 *     payment.completed, payment.refunded  payment id  currency                 amount
 *     inventory.failed                     SKU         quantity available       quantity wanted
 *     email.sent                           kind        Message-ID
 *     any other                            reason
 */
#ifndef QUADRILLE_HISTORY_HISTORY_RECORD_H
#define QUADRILLE_HISTORY_HISTORY_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "brokers/broker.h"
#include "events/message.h"

/* What about a message is not as it should be. */
enum {
    RECORD_STRANGE_ID = 1,      /* an event whose ce_id is not the identity of its fact */
    RECORD_STRANGE_EMITTER = 2, /* its ce_source is not who emits such events */
    RECORD_STRANGE_TOPIC = 4,   /* it lies in a topic of other messages */
    RECORD_CHANGED = 8          /* the same id as one before, with other facts */
};

struct history_record {
    struct history_record *next; /* in the order of reading until history_sort */
    const char *topic;
    const char *text, *detail;             /* as the table above says; NULL: none */
    int64_t number;                        /* an amount in minor units, or the quantity wanted */
    int64_t offset, timestamp_ms, time_us; /* ce_time; 0: none */
    uint64_t id, cause;                    /* text_hash of ce_id and ce_causationid; 0: none */
    uint64_t content;                      /* of an event a hash of its value and flow; else 0 */
    int32_t partition;
    uint16_t repeats; /* how often the very same was emitted again */
    uint8_t type;     /* enum message_type */
    uint8_t strange;  /* RECORD_... */
};

/* Texts are those of the message, or in `arena`.  `contents`: an order.place gets the identity of
 * its content. */
void record_make(const struct incoming *incoming, struct message *message, bool contents,
                 struct arena *arena, struct history_record *out);

/* Do two of the same id, type and topic say the same? */
bool record_same_facts(const struct history_record *a, const struct history_record *b);

/* Two of one partition are as they lie; else the time decides, and within a millisecond the cause
 * is before what it causes. */
bool record_comes_before(const struct history_record *a, const struct history_record *b);

/* A set of RECORD_STRANGE_...: what about a message can be told without any other. */
uint8_t message_strangeness(const struct incoming *incoming, const struct message *message);

/* Of an event a hash of what is the same whenever it is emitted, but for its time. */
uint64_t event_content(const struct incoming *incoming, const struct envelope *envelope);

/* The name of a topic as it stands in the table of brokers/topics.h, by address; "" where it is not
 * there. */
const char *topic_in_table(const char *name);

/* Of texts that may be NULL. */
bool same_text(const char *a, const char *b);

#endif
