/* From one shape to another: nothing that a service has yet to read is lost. */
#include <stdlib.h>
#include <string.h>

#include "brokers/topics.h"
#include "services/runtime/service.h"
#include "tests/unit/suites.h"
#include "tools/sagactl/regroup/plan.h"

enum { START = 10, END = 20, NONE = -1, GROUPS = 1 << SERVICES, SHAPES_MAX = 256 };

/* Each topic has one partition; what groups have committed there. */
struct model {
    int partitions[TOPICS_MAX];
    struct extent extents[TOPICS_MAX];
    int64_t committed[GROUPS][TOPICS_MAX]; /* of the group of a set of services */
};

struct shape {
    unsigned sharing[SERVICES];
};

static size_t topic_number(const char *name)
{
    size_t number = 0;

    while (strcmp(topics[number].name, name) != 0)
        number++;
    return number;
}

static void model_make(struct model *model)
{
    for (size_t i = 0; i < topic_count; i++) {
        model->partitions[i] = 1;
        model->extents[i] = (struct extent){{START, END}, 0};
        for (int j = 0; j < GROUPS; j++)
            model->committed[j][i] = NONE;
    }
}

/* Each group of the shape stands somewhere, maybe where nothing is any more or not yet, or has
 * committed nothing. */
static void groups_stand_somewhere(struct model *model, const struct shape *shape)
{
    for (int i = 0; i < SERVICES; i++)
        for (size_t j = 0; j < topic_count; j++)
            if (services_read(shape->sharing[i], topics[j].name))
                model->committed[shape->sharing[i]][j] =
                    rand() % 4 == 0 ? NONE : START - 1 + rand() % (END - START + 3);
}

static struct shape shape_of(const int *process)
{
    struct shape shape = {0};

    for (int i = 0; i < SERVICES; i++)
        for (int j = 0; j < SERVICES; j++)
            if (process[i] == process[j])
                shape.sharing[i] |= SERVICE_BIT(j);
    return shape;
}

/* All that there are: the process of a service is one of those before it, or the next. */
static size_t shapes_make(struct shape *shapes)
{
    int process[SERVICES] = {0};
    size_t count = 0;

    for (;;) {
        int last = SERVICES - 1, most = 0;

        ck_assert_uint_lt(count, SHAPES_MAX);
        shapes[count++] = shape_of(process);
        for (; last > 0; last--) {
            most = 0;
            for (int i = 0; i < last; i++)
                most = process[i] > most ? process[i] : most;
            if (process[last] <= most)
                break;
        }
        if (last == 0)
            return count;
        process[last]++;
        for (int i = last + 1; i < SERVICES; i++)
            process[i] = 0;
    }
}

static struct regrouping regrouping_of(const struct model *model, const struct shape *before,
                                       const struct shape *after)
{
    struct regrouping regrouping = {.partitions = model->partitions, .extents = model->extents};

    for (int i = 0; i < SERVICES; i++) {
        regrouping.before[i] = before->sharing[i];
        regrouping.after[i] = after->sharing[i];
        regrouping.committed_before[i] = model->committed[before->sharing[i]];
        regrouping.committed_after[i] = model->committed[after->sharing[i]];
    }
    return regrouping;
}

static void plan_of(const struct model *model, const struct shape *before,
                    const struct shape *after, struct regroup_plan *plan)
{
    const struct regrouping regrouping = regrouping_of(model, before, after);

    regroup_plan(&regrouping, plan);
}

/* A step is a group: first those that there are, then those that there will be. */
enum { STEPS = 2 * SERVICES };

static void plan_apply(struct model *model, const struct shape *before, const struct shape *after,
                       const struct regroup_plan *plan, int steps)
{
    for (int step = 0; step < steps; step++)
        for (size_t i = 0; i < plan->move_count; i++) {
            const struct move *move = &plan->moves[i];
            const struct shape *shape = move->before ? before : after;
            int64_t *committed =
                &model->committed[shape->sharing[move->service]][topic_number(move->topic)];

            if (move->service + (move->before ? 0 : SERVICES) != step)
                continue;
            if (move->partition != 0 || *committed != move->from)
                ck_abort_msg("%s is not moved from where it is", move->topic);
            *committed = move->to;
        }
}

/* Where the group reads on. */
static int64_t stands(const struct model *model, unsigned services, size_t topic)
{
    int64_t committed = model->committed[services][topic];

    return committed < START || committed > END ? START : committed;
}

/* Else what comes there is not read once it has grown to there. */
static void check_group_is_within(const struct model *model, unsigned services, size_t topic)
{
    if (services_read(services, topics[topic].name) && model->committed[services][topic] > END)
        ck_abort_msg("%s is left at %lld, behind its end", topics[topic].name,
                     (long long)model->committed[services][topic]);
}

static bool is_copied(const struct regroup_plan *plan, int service, size_t topic, int64_t offset)
{
    for (size_t i = 0; i < plan->copy_count; i++) {
        const struct copy *copy = &plan->copies[i];

        if (copy->service == service && strcmp(copy->topic, topics[topic].name) == 0 &&
            copy->from <= offset && offset < copy->to)
            return true;
    }
    return false;
}

/* What a service has yet to read its new group reads, or it is copied; and the new group begins no
 * earlier than somebody needs. */
static void check_service(const struct model *was, const struct model *is,
                          const struct shape *before, const struct shape *after,
                          const struct regroup_plan *plan, const struct regroup_plan *again,
                          int service, size_t topic)
{
    const char *name = topics[topic].name;
    const bool reads = services_read_for(after->sharing[service], service, name);

    if (!services_read_for(before->sharing[service], service, name))
        return;
    for (int64_t offset = stands(was, before->sharing[service], topic); offset < END; offset++)
        if (!(reads && stands(is, after->sharing[service], topic) <= offset) &&
            !is_copied(plan, service, topic, offset) && !is_copied(again, service, topic, offset))
            ck_abort_msg("%s loses %s/%lld", catalog[service].name, name, (long long)offset);
}

static void check_group(const struct model *was, const struct model *is, const struct shape *before,
                        unsigned services, size_t topic)
{
    int64_t least = END;

    if (!services_read(services, topics[topic].name))
        return;
    for (int i = 0; i < SERVICES; i++)
        if ((services & SERVICE_BIT(i)) != 0 &&
            services_read_for(services, i, topics[topic].name) &&
            services_read_for(before->sharing[i], i, topics[topic].name) &&
            stands(was, before->sharing[i], topic) < least)
            least = stands(was, before->sharing[i], topic);
    if (stands(is, services, topic) < least)
        ck_abort_msg("%s is read from %lld, and %lld would do", topics[topic].name,
                     (long long)stands(is, services, topic), (long long)least);
}

static struct model was, is;

static void check_shapes(const struct shape *before, const struct shape *after)
{
    struct regroup_plan plan, again;

    model_make(&was);
    groups_stand_somewhere(&was, after); /* from a time before: it counts for nothing */
    groups_stand_somewhere(&was, before);
    is = was;
    plan_of(&was, before, after, &plan);
    plan_apply(&is, before, after, &plan, STEPS);
    plan_of(&is, before, after, &again);
    if (again.move_count + again.copy_count > 0)
        ck_abort_msg("it is done twice");
    for (size_t topic = 0; topic < topic_count; topic++)
        for (int i = 0; i < SERVICES; i++) {
            check_service(&was, &is, before, after, &plan, &again, i, topic);
            check_group(&was, &is, before, after->sharing[i], topic);
            if (after->sharing[i] != before->sharing[i])
                check_group_is_within(&is, after->sharing[i], topic);
        }
    regroup_plan_free(&plan);
    regroup_plan_free(&again);
}

/* It is done until somewhere, while something was copied or some groups were moved, then whole. */
static void check_interrupted(const struct shape *before, const struct shape *after)
{
    struct regroup_plan plan, again;

    model_make(&was);
    groups_stand_somewhere(&was, after);
    groups_stand_somewhere(&was, before);
    is = was;
    plan_of(&was, before, after, &plan);
    if (rand() % 2 == 0)
        plan.copy_count = (size_t)rand() % (plan.copy_count + 1);
    else
        plan_apply(&is, before, after, &plan, rand() % (STEPS + 1));
    plan_of(&is, before, after, &again);
    plan_apply(&is, before, after, &again, STEPS);
    for (size_t topic = 0; topic < topic_count; topic++)
        for (int i = 0; i < SERVICES; i++)
            check_service(&was, &is, before, after, &plan, &again, i, topic);
    regroup_plan_free(&plan);
    regroup_plan_free(&again);
}

START_TEST(nothing_is_lost_from_any_shape_to_any_other_nor_done_twice)
{
    static struct shape shapes[SHAPES_MAX];
    const size_t count = shapes_make(shapes);

    ck_assert_uint_ge(count, 15);
    srand(7);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            for (int times = 0; times < 20; times++) {
                check_shapes(&shapes[i], &shapes[j]);
                check_interrupted(&shapes[i], &shapes[j]);
            }
}
END_TEST

START_TEST(a_shape_that_stays_moves_nothing)
{
    static struct shape shapes[SHAPES_MAX];
    const size_t count = shapes_make(shapes);
    struct regroup_plan plan;

    for (size_t i = 0; i < count; i++) {
        model_make(&was);
        groups_stand_somewhere(&was, &shapes[i]);
        plan_of(&was, &shapes[i], &shapes[i], &plan);
        ck_assert_uint_eq(plan.move_count, 0);
        ck_assert_uint_eq(plan.copy_count, 0);
        regroup_plan_free(&plan);
    }
}
END_TEST

/* It may be at work: what it has committed is read at two times. */
START_TEST(a_process_that_stays_is_not_moved)
{
    static const struct shape before = {{13, 2, 13, 13}}, after = {{5, 2, 5, 8}};
    int64_t later[TOPICS_MAX];
    struct regrouping regrouping;
    struct regroup_plan plan;

    model_make(&was);
    groups_stand_somewhere(&was, &before);
    for (size_t i = 0; i < topic_count; i++) {
        was.committed[2][i] = 12;
        later[i] = 15;
    }
    regrouping = regrouping_of(&was, &before, &after);
    regrouping.committed_after[SERVICE_PAYMENT] = later;
    regroup_plan(&regrouping, &plan);
    ck_assert_uint_gt(plan.move_count, 0);
    for (size_t i = 0; i < plan.move_count; i++)
        ck_assert_int_ne(plan.moves[i].service, SERVICE_PAYMENT);
    regroup_plan_free(&plan);
}
END_TEST

START_TEST(a_group_that_has_read_nothing_is_found)
{
    static const struct shape before = {{13, 2, 13, 13}}, after = {{5, 2, 5, 8}};
    struct regrouping regrouping;

    model_make(&was);
    was.committed[13][topic_number("inventory.commands")] = 12;
    regrouping = regrouping_of(&was, &before, &after);
    ck_assert_int_eq(regroup_unread(&regrouping), SERVICE_NONE); /* payment's stays */
    was.committed[13][topic_number("inventory.commands")] = NONE;
    ck_assert_int_eq(regroup_unread(&regrouping), SERVICE_ORDER);
    for (size_t i = 0; i < topic_count; i++)
        was.extents[i].span.start = END;
    ck_assert_int_eq(regroup_unread(&regrouping), SERVICE_NONE); /* nor could anybody */
    was.extents[topic_number("orders")].span.start = START;      /* the process does not read it */
    ck_assert_int_eq(regroup_unread(&regrouping), SERVICE_NONE);
}
END_TEST

/* ---- an example of each way ---- */

static const struct shape four = {{1, 2, 4, 8}}, one = {{15, 15, 15, 15}};

static const struct move *move_find(const struct regroup_plan *plan, int service, bool before,
                                    const char *topic)
{
    for (size_t i = 0; i < plan->move_count; i++)
        if (plan->moves[i].service == service && plan->moves[i].before == before &&
            strcmp(plan->moves[i].topic, topic) == 0)
            return &plan->moves[i];
    return NULL;
}

START_TEST(what_is_unread_of_a_topic_that_the_process_will_not_read_is_copied)
{
    const size_t orders = topic_number("orders"), commands = topic_number("orders.commands");
    const struct move *move;
    struct regroup_plan plan;

    model_make(&was);
    for (int i = 0; i < SERVICES; i++)
        for (size_t j = 0; j < topic_count; j++)
            was.committed[SERVICE_BIT(i)][j] = END;
    was.committed[SERVICE_BIT(SERVICE_PAYMENT)][orders] = 13;
    was.committed[SERVICE_BIT(SERVICE_ORDER)][commands] = 17;
    plan_of(&was, &four, &one, &plan);
    ck_assert_uint_eq(plan.copy_count, 1);
    ck_assert_int_eq(plan.copies[0].service, SERVICE_PAYMENT);
    ck_assert_str_eq(plan.copies[0].topic, "orders");
    ck_assert_int_eq(plan.copies[0].from, 13);
    ck_assert_int_eq(plan.copies[0].to, END);
    move = move_find(&plan, SERVICE_PAYMENT, true, "orders");
    ck_assert(move != NULL && move->from == 13 && move->to == END);
    move = move_find(&plan, SERVICE_ORDER, false, "orders.commands");
    ck_assert(move != NULL && move->from == NONE && move->to == 17);
    ck_assert(move_find(&plan, SERVICE_ORDER, false, "orders") == NULL);
    regroup_plan_free(&plan);
}
END_TEST

START_TEST(what_was_given_within_a_process_is_read_on_from_the_end)
{
    const unsigned all = one.sharing[0];
    const struct move *move;
    struct regroup_plan plan;

    model_make(&was);
    for (size_t i = 0; i < topic_count; i++)
        was.committed[all][i] = 15;
    was.committed[SERVICE_BIT(SERVICE_PAYMENT)][topic_number("orders")] = 11; /* stale */
    plan_of(&was, &one, &four, &plan);
    ck_assert_uint_eq(plan.copy_count, 0);
    move = move_find(&plan, SERVICE_PAYMENT, false, "orders");
    ck_assert(move != NULL && move->from == 11 && move->to == END);
    move = move_find(&plan, SERVICE_PAYMENT, false, "payment.internal");
    ck_assert(move != NULL && move->from == NONE && move->to == 15);
    move = move_find(&plan, SERVICE_ORDER, false, "orders.commands");
    ck_assert(move != NULL && move->to == 15);
    regroup_plan_free(&plan);
}
END_TEST

Suite *regroup_suite(void)
{
    Suite *suite = suite_create("regroup");
    TCase *cases = tcase_create("regroup");

    tcase_add_test(cases, nothing_is_lost_from_any_shape_to_any_other_nor_done_twice);
    tcase_add_test(cases, a_shape_that_stays_moves_nothing);
    tcase_add_test(cases, a_process_that_stays_is_not_moved);
    tcase_add_test(cases, a_group_that_has_read_nothing_is_found);
    tcase_add_test(cases, what_is_unread_of_a_topic_that_the_process_will_not_read_is_copied);
    tcase_add_test(cases, what_was_given_within_a_process_is_read_on_from_the_end);
    suite_add_tcase(suite, cases);
    return suite;
}
