/* Moving stock: reservations, releases and stock commands of a whole batch in one locked step. */
#ifndef QUADRILLE_SERVICES_INVENTORY_STOCK_H
#define QUADRILLE_SERVICES_INVENTORY_STOCK_H

#include "services/runtime/service.h"

/* What is applied inside the transaction, before the rows.  Stock commands that were not decided
 * yet move what is on hand, effects move what is reserved, all in the order of the messages; what
 * came of a reservation goes through decide.  A command that would lead below zero is refused: its
 * record is dead-lettered with the reason, which is on record, so that it is the same however the
 * commands are batched, whenever it comes again, and when a stock is restored from the log. */
enum status stock_apply(const struct service *service, void *context, struct database *database,
                        struct batch *batch, struct error *error);

#endif
