#include "tests/explorer/instances/effects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int effects_count(const struct instance *instance)
{
    int count = 0;

    for (int order = 0; order < ORDERS; order++)
        for (int i = 0; i < EFFECTS_MAX; i++)
            count += instance->effects[order][i].kind != EFFECT_NONE;
    return count;
}

const struct effect *effect_in_batch(const struct instance *instance, int order, int place)
{
    for (int i = 0; i < EFFECTS_MAX; i++)
        if (instance->effects[order][i].in_batch == place)
            return &instance->effects[order][i];
    return NULL;
}

static int later(const void *a, const void *b)
{
    return memcmp(b, a, sizeof(struct effect));
}

/* In whatever order they were started, it is the same state. */
static void sort(struct effect *effects)
{
    qsort(effects, EFFECTS_MAX, sizeof *effects, later);
}

/* What the records of the order are, as the causes of one effect. */
static struct effect wanted(const struct instance *instance, int order, enum who service,
                            uint8_t held)
{
    const unsigned taken = ((1u << instance->taken[order]) - 1) << instance->from[order];
    struct effect effect = {
        .kind = (uint8_t)effect_kind(service, instance->row[order], instance->effect[order]),
        .is_recorded = service == PAYMENT,
        .causes = (uint8_t)taken,
        .held = held};

    for (int place = 1; place <= EFFECTS_MAX; place++) {
        const struct effect *answered = effect_in_batch(instance, order, place);

        if (answered == NULL)
            break;
        effect.is_recorded = 1;
        effect.causes |= answered->causes | answered->attached;
        effect.held |= answered->held;
    }
    return effect;
}

static struct effect *with_kind(struct effect *effects, enum who service, int kind)
{
    for (int i = 0; i < EFFECTS_MAX; i++)
        if (is_same_effect(service, effects[i].kind, kind) && effects[i].in_batch == 0)
            return &effects[i];
    return NULL;
}

static void clear_batch(struct effect *effects)
{
    for (int i = 0; i < EFFECTS_MAX; i++)
        if (effects[i].in_batch != 0)
            effects[i] = (struct effect){.kind = EFFECT_NONE};
}

static void start(struct instance *instance, int order, enum who service, uint8_t held)
{
    struct effect *effects = instance->effects[order];
    const struct effect effect = wanted(instance, order, service, held);
    const bool by_result = (instance->by_result & 1 << order) != 0;
    struct effect *other;

    clear_batch(effects);
    other = by_result ? NULL : with_kind(effects, service, effect.kind);
    if (other == NULL) {
        other = with_kind(effects, service, EFFECT_NONE);
        if (other == NULL) {
            fprintf(stderr, "explorer: an order has more than %d effects under way\n", EFFECTS_MAX);
            exit(EXIT_FAILURE);
        }
        *other = effect;
        return;
    }
    if (other->is_recorded) /* nothing is decided again: all its causes are alike */
        other->causes |= effect.causes;
    else
        other->attached |= effect.causes;
    other->held |= effect.held;
}

void effects_begin(struct instance *instance, enum who service, const uint8_t held[ORDERS])
{
    for (int order = 0; order < ORDERS; order++)
        if (instance->effect[order] != EFFECT_NONE) {
            start(instance, order, service, held[order]);
            sort(instance->effects[order]);
        }
}

void effects_end(struct instance *instance)
{
    for (int order = 0; order < ORDERS; order++) {
        clear_batch(instance->effects[order]);
        sort(instance->effects[order]);
    }
}

void effects_revoke(struct instance *instance, int order)
{
    for (int i = 0; i < EFFECTS_MAX; i++)
        instance->effects[order][i].held = 0;
    sort(instance->effects[order]);
}

uint8_t effects_first_held(const struct instance *instance, int order, uint8_t position)
{
    for (uint8_t at = 0; at < position; at++)
        for (int i = 0; i < EFFECTS_MAX; i++)
            if ((instance->effects[order][i].held & 1 << at) != 0)
                return at;
    return position;
}
