/* The rows that services keep, read by key, for who compares them with the log.  Reads only.
 *
 *     const char *databases[SERVICES] = {[SERVICE_ORDER] = "postgresql:///orders"};
 *     struct stored *stored = stored_new(databases);
 *     struct stored_row row;
 *     enum status status =
 *         stored_load(stored, SERVICE_ORDER, &(const char *){"o-1"}, 1, &row, &error);
 *
 *     if (status == STATUS_OK && row.why == NULL && row.saga->version > 0)
 *         puts(order_table.state_names[row.saga->state]);
 *     stored_free(stored); */
#ifndef QUADRILLE_HISTORY_STORED_ROWS_H
#define QUADRILLE_HISTORY_STORED_ROWS_H

#include "base/error.h"
#include "events/saga.h"

enum { STORED_BATCH = 1000 };

struct stored;

/* `databases` are PostgreSQL URIs of the services, by number; NULL: that one is not read.  It
 * connects when it is asked first. */
struct stored *stored_new(const char *const *databases);
void stored_free(struct stored *stored); /* NULL is allowed */

/* Is the database of that service named?  Only then the others may be called for it. */
bool stored_has(const struct stored *stored, int service);

struct stored_row {
    struct saga *saga; /* of the service's row size; version 0: it is not there */
    const char *why;   /* it cannot be read; NULL: it can */
};

/* Fills `rows` with those of the orders, at most STORED_BATCH.  They live until the next call for
 * the same service.  STATUS_UNAVAILABLE when the database does not answer. */
enum status stored_load(struct stored *stored, int service, const char *const *orders, size_t count,
                        struct stored_row *rows, struct error *error);

/* Calls `see` with the id of every row there is. */
enum status stored_walk(struct stored *stored, int service,
                        void (*see)(void *context, const char *order_id), void *context,
                        struct error *error);

#endif
