#include "tests/explorer/saga/batches.h"

#include <string.h>

#include "tests/explorer/saga/decisions.h"

static unsigned bit(int effect)
{
    return 1u << effect;
}

static uint8_t own_number(uint64_t on)
{
    uint8_t number = 0;

    while (on != OWN_FACT(number))
        number++;
    return number;
}

void batch_take_message(struct batch *batch, int reading)
{
    uint16_t *queue = &batch->after.queue[reading];
    const uint8_t kind = (uint8_t)queue_head(*queue);

    *queue = queue_rest(*queue);
    batch->taken[batch->taken_count] = (struct entry){kind, (uint8_t)reading, 0, 0};
    batch->action.seen[batch->taken_count++] = kind;
    batch->inputs[batch->input_count++] = kind;
    batch->causes[batch->cause_count++] = kind;
    batch->size++;
}

/* The causes again, in the order in which they came: decided on where the row does not know
 * them. */
static void causes_take(struct batch *batch, int effect, bool attached, bool decided)
{
    const struct entries entries = effects_entries(&batch->before, batch->who, batch->orphan);

    for (size_t i = 0; i < entries.count; i++) {
        const struct entry *entry = &entries.list[i];

        if (((attached ? entry->attached : entry->own) & bit(effect)) == 0)
            continue;
        if (decided)
            batch->inputs[batch->input_count++] = entry->kind;
        batch->causes[batch->cause_count++] = entry->kind;
    }
}

void batch_take_result(struct batch *batch, int number, uint64_t on)
{
    const struct effect *effect = &batch->before.effects[caller_of(batch->who)][number];
    const uint8_t own = own_number(on);

    causes_take(batch, number, false, !effect->recorded);
    batch->inputs[batch->input_count++] = (uint8_t)(INPUT_RESULT + own);
    causes_take(batch, number, true, !effect->recorded);
    batch->action.results[batch->size++] = (uint8_t)(own + 1);
    batch->in_hand |= bit(number);
    memset(&batch->after.effects[caller_of(batch->who)][number], 0, sizeof *effect);
}

/* What was taken, this batch's messages too; those that a result in hand is for are for `effect`
 * now, if that is one. */
static void hold(struct world *world, const struct batch *batch, int effect, bool attached)
{
    struct entries entries = effects_entries(&batch->before, batch->who, batch->orphan);
    const uint8_t wanted = (uint8_t)(effect < EFFECTS_MAX ? bit(effect) : 0);

    for (size_t i = 0; i < batch->taken_count; i++)
        entries.list[entries.count++] = batch->taken[i];
    for (size_t i = 0; i < entries.count; i++) {
        struct entry *entry = &entries.list[i];
        const bool is_cause = i >= entries.count - batch->taken_count ||
                              ((entry->own | entry->attached) & batch->in_hand) != 0;

        entry->own = (uint8_t)(entry->own & ~batch->in_hand);
        entry->attached = (uint8_t)(entry->attached & ~batch->in_hand);
        if (is_cause && attached)
            entry->attached |= wanted;
        else if (is_cause)
            entry->own |= wanted;
    }
    effects_hold(world, batch->who, batch->orphan, &entries);
}

/* Nothing is emitted: the result will.  A message attaches to what is under way for the same, a
 * result does not.  A mail's intent is saved only where the batch has a result to save. */
static void want(struct steps *steps, const struct batch *batch, const struct decided *decided,
                 const struct without *without)
{
    const bool recorded = batch->in_hand != 0 || (batch->who == PAYMENT && !without->record);
    int effect = decided->by_result
                     ? EFFECTS_MAX
                     : effects_find(&batch->after, batch->who, batch->orphan, decided->effect);
    const bool attached = effect < EFFECTS_MAX;
    struct action action = batch->action;
    struct world *world;

    action.wanted = decided->effect;
    action.attached = attached;
    world = steps_add(steps, &batch->after, &action);
    if (recorded)
        world->row[batch->who] = decided->row;
    if (!attached) {
        effect = effects_free_place(world, batch->who);
        world->effects[caller_of(batch->who)][effect] = (struct effect){
            .kind = decided->effect & 3u, .orphan = batch->orphan, .recorded = recorded};
    }
    hold(world, batch, effect, attached);
}

/* Saved, published, finished; but for one event, number `lost`, when there is such. */
static void finish(struct steps *steps, const struct batch *batch, uint16_t row, uint16_t emitted,
                   size_t lost)
{
    const uint8_t *types = list_bytes(emitted);
    struct action action = batch->action;
    struct world *world;

    if (lost < list_length(emitted)) {
        action.event = EVENT_LOST;
        action.lost = types[lost];
    }
    action.emitted_count = (uint8_t)list_length(emitted);
    memcpy(action.emitted, types, action.emitted_count);
    world = steps_add(steps, &batch->after, &action);
    world->row[batch->who] = row;
    if (lost < list_length(emitted)) {
        world->losses--;
        world->sweeps++;
    }
    for (size_t i = 0; i < list_length(emitted); i++)
        if (i != lost)
            world_say(world, types[i]);
    if (is_caller(batch->who))
        hold(world, batch, EFFECTS_MAX, false);
}

/* Saved, and some events are out: then it dies. */
static void crash(struct steps *steps, const struct batch *batch, uint16_t row, uint16_t emitted,
                  size_t out, const struct without *without)
{
    const uint8_t *types = list_bytes(emitted);
    struct action action = batch->action;
    struct world *world;

    action.event = EVENT_CRASH_PUBLISH;
    action.emitted_count = (uint8_t)out;
    memcpy(action.emitted, types, out);
    world = steps_add(steps, &batch->before, &action);
    world->row[batch->who] = row;
    for (size_t i = 0; i < out; i++)
        world_say(world, types[i]);
    effects_die(world, batch->who, batch->orphan, without);
}

static void publish(struct steps *steps, const struct batch *batch, uint16_t row,
                    const struct without *without)
{
    const bool mute = without->causes && batch->in_hand != 0;
    const uint16_t emitted =
        decisions_emit(batch->who, row, batch->causes, mute ? 0 : batch->cause_count);
    const size_t count = list_length(emitted);

    for (size_t lost = batch->after.losses > 0 ? 0 : count; lost <= count; lost++)
        finish(steps, batch, row, emitted, lost);
    for (size_t out = 0; batch->before.crashes > 0 && out <= count; out++)
        crash(steps, batch, row, emitted, out, without);
}

/* The stock is asked inside the transaction. */
static void reserve(struct steps *steps, const struct batch *batch, uint64_t on,
                    const struct without *without)
{
    struct batch reserved = *batch;
    struct decided decided;

    reserved.inputs[reserved.input_count++] = (uint8_t)(INPUT_RESULT + own_number(on));
    reserved.action.results[0] = (uint8_t)(own_number(on) + 1);
    decided = decisions_of(INVENTORY, batch->before.row[INVENTORY], reserved.inputs,
                           reserved.input_count);
    publish(steps, &reserved, decided.row, without);
}

void batch_process(struct steps *steps, const struct batch *batch, const struct without *without)
{
    const struct decided decided =
        decisions_of(batch->who, batch->before.row[batch->who], batch->inputs, batch->input_count);

    if (batch->who == INVENTORY && decided.effect == INVENTORY_EFFECT_RESERVE) {
        reserve(steps, batch, INVENTORY_TAKEN, without);
        reserve(steps, batch, INVENTORY_SHORT, without);
    } else if (is_caller(batch->who) && decided.effect != EFFECT_NONE) {
        want(steps, batch, &decided, without);
    } else {
        publish(steps, batch, decided.row, without);
    }
}
