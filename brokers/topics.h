/* The topics of the saga and what they need, as one table. */
#ifndef QUADRILLE_BROKERS_TOPICS_H
#define QUADRILLE_BROKERS_TOPICS_H

#include <stddef.h>

struct topic {
    const char *name;
    const char *meaning;
    int max_message_bytes; /* max.message.bytes */
};

enum { TOPIC_PARTITIONS_DEFAULT = 4 };

extern const struct topic topics[];
extern const size_t topic_count;

#endif
