/* The pure half of a service: a row that knows facts, and the tables that decide.
 *
 * A service keeps one row an order.  A row is in a state and knows a set of facts.  Two tables say
 * all there is to say: transitions, "in this state, once these facts are known, go there and start
 * that effect", and emissions, "whenever this fact is seen and the row is in that state, these
 * events are emitted".  Nothing here reads a clock, a file or a socket; time comes with the input.
 * Both tables are read by the loop, the tests and the tools alike.
 *
 *     row->facts |= FACT(ORDER_CREATED);
 *     transition = transition_find(&table, row->state, FACT(ORDER_CREATED), row->facts);
 *     emissions = emissions_find(&table, row->state, FACT(ORDER_CREATED), row->facts); */
#ifndef QUADRILLE_EVENTS_SAGA_H
#define QUADRILLE_EVENTS_SAGA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "events/flow.h"
#include "events/message.h"

struct arena;

/* A member of a set of states. */
#define STATE(state) (UINT64_C(1) << (state))

/* Facts that no message brings: 32 to 47 may be stored with the row, 48 and up hold only while one
 * input is decided. */
#define OWN_FACT(n) (UINT64_C(1) << (32 + (n)))
#define PASSING_FACT(n) (UINT64_C(1) << (48 + (n)))

_Static_assert(MESSAGE_TYPES <= 32, "the facts that messages bring lie below the others");
_Static_assert(OWN_FACT(16) == PASSING_FACT(0), "what is stored lies below what is not");

enum { EFFECT_NONE = 0 };

/* What every service's row begins with.  Texts live in the arena of the batch. */
struct saga {
    const char *order_id;
    const char *flow; /* NULL while no message has told */
    uint64_t facts;
    int64_t version;     /* as it was read; 0: not stored yet */
    int64_t next_due_us; /* when the sweeper should look at it; 0: never */
    int64_t attempts;    /* of what it is due for */
    /* what a person should be told of the last decision; NULL: nothing.  Not stored */
    const char *remark;
    const char *content;     /* what it keeps aside, as it is stored, where it is at hand */
    int state, stored_state; /* the second as it was read */
    bool changed;            /* since it was read or saved */
    bool content_is_new;     /* what it keeps aside is not stored yet */
};

/* What just came: one fact, and what it brings. */
struct input {
    /* one member: FACT(type), or an OWN_FACT for the result of an effect */
    uint64_t on;
    const struct message *message; /* NULL for a result */
    const void *result;            /* the service's own; NULL for a message */
    const char *content;           /* of an order.place: as we write it; else NULL */
    const char *content_id;        /* its identity */
    int64_t now_us;                /* the database's now() */
    struct arena *arena;           /* for texts that the row makes; lives as long as the row */
};

struct transition {
    uint64_t states; /* in one of these */
    uint64_t on;     /* when one of these comes; 0: whatever comes */
    uint64_t known;  /* and all of these are known, the one that comes among them */
    uint64_t unless; /* and none of these */
    int next;
    int effect;
    const char *reason; /* also the log line */
};

struct emission {
    uint64_t states, on, known, unless; /* as above */
    enum message_type event;
};

struct saga_table {
    const char *const *state_names;
    int state_count;
    const char *const *effect_names; /* [EFFECT_NONE] is "" */
    /* what OWN_FACT(n) and PASSING_FACT(n) are called; NULL-terminated */
    const char *const *own_facts, *const *passing_facts;
    const struct transition *transitions;
    size_t transition_count;
    const struct emission *emissions;
    size_t emission_count;
};

/* The first row of the table that applies, NULL when none does. */
const struct transition *transition_find(const struct saga_table *table, int state, uint64_t on,
                                         uint64_t facts);

/* The set of FACTs to be emitted, each in the order of the message types. */
uint64_t emissions_find(const struct saga_table *table, int state, uint64_t on, uint64_t facts);

/* Adds a fact to the row. */
void saga_learn(struct saga *saga, uint64_t facts);

/* The flow of the order, from the first message that tells it. */
void saga_learn_flow(struct saga *saga, const struct input *input);

/* "CHARGING"; "unknown" for a number that is none of the table's, as a row may hold that was
 * changed by hand. */
const char *saga_state_name(const struct saga_table *table, int64_t state);

/* Is every fact known that the order's flow waits for before the action? */
bool saga_is_ready(const struct saga *saga, enum flow_action action);

/* Came although the order's flow does not wait for it, because a header was missing? */
bool saga_is_foreign(const struct saga *saga, enum flow_action action, const struct input *input);

/* Applies a transition, NULL for none, and returns it. */
const struct transition *saga_move(struct saga *saga, const struct transition *transition);

/* How long to wait before the (attempts + 1)th try.  The first time base, and up to a quarter more;
 * then somewhere between nothing and base * 2^attempts, an hour at most (full jitter), so that what
 * failed together does not come back together.  The same row gets the same jitter: decisions hold
 * no chance. */
int64_t saga_backoff_us(const struct saga *saga, int64_t base_us);

/* That of the first time, whatever came before: of a try that was put off and not made. */
int64_t saga_first_backoff_us(const struct saga *saga, int64_t base_us);

#endif
