/* Saying things: answers to facts, refusals, and what is parked. */
#ifndef QUADRILLE_SERVICES_RUNTIME_PUBLISH_H
#define QUADRILLE_SERVICES_RUNTIME_PUBLISH_H

#include "services/runtime/service.h"

/* Each answer that the messages of the work lead to, once an order and type, in the order of the messages.  `delivery`
 * counts what is under way.  `after_each` is called behind each message that was sent; NULL for nothing. */
enum status publish_answers(const struct service *service, struct producer *producer, struct work *work,
                            struct delivery *delivery, void (*after_each)(void *context), void *after_context,
                            struct error *error);

/* An ITEM_PARK to SERVICE.parked, as dead_letter.h says; an ITEM_REFUSE answered with order.rejected. */
enum status publish_apart(const struct service *service, struct producer *producer, struct arena *arena,
                          const struct item *item, struct delivery *delivery, struct error *error);

/* A command of the sweeper to the service's own internal topic. */
enum status publish_command(const struct service *service, struct producer *producer, struct arena *arena,
                            enum message_type type, const char *order_id, struct delivery *delivery,
                            struct error *error);

#endif
