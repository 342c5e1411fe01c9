/* Brings the rows of a service to what the log tells: what it emitted is the truth, and is never decided anew.
 *
 * Each order is led through the shipped decisions (engine.h), with what the log tells of provider, stock and transport.  A row that
 * is missing is made, one that is older is brought up, one that is further stays.  Nobody is asked, nothing is published: an effect
 * whose result was never emitted leaves its row as it is before that result, and the service asks again under the same key.
 *
 * The log is read twice: once to learn what became of each order, once for what rows keep aside (orders as they were placed,
 * lines, message texts).  All is done in one transaction of the caller's. */
#ifndef QUADRILLE_HISTORY_RESTORE_H
#define QUADRILLE_HISTORY_RESTORE_H

#include "base/settings.h"
#include "brokers/broker.h"
#include "database/database.h"

struct restored {
    size_t made, brought_up, kept; /* rows */
    size_t beginning_gone;         /* orders of which the log no longer has all: their rows are left as they are */
    size_t open;                   /* orders of which the service has yet to emit something */

    /* Where it must read on, for what it has yet to emit: of each partition the first message of such an order, else its end. */
    struct position *positions;
    size_t position_count;
};

/* In one share of the orders after the other, as --memory-mib says.  `partial` false: STATUS_WRONG when the log has lost the
 * beginning of an order.  STATUS_CONFLICT when somebody else writes the rows meanwhile. */
enum status rows_restore(const struct settings *from, int service, struct database *database, bool partial, struct restored *out,
                         struct error *error);
void restored_free(struct restored *restored);

#endif
