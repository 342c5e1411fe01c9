#include "tests/explorer/saga/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explorer/saga/batches.h"
#include "tests/explorer/saga/decisions.h"
#include "tests/explorer/saga/processes.h"

static struct outside outside;

void steps_start(const struct outside *now)
{
    outside = *now;
    decisions_start(outside.flow, outside.amount_minor, outside.prepares);
    processes_start(&outside.processes);
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

    world->truth = way->truth & 7u;
    if (way->truth != TRUTH_NONE)
        world->call = 0; /* whatever comes late changes nothing any more */
    if (way->silent)
        fall_silent(world);
    if (way->refused) {
        world->refusal = 0;
        world->sweeps++; /* a person wants it tried again */
    }
    do
        effect->answer++;
    while (way->on != OWN_FACT(effect->answer - 1));
}

static int ways_of(const struct world *world, int number,
                   struct provider_way ways[PROVIDER_WAYS_MAX])
{
    return provider_ways(world->effects[caller_of(PAYMENT)][number].kind, (enum truth)world->truth,
                         world->silence && !outside.mail_silent, world->refusal, ways);
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
            struct action action = {.event = EVENT_ACTS,
                                    .who = (uint8_t)database_of(PAYMENT),
                                    .orphan = effect->orphan};

            act(&after, i, &ways[j]);
            action.results[0] = after.effects[caller_of(PAYMENT)][i].answer;
            *steps_add(steps, before, &action) = after;
        }
    }
}

/* ---- a process takes ---- */

static void take(struct steps *steps, const struct batch *batch, int limit);

static void take_result(struct steps *steps, const struct batch *so_far, enum who who, int number,
                        uint64_t on, int limit)
{
    struct batch batch = *so_far;

    batch_take_result(&batch, who, number, on);
    batch_process(steps, &batch, &outside.without);
    if (batch.size < limit)
        take(steps, &batch, limit);
}

/* A mail changes nothing that anybody sees before its result, so there is no step between the
 * two. */
static void take_mail_result(struct steps *steps, const struct batch *so_far, int number, int limit)
{
    struct batch batch = *so_far;

    take_result(steps, &batch, EMAIL, number, outside.mailed, limit);
    if (!batch.before.silence || !outside.mail_silent)
        return;
    fall_silent(&batch.before);
    fall_silent(&batch.after);
    take_result(steps, &batch, EMAIL, number, EMAIL_UNANSWERED, limit);
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
        take_result(steps, so_far, PAYMENT, number, OWN_FACT(effect->answer - 1), limit);
    for (int i = 0; i < count; i++) {
        struct batch batch = *so_far;

        act(&batch.before, number, &ways[i]);
        act(&batch.after, number, &ways[i]);
        take_result(steps, &batch, PAYMENT, number, ways[i].on, limit);
    }
}

/* Results first, in whatever order they came. */
static void take_results(struct steps *steps, const struct batch *batch, enum who who, int limit)
{
    const struct effect *effects = batch->after.effects[caller_of(who)];

    for (int i = 0; i < EFFECTS_MAX; i++) {
        if (effects[i].kind == EFFECT_NONE || effects[i].orphan != batch->orphan)
            continue;
        if (who == EMAIL)
            take_mail_result(steps, batch, i, limit);
        else
            take_charge_result(steps, batch, i, limit);
    }
}

static bool has_message(const struct batch *batch, int reading)
{
    return database_of(reading_service(reading)) == batch->database && !batch->orphan &&
           batch->after.queue[reading] != LIST_EMPTY;
}

static void take_messages(struct steps *steps, const struct batch *so_far, int limit)
{
    for (int i = 0; i < READINGS; i++) {
        struct batch batch = *so_far;

        if (!has_message(&batch, i))
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
    for (int who = 0; batch->message_count == 0 && who < SERVICES; who++)
        if (is_caller((enum who)who) && database_of((enum who)who) == batch->database)
            take_results(steps, batch, (enum who)who, limit);
    take_messages(steps, batch, limit);
}

/* Has the process anything to take for that database? */
static bool is_idle(const struct batch *batch)
{
    for (int who = 0; who < SERVICES; who++)
        if (database_of((enum who)who) == batch->database &&
            effects_any(&batch->before, (enum who)who, batch->orphan))
            return false;
    for (int i = 0; i < READINGS; i++)
        if (has_message(batch, i))
            return false;
    return true;
}

/* One pass of the process over that database; of several it takes each by itself.  What was handed
 * over comes before anything else, in the order in which it was. */
static void run(struct steps *steps, const struct world *world, enum who database, bool orphan,
                int limit)
{
    const enum who turn = handed_database(world, process_of(database), orphan);
    struct batch batch = {.process = process_of(database),
                          .database = database,
                          .orphan = orphan,
                          .before = *world,
                          .after = *world};

    if (turn != database && (turn != SERVICES || is_idle(&batch)))
        return;
    batch.action.who = (uint8_t)database;
    batch.action.orphan = orphan;
    batch.action.handed = turn == database;
    memset(batch.action.seen, NO_KIND, sizeof batch.action.seen);
    if (turn == database) {
        batch_take_handed(&batch);
        batch_process(steps, &batch, &outside.without);
    } else {
        take(steps, &batch, limit);
    }
}

/* A process dies that waits for answers, or has handed something over. */
static void die(struct steps *steps, const struct world *before, const struct world *acted,
                const struct action *action)
{
    struct world *world = steps_add(steps, before, action);

    *world = *acted;
    effects_die(world, (enum who)action->who, action->orphan, &outside.without);
}

/* Is there anything that another instance of the process does not have? */
static bool is_busy(const struct world *world, enum who process, bool orphan)
{
    return effects_any_of(world, process, orphan) ||
           handed_database(world, process, orphan) != SERVICES;
}

/* It dies, or its partition goes to another instance. */
static void fail(struct steps *steps, const struct world *before, enum who process)
{
    for (int orphan = 0; orphan <= 1; orphan++) {
        struct action action = {
            .event = EVENT_CRASH, .who = (uint8_t)process, .orphan = (uint8_t)orphan};
        struct provider_way ways[PROVIDER_WAYS_MAX];
        int number = 0, count;

        if (!is_busy(before, process, orphan))
            continue;
        die(steps, before, before, &action);
        if (process_of(PAYMENT) != process || !effects_any(before, PAYMENT, orphan) ||
            !is_alone(before))
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
    if (is_busy(before, process, false) && !is_busy(before, process, true))
        effects_move(steps_add(steps, before,
                               &(struct action){.event = EVENT_MOVED, .who = (uint8_t)process}),
                     process);
}

/* The process that is in the midst of handing over; SERVICES: none.  What the others do meanwhile
 * they can as well do before or after: they and it share nothing but the log. */
static enum who in_midst(const struct world *world)
{
    for (int who = 0; who < SERVICES; who++)
        if (handed_database(world, (enum who)who, false) != SERVICES ||
            handed_database(world, (enum who)who, true) != SERVICES)
            return (enum who)who;
    return SERVICES;
}

/* ---- the sweepers ---- */

/* The commands that the sweepers have reason to send: an effect is due once it was left without an
 * answer.  A refund that was refused is a person's business. */
static int due(const struct world *world, enum message_type commands[3])
{
    int order = row_state(ORDER, world->row[ORDER]),
        payment = row_state(PAYMENT, world->row[PAYMENT]), count = 0;

    if (order != ORDER_STATE_NEW && !order_closed(order, row_facts(ORDER, world->row[ORDER])))
        commands[count++] = ORDER_REPUBLISH;
    if (((payment == PAYMENT_STATE_CHARGING || payment == PAYMENT_STATE_SETTLING) &&
         (row_facts(PAYMENT, world->row[PAYMENT]) & PAYMENT_UNANSWERED) != 0) ||
        payment == PAYMENT_STATE_REFUND_FAILED)
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

/* What the process or processes in question can do next. */
static void processes_go_on(struct steps *steps, const struct world *world, int batch)
{
    const enum who midst = in_midst(world);

    for (int who = 0; who < SERVICES; who++) {
        if (midst != SERVICES && process_of((enum who)who) != midst)
            continue;
        if (database_of((enum who)who) == (enum who)who) {
            run(steps, world, (enum who)who, false, batch);
            run(steps, world, (enum who)who, true, batch);
        }
        if (process_of((enum who)who) == (enum who)who && world->crashes > 0)
            fail(steps, world, (enum who)who);
    }
}

/* Without the protection of hops: the next service commits what it was handed over, then the
 * process dies before the first has committed. */
static void commit_too_early(struct steps *steps, const struct world *before, int batch)
{
    static struct action action_list[STEPS_MAX];
    static struct steps first = {.actions = action_list}, second;

    first.count = 0;
    processes_go_on(&first, before, batch);
    for (size_t i = 0; before->crashes > 0 && i < first.count; i++) {
        struct action action = first.actions[i];
        const enum who process = process_of((enum who)action.who);

        if (action.event != EVENT_DONE ||
            handed_database(&first.worlds[i], process, action.orphan) == SERVICES)
            continue;
        second.count = 0;
        processes_go_on(&second, &first.worlds[i], batch);
        action.event = EVENT_TOO_EARLY;
        for (size_t j = 0; j < second.count; j++) {
            struct world *world;

            if (second.worlds[j].crashes < before->crashes)
                continue;
            world = steps_add(steps, &second.worlds[j], &action);
            for (int who = 0; who < SERVICES; who++)
                if (database_of((enum who)who) == (enum who)action.who)
                    world->row[who] = before->row[who];
            effects_die(world, process, action.orphan, &outside.without);
        }
    }
}

void steps_take(const struct world *world, int batch, struct steps *steps)
{
    steps->count = 0;
    if (world->call)
        call(steps, world);
    if (!is_alone(world))
        acts(steps, world);
    processes_go_on(steps, world, batch);
    if (outside.without.hop)
        commit_too_early(steps, world, batch);
    sweep(steps, world, steps->count == 0);
}
