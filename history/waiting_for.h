/* What an order still waits for, and from which service, as far as the log tells.
 *
 *     printf("waiting for %s\n", waiting_for_text(history->genuine, " and ", arena));
 *
 * prints "waiting for payment.completed from payment and inventory.reserved from inventory". */
#ifndef QUADRILLE_HISTORY_WAITING_FOR_H
#define QUADRILLE_HISTORY_WAITING_FOR_H

#include <stddef.h>
#include <stdint.h>

struct arena;

struct waiting_for {
    const char *what; /* "payment.refunded or payment.voided" */
    const char *from; /* "payment" */
};

enum { WAITING_FOR_MAX = 4 };

/* `facts` is the set of FACTs that the log holds of the order.  Returns how many there are, none
 * when it is closed; texts are static. */
size_t waiting_for_find(uint64_t facts, struct waiting_for out[WAITING_FOR_MAX]);

/* The same in one text, "nothing" when there is nothing; in `arena`. */
const char *waiting_for_text(uint64_t facts, const char *between, struct arena *arena);

#endif
