#include "services/runtime/rows.h"

#include <string.h>


static struct parameters *keys_of(const struct work *work)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT, COLUMN_INTEGER};
    struct parameters *keys = parameters_new(work->arena, kinds, 2);

    for (size_t i = 0; i < work->entry_count; i++) {
        parameters_text(keys, 0, work->entries[i].order_id);
        parameters_integer(keys, 1, work->entries[i].wants_content ? 1 : 0);
    }
    return keys;
}

static enum status row_read(const struct rows *rows, struct decoder *decoder, struct saga *row, const struct result *result,
                            size_t at, struct arena *arena, struct error *error)
{
    const char *body = rows->content_read == NULL ? NULL : result_text(result, at, FIRST_OWN_COLUMN + rows->column_count);

    if (result_is_null(result, at, 2))
        return STATUS_OK;
    row->version = result_integer(result, at, 2);
    row->state = (int)result_integer(result, at, 3);
    row->facts = (uint64_t)result_integer(result, at, 4);
    row->flow = result_copy(result, at, 5, arena);
    row->next_due_us = result_time_us(result, at, 6);
    row->attempts = result_integer(result, at, 7);
    rows->read(row, result, at, arena);
    if (body == NULL)
        return STATUS_OK;
    return rows->content_read(row, body, decoder, arena, error) == STATUS_OK ? STATUS_OK : STATUS_BUG;
}

enum status rows_load(const struct rows *rows, struct decoder *decoder, struct database *database, struct work *work, struct error *error)
{
    struct result *result;
    enum status status;

    if (work->entry_count == 0)
        return STATUS_OK;
    status = database_query(database, rows->load_sql, keys_of(work), &result, error);
    if (status != STATUS_OK)
        return status;
    work->now_us = result_time_us(result, 0, 0);
    for (size_t i = 0; status == STATUS_OK && i < work->entry_count; i++)
        status = row_read(rows, decoder, work->entries[result_integer(result, i, 1) - 1].row, result, i, work->arena, error);
    result_free(result);
    return status;
}

static bool keeps_content_in_row(const struct rows *rows)
{
    return rows->content_write != NULL && rows->content_sql == NULL;
}

static void row_write(const struct rows *rows, const struct saga *row, struct parameters *values, struct arena *arena)
{
    parameters_text(values, 0, row->order_id);
    parameters_integer(values, 1, row->version + 1);
    parameters_integer(values, 2, row->state);
    parameters_integer(values, 3, (int64_t)row->facts);
    parameters_text(values, 4, row->flow);
    parameters_integer(values, 5, row->next_due_us);
    parameters_integer(values, 6, row->attempts);
    rows->write(row, values);
    if (keeps_content_in_row(rows))
        parameters_text(values, COMMON_COLUMNS + rows->column_count, row->content_is_new ? rows->content_write(row, arena) : NULL);
}

static enum status content_save(const struct rows *rows, struct database *database, struct saga *const *changed,
                                size_t count, struct arena *arena, struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT, COLUMN_TEXT};
    struct parameters *values = parameters_new(arena, kinds, 2);
    size_t fresh = 0;

    for (size_t i = 0; i < count; i++) {
        if (!changed[i]->content_is_new)
            continue;
        parameters_text(values, 0, changed[i]->order_id);
        parameters_text(values, 1, rows->content_write(changed[i], arena));
        fresh++;
    }
    return fresh == 0 ? STATUS_OK : database_defer(database, rows->content_sql, values, error);
}

static struct parameters *row_parameters(const struct rows *rows, struct arena *arena)
{
    static const enum column_kind common[COMMON_COLUMNS] = {COLUMN_TEXT, COLUMN_INTEGER, COLUMN_INTEGER, COLUMN_INTEGER,
                                                            COLUMN_TEXT, COLUMN_TIME,    COLUMN_INTEGER};
    size_t count = COMMON_COLUMNS + rows->column_count;
    enum column_kind *kinds = arena_array(arena, count + 1, sizeof *kinds);

    memcpy(kinds, common, sizeof common);
    memcpy(kinds + COMMON_COLUMNS, rows->columns, rows->column_count * sizeof *kinds);
    kinds[count] = COLUMN_TEXT;
    return parameters_new(arena, kinds, count + (keeps_content_in_row(rows) ? 1 : 0));
}

enum status rows_save(const struct rows *rows, struct database *database, struct saga *const *changed, size_t count,
                      struct arena *arena, struct error *error)
{
    struct parameters *inserts = row_parameters(rows, arena), *updates = row_parameters(rows, arena);
    size_t fresh = 0;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < count; i++) {
        row_write(rows, changed[i], changed[i]->version == 0 ? inserts : updates, arena);
        fresh += changed[i]->version == 0;
    }
    if (fresh < count)
        status = database_defer(database, rows->update_sql, updates, error);
    if (status == STATUS_OK && fresh > 0)
        status = database_defer(database, rows->insert_sql, inserts, error);
    return status == STATUS_OK && rows->content_sql != NULL ? content_save(rows, database, changed, count, arena, error) : status;
}
