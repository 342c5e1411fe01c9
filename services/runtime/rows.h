/* A service's rows in PostgreSQL: loaded and saved a work at a time, one statement each.
 *
 * Every table of rows starts with the same columns: order_id, version, state, facts, flow, next_due, attempts; then come the
 * service's own.  What a row keeps aside, its content, is a text that is written once and read when it is needed. */
#ifndef QUADRILLE_SERVICES_RUNTIME_ROWS_H
#define QUADRILLE_SERVICES_RUNTIME_ROWS_H

#include "services/runtime/service.h"

enum { COMMON_COLUMNS = 7, FIRST_OWN_COLUMN = COMMON_COLUMNS + 1 /* of a result; of parameters it is COMMON_COLUMNS */ };

/* A column and its place in the service's row: a const char * (COLUMN_TEXT, NULL is NULL) or an int64_t (the others). */
struct field {
    enum column_kind kind;
    size_t offset;
};

struct rows {
    const struct saga_table *table;
    size_t row_size; /* of the service's row, a struct that begins with a struct saga */

    /* $1 the order ids, $2 whether each wants its content, 1 or 0.  Selects one row each: now(), its number among $1 from 1 on,
     * the common columns but order_id, the service's own, the content. */
    const char *load_sql;

    /* $1 to $7 the common columns, then the service's own.  Rows that are not stored yet; an error when one is. */
    const char *insert_sql;

    /* The same; writes a row only if its version is one less than the one given, and fails by require_written unless that held for all. */
    const char *update_sql;

    const struct field *fields; /* the service's own, in the order of their columns */
    size_t field_count;

    /* All NULL: nothing is kept aside.  content_sql: $1 the order ids, $2 the contents; NULL: it is the last column of the two above.
     * content_write may be NULL where decide sets the row's content itself. */
    const char *content_sql;
    enum status (*content_read)(struct saga *row, const char *content, struct decoder *decoder, struct arena *arena, struct error *error);

    /* STATUS_WRONG when the service can have left no such row, or decide could not go on with it.  States, known facts and times are
     * within their bounds already; what is kept aside was read where it was wanted and is there. */
    enum status (*check)(const struct saga *row, bool wants_content, struct error *error);
    const char *(*content_write)(const struct saga *row, struct arena *arena); /* of a row whose content_is_new */
};

/* Fills the rows of all entries that are not known already, and now_us.  STATUS_WRONG when one of them cannot be read, or is none
 * that the service can have left: that is the fault of its order alone. */
enum status rows_load(const struct rows *rows, struct decoder *decoder, struct database *database, struct work *work, struct error *error);

/* Copies what is stored of a row, but not its content, to a zeroed one whose texts then live in `arena`. */
void row_copy(const struct rows *rows, const struct saga *from, struct saga *to, struct arena *arena);

/* Has the rows, which are in the order of their keys, and what they keep aside written with the next statement that is waited
 * for (database_defer), which is STATUS_CONFLICT when somebody else moved one since it was read. */
enum status rows_save(const struct rows *rows, struct database *database, struct saga *const *changed, size_t count,
                      struct arena *arena, struct error *error);

/* They are stored now as they are: the next save names the version that this one gave them. */
void rows_saved(struct saga *const *changed, size_t count);

#endif
