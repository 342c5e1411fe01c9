/* Who else is a member of a consumer group.  Included in brokers/ only. */
#ifndef QUADRILLE_BROKERS_GROUP_H
#define QUADRILLE_BROKERS_GROUP_H

#include "brokers/kafka.h"

/* What members of a group read, beside what they should. */
struct strangers {
    int members;     /* how many there are that read other topics */
    char topic[250]; /* one that such a member reads, and should not, or should, and does not */
};

/* Looks for members that subscribe to other topics than those.  False when it cannot be known now:
 * the broker cannot tell (the embedded one), or the group is just forming.  Waits for the broker
 * for `timeout_ms` at most. */
bool group_strangers(rd_kafka_t *kafka, const char *group, const char *const *topics, size_t count,
                     int timeout_ms, struct strangers *strangers);

#endif
