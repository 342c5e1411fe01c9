/* A circuit breaker: spares whoever fails most of what it is asked, and asks it again in a while.
 *
 *   closed     every call is made; open once, of at least min_calls in a rolling ten seconds, the
 *              given share failed
 *   open       no call is made; half-open after reset_us
 *   half-open  a few calls are made, the probes; closed once all of them are answered, open again
 *              as soon as one fails
 *
 * And a budget of retries: what failed is asked again for a fifth of what is asked, beside a few a
 * second, so that a struggling provider is not buried under repetitions.  A retry that is answered
 * costs nothing.
 *
 * Both are pure: the time, in microseconds of any clock that does not go back, is given.
 *
 *     if (!breaker_admits(&breaker, now_us, &is_probe))
 *         retry_after_us = breaker_retry_after_us(&breaker, now_us);
 *     ...
 *     changed = breaker_learns(&breaker, is_probe, failed, now_us); */
#ifndef QUADRILLE_SERVICES_RUNTIME_BREAKER_H
#define QUADRILLE_SERVICES_RUNTIME_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BREAKER_WINDOW_S = 10, BREAKER_PROBES = 3 };

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker_settings {
    int64_t threshold_percent; /* of the calls, which failed */
    int64_t min_calls;         /* fewer than these tell nothing */
    int64_t reset_us;          /* how long it stays open */
};

/* Begins zeroed but for its settings, and closed. */
struct breaker {
    struct breaker_settings settings;
    enum breaker_state state;
    int64_t open_until_us;
    struct breaker_second {
        int64_t second;
        int64_t calls, failed;
    } window[BREAKER_WINDOW_S];
    int probes, answered; /* since it is half-open: made, and answered */
};

/* "closed", "open", "half-open" */
const char *breaker_state_name(enum breaker_state state);

/* May a call be made?  `is_probe` belongs to it until breaker_learns.  An open breaker whose time
 * is over is half-open from here on. */
bool breaker_admits(struct breaker *breaker, int64_t now_us, bool *is_probe);

/* What became of a call.  What was asked before it opened tells nothing while it is not closed. */
void breaker_learns(struct breaker *breaker, bool is_probe, bool failed, int64_t now_us);

/* How many calls of the last ten seconds there are, and how many of them failed. */
int64_t breaker_calls(const struct breaker *breaker, int64_t now_us, int64_t *failed);

/* Until a call that is not admitted should be tried again. */
int64_t breaker_retry_after_us(const struct breaker *breaker, int64_t now_us);

/* Of one breaker's calls.  Begins zeroed, and full. */
struct retry_budget {
    int64_t spent;      /* fifths of a retry */
    int64_t refills_us; /* when it was looked at last */
};

enum { BUDGET_RETRIES = 100, BUDGET_A_SECOND = 10, BUDGET_SHARE = 5 };

/* May what failed before be asked again? */
bool budget_takes(struct retry_budget *budget, int64_t now_us);

/* A call was answered, or a retry not made. */
void budget_learns(struct retry_budget *budget, bool is_retry);

#endif
