#include "brokers/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brokers/group.h"
#include "brokers/kafka.h"
#include "brokers/topics.h"

enum { ANSWER_MS = 15000, CONFIG_MS = 3000, SLICE_MS = 500 };

struct admin {
    struct client client;
    rd_kafka_t *kafka;
    rd_kafka_queue_t *queue;   /* where answers come */
    bool silent_about_configs; /* it was asked once, and is not asked again */
    struct broker_settings settings;
    rd_kafka_t *uncommitted; /* a second client, see uncommitted_reader; NULL: not needed yet */
};

struct group_offsets {
    rd_kafka_topic_partition_list_t *list;
};

/* Who looks whether a topic is there must not make it. */
static const struct property properties[] = {{"allow.auto.create.topics", "false"}, {NULL, NULL}};
static const struct property uncommitted[] = {{"isolation.level", "read_uncommitted"},
                                              {NULL, NULL}};

struct admin *admin_new(const struct broker_settings *settings, struct error *error)
{
    struct admin *admin = calloc(1, sizeof *admin);

    if (admin == NULL)
        abort();
    admin->kafka = kafka_new(RD_KAFKA_PRODUCER, settings, properties, NULL, &admin->client, error);
    if (admin->kafka == NULL) {
        free(admin);
        return NULL;
    }
    admin->settings = *settings;
    admin->queue = rd_kafka_queue_new(admin->kafka);
    return admin;
}

void admin_free(struct admin *admin)
{
    if (admin == NULL)
        return;
    rd_kafka_queue_destroy(admin->queue);
    kafka_destroy(admin->kafka, 0);
    if (admin->uncommitted != NULL)
        kafka_destroy(admin->uncommitted, 0);
    free(admin);
}

/* The answer to what was asked last.  NULL and `error` when there is none, or when it is a refusal
 * of the whole. */
static rd_kafka_event_t *answer(struct admin *admin, int timeout_ms, struct error *error)
{
    int64_t start_ms = kafka_clock_ms(), spent_ms = 0;
    rd_kafka_event_t *event;
    rd_kafka_resp_err_t code;

    do {
        event = rd_kafka_queue_poll(admin->queue, timeout_ms - (int)spent_ms < SLICE_MS
                                                      ? timeout_ms - (int)spent_ms
                                                      : SLICE_MS);
        spent_ms = kafka_clock_ms() - start_ms;
    } while (event == NULL && spent_ms < timeout_ms && kafka_waits_on(spent_ms));
    code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return event;
    if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE)
        error_set(error, STATUS_INVALID, "the broker at %s cannot be asked that: %s",
                  admin->client.brokers, rd_kafka_event_error_string(event));
    else
        kafka_unavailable(&admin->client,
                          event == NULL ? "it takes too long" : rd_kafka_event_error_string(event),
                          error);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    } else { /* when it comes after all it shall be no answer to the next question */
        rd_kafka_queue_destroy(admin->queue);
        admin->queue = rd_kafka_queue_new(admin->kafka);
    }
    return NULL;
}

/* ---- making topics ---- */

static rd_kafka_NewTopic_t *new_topic(const struct topic *topic,
                                      const struct topic_settings *settings, struct error *error)
{
    char why[300], number[32];
    rd_kafka_NewTopic_t *new = rd_kafka_NewTopic_new(topic->name, settings->partitions,
                                                     settings->replication, why, sizeof why);

    if (new == NULL) {
        error_set(error, STATUS_INVALID, "topic %s: %s", topic->name, why);
        return NULL;
    }
    snprintf(number, sizeof number, "%lld", (long long)settings->retention_ms);
    rd_kafka_NewTopic_set_config(new, "retention.ms", number);
    snprintf(number, sizeof number, "%d", TOPIC_MESSAGE_BYTES);
    rd_kafka_NewTopic_set_config(new, "max.message.bytes", number);
    /* several types share a key: compacting would lose some */
    rd_kafka_NewTopic_set_config(new, "cleanup.policy", "delete");
    return new;
}

static enum status results_read(rd_kafka_event_t *event, bool *made, struct error *error)
{
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    enum status status = STATUS_OK;
    size_t count;
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(result, &count);

    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);

        made[i] = code == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (!made[i] && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS && status == STATUS_OK) {
            const char *why = rd_kafka_topic_result_error_string(results[i]);

            status = error_set(error, STATUS_INVALID, "topic %s: %s",
                               rd_kafka_topic_result_name(results[i]),
                               why != NULL ? why : rd_kafka_err2str(code));
        }
    }
    return status;
}

enum status admin_topics_make(struct admin *admin, const struct topic_settings *settings,
                              bool *made, struct error *error)
{
    rd_kafka_NewTopic_t **wanted = calloc(topic_count, sizeof(rd_kafka_NewTopic_t *));
    rd_kafka_event_t *event = NULL;
    enum status status = STATUS_OK;

    if (wanted == NULL)
        abort();
    for (size_t i = 0; status == STATUS_OK && i < topic_count; i++) {
        wanted[i] = new_topic(&topics[i], settings, error);
        status = wanted[i] == NULL ? error->status : STATUS_OK;
    }
    if (status == STATUS_OK) {
        rd_kafka_CreateTopics(admin->kafka, wanted, topic_count, NULL, admin->queue);
        event = answer(admin, ANSWER_MS, error);
        status = event == NULL ? error->status : results_read(event, made, error);
    }
    if (event != NULL)
        rd_kafka_event_destroy(event);
    for (size_t i = 0; i < topic_count; i++)
        if (wanted[i] != NULL)
            rd_kafka_NewTopic_destroy(wanted[i]);
    free(wanted);
    return status;
}

/* ---- describing ---- */

static void entry_read(const rd_kafka_ConfigEntry_t *entry, struct topic_description *out)
{
    const char *name = rd_kafka_ConfigEntry_name(entry), *value = rd_kafka_ConfigEntry_value(entry);

    if (value == NULL)
        return;
    if (strcmp(name, "retention.ms") == 0)
        out->retention_ms = strtoll(value, NULL, 10);
    else if (strcmp(name, "max.message.bytes") == 0)
        out->max_message_bytes = strtoll(value, NULL, 10);
    else if (strcmp(name, "min.insync.replicas") == 0)
        out->min_insync_replicas = (int)strtol(value, NULL, 10);
    else if (strcmp(name, "cleanup.policy") == 0)
        snprintf(out->cleanup, sizeof out->cleanup, "%s", value);
}

/* A broker that cannot tell (the embedded one) leaves `configured` false. */
static void config_read(struct admin *admin, const char *topic, struct topic_description *out)
{
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    const rd_kafka_ConfigResource_t **found;
    const rd_kafka_ConfigEntry_t **entries;
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(admin->kafka, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    char why[200];
    struct error ignored;
    rd_kafka_event_t *event;
    size_t count, entry_count = 0;

    rd_kafka_AdminOptions_set_request_timeout(options, CONFIG_MS, why, sizeof why);
    rd_kafka_DescribeConfigs(admin->kafka, &resource, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    event = answer(admin, 2 * CONFIG_MS, &ignored);
    rd_kafka_ConfigResource_destroy(resource);
    admin->silent_about_configs = event == NULL;
    if (event == NULL)
        return;
    found = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event),
                                                      &count);
    if (count == 1 && rd_kafka_ConfigResource_error(found[0]) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        entries = rd_kafka_ConfigResource_configs(found[0], &entry_count);
        out->configured = true;
        for (size_t i = 0; i < entry_count; i++)
            entry_read(entries[i], out);
    }
    rd_kafka_event_destroy(event);
}

enum status admin_topic_partitions(struct admin *admin, const char *topic, int *partitions,
                                   struct error *error)
{
    return kafka_topic_size(admin->kafka, &admin->client, topic, ANSWER_MS, partitions, NULL,
                            error);
}

enum status admin_topic_describe(struct admin *admin, const char *topic,
                                 struct topic_description *out, struct error *error)
{
    enum status status;

    *out = (struct topic_description){0};
    status = kafka_topic_size(admin->kafka, &admin->client, topic, ANSWER_MS, &out->partitions,
                              &out->replication, error);
    out->denied = status == STATUS_INVALID;
    if (out->denied)
        return STATUS_OK;
    if (status == STATUS_OK && out->partitions > 0 && !admin->silent_about_configs)
        config_read(admin, topic, out);
    return status;
}

enum status admin_former_topics(struct admin *admin, bool *found, struct error *error)
{
    return kafka_former_topics(admin->kafka, &admin->client, ANSWER_MS, found, error);
}

static rd_kafka_topic_partition_list_t *all_partitions(const int *partitions)
{
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(64);

    for (size_t i = 0; i < topic_count; i++)
        for (int j = 0; j < partitions[i]; j++)
            rd_kafka_topic_partition_list_add(all, topics[i].name, j);
    return all;
}

/* One who reads what is not committed yet: the end of that is the end of all that is there. */
static rd_kafka_t *uncommitted_reader(struct admin *admin, struct error *error)
{
    if (admin->uncommitted == NULL)
        admin->uncommitted = kafka_new(RD_KAFKA_PRODUCER, &admin->settings, uncommitted, NULL,
                                       &admin->client, error);
    return admin->uncommitted;
}

static struct extent *extents_of(const rd_kafka_topic_partition_list_t *low,
                                 const rd_kafka_topic_partition_list_t *stable,
                                 const rd_kafka_topic_partition_list_t *high)
{
    struct extent *extents = calloc((size_t)low->cnt + 1, sizeof *extents);

    if (extents == NULL)
        abort();
    for (int i = 0; i < low->cnt; i++) {
        int64_t end = stable->elems[i].offset < high->elems[i].offset ? stable->elems[i].offset
                                                                      : high->elems[i].offset;

        extents[i] = (struct extent){{low->elems[i].offset, end}, high->elems[i].offset - end};
    }
    return extents;
}

/* What can be read is asked last: what comes between the questions is not held by anybody. */
struct extent *admin_extents(struct admin *admin, const int *partitions, struct error *error)
{
    rd_kafka_topic_partition_list_t *all = all_partitions(partitions), *low[2] = {NULL, NULL},
                                    *end[2] = {NULL, NULL};
    rd_kafka_t *const asked[2] = {uncommitted_reader(admin, error), admin->kafka};
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    struct extent *extents = NULL;

    for (int i = 0; asked[0] != NULL && code == RD_KAFKA_RESP_ERR_NO_ERROR && i < 2; i++)
        code = kafka_all_ends(asked[i], all, ANSWER_MS, &low[i], &end[i]);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        kafka_unavailable(&admin->client, rd_kafka_err2str(code), error);
    else if (asked[0] != NULL)
        extents = extents_of(low[1], end[1], end[0]);
    for (int i = 0; i < 2; i++) {
        if (low[i] != NULL)
            rd_kafka_topic_partition_list_destroy(low[i]);
        if (end[i] != NULL)
            rd_kafka_topic_partition_list_destroy(end[i]);
    }
    rd_kafka_topic_partition_list_destroy(all);
    return extents;
}

/* ---- groups ---- */

/* Which are asked for one by one: the embedded broker does not know what "all" means. */
static rd_kafka_ListConsumerGroupOffsets_t *offsets_request(const char *group,
                                                            const int *partitions)
{
    rd_kafka_topic_partition_list_t *all = all_partitions(partitions);
    rd_kafka_ListConsumerGroupOffsets_t *request;

    request = rd_kafka_ListConsumerGroupOffsets_new(group, all);
    rd_kafka_topic_partition_list_destroy(all);
    return request;
}

struct group_offsets *admin_group(struct admin *admin, const char *group, const int *partitions,
                                  struct error *error)
{
    rd_kafka_ListConsumerGroupOffsets_t *request = offsets_request(group, partitions);
    struct group_offsets *offsets = NULL;
    const rd_kafka_group_result_t **groups;
    const rd_kafka_error_t *failed;
    rd_kafka_event_t *event;
    size_t count;

    rd_kafka_ListConsumerGroupOffsets(admin->kafka, &request, 1, NULL, admin->queue);
    event = answer(admin, ANSWER_MS, error);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    if (event == NULL)
        return NULL;
    groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    failed = count == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
    if (failed != NULL) {
        error_set(error, STATUS_INVALID, "group %s: %s", group, rd_kafka_error_string(failed));
    } else {
        offsets = calloc(1, sizeof *offsets);
        if (offsets == NULL)
            abort();
        offsets->list =
            count == 1
                ? rd_kafka_topic_partition_list_copy(rd_kafka_group_result_partitions(groups[0]))
                : rd_kafka_topic_partition_list_new(0);
    }
    rd_kafka_event_destroy(event);
    return offsets;
}

int64_t group_offset(const struct group_offsets *offsets, const char *topic, int32_t partition)
{
    const rd_kafka_topic_partition_t *found =
        rd_kafka_topic_partition_list_find(offsets->list, topic, partition);

    return found == NULL || found->offset < 0 ? -1 : found->offset;
}

void group_offsets_free(struct group_offsets *offsets)
{
    if (offsets == NULL)
        return;
    rd_kafka_topic_partition_list_destroy(offsets->list);
    free(offsets);
}

int admin_group_strangers(struct admin *admin, const char *group, const char *const *names,
                          size_t count, char topic[250])
{
    struct strangers strangers;

    if (!group_strangers(admin->kafka, group, names, count, ANSWER_MS, &strangers))
        return 0;
    memcpy(topic, strangers.topic, sizeof strangers.topic);
    return strangers.members;
}

/* The first offset of each partition that the group has committed one of. */
static enum status beginnings(struct admin *admin, const struct group_offsets *offsets,
                              rd_kafka_topic_partition_list_t *list, struct error *error)
{
    enum status status = STATUS_OK;

    for (int i = 0; status == STATUS_OK && i < offsets->list->cnt; i++) {
        const rd_kafka_topic_partition_t *committed = &offsets->list->elems[i];
        int64_t start = 0, end;

        if (committed->offset < 0)
            continue;
        if (kafka_ends(admin->kafka, committed->topic, committed->partition, ANSWER_MS, &start,
                       &end) != RD_KAFKA_RESP_ERR_NO_ERROR)
            status = kafka_unavailable(&admin->client, "it does not tell where a partition starts",
                                       error);
        rd_kafka_topic_partition_list_add(list, committed->topic, committed->partition)->offset =
            start;
    }
    return status;
}

static enum status alter(struct admin *admin, const char *group,
                         const rd_kafka_topic_partition_list_t *list, struct error *error)
{
    rd_kafka_AlterConsumerGroupOffsets_t *request =
        rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    const rd_kafka_topic_partition_list_t *done;
    const rd_kafka_group_result_t **groups;
    rd_kafka_event_t *event;
    size_t count;

    rd_kafka_AlterConsumerGroupOffsets(admin->kafka, &request, 1, NULL, admin->queue);
    event = answer(admin, ANSWER_MS, error);
    rd_kafka_AlterConsumerGroupOffsets_destroy(request);
    if (event == NULL)
        return error->status;
    groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(event), &count);
    if (count == 1 && rd_kafka_group_result_error(groups[0]) != NULL)
        code = rd_kafka_error_code(rd_kafka_group_result_error(groups[0]));
    done = count == 1 ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && done != NULL && i < done->cnt; i++)
        code = done->elems[i].err;
    rd_kafka_event_destroy(event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return STATUS_OK;
    return error_set(
        error, STATUS_INVALID, "group %s cannot be moved: %s%s", group, rd_kafka_err2str(code),
        code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || code == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP
            ? "; it has members: stop all its instances first"
            : "");
}

/* What the group has committed in the topics of the table; NULL and `error` when the broker does
 * not tell. */
static struct group_offsets *committed(struct admin *admin, const char *group, struct error *error)
{
    int *partitions = calloc(topic_count, sizeof *partitions);
    struct group_offsets *offsets = NULL;
    enum status status = STATUS_OK;

    if (partitions == NULL)
        abort();
    for (size_t i = 0; status == STATUS_OK && i < topic_count; i++)
        status = kafka_topic_size(admin->kafka, &admin->client, topics[i].name, ANSWER_MS,
                                  &partitions[i], NULL, error);
    if (status == STATUS_OK)
        offsets = admin_group(admin, group, partitions, error);
    free(partitions);
    return offsets;
}

enum status admin_group_rewind(struct admin *admin, const char *group, int *moved,
                               struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
    struct group_offsets *offsets = committed(admin, group, error);
    enum status status = offsets == NULL ? error->status : beginnings(admin, offsets, list, error);

    if (status == STATUS_OK && list->cnt == 0)
        status = error_set(error, STATUS_INVALID, "group %s has read nothing yet", group);
    if (status == STATUS_OK)
        status = alter(admin, group, list, error);
    *moved = list->cnt;
    rd_kafka_topic_partition_list_destroy(list);
    group_offsets_free(offsets);
    return status;
}

/* librdkafka 2.0.2 ends the process by an assertion where a broker cannot describe groups.  One
 * that describes no topic either (the embedded one) is not asked: it moves no groups anyway. */
static enum status members_ask(struct admin *admin, const char *group, struct error *error)
{
    struct topic_description described;
    enum status status = admin_topic_describe(admin, topics[0].name, &described, error);

    if (status == STATUS_OK && admin->silent_about_configs)
        status = error_set(error, STATUS_INVALID,
                           "group %s: the broker at %s does not tell whether it has members, and "
                           "moves no groups: use Apache Kafka",
                           group, admin->client.brokers);
    return status;
}

/* How many members there are; a group that nobody knows has none. */
static enum status members_of(struct admin *admin, const char *group, size_t *count,
                              struct error *error)
{
    const rd_kafka_ConsumerGroupDescription_t **groups;
    enum status status = STATUS_OK;
    const rd_kafka_error_t *failed;
    rd_kafka_event_t *event;
    size_t found;

    *count = 0;
    if (members_ask(admin, group, error) != STATUS_OK)
        return error->status;
    rd_kafka_DescribeConsumerGroups(admin->kafka, &group, 1, NULL, admin->queue);
    event = answer(admin, ANSWER_MS, error);
    if (event == NULL)
        return error->status;
    groups = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(event), &found);
    failed = found == 1 ? rd_kafka_ConsumerGroupDescription_error(groups[0]) : NULL;
    if (failed != NULL && rd_kafka_error_code(failed) != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
        status =
            error_set(error, STATUS_INVALID, "group %s: whether it has members cannot be told: %s",
                      group, rd_kafka_error_string(failed));
    else if (found == 1 && failed == NULL)
        *count = rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
    rd_kafka_event_destroy(event);
    return status;
}

enum status admin_group_is_idle(struct admin *admin, const char *group, struct error *error)
{
    size_t members;
    enum status status = members_of(admin, group, &members, error);

    if (status == STATUS_OK && members > 0)
        status = error_set(error, STATUS_INVALID,
                           "group %s has %zu member%s: stop all its instances first", group,
                           members, members == 1 ? "" : "s");
    return status;
}

enum status admin_group_has_read(struct admin *admin, const char *group, bool *has_read,
                                 struct error *error)
{
    struct group_offsets *offsets = committed(admin, group, error);
    const enum status status = offsets == NULL ? error->status : STATUS_OK;

    *has_read = false;
    for (int i = 0; offsets != NULL && i < offsets->list->cnt; i++)
        *has_read = *has_read || offsets->list->elems[i].offset >= 0;
    group_offsets_free(offsets);
    return status;
}

enum status admin_group_move_back(struct admin *admin, const char *group,
                                  const struct position *positions, size_t count, int *moved,
                                  struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
    struct group_offsets *offsets = committed(admin, group, error);
    enum status status = offsets == NULL ? error->status : STATUS_OK;

    for (size_t i = 0; offsets != NULL && i < count; i++)
        if (group_offset(offsets, positions[i].topic, positions[i].partition) > positions[i].offset)
            rd_kafka_topic_partition_list_add(list, positions[i].topic, positions[i].partition)
                ->offset = positions[i].offset;
    if (status == STATUS_OK && list->cnt > 0)
        status = alter(admin, group, list, error);
    *moved = list->cnt;
    rd_kafka_topic_partition_list_destroy(list);
    group_offsets_free(offsets);
    return status;
}

enum status admin_group_move(struct admin *admin, const char *group,
                             const struct position *positions, size_t count, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
    enum status status;

    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, positions[i].topic, positions[i].partition)
            ->offset = positions[i].offset;
    status = count == 0 ? STATUS_OK : alter(admin, group, list, error);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}
