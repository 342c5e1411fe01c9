#include "database/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"

static bool keeps_content(const struct table *table)
{
    return table->content_column != NULL && table->content_table == NULL;
}

/* "order_id, version, state" */
static void names_write(struct buffer *out, const struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        buffer_format(out, "%s%s", i > 0 ? ", " : "", table->columns[i].name);
    if (keeps_content(table))
        buffer_format(out, ", %s", table->content_column);
}

/* "unnest($1::text[], $2::bigint[])" */
static void values_write(struct buffer *out, const struct table *table)
{
    static const char *const types[] = {
        [COLUMN_TEXT] = "text", [COLUMN_INTEGER] = "bigint", [COLUMN_TIME] = "timestamptz"};

    buffer_text(out, "unnest(");
    for (size_t i = 0; i < table->count; i++)
        buffer_format(out, "%s$%zu::%s[]", i > 0 ? ", " : "", i + 1, types[table->columns[i].kind]);
    if (keeps_content(table))
        buffer_format(out, ", $%zu::text[]", table->count + 1);
    buffer_text(out, ")");
}

/* OFFSET 0 keeps the planner from turning the joins around: each key is looked up by itself. */
static void load_write(struct buffer *out, const struct table *table)
{
    buffer_text(out, "SELECT statement_timestamp(), k.n");
    for (size_t i = 1; i < table->count; i++)
        buffer_format(out, ", %s.%s", table->name, table->columns[i].name);
    if (keeps_content(table))
        buffer_format(out, ", CASE WHEN k.content = 1 THEN %s.%s END", table->name,
                      table->content_column);
    else if (table->content_column != NULL)
        buffer_format(out, ", %s.%s", table->content_table, table->content_column);
    buffer_format(
        out,
        "\nFROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS k (order_id, content, n)\n"
        "LEFT JOIN LATERAL (SELECT * FROM %s WHERE order_id = k.order_id OFFSET 0) AS %s ON true",
        table->name, table->name);
    if (table->content_table != NULL)
        buffer_format(out,
                      "\nLEFT JOIN LATERAL (SELECT * FROM %s WHERE k.content = 1 AND order_id = "
                      "k.order_id OFFSET 0) AS %s ON true",
                      table->content_table, table->content_table);
}

static void insert_write(struct buffer *out, const struct table *table)
{
    buffer_format(out, "INSERT INTO %s (", table->name);
    names_write(out, table);
    buffer_text(out, ")\nSELECT * FROM ");
    values_write(out, table);
}

static void update_write(struct buffer *out, const struct table *table)
{
    buffer_format(out, "WITH written AS (\n    UPDATE %s\n    SET ", table->name);
    for (size_t i = 1; i < table->count; i++)
        buffer_format(out, "%s%s = n.%s", i > 1 ? ", " : "", table->columns[i].name,
                      table->columns[i].name);
    if (keeps_content(table))
        buffer_format(out, ", %s = coalesce(%s.%s, n.%s)", table->content_column, table->name,
                      table->content_column, table->content_column);
    buffer_text(out, "\n    FROM ");
    values_write(out, table);
    buffer_text(out, "\n         AS n (");
    names_write(out, table);
    buffer_format(
        out,
        ")\n    WHERE %s.order_id = n.order_id AND %s.version = n.version - 1 RETURNING 1\n)\n",
        table->name, table->name);
    buffer_text(out, "SELECT require_written(count(*), cardinality($1)) FROM written");
}

static void remove_write(struct buffer *out, const struct table *table)
{
    buffer_format(out, "DELETE FROM %s WHERE order_id = ANY ($1::text[])", table->name);
}

static void keys_write(struct buffer *out, const struct table *table)
{
    buffer_format(out, "SELECT order_id FROM %s", table->name);
}

static const char *kept(void (*write)(struct buffer *out, const struct table *table),
                        const struct table *table)
{
    struct arena *arena = arena_new();
    struct buffer sql = {.arena = arena};
    char *text;

    write(&sql, table);
    text = strdup(sql.data);
    if (text == NULL)
        abort();
    arena_free(arena);
    return text;
}

struct table_statements table_statements_make(const struct table *table)
{
    return (struct table_statements){.load = kept(load_write, table),
                                     .keys = kept(keys_write, table),
                                     .insert = kept(insert_write, table),
                                     .remove = kept(remove_write, table),
                                     .update = kept(update_write, table)};
}

struct parameters *table_parameters(const struct table *table, struct arena *arena)
{
    enum column_kind kinds[COLUMNS_MAX];
    size_t count = table->count + (keeps_content(table) ? 1 : 0);

    assert(count <= COLUMNS_MAX);
    for (size_t i = 0; i < table->count; i++)
        kinds[i] = table->columns[i].kind;
    if (keeps_content(table))
        kinds[table->count] = COLUMN_TEXT;
    return parameters_new(arena, kinds, count);
}
