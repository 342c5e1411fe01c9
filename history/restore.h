/* Brings the rows of a service to what the log tells: what it emitted is the truth, and is never
 * decided anew.
 *
 * Each order is led through the shipped decisions (replay_run.h), with what the log tells of
 * provider, stock and transport.  A row that is missing is made, one that is older is brought up,
 * one that is further stays.  Nobody is asked, nothing is published: an effect whose result was
 * never emitted leaves its row as it is before that result, and the service asks again under the
 * same key.
 *
 * The log is read twice: once to learn what became of each order, once for the payloads of
 * rows (orders as they were placed, lines, message texts).  All is done in one transaction of the
 * caller's:
 *
 *     const struct restore_scope scope = {.service = SERVICE_PAYMENT};
 *     struct restored restored;
 *     enum status status = database_execute(database, "BEGIN", &error);
 *
 *     if (status == STATUS_OK)
 *         status = rows_restore(&source, &scope, database, &restored, &error);
 *     if (status == STATUS_OK)
 *         status = database_execute(database, "COMMIT", &error);
 *     else
 *         database_rollback(database);
 *     restored_free(&restored); */
#ifndef QUADRILLE_HISTORY_RESTORE_H
#define QUADRILLE_HISTORY_RESTORE_H

#include "database/database.h"
#include "history/log_source.h"

struct restore_scope {
    int service;
    int64_t memory_mib; /* at least MEMORY_MIB_MIN, or 0, as histories_passes takes it */
    bool partial;       /* a log without its beginning will do: what it has all of is restored */
    void (*unreadable)(const char *why); /* NULL, or told of each row that is made anew, and why */
};

struct restored {
    size_t made, brought_up, kept; /* rows */
    size_t beginning_gone;         /* orders that the log has not all of: their rows are left */
    size_t open;                   /* orders of which the service has yet to emit something */

    /* Where it must read on, for what it has yet to emit: of each partition the first message of
     * such an order, else its end. */
    struct position *positions;
    size_t position_count;
};

/* STATUS_INVALID when the log has lost the beginning of an order and that will not do.
 * STATUS_CONFLICT when somebody else writes the rows meanwhile, STATUS_UNAVAILABLE when broker or
 * database does not answer.  When its observer interrupts it, it ends early with STATUS_OK: roll
 * back. */
enum status rows_restore(const struct log_source *source, const struct restore_scope *scope,
                         struct database *database, struct restored *out, struct error *error);
void restored_free(struct restored *restored); /* whatever came of it */

#endif
