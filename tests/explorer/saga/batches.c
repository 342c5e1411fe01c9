#include "tests/explorer/saga/batches.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explorer/saga/processes.h"

static uint8_t own_number(uint64_t on)
{
    uint8_t number = 0;

    while (on != OWN_FACT(number))
        number++;
    return number;
}

/* ---- taken ---- */

static void input_add(struct part *part, int input)
{
    if (part->input_count == INPUTS_MAX) {
        fprintf(stderr, "explorer: a batch has more than %d inputs\n", INPUTS_MAX);
        exit(EXIT_FAILURE);
    }
    part->inputs[part->input_count++] = (uint8_t)input;
    part->undecided = true;
}

static void cause_add(struct part *part, int kind)
{
    if (part->cause_count == INPUTS_MAX) {
        fprintf(stderr, "explorer: a batch has more than %d causes\n", INPUTS_MAX);
        exit(EXIT_FAILURE);
    }
    part->causes[part->cause_count++] = (uint8_t)kind;
    part->undecided = true;
}

/* A message for one service, from its topic or from another service. */
static void fresh_add(struct batch *batch, int kind, int reading)
{
    struct part *part = &batch->parts[reading_service(reading)];

    if (batch->fresh_count == FRESH_MAX) {
        fprintf(stderr, "explorer: a batch has more than %d messages\n", FRESH_MAX);
        exit(EXIT_FAILURE);
    }
    batch->fresh[batch->fresh_count++] =
        (struct entry){.kind = (uint8_t)kind, .reading = (uint8_t)reading};
    input_add(part, kind);
    cause_add(part, kind);
}

static void message_take(struct batch *batch, int kind, int reading)
{
    if (batch->message_count < SEEN_MAX)
        batch->action.seen[batch->message_count] = (uint8_t)kind;
    fresh_add(batch, kind, reading);
    batch->message_count++;
    batch->size++;
}

void batch_take_message(struct batch *batch, int reading)
{
    uint16_t *queue = &batch->after.queue[reading];
    const int kind = queue_head(*queue);

    *queue = queue_rest(*queue);
    message_take(batch, kind, reading);
}

void batch_take_handed(struct batch *batch)
{
    int reading, kind;

    while ((reading = handed_take(&batch->after, batch->database, batch->orphan, &kind)) < READINGS)
        message_take(batch, kind, reading);
}

/* The causes again, in the order in which they came: decided on where the row does not know
 * them. */
static void causes_take(struct batch *batch, enum who who, unsigned effect, bool attached,
                        bool decided)
{
    const struct entries entries = effects_entries(&batch->before, batch->process, batch->orphan);

    for (size_t i = 0; i < entries.count; i++) {
        const struct entry *entry = &entries.list[i];

        if (((attached ? entry->attached : entry->own) & effect) == 0)
            continue;
        if (decided)
            input_add(&batch->parts[who], entry->kind);
        cause_add(&batch->parts[who], entry->kind);
    }
}

void batch_take_result(struct batch *batch, enum who who, int number, uint64_t on)
{
    const struct effect *effect = &batch->before.effects[caller_of(who)][number];
    const unsigned bit = effect_bit(who, number);
    const uint8_t own = own_number(on);

    causes_take(batch, who, bit, false, !effect->recorded);
    input_add(&batch->parts[who], INPUT_RESULT + own);
    causes_take(batch, who, bit, true, !effect->recorded);
    batch->action.asked[batch->size] = (uint8_t)who;
    batch->action.results[batch->size++] = (uint8_t)(own + 1);
    batch->in_hand |= bit;
    memset(&batch->after.effects[caller_of(who)][number], 0, sizeof *effect);
}

/* ---- saved, and what is under way for it ---- */

static unsigned effects_of(enum who who)
{
    return is_caller(who) ? ((1u << EFFECTS_MAX) - 1) << caller_of(who) * EFFECTS_MAX : 0;
}

static bool wants(const struct batch *batch, enum who who)
{
    return is_caller(who) && batch->parts[who].decided.effect != EFFECT_NONE;
}

/* A mail's intent is saved only where the batch has a result to save. */
static bool is_saved(const struct batch *batch, enum who who, const struct without *without)
{
    if (batch->parts[who].input_count == 0)
        return false;
    return !wants(batch, who) || (batch->in_hand & effects_of(who)) != 0 ||
           (who == PAYMENT && !without->record);
}

static void save(struct world *world, const struct batch *batch, const struct without *without)
{
    for (int who = 0; who < SERVICES; who++)
        if (is_saved(batch, (enum who)who, without))
            world->row[who] = batch->parts[who].decided.row;
}

/* Was the entry taken for this pass, or does it come back to it?  `was`: before it; NULL: new. */
static bool is_of_pass(const struct batch *batch, const struct entry *was)
{
    return was == NULL || was->chain ||
           ((was->own | was->attached | was->holds) & batch->in_hand) != 0;
}

/* Is the entry, of this batch or of a result in hand, a cause of the effect that the service wants?
 * Not when it has led to something in an earlier round, unless it is saved with the result only. */
static bool is_cause(const struct batch *batch, enum who who, const struct entry *was,
                     const struct entry *entry, size_t fresh, const struct without *without)
{
    const bool is_answered =
        was == NULL ? (batch->fresh_answered >> fresh & 1) != 0 : batch->parts[who].answered > 0;

    if (reading_service(entry->reading) != who || (is_answered && is_saved(batch, who, without)))
        return false;
    return was == NULL || ((was->own | was->attached) & batch->in_hand & effects_of(who)) != 0;
}

/* What was taken for this pass, or comes back to it with a result, is for `effect` of the service
 * now: as its cause, or because it led to one. */
static void entries_want(struct entries *entries, const struct batch *batch, enum who who,
                         int effect, bool attached, const struct without *without)
{
    const uint8_t bit = (uint8_t)effect_bit(who, effect);
    const struct entries before = effects_entries(&batch->before, batch->process, batch->orphan);

    for (size_t i = 0; i < entries->count; i++) {
        struct entry *entry = &entries->list[i];
        const struct entry *was = i < before.count ? &before.list[i] : NULL;

        if (is_cause(batch, who, was, entry, i - before.count, without)) {
            entry->own |= attached ? 0 : bit;
            entry->attached |= attached ? bit : 0;
        } else if (is_of_pass(batch, was) && !reading_is_handed(entry->reading) &&
                   !without->chain) {
            entry->holds |= bit;
        }
    }
}

/* The messages that began the pass are not finished while something is handed over. */
static void entries_chain(struct entries *entries, const struct batch *batch, bool goes_on,
                          const struct without *without)
{
    const struct entries before = effects_entries(&batch->before, batch->process, batch->orphan);

    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *was = i < before.count ? &before.list[i] : NULL;

        entries->list[i].chain = is_of_pass(batch, was) && goes_on && !without->chain;
    }
}

/* A message attaches to what is under way for the same, a result does not. */
static int effect_start(struct world *world, const struct batch *batch, enum who who,
                        struct action *action, const struct without *without)
{
    const struct decided *decided = &batch->parts[who].decided;
    int effect = decided->by_result
                     ? EFFECTS_MAX
                     : effects_find(&batch->after, who, batch->orphan, decided->effect);

    action->wanted[caller_of(who)] = decided->effect;
    action->attached[caller_of(who)] = effect < EFFECTS_MAX;
    if (effect < EFFECTS_MAX)
        return effect;
    effect = effects_free_place(world, who);
    world->effects[caller_of(who)][effect] =
        (struct effect){.kind = (unsigned)effect_kind(who, decided->row, decided->effect) & 3u,
                        .orphan = batch->orphan,
                        .recorded = is_saved(batch, who, without)};
    return effect;
}

static void start(struct world *world, const struct batch *batch, struct action *action,
                  const struct without *without)
{
    struct entries entries = effects_entries(&batch->before, batch->process, batch->orphan);

    for (size_t i = 0; i < entries.count; i++) {
        entries.list[i].own = (uint8_t)(entries.list[i].own & ~batch->in_hand);
        entries.list[i].attached = (uint8_t)(entries.list[i].attached & ~batch->in_hand);
        entries.list[i].holds = (uint8_t)(entries.list[i].holds & ~batch->in_hand);
    }
    for (size_t i = 0; i < batch->fresh_count; i++)
        entries.list[entries.count++] = batch->fresh[i];
    for (int who = 0; who < SERVICES; who++)
        if (wants(batch, (enum who)who)) {
            int effect = effect_start(world, batch, (enum who)who, action, without);

            entries_want(&entries, batch, (enum who)who, effect,
                         action->attached[caller_of((enum who)who)], without);
        }
    entries_chain(&entries, batch,
                  handed_database(world, batch->process, batch->orphan) != SERVICES, without);
    effects_hold(world, batch->process, batch->orphan, &entries);
}

/* ---- published ---- */

/* Saved, published, handed over; but for one event, number `lost`, when there is such. */
static void finish(struct steps *steps, const struct batch *batch, int lost,
                   const struct without *without)
{
    struct action action = batch->action;
    struct world *world;

    if (lost < action.emitted_count) {
        action.event = EVENT_LOST;
        action.lost = action.emitted[lost];
    }
    world = steps_add(steps, &batch->after, &action);
    save(world, batch, without);
    if (lost < action.emitted_count) {
        world->losses = (world->losses - 1u) & 15u;
        world->sweeps++;
    }
    for (int i = 0; i < action.emitted_count; i++)
        world_publish(world, action.emitted[i], i == lost, without);
    for (int i = 0; i < action.emitted_count; i++)
        world_hand_over(world, (enum who)batch->emitters[i], batch->orphan, action.emitted[i]);
    start(world, batch, steps->actions == NULL ? &action : &steps->actions[steps->count - 1],
          without);
}

/* Saved, and some events are out: then it dies. */
static struct world *crash(struct steps *steps, const struct batch *batch, int out,
                           const struct without *without)
{
    struct action action = batch->action;
    struct world *world;

    action.event = EVENT_CRASH_PUBLISH;
    action.emitted_count = (uint8_t)out;
    world = steps_add(steps, &batch->before, &action);
    save(world, batch, without);
    for (int i = 0; i < out; i++)
        world_publish(world, action.emitted[i], false, without);
    effects_die(world, batch->process, batch->orphan, without);
    return world;
}

/* Where an effect is wanted it may as well die right after it is started. */
static void publish(struct steps *steps, const struct batch *batch, const struct without *without)
{
    const int count = batch->action.emitted_count;
    bool wanted = false;

    for (int who = 0; who < SERVICES; who++)
        wanted = wanted || wants(batch, (enum who)who);
    for (int lost = batch->after.losses > 0 ? 0 : count; lost <= count; lost++)
        finish(steps, batch, lost, without);
    for (int out = 0; batch->before.crashes > 0 && out < count + !wanted; out++)
        crash(steps, batch, out, without);
    for (int who = 0; without->transaction && batch->before.crashes > 0 && who < SERVICES; who++)
        if (batch->parts[who].input_count > 0)
            crash(steps, batch, 0, without)->row[who] = batch->before.row[who];
}

/* ---- decided ---- */

static void emit(struct batch *batch, enum who who, uint8_t type)
{
    if (batch->action.emitted_count == EMITTED_MAX) {
        fprintf(stderr, "explorer: a batch emits more than %d events\n", EMITTED_MAX);
        exit(EXIT_FAILURE);
    }
    batch->emitted |= FACT(type);
    batch->emitters[batch->action.emitted_count] = (uint8_t)who;
    batch->action.emitted[batch->action.emitted_count++] = type;
}

/* What it leads to goes round to the services of the same database. */
static void go_round(struct batch *batch, enum who who, const struct without *without)
{
    struct part *part = &batch->parts[who];
    const bool mute = without->causes && (batch->in_hand & effects_of(who)) != 0;
    const uint16_t list = decisions_emit(who, part->decided.row, part->causes + part->answered,
                                         mute ? 0 : (size_t)part->cause_count - part->answered);

    part->answered = part->cause_count;
    for (int i = 0; i < batch->fresh_count; i++)
        if (reading_service(batch->fresh[i].reading) == who)
            batch->fresh_answered |= UINT32_C(1) << i;
    for (size_t i = 0; i < list_length(list); i++) {
        const uint8_t type = list_bytes(list)[i];

        if ((batch->emitted & FACT(type)) != 0)
            continue;
        emit(batch, who, type);
        for (int other = 0; other < SERVICES; other++) {
            const int reading = reading_within((enum who)other, who, type);

            if (reading < READINGS)
                fresh_add(batch, type, reading);
        }
    }
}

static bool asks_stock(const struct batch *batch)
{
    return batch->parts[INVENTORY].input_count > 0 &&
           batch->parts[INVENTORY].decided.effect == INVENTORY_EFFECT_RESERVE;
}

static void decide(struct batch *batch, enum who who, const struct without *without)
{
    struct part *part = &batch->parts[who];

    part->undecided = false;
    part->decided = decisions_of(who, batch->before.row[who], part->inputs, part->input_count);
    if (!wants(batch, who) && (who != INVENTORY || !asks_stock(batch)))
        go_round(batch, who, without);
}

/* The stock is asked inside the transaction, when nobody else has anything to decide. */
static void ask_stock(struct steps *steps, const struct batch *batch, uint64_t on,
                      const struct without *without)
{
    struct batch asked = *batch;

    input_add(&asked.parts[INVENTORY], INPUT_RESULT + own_number(on));
    asked.action.stock = (uint8_t)(own_number(on) + 1);
    batch_process(steps, &asked, without);
}

void batch_process(struct steps *steps, const struct batch *batch, const struct without *without)
{
    bool is_decided = true;

    for (int who = 0; who < SERVICES; who++) {
        struct batch next;

        if (!batch->parts[who].undecided)
            continue;
        is_decided = false;
        next = *batch;
        decide(&next, (enum who)who, without);
        batch_process(steps, &next, without);
    }
    if (is_decided && asks_stock(batch)) {
        ask_stock(steps, batch, INVENTORY_TAKEN, without);
        ask_stock(steps, batch, INVENTORY_SHORT, without);
    } else if (is_decided) {
        publish(steps, batch, without);
    }
}
