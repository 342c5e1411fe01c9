#include "events/flow.h"

#include <stddef.h>
#include <string.h>

const struct flow flows[FLOWS] = {
    {"pay-first",
     {FACT(ORDER_CREATED), FACT(ORDER_CREATED) | FACT(PAYMENT_COMPLETED)},
     "charge, then reserve: no stock is held for those who cannot pay"},
    {"reserve-first",
     {FACT(ORDER_CREATED) | FACT(INVENTORY_RESERVED), FACT(ORDER_CREATED)},
     "reserve, then charge: nobody pays for what is not there"},
    {"parallel",
     {FACT(ORDER_CREATED), FACT(ORDER_CREATED)},
     "both at once: the fastest decision, the most to compensate"},
};

const char *const flow_names[FLOWS + 1] = {"pay-first", "reserve-first", "parallel", NULL};

const struct flow *flow_find(const char *name)
{
    for (int i = 0; name != NULL && i < FLOWS; i++)
        if (strcmp(flows[i].name, name) == 0)
            return &flows[i];
    return NULL;
}

bool flow_consumes(const struct flow *flow, enum flow_action action, enum message_type type)
{
    uint64_t by_any = 0;

    for (int i = 0; i < FLOWS; i++)
        by_any |= flows[i].when[action];
    return (by_any & FACT(type)) == 0 || (flow->when[action] & FACT(type)) != 0;
}
