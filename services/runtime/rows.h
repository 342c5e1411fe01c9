/* A service's rows in PostgreSQL: loaded and saved a batch at a time, one statement each.
 *
 * Every table of rows starts with the same columns: order_id, version, state, facts, flow,
 * next_due, attempts; then come the service's own.  What a row keeps aside, its content, is a text
 * that is written once and read when it is needed. */
#ifndef QUADRILLE_SERVICES_RUNTIME_ROWS_H
#define QUADRILLE_SERVICES_RUNTIME_ROWS_H

#include "database/table.h"
#include "services/runtime/service.h"

enum {
    COMMON_COLUMNS = 7,
    FIRST_OWN_COLUMN = COMMON_COLUMNS + 1 /* of a result; of parameters it is COMMON_COLUMNS */
};

/* Does what the log tells of an order lead to the value that a row has in a column?  In part: where
 * it tells nothing, the row may. */
enum log_tells { TOLD, TOLD_IN_PART, UNTOLD };

/* A column and its place in the service's row: a const char * (COLUMN_TEXT, NULL is NULL) or an
 * int64_t (the others).  It is named here and nowhere else but in the migration that makes it. */
struct field {
    const char *name;
    enum column_kind kind;
    enum log_tells told;
    size_t offset;
    const char *rebuilt; /* what of it a rebuilt row has, in SQL; NULL: all; "": nothing for sure */
};

struct rows {
    const struct saga_table *table;
    size_t row_size; /* of the service's row, a struct that begins with a struct saga */

    const char *stored_in;      /* the name of its table in PostgreSQL */
    const struct field *fields; /* the service's own columns, behind the common ones */
    size_t field_count;
    struct table_statements *statements; /* all NULL until they are made of the columns, once */

    /* All NULL: nothing is kept aside.  content_table NULL: it is in the table itself, and
     * content_sql NULL as well, of which $1 are the order ids, $2 the contents.  content_write may
     * be NULL where decide sets the row's content itself. */
    const char *content_table, *content_column, *content_sql;
    enum status (*content_read)(struct saga *row, const char *content, struct decoder *decoder,
                                struct arena *arena, struct error *error);

    /* STATUS_INVALID when the service can have left no such row, or decide could not go on with it.
     * States, known facts and times are within their bounds already; what is kept aside was read
     * where it was wanted and is there. */
    enum status (*check)(const struct saga *row, bool wants_content, struct error *error);

    /* Of a row whose content_is_new. */
    const char *(*content_write)(const struct saga *row, struct arena *arena);
};

/* Fills the rows of all orders that are not read, and now_us.  STATUS_INVALID when one of
 * them cannot be read, or is none that the service can have left: that is the fault of its order
 * alone. */
enum status rows_load(const struct rows *rows, struct decoder *decoder, struct database *database,
                      struct batch *batch, struct error *error);

/* Calls `see` with the key of every row there is. */
enum status rows_walk(const struct rows *rows, struct database *database,
                      void (*see)(void *context, const char *order_id), void *context,
                      struct error *error);

/* Removes the rows of these keys, whoever wrote them last. */
enum status rows_remove(const struct rows *rows, struct database *database, const char *const *keys,
                        size_t count, struct arena *arena, struct error *error);

/* Copies what is stored of a row, but not its content, to a zeroed one whose texts then live in
 * `arena`. */
void row_copy(const struct rows *rows, const struct saga *from, struct saga *to,
              struct arena *arena);

/* Has the rows, which are in the order of their keys, and what they keep aside written with the
 * next statement that is waited for (database_defer), which is STATUS_CONFLICT when somebody else
 * moved one since it was read. */
enum status rows_save(const struct rows *rows, struct database *database,
                      struct saga *const *changed, size_t count, struct arena *arena,
                      struct error *error);

/* They are stored now as they are: the next save names the version that this one gave them. */
void rows_saved(struct saga *const *changed, size_t count);

#endif
