/* What the inventory service decides: pure. */
#ifndef QUADRILLE_SERVICES_INVENTORY_DECIDE_H
#define QUADRILLE_SERVICES_INVENTORY_DECIDE_H

#include "events/flow.h"
#include "events/saga.h"

enum inventory_state {
    INVENTORY_STATE_NEW,
    INVENTORY_STATE_RESERVED,
    INVENTORY_STATE_FAILED,
    INVENTORY_STATE_RELEASED,
    INVENTORY_STATE_VOID, /* nothing is reserved and nothing will be */
    INVENTORY_STATES
};

enum inventory_effect { INVENTORY_EFFECT_RESERVE = 1, INVENTORY_EFFECT_RELEASE };

/* What the stock said; stored among the facts. */
#define INVENTORY_TAKEN OWN_FACT(0)
#define INVENTORY_SHORT OWN_FACT(1)

struct inventory_result {
    const char *sku; /* the first of which there is too little; NULL when there is enough of all */
    int64_t wanted, available;
};

struct inventory_row {
    struct saga saga;
    const struct order_created *created; /* where its lines are at hand */
    const char *short_sku;               /* as in the result */
    int64_t wanted, available;
    int64_t decided_us, released_us; /* 0: not yet */
    int64_t amount_minor;            /* of the order */
    const char *currency;            /* NULL: not known, nor is the amount */
    const char *claims;              /* payments that came before order.created, see claim.h */
};

_Static_assert(offsetof(struct inventory_row, saga) == 0, "a row begins with its saga");
_Static_assert(INVENTORY_STATES <= 64, "a set of states has a bit for each");

extern const struct saga_table inventory_table;

/* By flow alone: does inventory need to consume this? */
bool inventory_waits_for(const struct flow *flow, enum message_type type);

/* `saga` is an inventory_row's saga.  `rules` is not used. */
const struct transition *inventory_decide(const void *rules, struct saga *saga,
                                          const struct input *input);

/* `why` may be NULL. */
bool inventory_contradicts(const struct saga *saga, const struct input *input, struct error *why);
uint64_t inventory_emits(const struct saga *saga, const struct input *input);

#endif
