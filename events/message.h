/* The messages: every command and event of the saga as a plain struct.
 *
 * A message is its envelope (the headers: see envelope.h) and its body (the value: one JSON
 * object).  Texts are NUL-terminated UTF-8 without control characters and live in the arena that
 * the message was decoded into; money is in minor units of an ISO 4217 currency.  The first member
 * of every body is its subject, the order id or the SKU, which `subject` in the union reads
 * whatever the type.
 *
 *     struct message message;
 *     struct decoder *decoder = decoder_new();
 *     if (message_decode(decoder, arena, ORDER_PLACE, value, length, &message, &error) ==
 *     STATUS_OK)
 *         printf("%s has %zu lines\n", message.order_place.order_id,
 *         message.order_place.line_count);
 *     decoder_free(decoder); */
#ifndef QUADRILLE_EVENTS_MESSAGE_H
#define QUADRILLE_EVENTS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "events/envelope.h"

struct arena;
struct buffer;

/* The databases keep sets of these as bits (see FACT), so a number, once given, stays. */
enum message_type {
    ORDER_PLACE = 0,
    ORDER_CANCEL = 1,
    ORDER_CREATED = 2,
    ORDER_CONFIRMED = 3,
    ORDER_CANCELLED = 4,
    ORDER_REJECTED = 5,
    ORDER_CANCEL_REJECTED = 6,
    PAYMENT_COMPLETED = 7,
    PAYMENT_FAILED = 8,
    PAYMENT_PENDING = 9,
    PAYMENT_REFUNDED = 10,
    PAYMENT_VOIDED = 11,
    PAYMENT_REFUND_FAILED = 12,
    STOCK_SET = 13,
    STOCK_ADD = 14,
    INVENTORY_RESERVED = 15,
    INVENTORY_FAILED = 16,
    INVENTORY_RELEASED = 17,
    INVENTORY_VOIDED = 18,
    EMAIL_SENT = 19,
    EMAIL_FAILED = 20,
    ORDER_TIMEOUT = 21,
    ORDER_REPUBLISH = 22,
    PAYMENT_RETRY = 23,
    PAYMENT_REPUBLISH = 24,
    INVENTORY_REPUBLISH = 25,
    EMAIL_RETRY = 26,
    EMAIL_REPUBLISH = 27,
    MESSAGE_TYPES = 28
};

/* A message type as a member of a set. */
#define FACT(type) (UINT64_C(1) << (type))

enum {
    ORDER_ID_MAX = 64,
    TEXT_MAX = 255, /* characters of a text for people */
    ORDER_LINES_MAX = 1000,
    MESSAGE_BYTES_MAX = 1024 * 1024,
    /* written plainly: what is emitted of it then fits a topic of Kafka's own max.message.bytes,
     * 1,048,588 */
    ORDER_BYTES_MAX = 1000000,
    FLOW_NAME_MAX = 32
};

struct customer {
    const char *id; /* NULL for a guest */
    const char *name;
    const char *email; /* NULL: no mail is wanted */
};

struct line {
    const char *sku;
    const char *name;
    int64_t quantity;
    int64_t unit_price_minor;
};

/* The lines as message_encode writes them, where somebody encoded them already: they are written
 * once more as they are. */
struct lines_text {
    const char *json; /* NULL: not encoded yet */
    size_t length;
};

struct order_place {
    const char *order_id;
    struct customer customer;
    const char *currency;
    const char *payment_method;
    struct line *lines;
    size_t line_count;
    struct lines_text lines_text;
};

struct order_created {
    const char *order_id;
    const char *flow;
    struct customer customer;
    const char *currency;
    int64_t amount_minor;
    const char *payment_method;
    int64_t deadline_us;
    struct line *lines;
    size_t line_count;
    struct lines_text lines_text;
};

/* order.cancel */
struct order_cancel {
    const char *order_id;
    const char *reason; /* NULL when the customer gave none */
};

/* order.confirmed */
struct order_confirmed {
    const char *order_id;
    int64_t amount_minor;
    const char *currency;
};

/* order.cancelled */
struct order_cancelled {
    const char *order_id;
    const char *reason; /* the type of the message that decided it */
    const char *detail; /* NULL when there is nothing to add */
    int64_t amount_minor;
    const char *currency;
};

/* order.rejected, order.cancel_rejected */
struct refusal {
    const char *order_id;
    const char *reason;
    const char *field; /* NULL when it is about no single field */
};

/* payment.completed, payment.refunded */
struct payment_made {
    const char *order_id;
    const char *payment_id;
    int64_t amount_minor;
    const char *currency;
};

/* payment.failed, payment.refund_failed, inventory.released, email.failed and others that have at
 * most a reason to give: payment.pending, payment.voided, inventory.reserved, inventory.voided */
struct outcome {
    const char *order_id;
    const char *reason; /* NULL where none is needed */
};

struct inventory_failed {
    const char *order_id;
    const char *reason;
    const char *sku;
    int64_t wanted;
    int64_t available;
};

struct email_sent {
    const char *order_id;
    const char *kind;       /* "confirmed" or "cancelled" */
    const char *message_id; /* NULL: the order has no address, and there is no mail */
};

/* stock.set: the quantity on hand; stock.add: what to add to it, negative to take away */
struct stock_change {
    const char *sku;
    int64_t quantity;
};

struct message {
    enum message_type type;
    struct envelope envelope;
    union {
        const char *subject;
        struct order_place order_place;
        struct order_created order_created;
        struct order_cancel order_cancel;
        struct order_confirmed order_confirmed;
        struct order_cancelled order_cancelled;
        struct refusal refusal;
        struct payment_made payment_made;
        struct outcome outcome;
        struct inventory_failed inventory_failed;
        struct email_sent email_sent;
        struct stock_change stock_change;
    };
};

/* "order.place"; never NULL for a type below MESSAGE_TYPES. */
const char *message_type_name(enum message_type type);

/* False when no message has that name. */
bool message_type_find(const char *name, enum message_type *type);

/* The topic that the type is published to. */
const char *message_topic(enum message_type type);

/* Who speaks it: "order", "payment", "inventory", "email"; NULL for the commands that anyone may
 * send. */
const char *message_emitter(enum message_type type);

/* A decoder keeps the room in which it reads.  One thread at a time; MESSAGE_BYTES_MAX bytes a
 * message at the most. */
struct decoder;

struct decoder *decoder_new(void);
void decoder_free(struct decoder *decoder); /* NULL is allowed */

/* Reads a body strictly: fields that the type requires, their types, ranges and lengths; fields it
 * does not know are ignored.  STATUS_INVALID names the field, its value and what would be right,
 * and leaves in `out->subject` the order id or SKU where at least that could be read, else NULL.
 * `out->envelope` is not touched. */
enum status message_decode(struct decoder *decoder, struct arena *arena, enum message_type type,
                           const char *value, size_t length, struct message *out,
                           struct error *error);

/* After STATUS_INVALID: the field that was refused, as "lines[3].quantity"; NULL when it was no
 * single field. */
const char *decoder_field(const struct decoder *decoder);

/* Appends the body as one JSON object, fields in the order of the contract, held against the same
 * table as message_decode: what is appended can be read.  A text for people that is too long is
 * cut, its control characters and what is no UTF-8 are replaced by U+FFFD.  STATUS_INVALID, and
 * nothing is appended, where another field has a value that its kind may not have. */
enum status message_encode(const struct message *message, struct buffer *out, struct error *error);

/* The same, but refuses what message_encode would cut or replace: for who can still be asked what
 * was meant. */
enum status message_encode_strictly(const struct message *message, struct buffer *out,
                                    struct error *error);

/* What message_encode writes of a text for people, in `arena`. */
const char *text_as_encoded(const char *text, struct arena *arena);

/* Encodes the lines strictly into `out` and notes in the order where they stand: they are encoded
 * once, however often they are emitted. */
enum status order_lines_encode(struct order_place *order, struct buffer *out, struct error *error);

/* Would message_decode take it as an order id? */
bool order_id_valid(const char *id);

/* The sum of quantity * unit price; false when it leaves int64. */
bool lines_amount(const struct line *lines, size_t count, int64_t *amount_minor);

#endif
