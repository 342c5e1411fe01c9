/* Messages read ahead: what can be made of a message apart from all others, other threads make, and
 * the one that takes it finds it made.
 *
 *     struct read_ahead *ahead = read_ahead_new(reader, decode, context);
 *
 *     while (!read_ahead_caught_up(ahead)) {
 *         void *decoded;
 *         struct incoming *incoming = read_ahead_take(ahead, 100, &decoded);
 *
 *         if (incoming != NULL) {
 *             use(incoming, decoded);
 *             incoming_release(incoming);
 *         }
 *     }
 *     read_ahead_free(ahead);
 *
 * Messages come in batches, which are prepared by whoever is free, this thread too when it would
 * have to wait, and are taken in the order in which they were read.  On one processor nobody
 * helps. */
#ifndef QUADRILLE_HISTORY_READ_AHEAD_H
#define QUADRILLE_HISTORY_READ_AHEAD_H

#include <stdbool.h>

#include "brokers/broker.h"

struct arena;
struct decoder;

/* Makes of a message what is to be made, in `arena`, where it lives until the next one is taken.
 * Called by several threads at once: it changes nothing of `context`.  It may release a message
 * that nobody needs any more. */
typedef void *prepare_message(void *context, struct incoming *incoming, struct decoder *decoder,
                              struct arena *arena);

struct read_ahead;

/* Everything else about the reader stays with its owner, who ends this first.  `prepare` NULL:
 * nothing is made. */
struct read_ahead *read_ahead_new(struct reader *reader, prepare_message *prepare, void *context);

/* The next message, and what was made of it; the caller releases it.  NULL when none came in
 * time. */
struct incoming *read_ahead_take(struct read_ahead *ahead, int timeout_ms, void **made);

/* True once everything that was there when the reader came has been taken. */
bool read_ahead_caught_up(const struct read_ahead *ahead);

/* STATUS_INVALID once a topic turned out to be one that may not be read. */
enum status read_ahead_status(const struct read_ahead *ahead, struct error *error);

void read_ahead_free(struct read_ahead *ahead); /* releases what was not taken; NULL is allowed */

#endif
