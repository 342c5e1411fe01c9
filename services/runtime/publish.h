/* What is published: the events that facts lead to, rejections, dead letters, commands. */
#ifndef QUADRILLE_SERVICES_RUNTIME_PUBLISH_H
#define QUADRILLE_SERVICES_RUNTIME_PUBLISH_H

#include "services/runtime/service.h"

/* Each event that the messages of the batch lead to, once an order and type, in the order of the
 * messages, on the account of the batch that each came in.  What an order wants an effect for is
 * published when that is answered.  `after_each` is called behind each message that was sent; NULL
 * for nothing. */
enum status publish_events(const struct service *service, struct producer *producer,
                           struct batch *batch, void (*after_each)(void *context),
                           void *after_context, struct error *error);

/* A RECORD_DEAD_LETTER to SERVICE.dlq, as dead_letter.h says; a RECORD_REJECTED answered with
 * order.rejected. */
enum status publish_unprocessed(const struct service *service, struct producer *producer,
                                struct arena *arena, const struct record *record,
                                struct error *error);

/* A command of the sweeper to the service's own internal topic. */
enum status publish_command(const struct service *service, struct producer *producer,
                            struct arena *arena, enum message_type type, const char *order_id,
                            struct delivery *delivery, struct error *error);

#endif
