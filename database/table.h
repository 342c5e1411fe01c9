/* The statements over a table of rows that have a version each, made from the one list of its
 * columns.
 *
 * The first column is the key, order_id, the second the version: a write names the version that it
 * follows, and fails where the row has another by then.  Beside its columns a row may have a
 * content, a text that is written once and read only where it is wanted: in a column of the same
 * table, behind the others, or in a table of its own with the same key.
 *
 *     static const struct table_column columns[] = {
 *         {"order_id", COLUMN_TEXT}, {"version", COLUMN_INTEGER}, {"why", COLUMN_TEXT}};
 *     const struct table table = {"mails", columns, 3, "mail_content", "body"};
 *     struct table_statements made = table_statements_make(&table);
 *     database_defer(database, made.insert, values, &error); */
#ifndef QUADRILLE_DATABASE_TABLE_H
#define QUADRILLE_DATABASE_TABLE_H

#include "database/database.h"

struct table_column {
    const char *name;
    enum column_kind kind;
};

struct table {
    const char *name;
    const struct table_column *columns;
    size_t count;               /* COLUMNS_MAX at most, a content of the same table among them */
    const char *content_table;  /* NULL: the content is in the table itself */
    const char *content_column; /* NULL: there is no content */
};

struct table_statements {
    /* $1 the keys, $2 whether each wants its content, 1 or 0.  Selects one row each: now(), its
     * number among $1 from 1 on, the columns but the key, the content. */
    const char *load;

    const char *keys; /* selects all of them */

    /* $1 and on: the columns, and the content where it is in the table.  An error when a key is
     * there. */
    const char *insert;

    const char *remove; /* $1 the keys */

    /* As insert; fails by require_written unless each row had the version before the one given. */
    const char *update;
};

/* To be made once, and kept: a connection knows a statement by its address.  The texts live as long
 * as the process. */
struct table_statements table_statements_make(const struct table *table);

/* Parameters for insert and update. */
struct parameters *table_parameters(const struct table *table, struct arena *arena);

#endif
