#include "tests/explorer/saga/effects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explorer/saga/processes.h"

static const enum who callers[CALLERS] = {PAYMENT, EMAIL};

/* NULL: the process never holds anything. */
static uint16_t *held(struct world *world, enum who process, bool orphan)
{
    const int holder = holder_of(process);

    if (holder == CALLERS)
        return NULL;
    return orphan ? &world->orphaned[holder] : &world->taken[holder];
}

struct entries effects_entries(const struct world *world, enum who process, bool orphan)
{
    const int holder = holder_of(process);
    struct entries entries;

    entries.count = 0;
    if (holder < CALLERS) {
        const uint16_t list = orphan ? world->orphaned[holder] : world->taken[holder];

        entries.count = list_length(list) / sizeof *entries.list;
        memcpy(entries.list, list_bytes(list), list_length(list));
    }
    return entries;
}

static bool is_cause(const struct entry *entry)
{
    return (entry->own | entry->attached) != 0;
}

/* Where nothing comes again, all that matters is which kinds of messages an effect is for; and only
 * a mail's are decided on again, those that attached to it last. */
static void keep_causes(struct entries *kept, struct entry entry)
{
    const enum who who = reading_service(entry.reading);

    entry.holds = entry.chain = entry.reading = 0;
    while (reading_service(entry.reading) != who)
        entry.reading++;
    if (who != EMAIL) {
        entry.own |= entry.attached;
        entry.attached = 0;
    }
    for (size_t i = 0; i < kept->count; i++)
        if (kept->list[i].kind == entry.kind && kept->list[i].reading == entry.reading) {
            entry.own = (uint8_t)(entry.own & ~kept->list[i].own);
            entry.attached = (uint8_t)(entry.attached & ~kept->list[i].attached);
        }
    if (is_cause(&entry))
        kept->list[kept->count++] = entry;
}

/* What was handed over is kept as a cause only; a message also behind one that is not finished. */
static bool is_kept(const struct entry *entry, const struct entries *kept)
{
    if (is_cause(entry))
        return true;
    return !reading_is_handed(entry->reading) &&
           (entry->holds != 0 || entry->chain || kept->count > 0);
}

void effects_hold(struct world *world, enum who process, bool orphan, const struct entries *entries)
{
    uint16_t *list = held(world, process, orphan);
    struct entries kept;

    if (list == NULL)
        return;
    kept.count = 0;
    for (size_t i = 0; i < entries->count; i++)
        if (orphan || world->crashes == 0)
            keep_causes(&kept, entries->list[i]);
        else if (is_kept(&entries->list[i], &kept))
            kept.list[kept.count++] = entries->list[i];
    *list = list_of((const uint8_t *)kept.list, kept.count * sizeof *kept.list);
}

static void crash_count(struct world *world)
{
    world->crashes = (world->crashes - 1u) & 15u;
    for (int process = 0; world->crashes == 0 && process < SERVICES; process++) {
        const struct entries entries = effects_entries(world, (enum who)process, false);

        effects_hold(world, (enum who)process, false, &entries);
    }
}

int effects_find(const struct world *world, enum who who, bool orphan, int kind)
{
    const struct effect *effects = world->effects[caller_of(who)];
    int i = 0;

    while (i < EFFECTS_MAX &&
           (!is_same_effect(who, effects[i].kind, kind) || effects[i].orphan != orphan))
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

    for (int i = 0; is_caller(who) && i < EFFECTS_MAX; i++)
        if (effects[i].kind != EFFECT_NONE && effects[i].orphan == orphan)
            return true;
    return false;
}

bool effects_any_of(const struct world *world, enum who process, bool orphan)
{
    for (int i = 0; i < CALLERS; i++)
        if (process_of(callers[i]) == process && effects_any(world, callers[i], orphan))
            return true;
    return false;
}

/* To the head of each queue what came from there. */
static void put_back(struct world *world, enum who process)
{
    const struct entries entries = effects_entries(world, process, false);
    uint16_t *list = held(world, process, false);

    for (int reading = 0; reading < READINGS; reading++) {
        uint8_t kinds[ENTRIES_MAX];
        size_t count = 0;

        for (size_t i = 0; i < entries.count && !reading_is_handed(reading); i++)
            if (entries.list[i].reading == reading)
                kinds[count++] = entries.list[i].kind;
        if (count > 0)
            world->queue[reading] = queue_put_back(world->queue[reading], kinds, count);
    }
    if (list != NULL)
        *list = LIST_EMPTY;
}

/* A late charge matters only while the provider has not acted otherwise. */
static void forget(struct world *world, enum who who, bool orphan)
{
    struct effect *effects = world->effects[caller_of(who)];

    for (int i = 0; i < EFFECTS_MAX; i++) {
        if (effects[i].kind == EFFECT_NONE || effects[i].orphan != orphan)
            continue;
        if (who == PAYMENT && may_charge(effects[i].kind) && effects[i].answer == 0)
            world->call = world->truth == TRUTH_NONE;
        memset(&effects[i], 0, sizeof effects[i]);
    }
}

void effects_die(struct world *world, enum who process, bool orphan, const struct without *without)
{
    uint16_t *list = held(world, process, orphan);

    for (int i = 0; i < CALLERS; i++)
        if (process_of(callers[i]) == process)
            forget(world, callers[i], orphan);
    handed_forget(world, process, orphan);
    if (orphan)
        world->sweeps++;
    if (list != NULL && (orphan || without->hold))
        *list = LIST_EMPTY;
    if (!orphan)
        put_back(world, process);
    crash_count(world);
}

void effects_move(struct world *world, enum who process)
{
    const struct entries entries = effects_entries(world, process, false);

    for (int i = 0; i < CALLERS; i++)
        for (int j = 0; process_of(callers[i]) == process && j < EFFECTS_MAX; j++)
            if (world->effects[i][j].kind != EFFECT_NONE)
                world->effects[i][j].orphan = 1;
    handed_move(world, process);
    effects_hold(world, process, true, &entries);
    put_back(world, process);
    crash_count(world);
}
