/* What the shipped decide functions make of an order's history: a replay run.
 *
 * Each service's row is led through the facts that the log holds for it.  What was asked of the
 * outside (the provider, the stock, the transport) is answered by what the log says came of it, see
 * recorded_outcome.h; in which order facts are fed, input_order.h tells.  Nothing is read or
 * written but memory.
 *
 *     struct replayed replayed;
 *
 *     history_sort(history);
 *     replay_service(log, history, SERVICE_PAYMENT, 0, arena, &replayed);
 *     if ((replayed.must & ~history->genuine) != 0)
 *         puts(facts_text(replayed.must & ~history->genuine, " and ", arena)); */
#ifndef QUADRILLE_HISTORY_REPLAY_RUN_H
#define QUADRILLE_HISTORY_REPLAY_RUN_H

#include "history/order_history.h"
#include "services/catalog.h"
#include "services/runtime/service.h"

/* Events are sets of FACTs.  `may` holds `must`; it is that where the log has no more. */
struct replayed {
    struct saga *row;     /* as decide leaves it; facts 0 when it consumed nothing */
    uint64_t must;        /* what is emitted however the messages were batched */
    uint64_t may;         /* what is emitted in some order of batches and redeliveries */
    uint64_t waiting_for; /* those one of which would tell what came of its last effect; 0: none */
};

/* `history` is sorted; everything lives in `arena`.  Payloads that services keep are not there:
 * amounts stand for them.  `unknown_us` is the time of what the log does not tell; 0: such times
 * stay 0. */
void replay_service(const struct order_histories *log, const struct order_history *history,
                    int service, int64_t unknown_us, struct arena *arena, struct replayed *out);

#endif
