/* What the topics are, how far groups have read them, and making them: for tools; a service asks
 * for nothing of this.
 *
 *     struct admin *admin = admin_new(&settings, &error);
 *     if (admin_topics_make(admin, &(struct topic_settings){6, 3, -1}, made, &error) != STATUS_OK)
 *     ...
 *     admin_free(admin); */
#ifndef QUADRILLE_BROKERS_ADMIN_H
#define QUADRILLE_BROKERS_ADMIN_H

#include "brokers/broker.h"
#include "brokers/slots.h"

struct admin;

struct admin *admin_new(const struct broker_settings *settings, struct error *error);
void admin_free(struct admin *admin); /* NULL is allowed */

struct topic_settings {
    int partitions;
    int replication;
    int64_t retention_ms; /* -1: kept for ever */
};

/* Makes those topics of the table in topics.h that are not there; one that is there stays as it is.
 * `made` has topic_count places.  STATUS_INVALID names the topic and what the broker has against
 * it; some may have been made then. */
enum status admin_topics_make(struct admin *admin, const struct topic_settings *settings,
                              bool *made, struct error *error);

struct topic_description {
    int partitions;  /* 0: there is no such topic, or it may not be seen */
    bool denied;     /* it may not be seen */
    int replication; /* of its first partition */
    bool configured; /* the broker told what follows */
    int64_t retention_ms, max_message_bytes;
    int min_insync_replicas;
    char cleanup[32]; /* cleanup.policy */
};

/* The number of its partitions alone; 0: there is no such topic.  STATUS_INVALID when it may not be
 * seen. */
enum status admin_topic_partitions(struct admin *admin, const char *topic, int *partitions,
                                   struct error *error);

enum status admin_topic_describe(struct admin *admin, const char *topic,
                                 struct topic_description *out, struct error *error);

/* Which topics there are of the names that they had before, see topics.h: `found` has FORMER_TOPICS
 * places. */
enum status admin_former_topics(struct admin *admin, bool *found, struct error *error);

/* What of a partition can be read, and how much behind that is held: by a transaction that is open,
 * no one can read what it and others wrote since it began. */
struct extent {
    struct span span;
    int64_t held;
};

/* Of every partition of the topics of the table, of which `partitions` says how many each has, one
 * behind the other.  NULL and `error` when the broker does not tell; to be freed with free(). */
struct extent *admin_extents(struct admin *admin, const int *partitions, struct error *error);

/* How far a group has read: offsets that it committed. */
struct group_offsets;

/* In the topics of the table, of which `partitions` says how many each has.  NULL and `error` when
 * the broker does not tell.  A group that nobody knows has no offsets. */
struct group_offsets *admin_group(struct admin *admin, const char *group, const int *partitions,
                                  struct error *error);
/* -1: none */
int64_t group_offset(const struct group_offsets *offsets, const char *topic, int32_t partition);
void group_offsets_free(struct group_offsets *offsets); /* NULL is allowed */

/* How many members of the group read other topics than those, and one such topic; 0 where the
 * broker cannot tell. */
int admin_group_strangers(struct admin *admin, const char *group, const char *const *names,
                          size_t count, char topic[250]);

/* Moves a group to the beginning of every partition of the table's topics in which it has committed
 * an offset; `moved` is how many.  STATUS_INVALID when it has members: they would commit over
 * it. */
enum status admin_group_rewind(struct admin *admin, const char *group, int *moved,
                               struct error *error);

/* STATUS_INVALID when the group has members, which would commit over whatever is moved, and where
 * the broker does not tell. */
enum status admin_group_is_idle(struct admin *admin, const char *group, struct error *error);

/* Has it committed an offset in any topic of the table?  A group that nobody knows has not. */
enum status admin_group_has_read(struct admin *admin, const char *group, bool *has_read,
                                 struct error *error);

/* Moves the group back to those of the positions that lie before what it has committed; a partition
 * of which it has committed nothing is read from its beginning anyway.  `moved` is how many.
 * STATUS_INVALID when it has members. */
enum status admin_group_move_back(struct admin *admin, const char *group,
                                  const struct position *positions, size_t count, int *moved,
                                  struct error *error);

/* Moves the group to those positions, wherever it is.  STATUS_INVALID when it has members. */
enum status admin_group_move(struct admin *admin, const char *group,
                             const struct position *positions, size_t count, struct error *error);

#endif
