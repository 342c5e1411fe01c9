/* Who carries out effects: a payment provider, a mail transport.  An executor is a value, and
 * nobody waits for it.  It owns no thread, unless what it asks is nothing that poll(2) can wait
 * for, as a disk.
 *
 * One that has sockets watches them (wait_watch, base/wait.h): it is served in whatever wait of the
 * process, while messages are waited for, which ends that wait, and while the database is.  What it
 * took in there is handed over when it is asked to collect. */
#ifndef QUADRILLE_SERVICES_RUNTIME_EXECUTOR_H
#define QUADRILLE_SERVICES_RUNTIME_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "brokers/broker.h"

struct inflight_batch;

/* A message that led to an effect, as it came. */
struct cause {
    struct cause *next;
    struct incoming incoming;
    struct inflight_batch *inflight; /* the batch that it came in */
    size_t bytes;
};

enum effect_outcome {
    EFFECT_ANSWERED, /* whatever the answer is */
    EFFECT_FAILED    /* whoever was asked was silent, or could not answer */
};

/* An effect under way: see effects.h, which has all but `call`, `answered` and `outcome` for
 * itself. */
struct effect {
    struct effect *next, *next_known;
    struct arena *arena;  /* of all that it holds */
    const char *order_id; /* and whose hash that is */
    uint64_t hash;
    int kind;                    /* the service's own */
    bool is_recorded;            /* the row that is stored knows the facts of its causes */
    struct cause *first, *last;  /* what caused it */
    size_t cause_count, own;     /* the second of the batch that wanted it first */
    void *call;                  /* the service's own: what is asked, and room for the answer */
    bool answered;               /* set by the executor, or at once by the service */
    enum effect_outcome outcome; /* set by the executor before that */
    bool is_retry;               /* the row is due, since an earlier call failed */
    bool is_probe;               /* of the circuit breaker */
};

struct executor {
    void *state;

    /* Starts what the effects' calls say, and returns; what is known already may be answered at
     * once.  STATUS_UNAVAILABLE when nothing can be started now: all of them are started again
     * later, under the same identity.  Anything else ends the service: what is wrong with one call
     * is its answer. */
    enum status (*start)(void *state, struct effect *const *effects, size_t count,
                         struct error *error);

    /* Fills in the answers that have come, and marks their effects as answered.  NULL, as is
     * due_us, where start answers all. */
    void (*collect)(void *state);

    /* When to collect at the latest, of the monotonic clock, while something is under way. */
    int64_t (*due_us)(const void *state);

    /* What is under way is forgotten; its effects are gone already. */
    void (*close)(void *state);
};

#endif
