/* A flow is data: which facts payment awaits before it charges, and inventory before it reserves. */
#ifndef QUADRILLE_EVENTS_FLOW_H
#define QUADRILLE_EVENTS_FLOW_H

#include <stdint.h>

struct flow {
    const char *name;
    uint64_t charge_when;  /* a set of FACTs */
    uint64_t reserve_when; /* a set of FACTs */
    const char *meaning;
};

enum { FLOWS = 3 };

extern const struct flow flows[FLOWS]; /* the first is the default */
extern const char *const flow_names[FLOWS + 1]; /* NULL-terminated */

/* NULL when there is none of that name, or when `name` is NULL. */
const struct flow *flow_find(const char *name);

#endif
