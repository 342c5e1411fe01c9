/* Order histories assembled from the log: it is read ahead by several threads, and each message's
 * record joins its order's history.
 *
 *     const struct history_scope scope = {.since_ms = yesterday_ms, .progress = "log"};
 *     struct order_histories *log = histories_new();
 *     enum status status = histories_read(log, &source, &scope, &error);
 *
 * A log that does not fit into memory is read in shares: see memory_bound.h. */
#ifndef QUADRILLE_HISTORY_ASSEMBLE_H
#define QUADRILLE_HISTORY_ASSEMBLE_H

#include "brokers/topics.h"
#include "history/log_source.h"
#include "history/order_history.h"

struct history_scope {
    const char *const *orders;  /* ended by NULL, each gets a history, empty or not; NULL: all */
    int64_t since_ms, until_ms; /* 0: no bound */
    const struct position *positions; /* where to start instead */
    size_t position_count;
    unsigned share, shares; /* orders whose hash leaves `share` divided by `shares`; 0, 0: all */
    bool contents;          /* also identify the contents of orders that were placed */
    const char *progress;   /* what its observer is told it reads; NULL: nothing */

    /* NULL, or told of every message after its record was taken, bodies included; `message` is NULL
     * when it cannot be read. */
    void (*listen)(void *context, const struct incoming *incoming, const struct message *message,
                   struct order_history *history);
    void *listen_context;
};

/* Reads what is there now and adds it.  STATUS_UNAVAILABLE when the broker does not answer,
 * STATUS_INVALID for settings that are no good. */
enum status histories_read(struct order_histories *histories, const struct log_source *source,
                           const struct history_scope *scope, struct error *error);

/* One message more; histories_read does this for each. */
void histories_take(struct order_histories *histories, const struct history_scope *scope,
                    const struct incoming *incoming);

/* The topics that tell of orders: all but that of stock commands.  Returns how many they are. */
size_t history_topics(const char *chosen[TOPICS_MAX]);

#endif
