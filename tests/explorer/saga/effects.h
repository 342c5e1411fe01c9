/* Effects under way, and what they hold back.
 *
 * What a process takes from its queues is committed in the order in which it was taken, and nothing
 * before the effects that it led to have a result, and before all that was handed over for it is
 * decided.  So from the oldest such message on everything comes again when the process dies, or
 * when its partition goes to another. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_EFFECTS_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_EFFECTS_H

#include <stddef.h>

#include "tests/explorer/saga/lists.h"
#include "tests/explorer/saga/world.h"

/* A message that was taken, or an event that was handed over.  Sets of effects of its process, see
 * effect_bit. */
struct entry {
    uint8_t kind, reading;
    uint8_t own;      /* effects that were started for it */
    uint8_t attached; /* that were under way when it wanted the same */
    uint8_t holds;    /* that follow from it, wanted by events that were handed over */
    uint8_t chain;    /* not all that was handed over for it is decided */
};

enum { ENTRIES_MAX = LIST_MAX / sizeof(struct entry), FRESH_MAX = 32 };

struct entries {
    struct entry list[ENTRIES_MAX + FRESH_MAX];
    size_t count;
};

static inline int caller_of(enum who who)
{
    return who == EMAIL;
}

static inline bool is_caller(enum who who)
{
    return who == PAYMENT || who == EMAIL;
}

static inline unsigned effect_bit(enum who who, int effect)
{
    return 1u << (caller_of(who) * EFFECTS_MAX + effect);
}

/* What was taken, oldest first: by the process that has the partition, or by the one that lost
 * it. */
struct entries effects_entries(const struct world *world, enum who process, bool orphan);

/* Stores it again, but for what can be committed. */
void effects_hold(struct world *world, enum who process, bool orphan,
                  const struct entries *entries);

/* The number of the effect of the service that is under way for that, else EFFECTS_MAX. */
int effects_find(const struct world *world, enum who who, bool orphan, int kind);

/* The number of a free place for one.  Ends the program when there is none. */
int effects_free_place(const struct world *world, enum who who);

/* Has the service any under way, or any service of the process? */
bool effects_any(const struct world *world, enum who who, bool orphan);
bool effects_any_of(const struct world *world, enum who process, bool orphan);

/* The process dies.  Its effects are forgotten, of which a charge may still be on its way; what is
 * not committed comes again. */
void effects_die(struct world *world, enum who process, bool orphan, const struct without *without);

/* The partition goes to another instance, to which everything comes again that is not committed.
 * The first goes on with its effects, and with what was handed over, as if nothing had happened. */
void effects_move(struct world *world, enum who process);

#endif
