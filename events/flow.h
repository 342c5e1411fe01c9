/* A flow is data: which facts payment waits for before it charges, and inventory before it
 * reserves. */
#ifndef QUADRILLE_EVENTS_FLOW_H
#define QUADRILLE_EVENTS_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "events/message.h"

/* What a flow decides the time of. */
enum flow_action { FLOW_CHARGE, FLOW_RESERVE, FLOW_ACTIONS };

struct flow {
    const char *name;
    uint64_t when[FLOW_ACTIONS]; /* for each action the set of FACTs that it waits for */
    const char *meaning;
};

enum { FLOWS = 3 };

extern const struct flow flows[FLOWS];          /* the first is the default */
extern const char *const flow_names[FLOWS + 1]; /* NULL-terminated */

/* NULL when there is none of that name, or when `name` is NULL. */
const struct flow *flow_find(const char *name);

/* False when some flow waits for the type before that action and this one does not: it is then no
 * fact for who acts. */
bool flow_consumes(const struct flow *flow, enum flow_action action, enum message_type type);

#endif
