/* Which way messages go, as the tables of the services say: who emits an event, what leads to it,
 * and which records a service acts on.
 *
 *     if (record_is_for(log, history, SERVICE_PAYMENT, record))
 *         printf("payment consumes it; it may lead to %s\n",
 *                facts_text(own_events(SERVICE_PAYMENT), " or ", arena)); */
#ifndef QUADRILLE_HISTORY_ROUTES_H
#define QUADRILLE_HISTORY_ROUTES_H

#include "history/order_history.h"
#include "services/runtime/service.h"

/* The service that emits it; SERVICE_NONE for the commands that anyone may send. */
int emitter_number(enum message_type type);

/* All events of the service: a set of FACTs. */
uint64_t own_events(int service);

/* What may lead to the event: the set of FACTs that the table of its emitter leads to it; 0 for
 * a command. */
uint64_t causes_of(enum message_type event);

/* What the service emits when it is asked to emit again what this row leads to: a set of FACTs.
 * What is made meanwhile lives in `arena`. */
uint64_t row_events(int service, const struct saga *row, struct arena *arena);

/* Does the service act on the record: does it consume it, under the flow of its order, and did not
 * dead-letter it? */
bool record_is_for(const struct order_histories *log, const struct order_history *history,
                   int service, const struct history_record *record);

/* "order.created, payment.completed", in `arena`; "" where there are none. */
const char *facts_text(uint64_t facts, const char *between, struct arena *arena);

#endif
