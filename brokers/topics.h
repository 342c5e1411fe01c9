/* The topics of the saga and what they need, as one table. */
#ifndef QUADRILLE_BROKERS_TOPICS_H
#define QUADRILLE_BROKERS_TOPICS_H

#include <stdbool.h>
#include <stddef.h>

struct topic {
    const char *name;
    const char *meaning;
    bool dead_letters; /* holds what a service dead-lettered */
};

/* max.message.bytes of each: a message of 1 MiB with its headers, and a dead letter, whose size is
 * bounded.  Not more, for a batch of so many bytes may unpack to a thousand times as much, and a
 * client unpacks all of it at once. */
enum { TOPIC_PARTITIONS_DEFAULT = 4, TOPIC_MESSAGE_BYTES = 1024 * 1024 + 64 * 1024 };

enum { TOPICS_MAX = 32 }; /* of the table: room for one thing a topic */

extern const struct topic topics[];
extern const size_t topic_count;

/* Topics that were called otherwise in 0.1: nothing reads one of such a name since. */
struct former_topic {
    const char *name; /* in 0.1 */
    const char *now;
};

enum { FORMER_TOPICS = 4 };

extern const struct former_topic former_topics[FORMER_TOPICS];

/* False of a topic that is none of ours. */
bool topic_holds_dead_letters(const char *name);

#endif
