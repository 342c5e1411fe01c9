/* PostgreSQL: the only door to libpq.
 *
 * A statement is prepared the first time a connection sees it and takes its parameters as arrays, a
 * column each, in binary: one statement a batch, whatever its size.
 *
 *     static const enum column_kind kinds[] = {COLUMN_TEXT, COLUMN_INTEGER};
 *     struct parameters *p = parameters_new(arena, kinds, 2);
 *     for (...) { parameters_text(p, 0, name); parameters_integer(p, 1, size); }
 *     sql = "SELECT ... FROM unnest($1::text[], $2::bigint[]) ...";
 *     if (database_query(db, sql, p, &result, &error) == STATUS_OK) {
 *         for (size_t row = 0; row < result_rows(result); row++)
 *             result_text(result, row, 0);
 *         result_free(result);
 *     }
 *
 * Failures are sorted by SQLSTATE (PostgreSQL, Appendix A; the table is in failure.c): what waiting
 * fixes, or a new connection, which then is made, is STATUS_UNAVAILABLE; a key that is taken, and a
 * row of another version (see database_defer), are STATUS_CONFLICT; what is invalid is
 * STATUS_INVALID; everything else is STATUS_BUG. */
#ifndef QUADRILLE_DATABASE_DATABASE_H
#define QUADRILLE_DATABASE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct database;
struct result;

/* Connects on first use.  `conninfo` is a URI or keywords of libpq; what it leaves out comes from
 * libpq's environment. */
struct database *database_new(const char *conninfo, const char *application_name);
void database_free(struct database *database); /* NULL is allowed */

/* To be called before the first statement by who finds rows by their keys: a plan that was made
 * while a table was small, and is kept, must not read all of it once it has grown, so a table is
 * read whole only where no index helps. */
void database_by_key(struct database *database);

/* What errors and the log call it, in place of "database NAME".  `who` is kept by
 * reference. */
void database_called(struct database *database, const char *who);

/* Where tables that a statement names without a schema are found, in place of what the address
 * says: "\"order\", payment".  From now on, also in a later session. */
enum status database_search(struct database *database, const char *schemas, struct error *error);

/* An answer that does not come in that time makes the connection useless, and the database
 * unavailable; 0, which is usual: any time. What a migration takes is not bounded. */
void database_answers_within(struct database *database, int timeout_ms);

/* Called four times a second while any database is waited for, with the milliseconds so far; false
 * gives up, and what was waited for is STATUS_UNAVAILABLE.  What is under way is cancelled where it
 * may take any time. */
void database_while_waiting(bool (*look)(int64_t waited_ms));

/* Can this ever be an address?  STATUS_INVALID says why not, and tells no value that might be a
 * password. */
enum status database_check(const char *conninfo, struct error *error);

/* STATUS_INVALID behind a pooler that gives a session to whoever has a transaction (pgbouncer,
 * pool_mode = transaction): prepared statements and locks of a session would be another's. */
enum status database_has_session(struct database *database, struct error *error);

/* Makes sure that there is a connection: STATUS_UNAVAILABLE when there cannot be one now. */
enum status database_connect(struct database *database, struct error *error);

enum { COLUMNS_MAX = 24 }; /* of the parameters of a statement */

enum column_kind {
    COLUMN_TEXT,    /* text[] */
    COLUMN_INTEGER, /* bigint[] */
    COLUMN_TIME     /* timestamptz[], from microseconds since 1970; 0 is NULL */
};

struct parameters;

struct parameters *parameters_new(struct arena *arena, const enum column_kind *kinds, size_t count);
void parameters_reserve(
    struct parameters *parameters, size_t column,
    size_t bytes); /* room for so many more, each value needs 4 beside its own */
void parameters_text(struct parameters *parameters, size_t column,
                     const char *text); /* NULL is NULL */
void parameters_integer(struct parameters *parameters, size_t column,
                        int64_t value); /* also of COLUMN_TIME */

/* Runs one statement.  `sql` is kept by reference: a literal.  `result` may be NULL when only
 * success matters. */
enum status database_query(struct database *database, const char *sql,
                           struct parameters *parameters, struct result **result,
                           struct error *error);

/* Sends a statement only with the next that is waited for, in the same round trip; its result is
 * lost but for an error, which is then the other's too, and none behind it is carried out.
 * `parameters` must live until then.  A statement that must write every row it is given says so
 * itself: it ends in SELECT require_written(count(*), ...), which is STATUS_CONFLICT where it wrote
 * fewer. */
enum status database_defer(struct database *database, const char *sql,
                           struct parameters *parameters, struct error *error);

/* Runs what was deferred, at least one statement: all of it or nothing, without BEGIN and COMMIT of
 * its own (PostgreSQL, Protocol Flow, Pipelining: an implicit transaction ends with the
 * synchronisation). */
enum status database_run(struct database *database, struct error *error);

/* Runs statements without parameters, for transactions and migrations. */
enum status database_execute(struct database *database, const char *sql, struct error *error);

/* Takes back an open transaction, if there is one, and what was deferred; what fails here is
 * noticed by the next statement. */
void database_rollback(struct database *database);

/* Streams rows that need not fit in memory: begin, then next until it says false, with `result`
 * holding one row each time. STATUS_OK and a NULL `result` at the end. */
enum status database_stream(struct database *database, const char *sql, struct error *error);
enum status database_next(struct database *database, struct result **result, struct error *error);

size_t result_rows(const struct result *result);
const char *result_text(const struct result *result, size_t row,
                        size_t column); /* NULL is NULL; lives with `result` */
char *result_copy(const struct result *result, size_t row, size_t column, struct arena *arena);
int64_t result_integer(const struct result *result, size_t row,
                       size_t column); /* NULL is 0; int2, int4, int8, bool */
int64_t result_time_us(const struct result *result, size_t row, size_t column); /* NULL is 0 */
const char *result_column(const struct result *result, size_t column);          /* its name */
bool result_is_null(const struct result *result, size_t row, size_t column);
void result_free(struct result *result); /* NULL is allowed */

struct migration {
    const char *name; /* "001-orders"; the numbers rise */
    const char *sql;
};

struct migrations {
    const struct migration *list;
    size_t count;
};

/* Brings a schema up to date: runs, in order and each in a transaction of its own, the migrations
 * that the table schema_migration does not know yet, under an advisory lock so that instances that
 * start together do not meet.  STATUS_INVALID when the database holds the tables of another
 * service. */
enum status database_migrate(struct database *database, const struct migrations *migrations,
                             struct error *error);

/* The same in a schema, which is made where it is not there, and which alone is searched from now
 * on; NULL: where the address says, as above.  STATUS_INVALID also when these tables stand in the
 * schema public: the database is one service's own. */
enum status database_migrate_schema(struct database *database, const char *schema,
                                    const struct migrations *migrations, struct error *error);

#endif
