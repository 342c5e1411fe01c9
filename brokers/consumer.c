#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/wait.h"
#include "brokers/group.h"
#include "brokers/kafka.h"
#include "brokers/slots.h"
#include "brokers/wakeup.h"

enum {
    CLOSE_MS = 10000,
    COMMIT_MS = 5000,
    REST_MS = 1000,
    LOOK_MS = 1000,
    LOOK_AFTER_MS = 2000,
    LOOKS_MAX = 15,
    LEADERS_EVERY_MS = 10000,
    LEADERS_MS = 500
};

struct consumer {
    struct client client;
    rd_kafka_t *kafka;
    struct broker_settings settings;
    struct slots slots;
    int64_t committed_at_ms;
    bool last_commit_is_over;
    struct intake intake;
    struct wakeup wakeup;
    bool paused; /* partitions that are assigned meanwhile start paused */
    int idle_ms; /* for how long nothing has come */
    char *group;
    const char *const *topics;
    size_t topic_count;
    /* when the group's members are looked at; 0: they were, since the last assignment */
    int64_t look_at_ms;
    int looks;              /* how often they could not be told */
    bool looked_for_former; /* topics, once */
    int64_t leaders_at_ms;  /* when the leaders of the partitions are looked at */
};

static const struct property properties[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"}, /* see slots.h */
    {"auto.offset.reset", "earliest"},
    /* same partition count everywhere: one instance has all of an order */
    {"partition.assignment.strategy", "range"},
    {"session.timeout.ms", "6000"},
    {"heartbeat.interval.ms", "1000"},
    {"queued.max.messages.kbytes", "2048"}, /* in time for the next batch: see kafka_fetch_on */
    /* of a partition in one answer, unless one batch is larger */
    {"fetch.message.max.bytes", "131072"},
    /* in one answer: of what is compressed it unpacks all at once */
    {"fetch.max.bytes", "1114112"},
    {"fetch.error.backoff.ms", "50"},
    {"allow.auto.create.topics", "true"},
    {NULL, NULL},
};

/* What is finished and not yet committed; NULL when that is nothing. */
static rd_kafka_topic_partition_list_t *uncommitted(struct consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = NULL;

    for (int i = 0; i < consumer->slots.count; i++) {
        struct slot *slot = &consumer->slots.all[i];

        if (!slot_is_due(slot))
            continue;
        if (list == NULL)
            list = rd_kafka_topic_partition_list_new(consumer->slots.count);
        rd_kafka_topic_partition_list_add(list, slot->topic, slot->partition)->offset =
            slot->finished;
        slot->committed = slot->finished;
    }
    return list;
}

/* librdkafka refused what the consumer must do to go on: it ends, and what was not committed comes
 * again. */
static void is_refused(struct consumer *consumer, const char *what, const char *why)
{
    if (consumer->client.fatal.status == STATUS_OK)
        error_set(&consumer->client.fatal, STATUS_BUG, "librdkafka refuses to %s: %s", what, why);
}

static void commit_failed(struct consumer *consumer, const char *why)
{
    char what[300];

    snprintf(what, sizeof what, "offsets of group %s", consumer->group);
    kafka_outage(&consumer->client, what, why,
                 "the offsets of group %s cannot be committed, tried again: %s", consumer->group,
                 why);
}

/* The first refusal in the list, which may stand there while the whole went well. */
static rd_kafka_resp_err_t first_error(rd_kafka_resp_err_t code,
                                       const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && list != NULL && i < list->cnt; i++)
        code = list->elems[i].err;
    return code;
}

/* Fixed by the next rebalance, which is under way: whose partitions they are then is told there. */
static bool is_of_a_rebalance(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
           code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || code == RD_KAFKA_RESP_ERR__DESTROY;
}

/* What failed to be committed is committed again with the next: a partition where nothing new comes
 * would else lag for ever, and a sweeper that waits for its commands to be read would wait with it.
 * client is the consumer's first member. */
static void on_commit(rd_kafka_t *kafka, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct consumer *consumer = opaque;
    char what[300];

    (void)kafka;
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *partition = &list->elems[i];
        struct slot *slot = slot_find(&consumer->slots, partition->topic, partition->partition);

        if ((code != RD_KAFKA_RESP_ERR_NO_ERROR || partition->err != RD_KAFKA_RESP_ERR_NO_ERROR) &&
            slot->committed == partition->offset)
            slot->committed = -1;
    }
    code = first_error(code, list);
    if (code == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return;
    snprintf(what, sizeof what, "offsets of group %s", consumer->group);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        kafka_outage_over(&consumer->client, what);
    else if (is_of_a_rebalance(code))
        kafka_say(&consumer->client, LOG_DEBUG, "an offset commit failed and is made again: %s",
                  rd_kafka_err2str(code));
    else
        commit_failed(consumer, rd_kafka_err2str(code));
}

/* on_commit is told of its end. */
static void commit(struct consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = uncommitted(consumer);
    rd_kafka_resp_err_t code;

    consumer->committed_at_ms = kafka_clock_ms();
    if (list == NULL)
        return;
    code = rd_kafka_commit(consumer->kafka, list, 1);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        commit_failed(consumer, rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
}

static void on_last_commit(rd_kafka_t *kafka, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct consumer *consumer = opaque;

    consumer->last_commit_is_over = true;
    on_commit(kafka, code, list, consumer);
}

/* Before partitions go to somebody else.  A commit that librdkafka waits for has no end while there
 * is no broker, and meanwhile neither SIGTERM nor anything else would be heeded: what is not
 * committed in time comes again, to whoever has the partition. */
static void commit_last(struct consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = uncommitted(consumer);
    int64_t until = kafka_clock_ms() + COMMIT_MS, left;
    rd_kafka_queue_t *queue;
    rd_kafka_resp_err_t code;

    consumer->committed_at_ms = kafka_clock_ms();
    if (list == NULL)
        return;
    queue = rd_kafka_queue_new(consumer->kafka);
    consumer->last_commit_is_over = false;
    code = rd_kafka_commit_queue(consumer->kafka, list, queue, on_last_commit, consumer);
    while (code == RD_KAFKA_RESP_ERR_NO_ERROR && !consumer->last_commit_is_over &&
           (left = until - kafka_clock_ms()) > 0)
        rd_kafka_queue_poll_callback(queue, (int)left);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || !consumer->last_commit_is_over)
        commit_failed(consumer, code != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_err2str(code)
                                                                   : "no answer in time");
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
}

static void set_paused(struct consumer *consumer, rd_kafka_topic_partition_list_t *list,
                       bool paused)
{
    rd_kafka_resp_err_t code = paused ? rd_kafka_pause_partitions(consumer->kafka, list)
                                      : rd_kafka_resume_partitions(consumer->kafka, list);

    code = first_error(code, list);
    /* that one was taken from us meanwhile */
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        is_refused(consumer, paused ? "pause partitions" : "resume partitions",
                   rd_kafka_err2str(code));
}

static void assigned(struct consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        slot_assign(slot_find(&consumer->slots, list->elems[i].topic, list->elems[i].partition));
    consumer->look_at_ms = kafka_clock_ms() + LOOK_AFTER_MS;
    consumer->looks = 0;
    consumer->leaders_at_ms = 0;
}

/* A partition that is paused when it is taken from us would come back paused, which nobody would
 * undo.  One that comes is left alone unless it must be paused: to resume one that is just being
 * started can make librdkafka forget it.  client is the consumer's first member. */
static void on_rebalance(rd_kafka_t *kafka, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct consumer *consumer = opaque;

    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        kafka_is_back(&consumer->client);
        kafka_say(&consumer->client, LOG_INFO, "%d partitions assigned", list->cnt);
        assigned(consumer, list);
        code = rd_kafka_assign(kafka, list);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            is_refused(consumer, "read the partitions that were assigned", rd_kafka_err2str(code));
        else if (consumer->paused)
            set_paused(consumer, list, true);
        return;
    }
    if (code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        is_refused(consumer, "rebalance", rd_kafka_err2str(code));
    kafka_say(&consumer->client, LOG_INFO, "%d partitions revoked", list->cnt);
    if (!rd_kafka_assignment_lost(kafka))
        commit_last(consumer);
    slots_revoke(&consumer->slots);
    if (consumer->paused)
        set_paused(consumer, list, false);
    code = rd_kafka_assign(kafka, NULL);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        is_refused(consumer, "give partitions back", rd_kafka_err2str(code));
}

static void configure(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
}

static enum status subscribe(rd_kafka_t *kafka, const char *const *topics, size_t count,
                             struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(kafka, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return STATUS_OK;
    return error_set(error, STATUS_BUG, "cannot subscribe: %s", rd_kafka_err2str(code));
}

/* One that has yet to join the group. */
static rd_kafka_t *client_make(struct consumer *consumer, struct error *error)
{
    struct property all[sizeof properties / sizeof properties[0] + 2];
    size_t used = sizeof properties / sizeof properties[0] - 1;

    memcpy(all, properties, sizeof properties);
    all[used++] = (struct property){"group.id", consumer->group};
    if (consumer->settings.instance != NULL)
        all[used++] = (struct property){"group.instance.id", consumer->settings.instance};
    all[used] = (struct property){NULL, NULL};
    return kafka_new(RD_KAFKA_CONSUMER, &consumer->settings, all, configure, &consumer->client,
                     error);
}

static enum status client_join(struct consumer *consumer, rd_kafka_t *kafka, struct error *error)
{
    consumer->kafka = kafka;
    if (rd_kafka_poll_set_consumer(consumer->kafka) != RD_KAFKA_RESP_ERR_NO_ERROR)
        is_refused(consumer, "have one queue for all", "it is no consumer");
    consumer->client.has_messages = true;
    consumer->intake = (struct intake){.queue = rd_kafka_queue_get_consumer(consumer->kafka)};
    consumer->wakeup = wakeup_open(consumer->intake.queue);
    return subscribe(consumer->kafka, consumer->topics, consumer->topic_count, error);
}

struct consumer *consumer_new(const struct broker_settings *settings, const char *const *topics,
                              size_t count, struct error *error)
{
    struct consumer *consumer = calloc(1, sizeof *consumer);
    rd_kafka_t *kafka;

    if (consumer == NULL)
        abort();
    consumer->settings = *settings;
    consumer->group = strdup(settings->group);
    consumer->topics = topics;
    consumer->topic_count = count;
    if (consumer->group == NULL)
        abort();
    kafka = client_make(consumer, error);
    if (kafka == NULL || client_join(consumer, kafka, error) != STATUS_OK) {
        consumer_close(consumer);
        return NULL;
    }
    return consumer;
}

/* What a backlog took is given back once it is gone. */
static void rest(struct consumer *consumer, int waited_ms)
{
    bool rested = consumer->idle_ms >= REST_MS;

    consumer->idle_ms += rested ? 0 : waited_ms;
    if (!rested && consumer->idle_ms >= REST_MS)
        kafka_memory_trim();
}

static void topic_readable(struct consumer *consumer, const char *topic)
{
    kafka_is_back(&consumer->client);
    kafka_outage_over(&consumer->client, topic);
}

/* A batch that cannot be unpacked.  False when it is not known yet where it ends: then it comes
 * again. */
static bool bad_batch_take(struct consumer *consumer, rd_kafka_message_t *from,
                           struct incoming *message)
{
    const char *topic = rd_kafka_topic_name(from->rkt);
    int64_t next;

    if (!kafka_bad_batch_end(&consumer->client, topic, from->partition, from->offset, &next) ||
        kafka_read_from(consumer->kafka, topic, from->partition, next) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    incoming_fill_bad_batch(message, from, next);
    return true;
}

/* What is said instead of a message: that a partition ended, or that something cannot be read.
 * True when a batch that cannot be unpacked is to be taken in its place. */
static bool news_take(struct consumer *consumer, rd_kafka_message_t *from, struct incoming *message)
{
    const char *topic = from->rkt == NULL ? NULL : rd_kafka_topic_name(from->rkt);

    if (kafka_is_bad_batch(from))
        return bad_batch_take(consumer, from, message);

    if (from->err == RD_KAFKA_RESP_ERR__FATAL) { /* a consumer learns it here, not by on_error */
        kafka_is_dead(consumer->kafka, &consumer->client);
    } else if (from->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        slot_end(slot_find(&consumer->slots, topic, from->partition), from->offset);
        topic_readable(consumer, topic);
    } else if (topic != NULL) {
        kafka_outage(&consumer->client, topic, rd_kafka_err2str(from->err),
                     "topic %s cannot be read, waiting for it: %s", topic,
                     rd_kafka_err2str(from->err));
    } else {
        kafka_outage(&consumer->client, consumer->group, rd_kafka_err2str(from->err),
                     "group %s: %s", consumer->group, rd_kafka_message_errstr(from));
    }
    return false;
}

/* Members that read other topics take partitions that the others of the group need: their messages
 * are nobody's then.  A group that is just forming is looked at a little later. */
static void members_look(struct consumer *consumer)
{
    struct strangers strangers;

    if (consumer->look_at_ms == 0 || kafka_clock_ms() < consumer->look_at_ms)
        return;
    if (!consumer->looked_for_former)
        consumer->looked_for_former =
            kafka_former_topics_say(consumer->kafka, &consumer->client, LOOK_MS);
    if (!group_strangers(consumer->kafka, consumer->group, consumer->topics, consumer->topic_count,
                         LOOK_MS, &strangers)) {
        consumer->look_at_ms = ++consumer->looks < LOOKS_MAX ? kafka_clock_ms() + LOOK_AFTER_MS : 0;
        return;
    }
    consumer->look_at_ms = 0;
    if (strangers.members > 0)
        kafka_say(&consumer->client, LOG_ERR,
                  "group %s has members that read other topics, %d of them (%s): what they take of "
                  "ours is lost to this service;"
                  " a group is one service's own: --group",
                  consumer->group, strangers.members, strangers.topic);
}

/* A message, or a batch that cannot be unpacked; what else comes is looked at meanwhile.  Whoever
 * is served by others while it waits has other things to do. */
static bool take_next(struct consumer *consumer, int timeout_ms, struct incoming *message)
{
    const int64_t until = kafka_clock_ms() + timeout_ms;
    rd_kafka_message_t *from;
    bool comes_again;
    int64_t left;

    for (;;) {
        from = rd_kafka_consumer_poll(consumer->kafka, 0);
        if (from == NULL) {
            left = timeout_ms == 0 ? 0 : until - kafka_clock_ms();
            if (left <= 0 || consumer->client.fatal.status != STATUS_OK ||
                !wakeup_wait(&consumer->wakeup, (int)left))
                return false;
            continue;
        }
        if (from->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            incoming_fill(message, from);
            incoming_headers(message);
            return true;
        }
        comes_again = kafka_is_bad_batch(from);
        if (news_take(consumer, from, message))
            return true;
        rd_kafka_message_destroy(from);
        /* sooner than its end is looked for: whoever called has other things to do meanwhile */
        if (comes_again)
            return false;
    }
}

bool consumer_take(struct consumer *consumer, int timeout_ms, struct incoming *message)
{
    const int64_t since_ms = timeout_ms > 0 ? kafka_clock_ms() : 0;
    struct slot *slot;

    if (!take_next(consumer, timeout_ms, message)) {
        rest(consumer, timeout_ms > 0 ? (int)(kafka_clock_ms() - since_ms) : 0);
        members_look(consumer);
        kafka_look_back(consumer->kafka, &consumer->client);
        return false;
    }
    consumer->idle_ms = 0;
    kafka_fetch_on(consumer->kafka, &consumer->intake, message->value_length);
    topic_readable(consumer, message->topic);
    slot = slot_find(&consumer->slots, message->topic, message->partition);
    slot_take(slot, message->next);
    message->slot = (int)(slot - consumer->slots.all);
    message->epoch = slot->epoch;
    return true;
}

void consumer_finished(struct consumer *consumer, int slot, int epoch, int64_t next)
{
    slot_finish(&consumer->slots.all[slot], epoch, next);
}

/* ---- topics that were made anew ---- */

/* One of the partitions in `list` that is there, while the broker has forgotten what was committed
 * of it: it does when a topic is deleted.  What was read of the former may be as much as the new
 * one has, so that the offset alone tells nothing.  NULL when there is none. */
static const rd_kafka_topic_partition_t *forgotten(struct consumer *consumer,
                                                   rd_kafka_topic_partition_list_t *list)
{
    int64_t low, high;

    if (rd_kafka_committed(consumer->kafka, list, LEADERS_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return NULL;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        const struct slot *slot = slot_find(&consumer->slots, at->topic, at->partition);

        if (at->err == RD_KAFKA_RESP_ERR_NO_ERROR && at->offset == RD_KAFKA_OFFSET_INVALID &&
            slot->ours && slot->committed > 0 &&
            kafka_ends(consumer->kafka, at->topic, at->partition, LEADERS_MS, &low, &high) ==
                RD_KAFKA_RESP_ERR_NO_ERROR)
            return at;
    }
    return NULL;
}

#if RD_KAFKA_VERSION >= 0x020100ff

static void client_close(struct consumer *consumer);

/* A topic with a partition whose leader epoch has fallen, or that ends before what was read of it;
 * NULL when there is none.  Partitions of which nothing is known now are left out. */
static const char *made_anew(struct consumer *consumer, const rd_kafka_topic_partition_list_t *ends)
{
    const char *topic = NULL;

    for (int i = 0; i < ends->cnt; i++) {
        const rd_kafka_topic_partition_t *end = &ends->elems[i];
        struct slot *slot = slot_find(&consumer->slots, end->topic, end->partition);

        if (end->err != RD_KAFKA_RESP_ERR_NO_ERROR || end->offset < 0 ||
            (slot_leader(slot, rd_kafka_topic_partition_get_leader_epoch(end)) &&
             !(slot->ours && end->offset < slot->taken)))
            continue;
        topic = slot->topic;
        slots_forget(&consumer->slots, topic);
    }
    return topic;
}

static void begin_anew(struct consumer *consumer, const char *topic)
{
    struct error error;
    rd_kafka_t *kafka = client_make(consumer, &error);

    if (kafka == NULL) {
        is_refused(consumer, "join the group again", error.message);
        return;
    }
    kafka_say(&consumer->client, LOG_NOTICE,
              "topic %s was deleted and made anew: group %s is left and joined again", topic,
              consumer->group);
    client_close(consumer);
    slots_leaderless(&consumer->slots);
    if (client_join(consumer, kafka, &error) != STATUS_OK)
        is_refused(consumer, "join the group again", error.message);
}

/* librdkafka takes what it is told of a topic that was made anew for old news, since its leader
 * epochs begin at 0 again, and reads no more of it: only another client does. */
static void leaders_look(struct consumer *consumer)
{
    rd_kafka_topic_partition_list_t *ends;
    const rd_kafka_topic_partition_t *partition;
    const char *topic;

    if (kafka_clock_ms() < consumer->leaders_at_ms ||
        rd_kafka_assignment(consumer->kafka, &ends) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    kafka_list_ends(consumer->kafka, ends, LEADERS_MS);
    topic = made_anew(consumer, ends);
    if (topic == NULL && (partition = forgotten(consumer, ends)) != NULL) {
        topic = slot_find(&consumer->slots, partition->topic, partition->partition)->topic;
        slots_forget(&consumer->slots, topic);
    }
    consumer->leaders_at_ms = kafka_clock_ms() + LEADERS_EVERY_MS;
    rd_kafka_topic_partition_list_destroy(ends);
    if (topic != NULL)
        begin_anew(consumer, topic);
}

#else

/* Before 2.1 librdkafka knows no leader epochs, and can be told to read from the beginning. */
static void leaders_look(struct consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list;
    const rd_kafka_topic_partition_t *at;

    if (kafka_clock_ms() < consumer->leaders_at_ms ||
        rd_kafka_assignment(consumer->kafka, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    while ((at = forgotten(consumer, list)) != NULL &&
           kafka_read_from(consumer->kafka, at->topic, at->partition, RD_KAFKA_OFFSET_BEGINNING) ==
               RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_say(&consumer->client, LOG_NOTICE,
                  "topic %s was deleted and made anew: partition %d is read from its beginning",
                  at->topic, (int)at->partition);
        slot_assign(slot_find(&consumer->slots, at->topic, at->partition));
    }
    consumer->leaders_at_ms = kafka_clock_ms() + LEADERS_EVERY_MS;
    rd_kafka_topic_partition_list_destroy(list);
}

#endif

void consumer_commit(struct consumer *consumer, int interval_ms)
{
    if (kafka_clock_ms() - consumer->committed_at_ms < interval_ms)
        return;
    leaders_look(consumer);
    commit(consumer);
}

static void pause_all(struct consumer *consumer, bool pause)
{
    rd_kafka_topic_partition_list_t *list = NULL;

    consumer->paused = pause;
    if (rd_kafka_assignment(consumer->kafka, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    set_paused(consumer, list, pause);
    rd_kafka_topic_partition_list_destroy(list);
}

/* A message that slips out between pause and poll was taken by nobody: it is read again from its
 * offset, or, where librdkafka does not go back, by the next who is started, since what comes
 * behind it must not be finished before. */
static void give_back(struct consumer *consumer, struct incoming *message)
{
    rd_kafka_resp_err_t code =
        kafka_read_from(consumer->kafka, message->topic, message->partition, message->offset);

    slot_untake(&consumer->slots.all[message->slot], message->offset);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && consumer->client.fatal.status == STATUS_OK)
        error_set(&consumer->client.fatal, STATUS_BUG,
                  "%s/%d cannot be read again from offset %lld: %s", message->topic,
                  message->partition, (long long)message->offset, rd_kafka_err2str(code));
    incoming_release(message);
}

void consumer_idle(struct consumer *consumer, int timeout_ms)
{
    int64_t until = kafka_clock_ms() + timeout_ms, left;
    struct incoming message;

    pause_all(consumer, true);
    while ((left = until - kafka_clock_ms()) > 0)
        if (consumer->client.fatal.status != STATUS_OK)
            wait_for(-1, 0, (int)left);
        else if (consumer_take(consumer, (int)left, &message))
            give_back(consumer, &message);
    pause_all(consumer, false);
}

/* What was taken here is read, though it cannot be committed while something older is under way. */
static int64_t read_up_to(struct consumer *consumer, const rd_kafka_topic_partition_t *committed)
{
    const struct slot *slot = slot_find(&consumer->slots, committed->topic, committed->partition);

    return slot->ours && slot->taken > committed->offset ? slot->taken : committed->offset;
}

static rd_kafka_resp_err_t lag_ask(struct consumer *consumer, struct producer *producer,
                                   rd_kafka_topic_partition_list_t *list, int timeout_ms,
                                   int64_t *lag)
{
    rd_kafka_topic_partition_list_t *low = NULL, *high = NULL;
    rd_kafka_resp_err_t code =
        first_error(rd_kafka_committed(consumer->kafka, list, timeout_ms), list);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    code = kafka_all_ends(producer_handle(producer), list, timeout_ms, &low, &high);
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
        *lag += span_lag(&(struct span){low->elems[i].offset, high->elems[i].offset},
                         read_up_to(consumer, &list->elems[i]));
    rd_kafka_topic_partition_list_destroy(low);
    rd_kafka_topic_partition_list_destroy(high);
    return code;
}

enum status consumer_lag(struct consumer *consumer, struct producer *producer, const char *topic,
                         int timeout_ms, int64_t *lag, struct error *error)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;
    int partitions = 0;
    enum status status = kafka_topic_size(consumer->kafka, &consumer->client, topic, timeout_ms,
                                          &partitions, NULL, error);

    *lag = 0;
    if (status != STATUS_OK)
        return status;
    list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i);
    code = partitions == 0 ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                           : lag_ask(consumer, producer, list, timeout_ms, lag);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(error, STATUS_UNAVAILABLE, "the lag of %s cannot be determined: %s", topic,
                         rd_kafka_err2str(code));
    return STATUS_OK;
}

enum status consumer_status(const struct consumer *consumer, struct error *error)
{
    *error = consumer->client.fatal;
    return error->status;
}

/* rd_kafka_consumer_close would wait for ever for a broker that is gone.  False when it did not
 * come about in time.  What comes meanwhile comes as events, messages among them: only the
 * rebalance wants an answer. */
static bool leave(struct consumer *consumer, int timeout_ms)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->kafka);
    /* a fenced one has left already */
    rd_kafka_error_t *refused = rd_kafka_consumer_close_queue(consumer->kafka, queue);
    int64_t until = refused == NULL ? kafka_clock_ms() + timeout_ms : 0;
    bool left;

    if (refused != NULL)
        rd_kafka_error_destroy(refused);
    while (!(left = rd_kafka_consumer_closed(consumer->kafka) != 0) && kafka_clock_ms() < until) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10);

        if (event != NULL && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
            on_rebalance(consumer->kafka, rd_kafka_event_error(event),
                         rd_kafka_event_topic_partition_list(event), consumer);
        if (event != NULL)
            rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return left;
}

/* Leaves the group. */
static void client_close(struct consumer *consumer)
{
    commit(consumer);
    wakeup_close(&consumer->wakeup);
    rd_kafka_queue_destroy(consumer->intake.queue);
    kafka_destroy(consumer->kafka,
                  leave(consumer, CLOSE_MS) ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void consumer_close(struct consumer *consumer)
{
    if (consumer == NULL)
        return;
    if (consumer->kafka != NULL)
        client_close(consumer);
    slots_free(&consumer->slots);
    free(consumer->group);
    free(consumer);
}
