#include "tools/sagactl/regroup/plan.h"

#include <stdlib.h>

#include "base/array.h"
#include "brokers/topics.h"

/* A partition that is planned. */
struct place {
    const struct regrouping *regrouping;
    struct regroup_plan *out;
    const char *topic;
    int32_t partition;
    size_t at;                /* in the arrays of partitions */
    struct span span;         /* of what can be read */
    int64_t stands[SERVICES]; /* where the group that each was in reads on */
};

bool is_first_of(unsigned services, int service)
{
    return (services & (SERVICE_BIT(service + 1) - 1)) == SERVICE_BIT(service);
}

/* Where a group that has committed that reads on. */
static int64_t reads_on(const struct span *span, int64_t committed)
{
    return span->end - span_lag(span, committed);
}

static void move_add(struct place *place, int service, bool before, int64_t from, int64_t to)
{
    struct regroup_plan *out = place->out;

    if (from == to)
        return;
    out->moves = array_grow(out->moves, out->move_count, &out->move_capacity, sizeof *out->moves);
    out->moves[out->move_count++] =
        (struct move){service, before, place->topic, place->partition, from, to};
}

static void copy_add(struct place *place, int service)
{
    struct regroup_plan *out = place->out;

    out->copies =
        array_grow(out->copies, out->copy_count, &out->copy_capacity, sizeof *out->copies);
    out->copies[out->copy_count++] = (struct copy){service, place->topic, place->partition,
                                                   place->stands[service], place->span.end};
}

/* Is one of the services read to from Kafka today, and will not be? */
static bool is_left(const struct place *place, unsigned services)
{
    const struct regrouping *regrouping = place->regrouping;

    for (int i = 0; i < SERVICES; i++)
        if ((services & SERVICE_BIT(i)) != 0 && services_read_for(services, i, place->topic) &&
            !services_read_for(regrouping->after[i], i, place->topic))
            return true;
    return false;
}

/* The group of those services, as it is. */
static void before_plan(struct place *place, int first)
{
    const unsigned services = place->regrouping->before[first];
    const int64_t committed = place->regrouping->committed_before[first][place->at],
                  stands = reads_on(&place->span, committed);
    const bool copied = is_left(place, services) && stands < place->span.end;

    for (int i = 0; i < SERVICES; i++) {
        if ((services & SERVICE_BIT(i)) == 0)
            continue;
        place->stands[i] = services_read_for(services, i, place->topic) ? stands : place->span.end;
        if (!copied || !services_read_for(services, i, place->topic))
            continue;
        copy_add(place, i);
        place->stands[i] = place->span.end;
    }
    if (copied)
        move_add(place, first, true, committed, place->span.end);
}

/* The group of those services, as it will be. */
static void after_plan(struct place *place, int first)
{
    const unsigned services = place->regrouping->after[first];
    int64_t least = place->span.end;

    if (place->regrouping->before[first] == services || !services_read(services, place->topic))
        return;
    for (int i = 0; i < SERVICES; i++)
        if ((services & SERVICE_BIT(i)) != 0 && services_read_for(services, i, place->topic) &&
            place->stands[i] < least)
            least = place->stands[i];
    move_add(place, first, false, place->regrouping->committed_after[first][place->at], least);
}

void regroup_plan(const struct regrouping *regrouping, struct regroup_plan *out)
{
    struct place place = {.regrouping = regrouping, .out = out};

    *out = (struct regroup_plan){0};
    for (size_t i = 0; i < topic_count; i++) {
        place.topic = topics[i].name;
        for (place.partition = 0; place.partition < regrouping->partitions[i];
             place.partition++, place.at++) {
            place.span = regrouping->extents[place.at].span;
            for (int service = 0; service < SERVICES; service++)
                if (is_first_of(regrouping->before[service], service))
                    before_plan(&place, service);
            for (int service = 0; service < SERVICES; service++)
                if (is_first_of(regrouping->after[service], service))
                    after_plan(&place, service);
        }
    }
}

static bool has_read_nothing(const struct regrouping *regrouping, int service)
{
    bool is_unread = false;

    for (size_t i = 0, at = 0; i < topic_count; i++)
        for (int j = 0; j < regrouping->partitions[i]; j++, at++) {
            const struct span *span = &regrouping->extents[at].span;

            if (regrouping->committed_before[service][at] >= 0)
                return false;
            is_unread = is_unread || (span->start < span->end &&
                                      services_read(regrouping->before[service], topics[i].name));
        }
    return is_unread;
}

int regroup_unread(const struct regrouping *regrouping)
{
    for (int i = 0; i < SERVICES; i++)
        if (regrouping->before[i] != regrouping->after[i] && has_read_nothing(regrouping, i))
            return i;
    return SERVICE_NONE;
}

void regroup_plan_free(struct regroup_plan *plan)
{
    free(plan->moves);
    free(plan->copies);
    *plan = (struct regroup_plan){0};
}
