#include "history/lags.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "brokers/admin.h"
#include "brokers/topics.h"
#include "services/catalog.h"

struct lags {
    unsigned sharing[SERVICES]; /* of each: the services of its group */
    int partitions[TOPICS_MAX];
    int64_t *committed[SERVICES][TOPICS_MAX]; /* by partition; -1: nothing */
};

static enum status sizes_find(struct admin *admin, int *partitions, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < topic_count; i++)
        status = admin_topic_partitions(admin, topics[i].name, &partitions[i], error);
    return status;
}

static enum status committed_find(struct admin *admin, const char *group, struct lags *lags,
                                  int service, struct error *error)
{
    struct group_offsets *offsets = admin_group(admin, group, lags->partitions, error);

    if (offsets == NULL)
        return error->status;
    for (size_t i = 0; i < topic_count; i++) {
        lags->committed[service][i] = calloc((size_t)lags->partitions[i] + 1, sizeof(int64_t));
        if (lags->committed[service][i] == NULL)
            abort();
        for (int j = 0; j < lags->partitions[i]; j++)
            lags->committed[service][i][j] = group_offset(offsets, topics[i].name, j);
    }
    group_offsets_free(offsets);
    return STATUS_OK;
}

static enum status group_offsets_read(struct admin *admin, const char *const *groups,
                                      struct lags *lags, struct error *error)
{
    enum status status = sizes_find(admin, lags->partitions, error);

    for (int i = 0; status == STATUS_OK && i < SERVICES; i++) {
        lags->sharing[i] = services_sharing(groups, i);
        status = committed_find(admin, groups[i], lags, i, error);
    }
    return status;
}

struct lags *lags_new(const struct broker_settings *broker, const char *const *groups,
                      struct error *error)
{
    struct admin *admin = admin_new(broker, error);
    struct lags *lags;
    enum status status;

    if (admin == NULL)
        return NULL;
    lags = calloc(1, sizeof *lags);
    if (lags == NULL)
        abort();
    status = group_offsets_read(admin, groups, lags, error);
    admin_free(admin);
    if (status == STATUS_OK)
        return lags;
    lags_free(lags);
    return NULL;
}

void lags_free(struct lags *lags)
{
    if (lags == NULL)
        return;
    for (int i = 0; i < SERVICES; i++)
        for (size_t j = 0; j < topic_count; j++)
            free(lags->committed[i][j]);
    free(lags);
}

bool lags_has_read(const struct lags *lags, int service, const char *topic, int32_t partition,
                   int64_t offset)
{
    for (size_t i = 0; i < topic_count; i++)
        if (topics[i].name == topic)
            return !services_read_for(lags->sharing[service], service, topic) ||
                   (partition < lags->partitions[i] &&
                    lags->committed[service][i][partition] > offset);
    return true;
}

bool lags_share(const struct lags *lags, int service, int other)
{
    return (lags->sharing[service] & SERVICE_BIT(other)) != 0;
}

static enum status ends_compare(struct admin *admin, const struct lags *lags, int64_t totals[],
                                struct error *error)
{
    struct extent *extents = admin_extents(admin, lags->partitions, error), *extent = extents;

    if (extents == NULL)
        return error->status;
    for (size_t i = 0; i < topic_count; i++) {
        for (int j = 0; j < lags->partitions[i]; j++, extent++)
            for (int k = 0; k < SERVICES; k++)
                if (services_read_for(lags->sharing[k], k, topics[i].name))
                    totals[k] += span_lag(&extent->span, lags->committed[k][i][j]);
    }
    free(extents);
    return STATUS_OK;
}

enum status lags_total(const struct broker_settings *broker, const char *const *groups,
                       int64_t totals[], struct error *error)
{
    struct admin *admin = admin_new(broker, error);
    struct lags *lags = calloc(1, sizeof *lags);
    enum status status;

    if (lags == NULL)
        abort();
    for (int i = 0; i < SERVICES; i++)
        totals[i] = 0;
    status = admin == NULL ? error->status : group_offsets_read(admin, groups, lags, error);
    if (status == STATUS_OK)
        status = ends_compare(admin, lags, totals, error);
    admin_free(admin);
    lags_free(lags);
    return status;
}

static bool is_any_held(const struct extent *extents, const int *partitions)
{
    for (size_t i = 0, at = 0; i < topic_count; i++)
        for (int j = 0; j < partitions[i]; j++, at++)
            if (extents[at].held > 0)
                return true;
    return false;
}

/* A transaction is open for a moment wherever there is one: what counts is whether its end has
 * moved. */
static enum status held_find(struct admin *admin,
                             void (*found)(void *context, const char *topic, int partition,
                                           int64_t held),
                             void *context, struct error *error)
{
    const struct timespec a_second = {.tv_sec = 1};
    struct extent *before, *after = NULL;
    int partitions[TOPICS_MAX];
    enum status status = sizes_find(admin, partitions, error);

    if (status != STATUS_OK)
        return status;
    before = admin_extents(admin, partitions, error);
    if (before != NULL && is_any_held(before, partitions)) {
        nanosleep(&a_second, NULL);
        after = admin_extents(admin, partitions, error);
        status = after == NULL ? error->status : STATUS_OK;
    }
    for (size_t i = 0, at = 0; after != NULL && i < topic_count; i++)
        for (int j = 0; j < partitions[i]; j++, at++)
            if (before[at].held > 0 && after[at].held > 0 &&
                after[at].span.end == before[at].span.end)
                found(context, topics[i].name, j, after[at].held);
    status = before == NULL ? error->status : status;
    free(before);
    free(after);
    return status;
}

enum status lags_held(const struct broker_settings *broker,
                      void (*found)(void *context, const char *topic, int partition, int64_t held),
                      void *context, struct error *error)
{
    struct admin *admin = admin_new(broker, error);
    enum status status = admin == NULL ? error->status : held_find(admin, found, context, error);

    admin_free(admin);
    return status;
}
