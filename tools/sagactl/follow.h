/* Follows many sagas at once through what the services say: which are answered, decided, closed,
 * and how long that took. */
#ifndef QUADRILLE_TOOLS_SAGACTL_FOLLOW_H
#define QUADRILLE_TOOLS_SAGACTL_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "brokers/broker.h"

struct follow;

/* Starts reading what is emitted from now on. */
struct follow *follow_new(const struct broker_settings *broker, struct error *error);
void follow_free(struct follow *follow); /* NULL is allowed */

/* From now on the order is followed; one that is followed already is not counted twice, but waits
 * for an answer to this command too. */
void follow_order(struct follow *follow, const char *order_id, const char *command_id,
                  int64_t placed_us);

/* Takes in what was emitted, waiting for at most `timeout_ms`.  Orders that were rejected are
 * reported on standard error, or, as JSON, on standard output. */
void follow_poll(struct follow *follow, int timeout_ms, bool json);

size_t follow_count(const struct follow *follow);      /* orders, however often each was placed */
size_t follow_unanswered(const struct follow *follow); /* neither created nor rejected yet */
size_t follow_unfinished(const struct follow *follow); /* neither closed nor rejected yet */
size_t follow_rejected(const struct follow *follow);

/* Names at most ten orders that are not finished, and what they wait for. */
void follow_print_unfinished(const struct follow *follow, FILE *out);

/* The table, or one JSON object. */
void follow_print_summary(const struct follow *follow, bool json);

#endif
