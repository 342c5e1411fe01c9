/* The stock brought to what the log tells: each stock command that it does not know yet, in the
 * order of the log.  Part of restore.h, in its transaction. */
#ifndef QUADRILLE_HISTORY_RESTORE_STOCK_H
#define QUADRILLE_HISTORY_RESTORE_STOCK_H

#include "database/database.h"
#include "history/log_source.h"

/* STATUS_UNAVAILABLE when broker or database does not answer, STATUS_CONFLICT when somebody else
 * writes the stock meanwhile. */
enum status stock_restore(const struct log_source *source, struct database *database,
                          struct error *error);

#endif
