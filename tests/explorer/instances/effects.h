/* The effects that an instance has under way, as services/runtime/effects.h has them: what is
 * wanted starts a call or is attached to one, what is answered is a record of a batch, and the
 * offsets of causes are held meanwhile. */
#ifndef QUADRILLE_TESTS_EXPLORER_INSTANCES_EFFECTS_H
#define QUADRILLE_TESTS_EXPLORER_INSTANCES_EFFECTS_H

#include "tests/explorer/instances/state.h"

enum { UNDER_WAY_MAX = 3 /* in one instance, before it takes no more messages */ };

int effects_count(const struct instance *instance);

/* The effect of the order whose answer is number `place`, 1 or 2, of the batch; NULL: none. */
const struct effect *effect_in_batch(const struct instance *instance, int order, int place);

/* The batch is saved: what each of its orders wants is under way from here on, for all its records,
 * of which `held` messages came with a partition that the instance still has. */
void effects_begin(struct instance *instance, enum who service, const uint8_t held[ORDERS]);

/* The batch is published, or its results are dropped. */
void effects_end(struct instance *instance);

/* The partition of the order is the other's: its offsets are no longer held. */
void effects_revoke(struct instance *instance, int order);

/* The first message before `position` that an effect holds; `position` when there is none. */
uint8_t effects_first_held(const struct instance *instance, int order, uint8_t position);

#endif
