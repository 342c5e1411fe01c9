/* How a message is told to a person, in few words; shared by the commands that show messages. */
#ifndef QUADRILLE_HISTORY_DESCRIBE_H
#define QUADRILLE_HISTORY_DESCRIBE_H

#include <stdbool.h>

#include "brokers/broker.h"
#include "events/message.h"

/* The facts that matter: "505.30 GBP", "21732: 56 wanted, 55 there"; "" when there are none.  In
 * `arena`, as all below. */
const char *facts_of(const struct message *message, struct arena *arena);

/* "order", of a ce_source /quadrille/order; "producer" when it does not say. */
const char *speaker_of(const struct envelope *envelope);

/* The order or SKU that it is about: ce_subject, else the key. */
const char *order_of(const struct incoming *incoming, const struct envelope *envelope,
                     struct arena *arena);

/* The value of a header as text, "" when it is not there. */
const char *header_of(const struct incoming *incoming, const char *name, struct arena *arena);

const char *body_on_one_line(const struct incoming *incoming, struct arena *arena);

/* What undoes, and what was kept from happening: a set of FACTs. */
#define COMPENSATIONS \
    (FACT(PAYMENT_REFUNDED) | FACT(PAYMENT_REFUND_FAILED) | FACT(PAYMENT_VOIDED) | \
     FACT(INVENTORY_RELEASED) | FACT(INVENTORY_VOIDED))

/* Something was refused, or is to be undone. */
bool is_bad_news(enum message_type type);

#endif
