#include "tests/explorer/instances/steps.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 2, OUTCOME_BITS = 4, TYPE_BITS = 5 };
_Static_assert(KINDS < 1 << TYPE_BITS, "a kind and one more fit");

int log_length(const struct scene *scene, const struct state *state, int order)
{
    int length = scene->lengths[order];

    for (uint32_t more = state->more[order]; more != 0; more >>= TYPE_BITS)
        length++;
    return length;
}

int log_at(const struct scene *scene, const struct state *state, int order, int at)
{
    const int behind = at - scene->lengths[order];

    if (behind < 0)
        return scene->logs[order][at];
    return (int)(state->more[order] >> (TYPE_BITS * behind) & ((1u << TYPE_BITS) - 1)) - 1;
}

static void log_append(const struct scene *scene, struct state *state, int order, int kind)
{
    const int behind = log_length(scene, state, order) - scene->lengths[order];

    if (TYPE_BITS * (behind + 1) > 32) {
        fprintf(stderr, "explorer: a log is longer than there is room for\n");
        exit(EXIT_FAILURE);
    }
    state->more[order] |= (uint32_t)(kind + 1) << (TYPE_BITS * behind);
}

struct state state_first(const struct scene *scene)
{
    struct state state;

    memset(&state, 0, sizeof state);
    state.crashes = (uint8_t)scene->crashes;
    state.rebalances = (uint8_t)scene->rebalances;
    state.sweeps = 2;
    state.silence = scene->service == PAYMENT;
    state.stock_lock = NOBODY;
    for (int order = 0; order < ORDERS; order++)
        state.row_lock[order] = NOBODY;
    return state;
}

/* A new state to be changed, and how it came to be. */
static struct state *next(struct steps *steps, const struct state *from, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static struct state *next(struct steps *steps, const struct state *from, const char *format, ...)
{
    if (steps->count == STEPS_MAX) {
        fprintf(stderr, "explorer: a state has more than %d followers\n", STEPS_MAX);
        exit(EXIT_FAILURE);
    }
    if (steps->words != NULL) {
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(steps->words[steps->count], sizeof steps->words[0], format, arguments);
        va_end(arguments);
    }
    steps->states[steps->count] = *from;
    return &steps->states[steps->count++];
}

static char name_of(int instance)
{
    return (char)('A' + instance);
}

/* ---- the loop, a step at a time ---- */

static void decide(const struct scene *scene, struct instance *instance, int order,
                   const struct input *input)
{
    union row row = row_load(scene->service, instance->row[order]);
    const struct transition *transition = shipped_decide(scene->service, &row, input);

    instance->changed = (uint8_t)(instance->changed | (row.saga.changed ? 1u << order : 0));
    instance->row[order] = row_save(scene->service, &row);
    if (transition != NULL)
        instance->effect[order] = (uint8_t)transition->effect;
}

/* A bit for each order whose row asks for something. */
static uint8_t asking(const struct instance *instance)
{
    return (uint8_t)((instance->effect[0] != EFFECT_NONE ? 1 : 0) |
                     (instance->effect[1] != EFFECT_NONE ? 2 : 0));
}

static void resolve_begin(struct instance *instance)
{
    instance->asking = asking(instance);
    instance->step = instance->asking != 0 ? STEP_EFFECTS : STEP_PUBLISH;
}

/* After a decision: the save that it needs, or what follows on a save. */
static void go_on(const struct steps *steps, struct instance *instance)
{
    if (steps->scene->service == INVENTORY && asking(instance) != 0)
        instance->step = STEP_SETTLE;
    else if (instance->changed != 0)
        instance->step = STEP_WRITE;
    else
        resolve_begin(instance);
}

static int free_messages(const struct steps *steps, const struct state *state, int who, int order)
{
    return state->owner[order] == who
               ? log_length(steps->scene, state, order) - state->instances[who].position[order]
               : 0;
}

static void take(struct steps *steps, const struct state *before, int who)
{
    for (int a = 0; a <= BATCH_MAX && a <= free_messages(steps, before, who, 0); a++)
        for (int b = 0; a + b <= BATCH_MAX && b <= free_messages(steps, before, who, 1); b++) {
            const int counts[ORDERS] = {a, b};
            struct instance *instance;

            if (a + b == 0)
                continue;
            instance =
                &next(steps, before, "%c takes %d of order 0 and %d of order 1", name_of(who), a, b)
                     ->instances[who];
            for (int order = 0; order < ORDERS; order++) {
                instance->from[order] = instance->position[order];
                instance->taken[order] = (uint8_t)counts[order];
                instance->position[order] = (uint8_t)(instance->position[order] + counts[order]);
            }
            instance->step = STEP_LOAD;
        }
}

/* Everything that is known of an order is decided upon: what was taken, then the outcomes of
 * asks. */
static void decide_order(const struct scene *scene, const struct state *state,
                         struct instance *instance, int order)
{
    for (int i = 0; i < instance->taken[order]; i++) {
        const struct input input =
            shipped_input(log_at(scene, state, order, instance->from[order] + i));

        decide(scene, instance, order, &input);
    }
    for (unsigned results = instance->results[order]; results != 0; results >>= OUTCOME_BITS) {
        const struct input input =
            shipped_result(scene->service, OWN_FACT((results & ((1u << OUTCOME_BITS) - 1)) - 1));

        decide(scene, instance, order, &input);
    }
}

/* Does a message that was taken begin an order, so that one that is not remembered counts as
 * new? */
static bool may_be_first(const struct scene *scene, const struct state *state,
                         const struct instance *instance, int order)
{
    const int first = scene->service == ORDER ? ORDER_PLACE : ORDER_CREATED;

    for (int i = 0; i < instance->taken[order]; i++)
        if (log_at(scene, state, order, instance->from[order] + i) == first)
            return true;
    return false;
}

/* The rows that were taken, from the memory where it has them, or all of them by one statement, so
 * of one snapshot.  Returns the set of those from memory. */
static unsigned rows_find(const struct scene *scene, const struct state *state,
                          struct instance *instance, bool by_memory)
{
    unsigned known = 0;

    for (int order = 0; order < ORDERS; order++) {
        bool remembered = by_memory && (instance->knows & 1 << order) != 0;
        bool is_new = by_memory && !remembered && may_be_first(scene, state, instance, order);

        if (instance->taken[order] == 0)
            continue;
        known |= remembered || is_new ? 1u << order : 0;
        if (remembered)
            continue;
        instance->row[order] = is_new ? 0 : state->row[order];
        instance->version[order] = is_new ? 0 : state->version[order];
    }
    return known;
}

static void load_from(struct steps *steps, const struct state *before, int who, bool by_memory)
{
    struct instance instance = before->instances[who];
    unsigned known = rows_find(steps->scene, before, &instance, by_memory);

    if (by_memory && known == 0)
        return;
    instance.changed = 0;
    for (int order = 0; order < ORDERS; order++) {
        instance.effect[order] = EFFECT_NONE;
        if (instance.taken[order] > 0)
            decide_order(steps->scene, before, &instance, order);
    }
    if ((known & ~(unsigned)instance.changed) != 0 && !steps->without->proof)
        return; /* it is loaded instead */
    instance.knows |= KNOWS_TIME;
    go_on(steps, &instance);
    next(steps, before, "%c %s and decides", name_of(who), by_memory ? "remembers" : "loads")
        ->instances[who] = instance;
}

static void load(struct steps *steps, const struct state *before, int who)
{
    load_from(steps, before, who, false);
    if ((before->instances[who].knows & KNOWS_TIME) != 0)
        load_from(steps, before, who, true);
}

/* BEGIN, SELECT ... FOR UPDATE of the stock row; what the orders ask of it. */
static void settle(struct steps *steps, const struct state *before, int who)
{
    struct instance *instance;
    struct state *after;

    if (before->stock_lock != NOBODY && !steps->without->stock_lock)
        return;
    after = next(steps, before, "%c locks the stock", name_of(who));
    after->stock_lock = (uint8_t)who;
    instance = &after->instances[who];
    instance->has_stock = 1;
    instance->reserved = before->reserved;
    for (int order = 0; order < ORDERS; order++) {
        const uint8_t effect = instance->effect[order];

        instance->effect[order] = EFFECT_NONE;
        if (effect == INVENTORY_EFFECT_RELEASE) {
            instance->reserved--;
        } else if (effect == INVENTORY_EFFECT_RESERVE) {
            const bool enough = instance->reserved < ON_HAND;
            const struct input input =
                shipped_result(INVENTORY, enough ? INVENTORY_TAKEN : INVENTORY_SHORT);

            instance->reserved = (uint8_t)(instance->reserved + enough);
            decide(steps->scene, instance, order, &input);
        }
    }
    instance->step = STEP_WRITE;
}

static void unlock(struct state *state, int who)
{
    for (int order = 0; order < ORDERS; order++)
        if (state->row_lock[order] == who)
            state->row_lock[order] = NOBODY;
    if (state->stock_lock == who)
        state->stock_lock = NOBODY;
    state->instances[who].has_stock = state->instances[who].reserved = 0;
}

/* What is in hand is loaded again. */
static void forget(struct instance *instance)
{
    instance->knows = 0;
    for (int order = 0; order < ORDERS; order++)
        if (instance->taken[order] == 0)
            instance->row[order] = instance->version[order] = 0;
}

/* The first changed row that is not written yet; ORDERS when there is none. */
static int row_to_write(const struct state *state, int who)
{
    for (int order = 0; order < ORDERS; order++)
        if ((state->instances[who].changed & 1 << order) != 0 && state->row_lock[order] != who)
            return order;
    return ORDERS;
}

/* INSERT ... ON CONFLICT DO UPDATE ... WHERE version = ..., a row at a time: each may have to wait
 * for who holds it. */
static void write_row(struct steps *steps, const struct state *before, int who)
{
    int order = row_to_write(before, who);
    struct state *after;

    if (order == ORDERS) {
        next(steps, before, "%c has written all rows", name_of(who))->instances[who].step =
            STEP_COMMIT;
        return;
    }
    if (before->row_lock[order] != NOBODY)
        return;
    if (before->version[order] != before->instances[who].version[order] && !steps->without->fence) {
        steps->conflicts++;
        after = next(steps, before, "%c is refused the row of order %d: it was moved; rolls back",
                     name_of(who), order);
        unlock(after, who);
        after->instances[who].step = STEP_LOAD;
        forget(&after->instances[who]);
        return;
    }
    next(steps, before, "%c writes the row of order %d", name_of(who), order)->row_lock[order] =
        (uint8_t)who;
}

static void commit(struct steps *steps, const struct state *before, int who)
{
    struct state *after = next(steps, before, "%c commits", name_of(who));
    struct instance *instance = &after->instances[who];

    for (int order = 0; order < ORDERS; order++)
        if ((instance->changed & 1 << order) != 0) {
            after->row[order] = instance->row[order];
            after->version[order]++;
            instance->version[order] = after->version[order];
        }
    if (instance->has_stock)
        after->reserved = instance->reserved;
    instance->changed = 0;
    unlock(after, who);
    resolve_begin(instance);
}

/* One outcome of one ask comes back and is decided upon; when it was the last of its round, the
 * round is saved. */
static void answered(struct steps *steps, const struct state *before, int who, int order,
                     uint64_t on, enum truth truth, bool silent)
{
    struct instance *instance;
    struct state *after;
    struct input input;
    unsigned own_fact = 0, shift = 0;

    while (on != OWN_FACT(own_fact))
        own_fact++;
    after =
        next(steps, before, "%c asks about order %d: own fact %u", name_of(who), order, own_fact);
    after->truth[order] = (uint8_t)truth;
    after->silence = after->silence && !silent;
    instance = &after->instances[who];
    while (instance->results[order] >> shift != 0)
        shift += OUTCOME_BITS;
    instance->results[order] = (uint16_t)(instance->results[order] | (own_fact + 1) << shift);
    instance->asking = (uint8_t)(instance->asking & ~(1u << order));
    input = shipped_result(steps->scene->service, on);
    decide(steps->scene, instance, order, &input);
    if (instance->asking == 0)
        go_on(steps, instance);
}

static void resolve(struct steps *steps, const struct state *before, int who)
{
    const struct instance *instance = &before->instances[who];
    const int order = (instance->asking & 1) != 0 ? 0 : 1;
    const enum truth truth = (enum truth)before->truth[order];
    struct provider_way ways[PROVIDER_WAYS_MAX] = {
        {order == 0 ? EMAIL_ACCEPTED : EMAIL_UNADDRESSED, truth, false}};
    const int count = steps->scene->service == EMAIL
                          ? 1
                          : provider_ways(instance->effect[order], truth, before->silence, ways);

    for (int i = 0; i < count; i++)
        answered(steps, before, who, order, ways[i].on, ways[i].truth, ways[i].silent);
}

/* Ready for the next batch; of this one, only the rows are remembered. */
static void rest(struct instance *instance)
{
    struct instance rested = {.position = {instance->position[0], instance->position[1]},
                              .knows = instance->knows};

    for (int order = 0; order < ORDERS; order++) {
        rested.row[order] = instance->row[order];
        rested.version[order] = instance->version[order];
        rested.knows |= (uint8_t)(instance->version[order] > 0 ? 1 << order : 0);
    }
    *instance = rested;
}

/* Each event is kept whole: whoever emits it again must say the same. */
static void say(struct state *state, int order, enum who service, const union row *row,
                uint32_t types)
{
    static const enum message_type first[SERVICES] = {ORDER_CREATED, PAYMENT_COMPLETED,
                                                      INVENTORY_RESERVED, EMAIL_SENT};

    state->emitted[order] |= types;
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        uint8_t *event, number;

        if ((types & FACT(type)) == 0)
            continue;
        event = &state->events[order][type - (int)first[service]];
        number = shipped_event(service, row, (enum message_type)type);
        state->changed = state->changed || (*event != 0 && *event != number);
        *event = number;
    }
}

/* From the rows as they were decided, which is as they were saved. */
static void publish(struct steps *steps, const struct state *before, int who)
{
    struct state *after = next(steps, before, "%c publishes", name_of(who));
    struct instance *instance = &after->instances[who];

    for (int order = 0; order < ORDERS; order++) {
        const union row row = row_load(steps->scene->service, instance->row[order]);

        for (int i = 0; i < instance->taken[order]; i++) {
            const struct input input =
                shipped_input(log_at(steps->scene, before, order, instance->from[order] + i));

            say(after, order, steps->scene->service, &row,
                (uint32_t)shipped_emits(steps->scene->service, &row, &input));
        }
    }
    rest(instance);
}

static void instance_step(struct steps *steps, const struct state *before, int who)
{
    static void (*const functions[])(struct steps *, const struct state *, int) = {
        [STEP_TAKE] = take,       [STEP_LOAD] = load,     [STEP_SETTLE] = settle,
        [STEP_WRITE] = write_row, [STEP_COMMIT] = commit, [STEP_EFFECTS] = resolve,
        [STEP_PUBLISH] = publish,
    };

    shipped_at(who);
    functions[before->instances[who].step](steps, before, who);
}

/* ---- the world around them ---- */

bool scene_emitted(const struct scene *scene, const struct state *state, int order)
{
    static const uint64_t last_words[SERVICES] = {
        [ORDER] = FACT(ORDER_CONFIRMED) | FACT(ORDER_CANCELLED),
        [PAYMENT] = FACT(PAYMENT_COMPLETED) | FACT(PAYMENT_FAILED),
        [INVENTORY] = FACT(INVENTORY_RESERVED) | FACT(INVENTORY_FAILED),
        [EMAIL] = FACT(EMAIL_SENT),
    };
    static const uint64_t compensation_results[SERVICES] = {
        [PAYMENT] = FACT(PAYMENT_REFUNDED) | FACT(PAYMENT_VOIDED),
        [INVENTORY] = FACT(INVENTORY_RELEASED) | FACT(INVENTORY_VOIDED)};
    bool cancelled = false;

    for (int i = 0; i < scene->lengths[order]; i++)
        cancelled |= scene->logs[order][i] == ORDER_CANCELLED;
    if (cancelled && compensation_results[scene->service] != 0)
        return (state->emitted[order] & compensation_results[scene->service]) != 0;
    return scene->lengths[order] == 0 || (state->emitted[order] & last_words[scene->service]) != 0;
}

static void call(struct steps *steps, const struct state *before, int order)
{
    struct state *after = next(steps, before, "the late call about order %d lands", order);

    after->call[order] = 0;
    if (after->truth[order] == TRUTH_NONE)
        after->truth[order] = TRUTH_CHARGED;
    next(steps, before, "the late call about order %d comes to nothing", order)->call[order] = 0;
}

/* How far its batches of a partition are finished, so that the offset may be committed. */
static uint8_t finished(const struct instance *instance, int order)
{
    return instance->step == STEP_TAKE || instance->taken[order] == 0 ? instance->position[order]
                                                                      : instance->from[order];
}

/* Dies: the transaction is rolled back; whoever starts in its place reads from an offset that was
 * committed before. */
static void crash(struct steps *steps, const struct state *before, int who, bool with_call)
{
    const struct instance *dead = &before->instances[who];
    const uint8_t most[ORDERS] = {
        before->owner[0] == who ? finished(dead, 0) : before->committed[0],
        before->owner[1] == who ? finished(dead, 1) : before->committed[1]};

    for (uint8_t a = before->committed[0]; a <= most[0]; a++)
        for (uint8_t b = before->committed[1]; b <= most[1]; b++) {
            struct state *after =
                next(steps, before, "%c dies%s; its offsets are %d and %d", name_of(who),
                     with_call ? " with its call on the way" : "", a, b);
            const uint8_t offsets[ORDERS] = {a, b};

            after->crashes--;
            unlock(after, who);
            memset(&after->instances[who], 0, sizeof after->instances[who]);
            for (int order = 0; order < ORDERS; order++) {
                if (with_call && (dead->asking & 1 << order) != 0 &&
                    dead->effect[order] == PAYMENT_EFFECT_CHARGE)
                    after->call[order] = 1;
                if (before->owner[order] != who)
                    continue;
                after->committed[order] = offsets[order];
                after->instances[who].position[order] = offsets[order];
            }
        }
}

/* The partition goes to the other, who is between two batches; the one that had it may not know
 * yet. */
static void rebalance(struct steps *steps, const struct state *before, int order)
{
    const int from = before->owner[order], to = 1 - from;

    if (before->instances[to].step != STEP_TAKE)
        return;
    for (uint8_t offset = before->committed[order];
         offset <= finished(&before->instances[from], order); offset++) {
        struct state *after =
            next(steps, before, "%c is given the partition of order %d at offset %d", name_of(to),
                 order, offset);

        after->rebalances--;
        after->owner[order] = (uint8_t)to;
        after->committed[order] = offset;
        after->instances[to].position[order] = offset;
        after->instances[from].position[order] = 0;
    }
}

/* Is the service's own row one that its sweeper would find?  What was asked for and left without an
 * answer. */
static bool is_due(const struct scene *scene, const struct state *state, int order)
{
    int at = row_state(scene->service, state->row[order]);
    uint64_t facts = row_facts(scene->service, state->row[order]);

    return (scene->service == PAYMENT &&
            (at == PAYMENT_STATE_CHARGING || at == PAYMENT_STATE_SETTLING) &&
            (facts & PAYMENT_UNANSWERED) != 0) ||
           (scene->service == EMAIL && at == EMAIL_STATE_SENDING &&
            (facts & EMAIL_UNANSWERED) != 0);
}

/* Nothing moves any more: a sweeper finds what is overdue.  A service's own sweeper tells it to try
 * again; that of the order service, which misses an answer, has the order's events emitted
 * again. */
static void sweep(struct steps *steps, const struct state *before, int order)
{
    const struct scene *scene = steps->scene;
    struct state *after;

    if (before->sweeps == 0 ||
        (!is_due(scene, before, order) && scene_emitted(scene, before, order)))
        return;
    after = next(steps, before, "a sweeper takes care of order %d", order);
    after->sweeps--;
    if (is_due(scene, before, order))
        log_append(scene, after, order, scene->service == PAYMENT ? PAYMENT_RETRY : EMAIL_RETRY);
    else if (scene->service == ORDER)
        log_append(scene, after, order, ORDER_REPUBLISH);
    else
        for (int i = 0; i < scene->lengths[order]; i++)
            log_append(scene, after, order, scene->logs[order][i]);
}

void steps_take(const struct state *state, struct steps *steps)
{
    steps->count = 0;
    for (int order = 0; order < ORDERS; order++)
        if (state->call[order])
            call(steps, state, order);
    for (int who = 0; who < INSTANCES; who++)
        instance_step(steps, state, who);
    for (int order = 0; order < ORDERS; order++)
        if (steps->count == 0)
            sweep(steps, state, order);
    steps->stuck = steps->count == 0;
    for (int who = 0; state->crashes > 0 && who < INSTANCES; who++) {
        crash(steps, state, who, false);
        if (state->instances[who].step == STEP_EFFECTS && steps->scene->service == PAYMENT)
            crash(steps, state, who, true);
    }
    for (int order = 0; state->rebalances > 0 && order < ORDERS; order++)
        if (steps->scene->lengths[order] > 0)
            rebalance(steps, state, order);
}
