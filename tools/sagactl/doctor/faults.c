#include "tools/sagactl/doctor/faults.h"

#include <stdio.h>
#include <string.h>

void topic_faults(const struct topic *topic, const struct topic_description *is, int partitions,
                  int64_t deadline_ms,
                  void (*found)(void *context, const char *topic, const char *what,
                                const char *fix),
                  void *context)
{
    char what[160];

    if (is->denied) {
        found(context, topic->name, "not authorized",
              "this principal may not see it: sagactl topics acls lists who needs what");
        return;
    }
    if (is->partitions == 0) {
        found(context, topic->name, "there is no such topic", "sagactl topics create makes it");
        return;
    }
    if (is->partitions != partitions) {
        snprintf(what, sizeof what, "%d partitions where %s has %d", is->partitions, topics[0].name,
                 partitions);
        found(context, topic->name, what,
              "an order's messages then meet in one instance no more: give all topics the same "
              "number");
    }
    if (!is->configured)
        return;
    if (is->retention_ms >= 0 && is->retention_ms <= deadline_ms) {
        snprintf(what, sizeof what, "keeps messages for %lld ms, an order may take %lld ms",
                 (long long)is->retention_ms, (long long)deadline_ms);
        found(context, topic->name, what, "set retention.ms to more, or to -1");
    }
    if (strcmp(is->cleanup, "delete") != 0) {
        snprintf(what, sizeof what, "cleanup.policy is %s", is->cleanup);
        found(context, topic->name, what,
              "several types share a key, so that compaction loses some: set it to delete");
    }
    if (is->max_message_bytes < TOPIC_MESSAGE_BYTES) {
        snprintf(what, sizeof what, "max.message.bytes is %lld", (long long)is->max_message_bytes);
        found(context, topic->name, what,
              "the largest message needs more: sagactl topics create would have set it");
    }
    if (is->max_message_bytes > TOPIC_MESSAGE_BYTES) {
        snprintf(what, sizeof what, "max.message.bytes is %lld", (long long)is->max_message_bytes);
        found(context, topic->name, what,
              "a compressed batch of so much may unpack to a thousand times that, in a service's "
              "memory; 1114112 does");
    }
    if (is->replication > 1 && is->min_insync_replicas < 2)
        found(context, topic->name, "min.insync.replicas is 1",
              "acknowledged may then mean: on one disk; set it to 2");
}
