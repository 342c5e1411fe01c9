/* What an order still waits for, and from whom, as far as the log tells. */
#ifndef QUADRILLE_HISTORY_WAITING_H
#define QUADRILLE_HISTORY_WAITING_H

#include <stddef.h>
#include <stdint.h>

struct arena;

struct awaited {
    const char *what; /* "payment.refunded or payment.voided" */
    const char *from; /* "payment" */
};

enum { AWAITED_MAX = 4 };

/* `said` is the set of FACTs that were said of the order.  None when it is closed. */
size_t awaited_find(uint64_t said, struct awaited out[AWAITED_MAX]);

/* The same in one text, "nothing" when there is nothing. */
const char *awaited_text(uint64_t said, const char *between, struct arena *arena);

#endif
