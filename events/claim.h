/* Is a payment the order's?
 *
 * A payment counts, and a refund, when its amount and currency are those of the order.  A service
 * that is told of one before it knows the order keeps what is claimed, and looks when it knows.
 * Claims are a text, a line each, "payment.completed 6120 GBP"; NULL when there are none. */
#ifndef QUADRILLE_EVENTS_CLAIM_H
#define QUADRILLE_EVENTS_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "events/saga.h"

enum { CLAIMS_MAX = 8 };

/* Is the payment_made of that amount and currency?  If not, `why`, which may be NULL, says so. */
bool claim_fits(const struct message *payment, int64_t amount_minor, const char *currency,
                struct error *why);

/* Is there room for what the payment claims, or does it stand there already?  If not, `why`, which
 * may be NULL, says so. */
bool claim_has_room(const char *claims, const struct message *payment, struct error *why);

/* The claims with that of the payment, in `arena`; unchanged when it stands there already. */
const char *claims_add(const char *claims, const struct message *payment, struct arena *arena);

/* The order is known: what was claimed of it and is not over its amount was none of it, and is no
 * fact.  The row's `remark` says which claims those are.  A fact of which nothing is claimed stays:
 * nobody looked when it came. */
void claims_settle(struct saga *saga, const char **claims, int64_t amount_minor,
                   const char *currency, struct arena *arena);

#endif
