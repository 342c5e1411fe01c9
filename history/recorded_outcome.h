/* What came of an effect, as the log tells: a replay run asks neither provider nor stock nor
 * transport.
 *
 *     struct recorded_outcome outcome;
 *
 *     if (recorded_outcome_find(history, SERVICE_PAYMENT, PAYMENT_EFFECT_CHARGE, 0, arena,
 *                               &outcome))
 *         decide(rules, row, &(struct input){.on = outcome.on, .result = outcome.result,
 *                                            .now_us = outcome.now_us}); */
#ifndef QUADRILLE_HISTORY_RECORDED_OUTCOME_H
#define QUADRILLE_HISTORY_RECORDED_OUTCOME_H

#include "history/order_history.h"

struct recorded_outcome {
    uint64_t on;        /* the input bit, as the runtime feeds it after the effect */
    int64_t now_us;     /* ce_time of the event that tells it */
    const void *result; /* in the arena; its type depends on the service */
};

/* `effect` is one that a transition of the service asks for, `settled` how often payment's provider
 * was told to settle before.  False where the log does not tell what came of it. */
bool recorded_outcome_find(const struct order_history *history, int service, int effect,
                           int settled, struct arena *arena, struct recorded_outcome *out);

/* Was the provider silent for a while, whatever it answered later?  payment.pending tells that. */
bool recorded_silence_find(const struct order_history *history, struct arena *arena,
                           struct recorded_outcome *out);

/* The events one of which would tell what came of the effect: a set of FACTs. */
uint64_t effect_events(int service, int effect);

#endif
