/* What the shipping service decides: pure. */
#ifndef QUADRILLE_SERVICES_SHIPPING_DECIDE_H
#define QUADRILLE_SERVICES_SHIPPING_DECIDE_H

#include "events/saga.h"

enum shipping_state { SHIPPING_STATE_NEW, SHIPPING_STATE_REQUESTED, SHIPPING_STATES };

struct shipment_row {
    struct saga saga;
    int64_t requested_us; /* 0: not yet */
};

_Static_assert(offsetof(struct shipment_row, saga) == 0, "a row begins with its saga");

extern const struct saga_table shipping_table;

/* `saga` is a shipment_row's saga; there are no rules. */
const struct transition *shipping_decide(const void *rules, struct saga *saga,
                                         const struct input *input);
uint64_t shipping_emits(const struct saga *saga, const struct input *input);

#endif
