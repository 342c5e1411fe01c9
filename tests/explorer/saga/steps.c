#include "tests/explorer/saga/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explorer/saga/batches.h"
#include "tests/explorer/saga/decisions.h"

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

static struct outside outside;

void steps_start(const struct outside *now)
{
    outside = *now;
    decisions_start(outside.flow, outside.amount_minor);
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

struct world *steps_add(struct steps *steps, const struct world *from, const struct action *action)
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

/* ---- the outside acts ---- */

static void fall_silent(struct world *world)
{
    world->silence = 0;
    world->sweeps++;
}

/* A charge of a dead process comes to the provider at last, or never does. */
static void call(struct steps *steps, const struct world *before)
{
    struct world *lands = steps_add(steps, before, &(struct action){.event = EVENT_CALL_LANDS}),
                 *vanishes;

    lands->call = 0;
    lands->truth = TRUTH_CHARGED;
    vanishes = steps_add(steps, before, &(struct action){.event = EVENT_CALL_VANISHES});
    vanishes->call = 0;
}

/* The provider acts on a call in one of these ways; the answer is under way. */
static void act(struct world *world, int number, const struct provider_way *way)
{
    struct effect *effect = &world->effects[caller_of(PAYMENT)][number];

    world->truth = (uint8_t)way->truth;
    if (way->truth != TRUTH_NONE)
        world->call = 0; /* whatever comes late changes nothing any more */
    if (way->silent)
        fall_silent(world);
    do
        effect->answer++;
    while (way->on != OWN_FACT(effect->answer - 1));
}

static int ways_of(const struct world *world, int number,
                   struct provider_way ways[PROVIDER_WAYS_MAX])
{
    return provider_ways(world->effects[caller_of(PAYMENT)][number].kind, (enum truth)world->truth,
                         world->silence && !outside.mail_silent, ways);
}

/* As long as nothing else reaches the provider and no process dies, it does not matter when it
 * acts: right before the answer is decided on will do. */
static bool is_alone(const struct world *world)
{
    int count = 0;

    for (int i = 0; i < EFFECTS_MAX; i++)
        count += world->effects[caller_of(PAYMENT)][i].kind != EFFECT_NONE;
    return count == 1 && !world->call;
}

static void acts(struct steps *steps, const struct world *before)
{
    for (int i = 0; i < EFFECTS_MAX; i++) {
        const struct effect *effect = &before->effects[caller_of(PAYMENT)][i];
        struct provider_way ways[PROVIDER_WAYS_MAX];
        int count =
            effect->kind != EFFECT_NONE && effect->answer == 0 ? ways_of(before, i, ways) : 0;

        for (int j = 0; j < count; j++) {
            struct world after = *before;
            struct action action = {.event = EVENT_ACTS, .who = PAYMENT, .orphan = effect->orphan};

            act(&after, i, &ways[j]);
            action.results[0] = after.effects[caller_of(PAYMENT)][i].answer;
            *steps_add(steps, before, &action) = after;
        }
    }
}

/* ---- a service takes ---- */

static void take(struct steps *steps, const struct batch *batch, int limit);

static void take_result(struct steps *steps, const struct batch *so_far, int number, uint64_t on,
                        int limit)
{
    struct batch batch = *so_far;

    batch_take_result(&batch, number, on);
    batch_process(steps, &batch, &outside.without);
    if (batch.size < limit)
        take(steps, &batch, limit);
}

/* A mail changes nothing that anybody sees before its result, so there is no step between the
 * two. */
static void take_mail_result(struct steps *steps, const struct batch *so_far, int number, int limit)
{
    struct batch batch = *so_far;

    take_result(steps, &batch, number, outside.mailed, limit);
    if (!batch.before.silence || !outside.mail_silent)
        return;
    fall_silent(&batch.before);
    fall_silent(&batch.after);
    take_result(steps, &batch, number, EMAIL_UNANSWERED, limit);
}

static void take_charge_result(struct steps *steps, const struct batch *so_far, int number,
                               int limit)
{
    const struct effect *effect = &so_far->after.effects[caller_of(PAYMENT)][number];
    struct provider_way ways[PROVIDER_WAYS_MAX];
    int count = effect->answer == 0 && is_alone(&so_far->before)
                    ? ways_of(&so_far->before, number, ways)
                    : 0;

    if (effect->answer != 0)
        take_result(steps, so_far, number, OWN_FACT(effect->answer - 1), limit);
    for (int i = 0; i < count; i++) {
        struct batch batch = *so_far;

        act(&batch.before, number, &ways[i]);
        act(&batch.after, number, &ways[i]);
        take_result(steps, &batch, number, ways[i].on, limit);
    }
}

/* Results first, in whatever order they came. */
static void take_results(struct steps *steps, const struct batch *batch, int limit)
{
    const struct effect *effects = batch->after.effects[caller_of(batch->who)];

    for (int i = 0; i < EFFECTS_MAX; i++) {
        if (effects[i].kind == EFFECT_NONE || effects[i].orphan != batch->orphan)
            continue;
        if (batch->who == EMAIL)
            take_mail_result(steps, batch, i, limit);
        else
            take_charge_result(steps, batch, i, limit);
    }
}

static void take_messages(struct steps *steps, const struct batch *so_far, int limit)
{
    for (int i = 0; i < READINGS; i++) {
        struct batch batch = *so_far;

        if (readings[i].who != batch.who || batch.after.queue[i] == LIST_EMPTY)
            continue;
        batch_take_message(&batch, i);
        batch_process(steps, &batch, &outside.without);
        if (batch.size < limit)
            take(steps, &batch, limit);
    }
}

/* Takes one more, processes the batch so far, and goes on while it may grow. */
static void take(struct steps *steps, const struct batch *batch, int limit)
{
    if (is_caller(batch->who) && batch->taken_count == 0)
        take_results(steps, batch, limit);
    if (!batch->orphan)
        take_messages(steps, batch, limit);
}

/* Is there anything for it to take? */
static bool is_idle(const struct world *world, enum who who, bool orphan)
{
    if (is_caller(who) && effects_any(world, who, orphan))
        return false;
    for (int i = 0; !orphan && i < READINGS; i++)
        if (readings[i].who == who && world->queue[i] != LIST_EMPTY)
            return false;
    return true;
}

static void run(struct steps *steps, const struct world *world, enum who who, bool orphan,
                int limit)
{
    struct batch batch;

    if (is_idle(world, who, orphan))
        return;
    batch = (struct batch){
        .who = who,
        .orphan = orphan,
        .before = *world,
        .after = *world,
        .action = {.who = (uint8_t)who, .orphan = orphan, .seen = {NO_KIND, NO_KIND}}};
    take(steps, &batch, limit);
}

/* A process dies that waits for answers. */
static void die(struct steps *steps, const struct world *before, const struct world *acted,
                const struct action *action)
{
    struct world *world = steps_add(steps, before, action);

    *world = *acted;
    effects_die(world, (enum who)action->who, action->orphan, &outside.without);
}

/* It dies, or its partition goes to another instance. */
static void fail(struct steps *steps, const struct world *before, enum who who)
{
    for (int orphan = 0; orphan <= 1; orphan++) {
        struct action action = {
            .event = EVENT_CRASH, .who = (uint8_t)who, .orphan = (uint8_t)orphan};
        struct provider_way ways[PROVIDER_WAYS_MAX];
        int number = 0, count;

        if (!effects_any(before, who, orphan))
            continue;
        die(steps, before, before, &action);
        if (who != PAYMENT || !is_alone(before))
            continue;
        while (before->effects[caller_of(PAYMENT)][number].kind == EFFECT_NONE)
            number++;
        count = before->effects[caller_of(PAYMENT)][number].answer == 0
                    ? ways_of(before, number, ways)
                    : 0;
        for (int i = 0; i < count; i++) {
            struct world acted = *before;

            act(&acted, number, &ways[i]);
            action.results[0] = acted.effects[caller_of(PAYMENT)][number].answer;
            die(steps, before, &acted, &action);
        }
    }
    if (effects_any(before, who, false) && !effects_any(before, who, true))
        effects_move(
            steps_add(steps, before, &(struct action){.event = EVENT_MOVED, .who = (uint8_t)who}),
            who);
}

/* ---- the sweepers ---- */

/* The commands that the sweepers have reason to send: an effect is due once it was left without an
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
        struct world *world = steps_add(steps, before, &action);

        world->sweeps--;
        for (int i = 0; i < count; i++)
            world_say(world, (int)commands[i]);
    }
    for (int i = 0; !quiet && before->early > 0 && i < count; i++) {
        struct world *world;

        action = sweep_action(&commands[i], 1);
        world = steps_add(steps, before, &action);
        world->early--;
        world_say(world, (int)commands[i]);
    }
}

void steps_take(const struct world *world, int batch, struct steps *steps)
{
    steps->count = 0;
    if (world->call)
        call(steps, world);
    if (!is_alone(world))
        acts(steps, world);
    for (int who = 0; who < SERVICES; who++) {
        run(steps, world, (enum who)who, false, batch);
        if (!is_caller((enum who)who))
            continue;
        run(steps, world, (enum who)who, true, batch);
        if (world->crashes > 0)
            fail(steps, world, (enum who)who);
    }
    sweep(steps, world, steps->count == 0);
}
