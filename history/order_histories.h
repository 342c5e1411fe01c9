/* All that order histories are made of: for the files of history/ that assemble and look into them;
 * others use order_history.h. */
#ifndef QUADRILLE_HISTORY_ORDER_HISTORIES_H
#define QUADRILLE_HISTORY_ORDER_HISTORIES_H

#include "history/assemble.h"
#include "history/hash_set.h"
#include "history/order_history.h"
#include "services/catalog.h"

/* A partition that has lost its first messages, and when the first was written that it still
 * has. */
struct beginning {
    const char *topic;
    int32_t partition;
    int64_t first_ms; /* INT64_MAX: nothing is left, or nothing was read of it */
};

struct order_histories {
    struct arena *arena, *scratch; /* of all; of one message */
    struct decoder *decoder;
    struct order_history **all;
    size_t count, capacity;
    struct index index; /* of `all`, by order id */
    size_t messages;
    struct beginning *beginnings;
    size_t beginning_count, beginnings_open; /* of the latter nothing was read yet */
    struct position *ends;
    size_t end_count;
    struct hash_set asked;                  /* hashes of the orders that the scope names */
    struct hash_set dead_letters[SERVICES]; /* coordinates of what each dead-lettered, and... */
    struct hash_set resolved[SERVICES];     /* ...of what somebody redrove or dropped */
    const struct history_scope *scope;      /* while reading */
    unsigned share, shares;                 /* of the scope that was read last */
    struct astray *astray;
    size_t astray_count;
};

/* That of the order, which is made where there is none. */
struct order_history *history_of(struct order_histories *histories, const char *order_id,
                                 uint64_t hash);

/* Is the order, by its hash, one of that share? */
bool is_of_share(uint64_t hash, unsigned share, unsigned shares);

/* What a dead letter is known by. */
uint64_t coordinates_hash(const char *topic, int64_t partition, int64_t offset);

/* Where the log begins and ends: of a reader that has just been opened, and of each message that is
 * taken. */
void extent_open(struct order_histories *histories, const struct reader *reader);
void extent_take(struct order_histories *histories, const struct incoming *incoming);

#endif
