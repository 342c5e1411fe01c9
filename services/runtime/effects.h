/* Effects: what rows want of the outside world, a charge, a mail.  They are started and answered
 * later; nobody waits for them.
 *
 * An effect is under way from the save of the row that wants it until what came of it is saved and
 * what follows is published.  It keeps what caused it as it came: when it is answered its causes
 * make records of a batch again, one of which brings the result, so that what follows is emitted as
 * caused by them, and what cannot be saved is dead-lettered as they came.  Until then the batches
 * that they came in are not finished: see inflight.h.
 *
 * Before whoever is asked stands a circuit breaker (breaker.h).  What it does not let through is
 * answered at once as unavailable, so that the row says so and is due later. */
#ifndef QUADRILLE_SERVICES_RUNTIME_EFFECTS_H
#define QUADRILLE_SERVICES_RUNTIME_EFFECTS_H

#include "services/runtime/absence.h"
#include "services/runtime/alerts.h"
#include "services/runtime/breaker.h"
#include "services/runtime/executor.h"
#include "services/runtime/service.h"

struct effect_list {
    struct effect *first, *last; /* the oldest first */
    size_t count;
};

enum { EFFECT_BUCKETS = 4096 };

struct effects {
    const struct service *service;
    void *context;
    const struct executor *executor; /* NULL: the service asks nothing of the outside */
    size_t most;                     /* that are under way at once */
    struct effect_list waiting, under_way, answered, in_hand;
    struct effect *known[EFFECT_BUCKETS]; /* all but those in hand, by the hash of their order */
    size_t bytes;                         /* of what caused them */
    /* whoever is asked is unavailable: when to try again, of the monotonic clock, and how long to
     * wait after that */
    int64_t again_at_us;
    int again_ms;
    struct outages absence;
    struct breaker breaker;
    struct retry_budget retries;
    struct alerts *alerts; /* NULL: nobody is told of it */
};

/* Has the effects started that the orders of a saved batch want. */
void effects_want(struct effects *effects, const struct batch *batch);

/* Starts what waits, as far as the bound allows.  Who is unavailable is asked again later.  What
 * comes back otherwise than STATUS_OK ends the service. */
enum status effects_start(struct effects *effects, struct error *error);

/* Takes in the answers that have come. */
void effects_collect(struct effects *effects);

/* Are so many under way that nothing more is to be taken? */
bool effects_at_bound(const struct effects *effects);

/* Until there is something to collect or to start, in milliseconds, `most_ms` at most. */
int effects_idle_ms(const struct effects *effects, int most_ms);

/* Is one under way for the order, or waiting to be? */
bool effects_know(const struct effects *effects, const char *order_id);

/* Is anything asked that is not yet decided on? */
bool effects_are_asked(const struct effects *effects);

bool effects_are_answered(const struct effects *effects);

/* Adds the causes of those of the service's effects that are answered, as records of a batch:
 * decoded anew, in the arena.  `most` of them, unless one effect alone has more. */
void effects_records(struct local *local, struct decoder *decoder, struct arena *arena, size_t most,
                     struct records *records);

/* What came of them is saved and published. */
void effects_finish(struct effects *effects);

void effects_free(struct effects *effects);

#endif
