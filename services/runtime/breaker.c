#include "services/runtime/breaker.h"

#include <string.h>

enum { SECOND_US = 1000000 };

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const names[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open", [BREAKER_HALF_OPEN] = "half-open"};

    return names[state];
}

static void breaker_open(struct breaker *breaker, int64_t now_us)
{
    breaker->state = BREAKER_OPEN;
    breaker->open_until_us = now_us + breaker->settings.reset_us;
}

static void breaker_close(struct breaker *breaker)
{
    breaker->state = BREAKER_CLOSED;
    memset(breaker->window, 0, sizeof breaker->window);
}

bool breaker_admits(struct breaker *breaker, int64_t now_us, bool *is_probe)
{
    if (breaker->state == BREAKER_OPEN && now_us >= breaker->open_until_us) {
        breaker->state = BREAKER_HALF_OPEN;
        breaker->probes = breaker->answered = 0;
    }
    *is_probe = breaker->state == BREAKER_HALF_OPEN && breaker->probes < BREAKER_PROBES;
    breaker->probes += *is_probe;
    return *is_probe || breaker->state == BREAKER_CLOSED;
}

int64_t breaker_calls(const struct breaker *breaker, int64_t now_us, int64_t *failed)
{
    int64_t calls = 0;

    *failed = 0;
    for (size_t i = 0; i < BREAKER_WINDOW_S; i++) {
        const struct breaker_second *second = &breaker->window[i];

        if (now_us / SECOND_US - second->second >= BREAKER_WINDOW_S)
            continue;
        calls += second->calls;
        *failed += second->failed;
    }
    return calls;
}

static void learn_closed(struct breaker *breaker, bool failed, int64_t now_us)
{
    const int64_t now = now_us / SECOND_US;
    struct breaker_second *second = &breaker->window[now % BREAKER_WINDOW_S];
    int64_t calls, failures;

    if (second->second != now)
        *second = (struct breaker_second){.second = now};
    second->calls++;
    second->failed += failed;
    calls = breaker_calls(breaker, now_us, &failures);
    if (failed && calls >= breaker->settings.min_calls &&
        failures * 100 >= calls * breaker->settings.threshold_percent)
        breaker_open(breaker, now_us);
}

void breaker_learns(struct breaker *breaker, bool is_probe, bool failed, int64_t now_us)
{
    if (breaker->state == BREAKER_CLOSED) {
        learn_closed(breaker, failed, now_us);
    } else if (breaker->state == BREAKER_HALF_OPEN && is_probe) {
        if (failed)
            breaker_open(breaker, now_us);
        else if (++breaker->answered == BREAKER_PROBES)
            breaker_close(breaker);
    }
}

/* While the probes are out, soon. */
int64_t breaker_retry_after_us(const struct breaker *breaker, int64_t now_us)
{
    const int64_t left_us = breaker->open_until_us - now_us;

    if (breaker->state == BREAKER_OPEN && left_us > 0)
        return left_us;
    return breaker->settings.reset_us < SECOND_US ? breaker->settings.reset_us : SECOND_US;
}

bool budget_takes(struct retry_budget *budget, int64_t now_us)
{
    enum { MOST = BUDGET_RETRIES * BUDGET_SHARE };

    const int64_t each_us = SECOND_US / (BUDGET_A_SECOND * BUDGET_SHARE);
    const int64_t refills = (now_us - budget->refills_us) / each_us;

    budget->refills_us += refills * each_us;
    budget->spent = budget->spent > refills ? budget->spent - refills : 0;
    if (budget->spent + BUDGET_SHARE > MOST)
        return false;
    budget->spent += BUDGET_SHARE;
    return true;
}

void budget_learns(struct retry_budget *budget, bool is_retry)
{
    const int64_t back = is_retry ? BUDGET_SHARE : 1;

    budget->spent = budget->spent > back ? budget->spent - back : 0;
}
