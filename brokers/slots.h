/* What a consumer has read of each partition: what it took, what of that is finished, what the
 * broker was told.
 *
 * A partition that was ever ours has a slot, which is never given up, so that a number stays good;
 * a new assignment of the same partition is a new epoch, and what was taken under an older one can
 * no longer move its offset.
 *
 * A partition is read to its end when everything that was taken of it is finished and nothing more
 * is there.  What lies between the last message and the end (a transaction's marker, the messages
 * of one that was aborted) is no message: it is finished together with the last message before it,
 * so that what is committed of a partition that has been read is its end. */
#ifndef QUADRILLE_BROKERS_SLOTS_H
#define QUADRILLE_BROKERS_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

/* Of a partition: the first offset that is there, and the one behind the last. */
struct span {
    int64_t start, end;
};

/* How much of it is yet to be finished by a group that committed this offset; -1: none.  A group
 * that has committed nothing, or an offset that is no longer there, or one that lies behind the end
 * since the topic was made anew, begins at the start.  Kept free of subtractions elsewhere: an
 * offset is no count of messages. */
int64_t span_lag(const struct span *span, int64_t committed);

struct slot {
    char *topic;
    int32_t partition;
    int epoch;
    bool ours;
    /* all before it was taken, or is no message; -1: nothing yet, in this epoch */
    int64_t taken;
    int64_t finished;     /* next offset to read when all before it is finished; -1: nothing yet */
    int64_t committed;    /* what the broker was last told; -1: nothing yet */
    int64_t end;          /* where the partition ended, when it was last read to its end... */
    int64_t end_after;    /* ...and where its last message ended: between the two lies none */
    int32_t leader_epoch; /* the highest that the broker named to this client; -1: none */
};

struct slots {
    struct slot *all;
    int count;
};

/* Makes the slot when there is none; good until the next call. */
struct slot *slot_find(struct slots *slots, const char *topic, int32_t partition);
void slots_free(struct slots *slots);

void slot_assign(struct slot *slot);
void slots_revoke(struct slots *slots); /* all of them */

/* The broker names this leader epoch.  False when it named a higher one before: epochs only grow,
 * so that the topic was deleted and made anew meanwhile. */
bool slot_leader(struct slot *slot, int32_t leader_epoch);

/* A topic of that name was made anew: what was finished of the former is not committed any more. */
void slots_forget(struct slots *slots, const char *topic);

void slots_leaderless(struct slots *slots); /* what leaders the broker named is forgotten */

void slot_take(struct slot *slot, int64_t next);     /* a message, which ends at `next` */
void slot_untake(struct slot *slot, int64_t offset); /* it will be read again */
/* all that is there was taken: the next one will have this offset or a later one */
void slot_end(struct slot *slot, int64_t end);

/* All that was taken before `next` is finished.  Ignored when the partition was given to somebody
 * else meanwhile. */
void slot_finish(struct slot *slot, int epoch, int64_t next);

/* Is there something that the broker should be told? */
bool slot_is_due(const struct slot *slot);

#endif
