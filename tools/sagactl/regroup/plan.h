/* What sagactl regroup does: positions of the old groups in, positions of the new groups, and
 * what must be copied, out.  Knows no broker.
 *
 *     struct regroup_plan plan;
 *
 *     regroup_plan(&regrouping, &plan);
 *     for (size_t i = 0; i < plan.move_count; i++)
 *         printf("%s/%d: %lld\n", plan.moves[i].topic, plan.moves[i].partition,
 *                (long long)plan.moves[i].to);
 *     regroup_plan_free(&plan);
 *
 * A new group reads on where the last of its services stands; one that stays as it
 * is may be at work, and is left alone.  Two things need thought:
 *
 * A service to which a topic's messages were handed over has no position there.  It reads
 * on at the topic's end: a message of Kafka is not finished before all that follows from it is
 * handed over, saved and acknowledged, so whatever was not handed over yet follows from a message
 * that is yet to be finished, comes again with that, and lies behind the end then.
 *
 * A service to which a topic's messages will be handed over reads them from Kafka no
 * more.  What its group had yet to read there is copied to its internal topic, for each service
 * of that group that consumes it, and the old group's position is moved to the end.  So the same
 * plan made again copies nothing, and whoever goes back, before or after, has lost nothing.
 *
 * What is read, or copied, twice does no harm. */
#ifndef QUADRILLE_TOOLS_SAGACTL_REGROUP_PLAN_H
#define QUADRILLE_TOOLS_SAGACTL_REGROUP_PLAN_H

#include "brokers/admin.h"
#include "services/catalog.h"
#include "tools/sagactl/copy.h"

/* Arrays of partitions are those of the table of topics, of which `partitions` says how many each
 * has, one behind the other. */
struct regrouping {
    const int *partitions;
    const struct extent *extents;
    /* of each service: who shares its process, and what the group of those has committed; -1:
     * nothing */
    unsigned before[SERVICES], after[SERVICES];
    const int64_t *committed_before[SERVICES], *committed_after[SERVICES];
};

struct move {
    int service; /* of the group that is moved the first in the catalog */
    bool before; /* it is one of those that there are: what it had yet to read is copied */
    const char *topic;
    int32_t partition;
    int64_t from, to; /* -1: it has committed nothing */
};

struct regroup_plan {
    struct move *moves;
    size_t move_count, move_capacity;
    struct copy *copies;
    size_t copy_count, copy_capacity;
};

void regroup_plan(const struct regrouping *regrouping, struct regroup_plan *out);
void regroup_plan_free(struct regroup_plan *plan);

/* The first service of a group that changes and has committed nothing, though there is something to
 * read: is that its group?  SERVICE_NONE: there is no such. */
int regroup_unread(const struct regrouping *regrouping);

/* Is it the first of the services in the catalog? */
bool is_first_of(unsigned services, int service);

#endif
