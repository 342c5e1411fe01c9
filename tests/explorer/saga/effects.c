#include "tests/explorer/saga/effects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint16_t *held(struct world *world, enum who who, bool orphan)
{
    return orphan ? &world->orphaned[caller_of(who)] : &world->taken[caller_of(who)];
}

struct entries effects_entries(const struct world *world, enum who who, bool orphan)
{
    const uint16_t list = orphan ? world->orphaned[caller_of(who)] : world->taken[caller_of(who)];
    struct entries entries;

    entries.count = list_length(list) / sizeof *entries.list;
    memcpy(entries.list, list_bytes(list), list_length(list));
    return entries;
}

static bool is_held(const struct entry *entry)
{
    return (entry->own | entry->attached) != 0;
}

/* Where nothing comes again, all that matters is which kinds of messages an effect is for; and only
 * a mail's are decided on again, those that attached to it last. */
static void keep_causes(struct entries *kept, enum who who, struct entry entry)
{
    entry.reading = 0;
    if (who != EMAIL) {
        entry.own |= entry.attached;
        entry.attached = 0;
    }
    for (size_t i = 0; i < kept->count; i++)
        if (kept->list[i].kind == entry.kind) {
            entry.own = (uint8_t)(entry.own & ~kept->list[i].own);
            entry.attached = (uint8_t)(entry.attached & ~kept->list[i].attached);
        }
    if (is_held(&entry))
        kept->list[kept->count++] = entry;
}

void effects_hold(struct world *world, enum who who, bool orphan, const struct entries *entries)
{
    struct entries kept;

    kept.count = 0;
    for (size_t i = 0; i < entries->count; i++)
        if (orphan || world->crashes == 0)
            keep_causes(&kept, who, entries->list[i]);
        else if (is_held(&entries->list[i]) || kept.count > 0)
            kept.list[kept.count++] = entries->list[i];
    *held(world, who, orphan) = list_of((const uint8_t *)kept.list, kept.count * sizeof *kept.list);
}

static void crash_count(struct world *world)
{
    static const enum who callers[CALLERS] = {PAYMENT, EMAIL};

    world->crashes--;
    for (int i = 0; world->crashes == 0 && i < CALLERS; i++) {
        const struct entries entries = effects_entries(world, callers[i], false);

        effects_hold(world, callers[i], false, &entries);
    }
}

int effects_find(const struct world *world, enum who who, bool orphan, int kind)
{
    const struct effect *effects = world->effects[caller_of(who)];
    int i = 0;

    while (i < EFFECTS_MAX && (effects[i].kind != kind || effects[i].orphan != orphan))
        i++;
    return i;
}

int effects_free_place(const struct world *world, enum who who)
{
    int i = 0;

    while (i < EFFECTS_MAX && world->effects[caller_of(who)][i].kind != EFFECT_NONE)
        i++;
    if (i == EFFECTS_MAX) {
        fprintf(stderr, "explorer: more than %d effects under way\n", EFFECTS_MAX);
        exit(EXIT_FAILURE);
    }
    return i;
}

bool effects_any(const struct world *world, enum who who, bool orphan)
{
    const struct effect *effects = world->effects[caller_of(who)];

    for (int i = 0; i < EFFECTS_MAX; i++)
        if (effects[i].kind != EFFECT_NONE && effects[i].orphan == orphan)
            return true;
    return false;
}

/* To the head of each queue what came from there. */
static void put_back(struct world *world, enum who who)
{
    const struct entries entries = effects_entries(world, who, false);

    for (int reading = 0; reading < READINGS; reading++) {
        uint8_t kinds[ENTRIES_MAX];
        size_t count = 0;

        for (size_t i = 0; i < entries.count; i++)
            if (entries.list[i].reading == reading)
                kinds[count++] = entries.list[i].kind;
        if (count > 0)
            world->queue[reading] = queue_put_back(world->queue[reading], kinds, count);
    }
    world->taken[caller_of(who)] = LIST_EMPTY;
}

/* A late charge matters only while the provider has not acted otherwise. */
static void forget(struct world *world, enum who who, bool orphan)
{
    struct effect *effects = world->effects[caller_of(who)];

    for (int i = 0; i < EFFECTS_MAX; i++) {
        if (effects[i].kind == EFFECT_NONE || effects[i].orphan != orphan)
            continue;
        if (who == PAYMENT && effects[i].kind == PAYMENT_EFFECT_CHARGE && effects[i].answer == 0)
            world->call = world->truth == TRUTH_NONE;
        memset(&effects[i], 0, sizeof effects[i]);
    }
}

void effects_die(struct world *world, enum who who, bool orphan, const struct without *without)
{
    if (is_caller(who)) {
        forget(world, who, orphan);
        if (orphan)
            world->sweeps++;
        if (orphan || without->hold)
            *held(world, who, orphan) = LIST_EMPTY;
        if (!orphan)
            put_back(world, who);
    }
    crash_count(world);
}

void effects_move(struct world *world, enum who who)
{
    const struct entries entries = effects_entries(world, who, false);

    for (int i = 0; i < EFFECTS_MAX; i++)
        if (world->effects[caller_of(who)][i].kind != EFFECT_NONE)
            world->effects[caller_of(who)][i].orphan = 1;
    effects_hold(world, who, true, &entries);
    put_back(world, who);
    crash_count(world);
}
