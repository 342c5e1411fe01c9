/* What the order service decides: pure. */
#ifndef QUADRILLE_SERVICES_ORDER_DECIDE_H
#define QUADRILLE_SERVICES_ORDER_DECIDE_H

#include "events/flow.h"
#include "events/saga.h"

enum order_state {
    ORDER_STATE_NEW,
    ORDER_STATE_PENDING,
    ORDER_STATE_CONFIRMED,
    ORDER_STATE_CANCELLED,
    ORDER_STATES
};

struct order_rules {
    const struct flow *flow; /* of orders that are placed now */
    int64_t deadline_us;     /* from being stored to being cancelled */
    int64_t republish_us;    /* from being stored to being emitted again, when it is not closed */
};

struct order_row {
    struct saga saga;
    const char *content_id;          /* identity of what was placed; NULL before that */
    const struct order_place *place; /* what was placed, where it is at hand */
    int64_t amount_minor;
    const char *currency;
    const char *claims; /* payments that came before it was placed, see claim.h */
    const char *reason; /* type of the message that dooms the order; NULL: nothing does */
    const char *detail; /* what that message gave as its reason; may be NULL */
    int64_t placed_us, deadline_us, decided_us; /* 0: not yet */
    int64_t decided_by; /* the message type that brought the decision, once decided_us is set */
};

_Static_assert(offsetof(struct order_row, saga) == 0, "a row begins with its saga");
_Static_assert(ORDER_STATES <= 64, "a set of states has a bit for each");

extern const struct saga_table order_table;

/* One of the failures is known; stored among the facts. */
#define ORDER_DOOMED OWN_FACT(0)

/* Facts that the order service records. */
#define ORDER_FACTS \
    (FACT(ORDER_PLACE) | FACT(ORDER_CANCEL) | FACT(ORDER_TIMEOUT) | FACT(PAYMENT_COMPLETED) | \
     FACT(PAYMENT_FAILED) | FACT(PAYMENT_PENDING) | FACT(PAYMENT_REFUNDED) | \
     FACT(PAYMENT_VOIDED) | FACT(PAYMENT_REFUND_FAILED) | FACT(INVENTORY_RESERVED) | \
     FACT(INVENTORY_FAILED) | FACT(INVENTORY_RELEASED) | FACT(INVENTORY_VOIDED) | \
     FACT(EMAIL_SENT) | FACT(EMAIL_FAILED))

/* `saga` is an order_row's saga.  `rules` is a struct order_rules. */
const struct transition *order_decide(const void *rules, struct saga *saga,
                                      const struct input *input);

/* `why` may be NULL. */
bool order_contradicts(const struct saga *saga, const struct input *input, struct error *why);
uint64_t order_emits(const struct saga *saga, const struct input *input);

/* The state, an enum order_state, that the order service's own events tell, for who knows nothing
 * but what was emitted. */
int order_state_emitted(uint64_t facts);

/* Is there nothing left to wait for?  A report: a closed order still consumes every fact. */
bool order_closed(int state, uint64_t facts);

#endif
