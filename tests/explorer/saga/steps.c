#include "tests/explorer/saga/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explorer/saga/decisions.h"
#include "tests/explorer/saga/queues.h"

/* Which service reads which topic: one queue each. */
static const struct {
    enum who who;
    const char *topic;
} readings[READINGS] = {
    {ORDER, "orders.commands"}, {ORDER, "order.internal"}, {ORDER, "payments"},
    {ORDER, "inventory"},       {ORDER, "emails"},         {PAYMENT, "payment.internal"},
    {PAYMENT, "orders"},        {PAYMENT, "inventory"},    {INVENTORY, "orders"},
    {INVENTORY, "payments"},    {EMAIL, "orders"},         {EMAIL, "email.internal"},
};

/* The queues that a type goes to. */
static struct {
    int count, queues[SERVICES];
} readers[KINDS];

void steps_start(const struct flow *flow, int64_t amount_minor, uint64_t mailed)
{
    decisions_start(flow, amount_minor, mailed);
    memset(readers, 0, sizeof readers);
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; kind != NO_KIND && i < READINGS; i++)
            if (strcmp(readings[i].topic, message_topic(type_of(kind))) == 0 &&
                shipped_consumes(readings[i].who, type_of(kind)))
                readers[kind].queues[readers[kind].count++] = i;
}

void world_say(struct world *world, int kind)
{
    for (int i = 0; i < readers[kind].count; i++) {
        uint16_t *queue = &world->queue[readers[kind].queues[i]];

        *queue = queue_push(*queue, kind);
    }
}

/* A new world to be changed, and how it came to be. */
static struct world *step(struct steps *steps, const struct world *from,
                          const struct action *action)
{
    if (steps->count == STEPS_MAX) {
        fprintf(stderr, "explorer: a world has more than %d followers\n", STEPS_MAX);
        exit(EXIT_FAILURE);
    }
    if (steps->actions != NULL)
        steps->actions[steps->count] = *action;
    steps->worlds[steps->count] = *from;
    return &steps->worlds[steps->count++];
}

/* Died before the offsets were committed: the row is as saved, `out` answers are out, the messages
 * come again. */
static void crash(struct steps *steps, const struct world *before, const struct ending *ending,
                  struct action action, uint8_t out)
{
    struct world *world;

    action.emitted_count = out;
    world = step(steps, before, &action);
    world->crashes--;
    world->row[action.who] = ending->row;
    world->truth = ending->truth;
    world->silence = ending->silence;
    world->call |= action.event == EVENT_CRASH_CALL;
    for (uint8_t i = 0; i < out; i++)
        world_say(world, ending->emitted[i]);
}

/* Saved, published, offsets committed; but for one answer, number `lost`, when there is such. */
static void finish(struct steps *steps, const struct world *after, const struct ending *ending,
                   struct action action, int lost)
{
    struct world *world;

    if (lost < ending->emitted_count) {
        action.event = EVENT_LOST;
        action.lost = ending->emitted[lost];
    }
    world = step(steps, after, &action);
    world->row[action.who] = ending->row;
    world->truth = ending->truth;
    world->silence = ending->silence;
    world->losses = (uint8_t)(world->losses - (lost < ending->emitted_count));
    for (uint8_t i = 0; i < ending->emitted_count; i++)
        if (i != lost)
            world_say(world, ending->emitted[i]);
}

/* The batch that was read between `before` and `after`, in every way that it can turn out. */
static void process(struct steps *steps, const struct world *before, const struct world *after,
                    struct action action)
{
    const struct attempt attempt = {before->row[action.who],
                                    action.who,
                                    {action.seen[0], action.seen[1]},
                                    before->truth,
                                    before->silence};
    const struct endings endings = decisions_of(&attempt);

    for (size_t i = 0; i < endings.count; i++) {
        const struct ending *ending = &endings.list[i];

        action.event = ending->event;
        action.outcome = ending->asked;
        memcpy(action.emitted, ending->emitted, sizeof action.emitted);
        action.emitted_count = ending->emitted_count;
        if (ending->event != EVENT_DONE) {
            if (before->crashes > 0)
                crash(steps, before, ending, action, 0);
            continue;
        }
        for (int lost = after->losses > 0 ? 0 : ending->emitted_count;
             lost <= ending->emitted_count; lost++)
            finish(steps, after, ending, action, lost);
        action.event = EVENT_CRASH_PUBLISH;
        for (uint8_t out = 0; before->crashes > 0 && out <= ending->emitted_count; out++)
            crash(steps, before, ending, action, out);
    }
}

/* Takes one more message from any queue that has one, processes the batch so far, and goes on while
 * it may grow. */
static void take(struct steps *steps, const struct world *before, const struct world *so_far,
                 struct action action, int taken, int batch)
{
    for (int i = 0; i < READINGS; i++) {
        struct world after = *so_far;

        if (readings[i].who != action.who || after.queue[i] == QUEUE_EMPTY)
            continue;
        action.seen[taken] = (uint8_t)queue_head(after.queue[i]);
        after.queue[i] = queue_rest(after.queue[i]);
        process(steps, before, &after, action);
        if (taken + 1 < batch)
            take(steps, before, &after, action, taken + 1, batch);
        action.seen[taken] = MESSAGE_TYPES;
    }
}

/* A charge of a dead process comes to the provider at last, or never does. */
static void call(struct steps *steps, const struct world *before)
{
    struct world *lands = step(steps, before, &(struct action){.event = EVENT_CALL_LANDS}),
                 *vanishes;

    lands->call = 0;
    if (lands->truth == TRUTH_NONE)
        lands->truth = TRUTH_CHARGED;
    vanishes = step(steps, before, &(struct action){.event = EVENT_CALL_VANISHES});
    vanishes->call = 0;
}

/* The commands that the sweepers have reason to send: an ask is due once it was left without an
 * answer. */
static int due(const struct world *world, enum message_type commands[3])
{
    int order = row_state(ORDER, world->row[ORDER]),
        payment = row_state(PAYMENT, world->row[PAYMENT]), count = 0;

    if (order != ORDER_STATE_NEW && !order_closed(order, row_facts(ORDER, world->row[ORDER])))
        commands[count++] = ORDER_REPUBLISH;
    if ((payment == PAYMENT_STATE_CHARGING || payment == PAYMENT_STATE_SETTLING) &&
        (row_facts(PAYMENT, world->row[PAYMENT]) & PAYMENT_UNANSWERED) != 0)
        commands[count++] = PAYMENT_RETRY;
    if (row_state(EMAIL, world->row[EMAIL]) == EMAIL_STATE_SENDING &&
        (row_facts(EMAIL, world->row[EMAIL]) & EMAIL_UNANSWERED) != 0)
        commands[count++] = EMAIL_RETRY;
    return count;
}

static struct action sweep_action(const enum message_type *commands, int count)
{
    struct action action = {.event = EVENT_SWEEP, .emitted_count = (uint8_t)count};

    for (int i = 0; i < count; i++)
        action.emitted[i] = (uint8_t)commands[i];
    return action;
}

/* While something else can still happen, any one of the commands; when nothing can, all of them. */
static void sweep(struct steps *steps, const struct world *before, bool quiet)
{
    enum message_type commands[3];
    int count = due(before, commands);
    struct action action = sweep_action(commands, count);

    if (quiet && count > 0 && before->sweeps > 0) {
        struct world *world = step(steps, before, &action);

        world->sweeps--;
        for (int i = 0; i < count; i++)
            world_say(world, (int)commands[i]);
    }
    for (int i = 0; !quiet && before->early > 0 && i < count; i++) {
        struct world *world;

        action = sweep_action(&commands[i], 1);
        world = step(steps, before, &action);
        world->early--;
        world_say(world, (int)commands[i]);
    }
}

void steps_take(const struct world *world, int batch, struct steps *steps)
{
    steps->count = 0;
    if (world->call)
        call(steps, world);
    for (int who = 0; who < SERVICES; who++)
        take(steps, world, world,
             (struct action){.who = (uint8_t)who, .seen = {MESSAGE_TYPES, MESSAGE_TYPES}}, 0,
             batch);
    sweep(steps, world, steps->count == 0);
}
