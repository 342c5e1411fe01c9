/* A message described to a person, in few words.
 *
 *     printf("%s %s: %s\n", describe_emitter(&message.envelope), message.envelope.type,
 *            describe_facts(&message, arena));
 *
 * prints "payment payment.completed: 505.30 GBP".  All texts are in `arena`, or the message's own,
 * and as foreign as it is: who prints them escapes them. */
#ifndef QUADRILLE_HISTORY_DESCRIBE_H
#define QUADRILLE_HISTORY_DESCRIBE_H

#include <stdbool.h>

#include "brokers/broker.h"
#include "events/message.h"

/* The facts that matter: "505.30 GBP", "21732: 56 wanted, 55 there"; "" when there are none. */
const char *describe_facts(const struct message *message, struct arena *arena);

/* "order", of a ce_source /quadrille/order; "producer" when there is none. */
const char *describe_emitter(const struct envelope *envelope);

/* The order or SKU that it is about: ce_subject, else the key. */
const char *describe_subject(const struct incoming *incoming, const struct envelope *envelope,
                             struct arena *arena);

/* The value on one line, "null" where there is none. */
const char *describe_body(const struct incoming *incoming, struct arena *arena);

/* The compensation results: a set of FACTs. */
#define COMPENSATIONS \
    (FACT(PAYMENT_REFUNDED) | FACT(PAYMENT_REFUND_FAILED) | FACT(PAYMENT_VOIDED) | \
     FACT(INVENTORY_RELEASED) | FACT(INVENTORY_VOIDED))

/* Something was refused, or is to be compensated. */
bool is_bad_news(enum message_type type);

#endif
