#include "services/runtime/effects.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/backoff.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "services/runtime/batch.h"
#include "services/runtime/inflight.h"
#include "services/runtime/local.h"

/* So often that even a single call that waits opens the breaker within its window. */
enum { AGAIN_MIN_MS = 100, AGAIN_MAX_MS = 400, STARTED_MAX = 1000 };

/* Of what caused the effects that are under way: as much again as the batch in hand may take. */
enum { BYTES_MAX = 16 * 1024 * 1024 };

/* ---- lists ---- */

static void list_add(struct effect_list *list, struct effect *effect)
{
    effect->next = NULL;
    if (list->first == NULL)
        list->first = effect;
    else
        list->last->next = effect;
    list->last = effect;
    list->count++;
}

/* In front. */
static void list_put_back(struct effect_list *list, struct effect *effect)
{
    effect->next = list->first;
    if (list->first == NULL)
        list->last = effect;
    list->first = effect;
    list->count++;
}

static struct effect *list_take(struct effect_list *list)
{
    struct effect *effect = list->first;

    if (effect == NULL)
        return NULL;
    list->first = effect->next;
    list->count--;
    return effect;
}

/* ---- what is wanted ---- */

static void cause_add(struct effects *effects, struct effect *effect, const struct record *record)
{
    struct cause *cause = arena_alloc(effect->arena, sizeof *cause);

    cause->incoming = incoming_copy(&record->incoming, effect->arena);
    cause->inflight = record->inflight;
    inflight_hold(cause->inflight);
    if (effect->first == NULL)
        effect->first = cause;
    else
        effect->last->next = cause;
    effect->last = cause;
    effect->cause_count++;
    cause->bytes = incoming_bytes(&record->incoming);
    effects->bytes += cause->bytes;
}

static struct effect *effect_new(struct effects *effects, const struct batch *batch,
                                 const struct batch_order *order)
{
    struct arena *arena = arena_new_small();
    struct effect *effect = arena_alloc(arena, sizeof *effect);

    effect->arena = arena;
    effect->order_id = arena_text(arena, order->order_id);
    effect->hash = text_hash(order->order_id);
    effect->kind = order->effect;
    effect->is_recorded = !order_is_saved_later(effects->service, order);
    effect->is_retry = order->row->next_due_us != 0;
    effects->service->effect_call(effects->context, order->row, batch->now_us, effect);
    return effect;
}

static struct effect **bucket_of(struct effects *effects, uint64_t hash)
{
    return &effects->known[hash % EFFECT_BUCKETS];
}

/* One that waits for the same answer.  But a result that wants an effect knows more than whoever
 * started the one that is under way. */
static struct effect *effect_find(struct effects *effects, const struct batch_order *order)
{
    const uint64_t hash = text_hash(order->order_id);
    struct effect *effect = order->by_result ? NULL : *bucket_of(effects, hash);

    while (effect != NULL && (effect->hash != hash || effect->kind != order->effect ||
                              strcmp(effect->order_id, order->order_id) != 0))
        effect = effect->next_known;
    return effect;
}

static void effect_add(struct effects *effects, struct effect *effect)
{
    struct effect **bucket = bucket_of(effects, effect->hash);

    effect->next_known = *bucket;
    *bucket = effect;
    list_add(effect->answered ? &effects->answered : &effects->waiting, effect);
}

static void effect_forget(struct effects *effects, const struct effect *effect)
{
    struct effect **at = bucket_of(effects, effect->hash);

    while (*at != effect)
        at = &(*at)->next_known;
    *at = effect->next_known;
}

/* What was answered in a round before, and led to what wants the effect now, waits for none; unless
 * what it brought is saved with what comes of the effect. */
static bool is_cause(const struct effects *effects, const struct record *record)
{
    return record->kind == RECORD_FACT && record->order->effect != EFFECT_NONE &&
           (!record->is_answered || order_is_saved_later(effects->service, record->order));
}

void effects_want(struct effects *effects, const struct batch *batch)
{
    for (size_t i = 0; i < batch->records.count; i++) {
        const struct record *record = batch->records.all[i];
        struct batch_order *order = record->order;

        if (!is_cause(effects, record))
            continue;
        if (order->wanted == NULL)
            order->wanted = effect_find(effects, order);
        if (order->wanted == NULL) {
            order->wanted = effect_new(effects, batch, order);
            order->starts = true;
            effect_add(effects, order->wanted);
        }
        cause_add(effects, order->wanted, record);
        if (order->starts)
            order->wanted->own = order->wanted->cause_count;
    }
}

/* ---- started, and answered ---- */

/* Is there something to start, and room for it? */
static bool has_room(const struct effects *effects)
{
    return effects->waiting.first != NULL && effects->under_way.count < effects->most;
}

/* It is degraded from when its breaker opens until it is closed. */
static void breaker_moved(struct effects *effects, enum breaker_state before)
{
    const enum breaker_state now = effects->breaker.state;
    const char *name = effects->service->name;
    char text[160];
    int64_t calls, failed;

    if (now == before)
        return;
    calls = breaker_calls(&effects->breaker, clock_steady_us(), &failed);
    snprintf(text, sizeof text, "%s: circuit breaker %s -> %s: %lld of %lld calls failed in %d s",
             name, breaker_state_name(before), breaker_state_name(now), (long long)failed,
             (long long)calls, BREAKER_WINDOW_S);
    log_write(now == BREAKER_OPEN ? LOG_WARNING : LOG_NOTICE, NULL, NULL, "%s", text);
    if (before == BREAKER_CLOSED || now == BREAKER_CLOSED)
        alerts_tell(effects->alerts, name, now != BREAKER_CLOSED, text);
}

/* Takes what may be asked now from what waits, and answers what may not be. */
static size_t admit(struct effects *effects, struct effect *admitted[STARTED_MAX])
{
    const int64_t now_us = clock_steady_us();
    struct breaker *breaker = &effects->breaker;
    const enum breaker_state before = breaker->state;
    size_t count = 0;

    while (count < STARTED_MAX && effects->under_way.count + count < effects->most) {
        struct effect *effect = list_take(&effects->waiting);

        if (effect == NULL)
            break;
        if (breaker_admits(breaker, now_us, &effect->is_probe) &&
            (!effect->is_retry || effect->is_probe || budget_takes(&effects->retries, now_us))) {
            admitted[count++] = effect;
            continue;
        }
        effects->service->effect_unavailable(effect, breaker_retry_after_us(breaker, now_us));
        effect->answered = true;
        list_add(&effects->answered, effect);
    }
    breaker_moved(effects, before);
    return count;
}

static void learn(struct effects *effects, const struct effect *effect, enum effect_outcome outcome)
{
    const enum breaker_state before = effects->breaker.state;

    breaker_learns(&effects->breaker, effect->is_probe, outcome == EFFECT_FAILED,
                   clock_steady_us());
    if (outcome == EFFECT_ANSWERED)
        budget_learns(&effects->retries, effect->is_retry);
    breaker_moved(effects, before);
}

/* None of them was asked. */
static void try_again(struct effects *effects, struct effect *const *asked, size_t count,
                      const struct error *error)
{
    for (size_t i = count; i > 0; i--) {
        learn(effects, asked[i - 1], EFFECT_FAILED);
        if (asked[i - 1]->is_retry && !asked[i - 1]->is_probe)
            budget_learns(&effects->retries, true);
        list_put_back(&effects->waiting, asked[i - 1]);
    }
    absence_begin(&effects->absence, error->message);
    effects->again_ms = backoff_next_ms(effects->again_ms, AGAIN_MIN_MS, AGAIN_MAX_MS);
    effects->again_at_us = effects->breaker.state == BREAKER_OPEN
                               ? 0
                               : clock_steady_us() + effects->again_ms * INT64_C(1000);
}

static void started_add(struct effects *effects, struct effect *effect)
{
    if (effect->answered)
        learn(effects, effect, effect->outcome);
    list_add(effect->answered ? &effects->answered : &effects->under_way, effect);
}

enum status effects_start(struct effects *effects, struct error *error)
{
    struct effect *started[STARTED_MAX];

    while (has_room(effects) && clock_steady_us() >= effects->again_at_us) {
        const size_t count = admit(effects, started);
        enum status status;

        if (count == 0)
            continue;
        status = effects->executor->start(effects->executor->state, started, count, error);
        if (status == STATUS_UNAVAILABLE) {
            try_again(effects, started, count, error);
            continue;
        }
        for (size_t i = 0; i < count; i++)
            started_add(effects, started[i]);
        if (status != STATUS_OK)
            return error->status = STATUS_BUG;
        effects->again_ms = 0;
        absence_end(&effects->absence);
    }
    return STATUS_OK;
}

void effects_collect(struct effects *effects)
{
    struct effect_list left = {0};
    struct effect *effect;

    if (effects->under_way.first == NULL)
        return;
    effects->executor->collect(effects->executor->state);
    while ((effect = list_take(&effects->under_way)) != NULL) {
        if (effect->answered)
            learn(effects, effect, effect->outcome);
        list_add(effect->answered ? &effects->answered : &left, effect);
    }
    effects->under_way = left;
}

bool effects_at_bound(const struct effects *effects)
{
    return effects->executor != NULL &&
           (effects->bytes >= BYTES_MAX ||
            effects->waiting.count + effects->under_way.count + effects->answered.count >=
                effects->most);
}

int effects_idle_ms(const struct effects *effects, int most_ms)
{
    const int64_t now_us = clock_steady_us();
    int64_t due_us = now_us + most_ms * INT64_C(1000);

    if (effects->answered.first != NULL)
        return 0;
    if (effects->under_way.first != NULL &&
        effects->executor->due_us(effects->executor->state) < due_us)
        due_us = effects->executor->due_us(effects->executor->state);
    if (has_room(effects) && effects->again_at_us < due_us)
        due_us = effects->again_at_us;
    return due_us <= now_us ? 0 : (int)((due_us - now_us + 999) / 1000);
}

bool effects_know(const struct effects *effects, const char *order_id)
{
    const uint64_t hash = text_hash(order_id);
    const struct effect *effect = effects->known[hash % EFFECT_BUCKETS];

    while (effect != NULL && (effect->hash != hash || strcmp(effect->order_id, order_id) != 0))
        effect = effect->next_known;
    return effect != NULL;
}

bool effects_are_asked(const struct effects *effects)
{
    return effects->under_way.first != NULL || effects->answered.first != NULL;
}

bool effects_are_answered(const struct effects *effects)
{
    return effects->answered.first != NULL;
}

/* ---- decided ---- */

/* The result comes behind the last of its effect's own causes: those that came while it was under
 * way see what came of it. */
static void records_of(struct local *local, const struct effect *effect, struct decoder *decoder,
                       struct arena *arena, struct records *records)
{
    const struct cause *cause = effect->first;

    for (size_t i = 0; i < effect->cause_count; i++, cause = cause->next) {
        struct record *record = arena_alloc(arena, sizeof *record);

        record->local = local;
        record->incoming = cause->incoming;
        record->inflight = cause->inflight;
        record_decode(local->service, decoder, arena, record);
        record->is_recorded = effect->is_recorded;
        if (i + 1 == effect->own)
            record->result = local->service->effect_result(effect);
        records_add(records, arena, record);
    }
}

void effects_records(struct local *local, struct decoder *decoder, struct arena *arena, size_t most,
                     struct records *records)
{
    struct effects *effects = &local->effects;
    struct effect *effect;
    size_t count = 0;

    assert(effects->in_hand.first == NULL);
    while ((effect = effects->answered.first) != NULL &&
           (count == 0 || count + effect->cause_count <= most)) {
        list_take(&effects->answered);
        effect_forget(effects, effect);
        list_add(&effects->in_hand, effect);
        records_of(local, effect, decoder, arena, records);
        count += effect->cause_count;
    }
}

static void effect_free(struct effect *effect)
{
    arena_free(effect->arena);
}

void effects_finish(struct effects *effects)
{
    struct effect *effect;

    while ((effect = list_take(&effects->in_hand)) != NULL) {
        for (const struct cause *cause = effect->first; cause != NULL; cause = cause->next) {
            inflight_release(cause->inflight);
            effects->bytes -= cause->bytes;
        }
        effect_free(effect);
    }
}

void effects_free(struct effects *effects)
{
    struct effect_list *const lists[] = {&effects->waiting, &effects->under_way, &effects->answered,
                                         &effects->in_hand};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (struct effect *effect; (effect = list_take(lists[i])) != NULL;)
            effect_free(effect);
}
