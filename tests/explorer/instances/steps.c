#include "tests/explorer/instances/steps.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explorer/instances/effects.h"

enum { BATCH_MAX = 2, TYPE_BITS = 5, CAUSES_MAX = 8 };
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
    const int length = log_length(scene, state, order);
    const int behind = length - scene->lengths[order];

    if (TYPE_BITS * (behind + 1) > 32 || length == CAUSES_MAX) {
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
    state.silence = scene->service == PAYMENT || scene->service == EMAIL;
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
    if (transition == NULL)
        return;
    instance->effect[order] = (uint8_t)transition->effect;
    instance->by_result = (uint8_t)(input->result != NULL ? instance->by_result | 1u << order
                                                          : instance->by_result & ~(1u << order));
}

static bool wants(const struct instance *instance)
{
    return instance->effect[0] != EFFECT_NONE || instance->effect[1] != EFFECT_NONE;
}

static bool has_records(const struct instance *instance, int order)
{
    return instance->taken[order] > 0 || effect_in_batch(instance, order, 1) != NULL;
}

static unsigned messages_taken(const struct instance *instance, int order)
{
    return ((1u << instance->taken[order]) - 1) << instance->from[order];
}

/* Ready for the next batch; of this one, only the rows that it saved are remembered. */
static void rest(struct instance *instance)
{
    struct instance rested = {.position = {instance->position[0], instance->position[1]},
                              .knows = instance->knows,
                              .current = instance->current & instance->knows};

    effects_end(instance);
    memcpy(rested.effects, instance->effects, sizeof rested.effects);
    for (int order = 0; order < ORDERS; order++)
        if ((instance->knows & 1 << order) != 0)
            rested.row[order] = instance->row[order];
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

/* From the rows as they were decided, which is as they were saved.  Where a row wants an effect,
 * its result will do it. */
static void publish_from(const struct scene *scene, struct state *state, int who)
{
    struct instance *instance = &state->instances[who];

    for (int order = 0; order < ORDERS; order++) {
        const union row row = row_load(scene->service, instance->row[order]);
        unsigned causes = messages_taken(instance, order);
        const struct effect *effect;

        for (int place = 1; (effect = effect_in_batch(instance, order, place)) != NULL; place++)
            causes |= effect->causes | effect->attached;
        for (int at = 0; instance->effect[order] == EFFECT_NONE && causes >> at != 0; at++) {
            const struct input input = shipped_input(log_at(scene, state, order, at));

            if ((causes >> at & 1) != 0)
                say(state, order, scene->service, &row,
                    (uint32_t)shipped_emits(scene->service, &row, &input));
        }
    }
    rest(instance);
}

/* What the batch wants of the outside is under way from here on: a call that its process dies
 * before is one that comes to nothing.  What would publish nothing new is published, since nobody
 * could tell. */
static void saved(struct steps *steps, struct state *state, int who)
{
    struct instance *instance = &state->instances[who];
    struct state published;
    uint8_t held[ORDERS];

    for (int order = 0; order < ORDERS; order++)
        held[order] = (uint8_t)(state->owner[order] == who ? messages_taken(instance, order) : 0);
    effects_begin(instance, steps->scene->service, held);
    instance->step = STEP_PUBLISH;
    published = *state;
    publish_from(steps->scene, &published, who);
    if (!published.changed &&
        memcmp(published.emitted, state->emitted, sizeof state->emitted) == 0 &&
        memcmp(published.events, state->events, sizeof state->events) == 0)
        *state = published;
}

static int free_messages(const struct steps *steps, const struct state *state, int who, int order)
{
    return state->owner[order] == who && effects_count(&state->instances[who]) < UNDER_WAY_MAX
               ? log_length(steps->scene, state, order) - state->instances[who].position[order]
               : 0;
}

/* Can a call of that kind still change what the provider did? */
static bool may_change(int kind, enum truth truth)
{
    return (truth == TRUTH_NONE && (kind == PAYMENT_EFFECT_SETTLE || may_charge(kind))) ||
           (kind == PAYMENT_EFFECT_SETTLE && truth == TRUTH_CHARGED);
}

/* Calls that can change nothing any more are as good as gone. */
static void truth_set(struct state *state, int order, enum truth truth)
{
    state->truth[order] = (uint8_t)truth;
    for (int kind = 0; state->calls[order] >> kind != 0; kind++)
        if (!may_change(kind, truth))
            state->calls[order] = (uint8_t)(state->calls[order] & ~(1u << kind));
}

static int answers(const struct scene *scene, const struct state *state, int order, int kind,
                   struct provider_way ways[PROVIDER_WAYS_MAX])
{
    const enum truth truth = (enum truth)state->truth[order];

    if (scene->service == PAYMENT)
        return provider_ways(kind, truth, state->silence, false, ways);
    ways[0] = (struct provider_way){.on = order == 0 ? EMAIL_ACCEPTED : EMAIL_UNADDRESSED,
                                    .truth = truth};
    ways[1] = (struct provider_way){.on = EMAIL_UNANSWERED, .truth = truth, .silent = true};
    return 1 + (order == 0 && state->silence);
}

/* It changes nothing outside, so that it does not matter when: the next batch has it. */
static bool is_quiet(const struct state *state, int order, const struct provider_way *way)
{
    return way->truth == (enum truth)state->truth[order] && !way->silent;
}

static uint8_t answer_number(const struct provider_way *way)
{
    uint8_t number = 0;

    while (way->on != OWN_FACT(number))
        number++;
    return (uint8_t)(number + 1);
}

/* Is it answered, or can be without anything else to be seen? */
static bool has_answer(const struct scene *scene, const struct state *state, int order,
                       struct effect *effect)
{
    struct provider_way ways[PROVIDER_WAYS_MAX];
    const int count = effect->kind == EFFECT_NONE || effect->answer != 0
                          ? 0
                          : answers(scene, state, order, effect->kind, ways);

    for (int i = 0; effect->answer == 0 && i < count; i++)
        if (is_quiet(state, order, &ways[i]))
            effect->answer = answer_number(&ways[i]);
    return effect->answer != 0;
}

/* Results are in the batch already; messages come behind them. */
static void take_messages(struct steps *steps, const struct state *before, int who,
                          const struct instance *with_results, int results)
{
    for (int a = 0; a <= BATCH_MAX && a <= free_messages(steps, before, who, 0); a++)
        for (int b = 0; a + b <= BATCH_MAX && b <= free_messages(steps, before, who, 1); b++) {
            const int counts[ORDERS] = {a, b};
            struct instance *instance;

            if (a + b + results == 0)
                continue;
            instance = &next(steps, before, "%c takes %d results, %d of order 0 and %d of order 1",
                             name_of(who), results, a, b)
                            ->instances[who];
            *instance = *with_results;
            for (int order = 0; order < ORDERS; order++) {
                instance->from[order] = instance->position[order];
                instance->taken[order] = (uint8_t)counts[order];
                instance->position[order] = (uint8_t)(instance->position[order] + counts[order]);
            }
            instance->step = STEP_LOAD;
        }
}

/* Some of the answers that have come, in any order: those of this order and of the next. */
static void take_results(struct steps *steps, const struct state *before, int who,
                         const struct instance *instance, int order, int results)
{
    static const uint8_t places[][EFFECTS_MAX] = {{0, 0}, {1, 0}, {0, 1}, {1, 2}, {2, 1}};

    if (order == ORDERS) {
        take_messages(steps, before, who, instance, results);
        return;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct instance with_results = *instance;
        bool have_come = true;
        int more = 0;

        for (int j = 0; j < EFFECTS_MAX; j++) {
            struct effect *effect = &with_results.effects[order][j];

            effect->in_batch = places[i][j];
            have_come =
                have_come && (places[i][j] == 0 || has_answer(steps->scene, before, order, effect));
            more += places[i][j] != 0;
        }
        if (have_come)
            take_results(steps, before, who, &with_results, order + 1, results + more);
    }
}

static void take(struct steps *steps, const struct state *before, int who)
{
    take_results(steps, before, who, &before->instances[who], 0, 0);
}

static void decide_messages(const struct scene *scene, const struct state *state,
                            struct instance *instance, int order, unsigned numbers)
{
    for (int at = 0; numbers >> at != 0; at++)
        if ((numbers >> at & 1) != 0) {
            const struct input input = shipped_input(log_at(scene, state, order, at));

            decide(scene, instance, order, &input);
        }
}

/* The records of the order: the results, each with what caused it where that is not recorded yet,
 * then the messages. */
static void decide_order(const struct scene *scene, const struct state *state,
                         struct instance *instance, int order)
{
    const struct effect *effect;

    for (int place = 1; (effect = effect_in_batch(instance, order, place)) != NULL; place++) {
        const struct input result = shipped_result(scene->service, OWN_FACT(effect->answer - 1));

        if (!effect->is_recorded)
            decide_messages(scene, state, instance, order, effect->causes);
        decide(scene, instance, order, &result);
        if (!effect->is_recorded)
            decide_messages(scene, state, instance, order, effect->attached);
    }
    decide_messages(scene, state, instance, order, messages_taken(instance, order));
}

/* Is the order's row saved with the result of the effect that it wants, and not before? */
static bool is_saved_later(const struct scene *scene, const struct instance *instance, int order)
{
    return scene->service == EMAIL && instance->effect[order] != EFFECT_NONE &&
           effect_in_batch(instance, order, 1) == NULL;
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

        if (!has_records(instance, order))
            continue;
        known |= remembered || is_new ? 1u << order : 0;
        if (remembered)
            continue;
        instance->knows = (uint8_t)(instance->knows & ~(1u << order));
        instance->row[order] = is_new ? 0 : state->row[order];
        instance->current = (uint8_t)(instance->current & ~(1u << order));
        if (!is_new || state->row[order] == 0)
            instance->current = (uint8_t)(instance->current | 1u << order);
    }
    return known;
}

static void load_from(struct steps *steps, const struct state *before, int who, bool by_memory)
{
    struct instance instance = before->instances[who];
    struct state *after;
    uint16_t found[ORDERS];
    unsigned known = rows_find(steps->scene, before, &instance, by_memory);

    if (by_memory && known == 0)
        return;
    memcpy(found, instance.row, sizeof found);
    instance.changed = instance.by_result = 0;
    for (int order = 0; order < ORDERS; order++) {
        instance.effect[order] = EFFECT_NONE;
        decide_order(steps->scene, before, &instance, order);
        if (is_saved_later(steps->scene, &instance, order)) {
            instance.row[order] = found[order];
            instance.changed = (uint8_t)(instance.changed & ~(1u << order));
        }
    }
    if ((known & ~(unsigned)instance.changed) != 0 && !steps->without->proof)
        return; /* it is loaded instead */
    instance.knows = (uint8_t)((instance.knows & ~instance.changed) | KNOWS_TIME);
    after =
        next(steps, before, "%c %s and decides", name_of(who), by_memory ? "remembers" : "loads");
    after->instances[who] = instance;
    if (steps->scene->service == INVENTORY && wants(&instance))
        after->instances[who].step = STEP_SETTLE;
    else if (instance.changed != 0)
        after->instances[who].step = STEP_WRITE;
    else
        saved(steps, after, who);
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
    instance->step = instance->changed != 0 ? STEP_WRITE : STEP_COMMIT;
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
        if (!has_records(instance, order)) {
            instance->row[order] = 0;
            instance->current = (uint8_t)(instance->current & ~(1u << order));
        }
}

/* The transaction is rolled back, and the batch decided again.  What --without result takes away is
 * that the results are still in it. */
static void refused(const struct steps *steps, struct state *state, int who)
{
    struct instance *instance = &state->instances[who];

    unlock(state, who);
    if (steps->without->result)
        effects_end(instance);
    instance->step = STEP_LOAD;
    forget(instance);
    if (!has_records(instance, 0) && !has_records(instance, 1))
        rest(instance);
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
    const int order = row_to_write(before, who);
    struct state *after;

    if (before->row_lock[order] != NOBODY)
        return;
    if ((before->instances[who].current & 1 << order) == 0 && !steps->without->fence) {
        steps->conflicts++;
        after = next(steps, before, "%c is refused the row of order %d: it was moved; rolls back",
                     name_of(who), order);
        refused(steps, after, who);
        return;
    }
    after = next(steps, before, "%c writes the row of order %d", name_of(who), order);
    after->row_lock[order] = (uint8_t)who;
    if (row_to_write(after, who) == ORDERS)
        after->instances[who].step = STEP_COMMIT;
}

static void commit(struct steps *steps, const struct state *before, int who)
{
    struct state *after = next(steps, before, "%c commits", name_of(who));
    struct instance *instance = &after->instances[who];

    for (int order = 0; order < ORDERS; order++)
        if ((instance->changed & 1 << order) != 0)
            after->row[order] = instance->row[order];
    for (int other = 0; other < INSTANCES; other++)
        after->instances[other].current =
            (uint8_t)(after->instances[other].current & ~instance->changed);
    instance->current = (uint8_t)(instance->current | instance->changed);
    instance->knows = (uint8_t)(instance->knows | instance->changed);
    if (instance->has_stock)
        after->reserved = instance->reserved;
    instance->changed = 0;
    unlock(after, who);
    saved(steps, after, who);
}

static void publish(struct steps *steps, const struct state *before, int who)
{
    publish_from(steps->scene, next(steps, before, "%c publishes", name_of(who)), who);
}

static void instance_step(struct steps *steps, const struct state *before, int who)
{
    static void (*const functions[])(struct steps *, const struct state *, int) = {
        [STEP_TAKE] = take,       [STEP_LOAD] = load,     [STEP_SETTLE] = settle,
        [STEP_WRITE] = write_row, [STEP_COMMIT] = commit, [STEP_PUBLISH] = publish,
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

/* The outside acts on a call; its answer waits for the instance's next batch. */
static void act(struct steps *steps, const struct state *before, int who, int order, int number)
{
    const struct effect *effect = &before->instances[who].effects[order][number];
    struct provider_way ways[PROVIDER_WAYS_MAX];
    const int count = answers(steps->scene, before, order, effect->kind, ways);

    if (effect->kind == EFFECT_NONE || effect->answer != 0)
        return;
    for (int i = 0; i < count; i++) {
        struct state *after;

        if (is_quiet(before, order, &ways[i]))
            continue;
        after = next(steps, before, "%c's call about order %d is answered: own fact %d",
                     name_of(who), order, answer_number(&ways[i]) - 1);
        truth_set(after, order, ways[i].truth);
        after->silence = after->silence && !ways[i].silent;
        after->instances[who].effects[order][number].answer = answer_number(&ways[i]);
    }
}

/* A call of a dead process lands, or comes to nothing. */
static void call(struct steps *steps, const struct state *before, int order, int kind)
{
    const char *name = kind == PAYMENT_EFFECT_SETTLE ? "settlement" : "charge";
    struct state *after;

    after = next(steps, before, "the late %s of order %d comes to nothing", name, order);
    after->calls[order] = (uint8_t)(after->calls[order] & ~(1u << kind));
    after = next(steps, before, "the late %s of order %d lands", name, order);
    if (kind != PAYMENT_EFFECT_SETTLE)
        truth_set(after, order, TRUTH_CHARGED);
    else
        truth_set(after, order,
                  before->truth[order] == TRUTH_NONE ? TRUTH_BLOCKED : TRUTH_REFUNDED);
}

/* How far its batches of a partition are finished, so that the offset may be committed. */
static uint8_t finished(const struct steps *steps, const struct instance *instance, int order)
{
    const uint8_t at = instance->step == STEP_TAKE || instance->taken[order] == 0
                           ? instance->position[order]
                           : instance->from[order];

    return steps->without->prefix ? at : effects_first_held(instance, order, at);
}

/* Does the process die between a save and what follows on it, for a cause that does not come again
 * since its partition was given to the other meanwhile? */
static bool leaves_unpublished(const struct state *before, int who, int order)
{
    const struct instance *dead = &before->instances[who];
    const struct effect *effect;

    if (dead->step != STEP_PUBLISH)
        return false;
    for (int place = 1; (effect = effect_in_batch(dead, order, place)) != NULL; place++)
        if ((effect->causes | effect->attached) != effect->held)
            return true;
    return dead->taken[order] > 0 && before->owner[order] != who;
}

/* Dies: the transaction is rolled back; calls are on their way; whoever starts in its place reads
 * from an offset that was committed before. */
static void crash(struct steps *steps, const struct state *before, int who)
{
    const struct instance *dead = &before->instances[who];
    const uint8_t most[ORDERS] = {
        before->owner[0] == who ? finished(steps, dead, 0) : before->committed[0],
        before->owner[1] == who ? finished(steps, dead, 1) : before->committed[1]};
    struct state fallen = *before;

    fallen.crashes--;
    unlock(&fallen, who);
    memset(&fallen.instances[who], 0, sizeof fallen.instances[who]);
    for (int order = 0; order < ORDERS; order++) {
        if (leaves_unpublished(before, who, order))
            fallen.unpublished = (uint8_t)(fallen.unpublished | 1u << order);
        for (int i = 0; steps->scene->service == PAYMENT && i < EFFECTS_MAX; i++) {
            const struct effect *effect = &dead->effects[order][i];

            if (effect->kind != EFFECT_NONE && effect->answer == 0 &&
                may_change(effect->kind, (enum truth)before->truth[order]))
                fallen.calls[order] = (uint8_t)(fallen.calls[order] | 1u << effect->kind);
        }
    }
    for (uint8_t a = before->committed[0]; a <= most[0]; a++)
        for (uint8_t b = before->committed[1]; b <= most[1]; b++) {
            const uint8_t offsets[ORDERS] = {a, b};
            struct state *after =
                next(steps, &fallen, "%c dies; its offsets are %d and %d", name_of(who), a, b);

            for (int order = 0; order < ORDERS; order++) {
                if (before->owner[order] != who)
                    continue;
                after->committed[order] = offsets[order];
                after->instances[who].position[order] = offsets[order];
            }
        }
}

/* The partition goes to the other, who is between two batches; the one that had it may not know
 * yet.  What that one has under way it saves and publishes all the same. */
static void rebalance(struct steps *steps, const struct state *before, int order)
{
    const int from = before->owner[order], to = 1 - from;

    if (before->instances[to].step != STEP_TAKE)
        return;
    for (uint8_t offset = before->committed[order];
         offset <= finished(steps, &before->instances[from], order); offset++) {
        struct state *after =
            next(steps, before, "%c is given the partition of order %d at offset %d", name_of(to),
                 order, offset);

        after->rebalances--;
        after->owner[order] = (uint8_t)to;
        after->committed[order] = offset;
        after->instances[to].position[order] = offset;
        after->instances[from].position[order] = 0;
        effects_revoke(&after->instances[from], order);
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
 * again; that of the order service, which misses an answer, has the order's events emitted again.
 * It must not be needed but where somebody died who had lost the partition. */
static void sweep(struct steps *steps, const struct state *before, int order)
{
    const struct scene *scene = steps->scene;
    struct state *after;

    const bool is_missed =
        (before->unpublished & 1 << order) != 0 && !scene_emitted(scene, before, order);

    if (before->sweeps == 0 || (!is_due(scene, before, order) && !is_missed))
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

/* What is remembered of an order that never comes again is as good as forgotten. */
static void forget_useless(struct state *state)
{
    for (int who = 0; who < INSTANCES && state->rebalances == 0; who++)
        for (int order = 0; order < ORDERS; order++) {
            struct instance *instance = &state->instances[who];

            if (state->owner[order] == who || instance->step != STEP_TAKE ||
                instance->effects[order][0].kind != EFFECT_NONE)
                continue;
            instance->row[order] = 0;
            instance->knows = (uint8_t)(instance->knows & ~(1u << order));
            instance->current = (uint8_t)(instance->current & ~(1u << order));
        }
}

void steps_take(const struct state *state, struct steps *steps)
{
    steps->count = 0;
    for (int order = 0; order < ORDERS; order++)
        for (int kind = 0; state->calls[order] >> kind != 0; kind++)
            if ((state->calls[order] >> kind & 1) != 0)
                call(steps, state, order, kind);
    for (int who = 0; who < INSTANCES; who++) {
        instance_step(steps, state, who);
        for (int order = 0; order < ORDERS; order++)
            for (int i = 0; i < EFFECTS_MAX; i++)
                act(steps, state, who, order, i);
    }
    for (int order = 0; order < ORDERS; order++)
        if (steps->count == 0)
            sweep(steps, state, order);
    steps->stuck = steps->count == 0;
    for (int who = 0; state->crashes > 0 && who < INSTANCES; who++)
        crash(steps, state, who);
    for (int order = 0; state->rebalances > 0 && order < ORDERS; order++)
        if (steps->scene->lengths[order] > 0)
            rebalance(steps, state, order);
    for (size_t i = 0; i < steps->count; i++)
        forget_useless(&steps->states[i]);
}
