#include "services/runtime/local.h"

#include <stdlib.h>

#include "base/clock.h"
#include "services/runtime/loop.h"

void locals_open(struct locals *locals, const struct hosted *hosted, size_t count,
                 struct consumer *consumer, struct producer *producer,
                 const struct loop_settings *settings)
{
    locals->count = count;
    locals->all = calloc(count, sizeof *locals->all);
    if (locals->all == NULL)
        abort();
    for (size_t i = 0; i < count; i++) {
        const struct service *service = hosted[i].service;
        struct local *local = &locals->all[i];

        local->service = service;
        local->context = hosted[i].context;
        local->database = hosted[i].database;
        local->cache = row_cache_new();
        local->effects.service = service;
        local->effects.context = hosted[i].context;
        local->effects.executor =
            service->executor == NULL ? NULL : service->executor(hosted[i].context);
        local->effects.most = settings->effects_max;
        local->effects.breaker.settings = settings->breaker;
        local->effects.alerts = settings->alerts;
        local->sweeper = (struct sweeper){.service = service,
                                          .database = hosted[i].database,
                                          .consumer = consumer,
                                          .producer = producer,
                                          .effects = &local->effects,
                                          .interval_ms = settings->sweep_interval_ms};
    }
}

void locals_close(struct locals *locals)
{
    for (size_t i = 0; i < locals->count; i++) {
        row_cache_free(locals->all[i].cache);
        effects_free(&locals->all[i].effects);
    }
    free(locals->all);
}

bool locals_collect(struct locals *locals)
{
    bool answered = false;

    for (size_t i = 0; i < locals->count; i++) {
        effects_collect(&locals->all[i].effects);
        answered |= effects_are_answered(&locals->all[i].effects);
    }
    return answered;
}

enum status locals_start_effects(struct locals *locals, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < locals->count; i++)
        status = effects_start(&locals->all[i].effects, error);
    return status;
}

void locals_finish_effects(struct locals *locals)
{
    for (size_t i = 0; i < locals->count; i++)
        effects_finish(&locals->all[i].effects);
}

bool locals_at_bound(const struct locals *locals)
{
    for (size_t i = 0; i < locals->count; i++)
        if (effects_at_bound(&locals->all[i].effects))
            return true;
    return false;
}

bool locals_are_asked(const struct locals *locals)
{
    for (size_t i = 0; i < locals->count; i++)
        if (effects_are_asked(&locals->all[i].effects))
            return true;
    return false;
}

bool locals_begin_effects(const struct locals *locals)
{
    bool any_waits = false;

    for (size_t i = 0; i < locals->count; i++) {
        if (locals->all[i].effects.in_hand.first != NULL)
            return false;
        any_waits |= locals->all[i].effects.waiting.first != NULL;
    }
    return any_waits;
}

int locals_idle_ms(const struct locals *locals, int most_ms)
{
    for (size_t i = 0; i < locals->count; i++)
        most_ms = effects_idle_ms(&locals->all[i].effects, most_ms);
    return most_ms;
}

enum status locals_sweep(struct locals *locals, struct error *error)
{
    const int64_t now_ms = clock_steady_us() / 1000;
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < locals->count; i++)
        status = sweeper_run(&locals->all[i].sweeper, now_ms, error);
    return status;
}
