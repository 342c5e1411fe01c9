/* What is published: the events that facts lead to, rejections, dead letters, commands. */
#ifndef QUADRILLE_SERVICES_RUNTIME_PUBLISH_H
#define QUADRILLE_SERVICES_RUNTIME_PUBLISH_H

#include "services/runtime/local.h"

/* An event that a record leads to, as a record of another service of this process, in the arena;
 * NULL when that takes no such, or it cannot be made.  It is encoded and read as it would be if it
 * came from the log, and belongs to the batch that its cause came in. */
struct record *event_hand_over(struct record *cause, enum message_type type, struct local *to,
                               struct decoder *decoder, struct arena *arena);

/* What the records lead to, in their order, on the account of the batch that each came in.
 * `after_each` is called behind each message that was sent; NULL for nothing. */
enum status publish_events(struct producer *producer, const struct records *records,
                           void (*after_each)(void *context), void *after_context,
                           struct error *error);

/* A RECORD_DEAD_LETTER to SERVICE.dlq, as dead_letter.h says; a RECORD_REJECTED answered with
 * order.rejected. */
enum status publish_unprocessed(struct producer *producer, struct arena *arena,
                                const struct record *record, struct error *error);

/* A command of the sweeper to the service's own internal topic. */
enum status publish_command(const struct service *service, struct producer *producer,
                            struct arena *arena, enum message_type type, const char *order_id,
                            struct delivery *delivery, struct error *error);

#endif
