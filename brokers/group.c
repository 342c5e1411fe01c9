#include "brokers/group.h"

#include <stdio.h>
#include <string.h>

/* What is left to be read of a member's metadata: ConsumerProtocolSubscription of Kafka's protocol,
 * numbers big-endian. */
struct bytes {
    const unsigned char *at;
    size_t left;
    bool ended; /* before what was asked for */
};

static int32_t number_read(struct bytes *bytes, size_t size)
{
    uint32_t number = 0;

    if (bytes->left < size) {
        bytes->ended = true;
        return -1;
    }
    for (size_t i = 0; i < size; i++)
        number = number << 8 | bytes->at[i];
    bytes->at += size;
    bytes->left -= size;
    return size == 2 ? (int16_t)number : (int32_t)number;
}

/* Which of our topics a member does not read: bit by bit. */
static const char *missing_of(const char *const *topics, size_t count, uint64_t read)
{
    for (size_t i = 0; i < count && i < 64; i++)
        if ((read & UINT64_C(1) << i) == 0)
            return topics[i];
    return NULL;
}

static uint64_t bit_of(const char *const *topics, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count && i < 64; i++)
        if (strlen(topics[i]) == length && memcmp(topics[i], name, length) == 0)
            return UINT64_C(1) << i;
    return 0;
}

/* True when the member reads the very same topics; else `topic` gets one of those that differ.
 * False with an empty `topic` when the metadata cannot be read. */
static bool reads_the_same(const void *metadata, int size, const char *const *topics, size_t count,
                           char *topic, size_t topic_size)
{
    struct bytes bytes = {metadata, (size_t)size, false};
    uint64_t read = 0;
    int32_t subscribed;

    number_read(&bytes, 2); /* version */
    subscribed = number_read(&bytes, 4);
    topic[0] = '\0';
    for (int32_t i = 0; i < subscribed && !bytes.ended; i++) {
        int32_t length = number_read(&bytes, 2);
        uint64_t bit;

        if (bytes.ended || length < 0 || (size_t)length > bytes.left)
            return false;
        bit = bit_of(topics, count, (const char *)bytes.at, (size_t)length);
        if (bit == 0) {
            snprintf(topic, topic_size, "%.*s", (int)length, (const char *)bytes.at);
            return false;
        }
        read |= bit;
        bytes.at += length;
        bytes.left -= (size_t)length;
    }
    if (bytes.ended || missing_of(topics, count, read) == NULL)
        return !bytes.ended;
    snprintf(topic, topic_size, "%s", missing_of(topics, count, read));
    return false;
}

bool group_strangers(rd_kafka_t *kafka, const char *group, const char *const *topics, size_t count,
                     int timeout_ms, struct strangers *strangers)
{
    const struct rd_kafka_group_list *list = NULL;
    bool known;

    *strangers = (struct strangers){0};
    if (rd_kafka_list_groups(kafka, group, &list, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    known = list->group_cnt == 0 || strcmp(list->groups[0].state, "Stable") == 0 ||
            list->groups[0].member_cnt == 0;
    for (int i = 0; known && list->group_cnt > 0 && i < list->groups[0].member_cnt; i++) {
        const struct rd_kafka_group_member_info *member = &list->groups[0].members[i];
        char topic[sizeof strangers->topic];

        if (reads_the_same(member->member_metadata, member->member_metadata_size, topics, count,
                           topic, sizeof topic) ||
            topic[0] == '\0')
            continue;
        strangers->members++;
        memcpy(strangers->topic, topic, sizeof topic);
    }
    rd_kafka_group_list_destroy(list);
    return known;
}
