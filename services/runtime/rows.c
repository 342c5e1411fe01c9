#include "services/runtime/rows.h"

#include <assert.h>
#include <string.h>

#include "base/timestamp.h"
#include "events/flow.h"

/* What every table of rows starts with. */
static const struct table_column common[COMMON_COLUMNS] = {
    {"order_id", COLUMN_TEXT},   {"version", COLUMN_INTEGER}, {"state", COLUMN_INTEGER},
    {"facts", COLUMN_INTEGER},   {"flow", COLUMN_TEXT},       {"next_due", COLUMN_TIME},
    {"attempts", COLUMN_INTEGER}};

static struct table table_of(const struct rows *rows, struct table_column columns[COLUMNS_MAX])
{
    assert(COMMON_COLUMNS + rows->field_count < COLUMNS_MAX); /* and a content */
    assert((rows->content_read != NULL) == (rows->content_column != NULL));
    assert((rows->content_table != NULL) == (rows->content_sql != NULL));
    memcpy(columns, common, sizeof common);
    for (size_t i = 0; i < rows->field_count; i++)
        columns[COMMON_COLUMNS + i] =
            (struct table_column){rows->fields[i].name, rows->fields[i].kind};
    return (struct table){rows->stored_in, columns, COMMON_COLUMNS + rows->field_count,
                          rows->content_table, rows->content_column};
}

static const struct table_statements *statements_of(const struct rows *rows)
{
    struct table_column columns[COLUMNS_MAX];

    if (rows->statements->load == NULL) {
        const struct table table = table_of(rows, columns);

        *rows->statements = table_statements_make(&table);
    }
    return rows->statements;
}

static struct parameters *keys_of(struct batch_order *const *orders, size_t count,
                                  struct arena *arena)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT, COLUMN_INTEGER};
    struct parameters *keys = parameters_new(arena, kinds, 2);

    for (size_t i = 0; i < count; i++) {
        parameters_text(keys, 0, orders[i]->order_id);
        parameters_integer(keys, 1, orders[i]->wants_content ? 1 : 0);
    }
    return keys;
}

static enum status integer_read(const struct result *result, size_t at, size_t column, int64_t min,
                                int64_t max, int64_t *out, struct error *error)
{
    *out = result_integer(result, at, column);
    if (result_is_null(result, at, column))
        return error_set(error, STATUS_INVALID, "%s is NULL", result_column(result, column));
    if (*out < min || *out > max)
        return error_set(error, STATUS_INVALID, "%s is %lld: %lld to %lld are possible",
                         result_column(result, column), (long long)*out, (long long)min,
                         (long long)max);
    return STATUS_OK;
}

static enum status time_read(const struct result *result, size_t at, size_t column, int64_t *out,
                             struct error *error)
{
    *out = result_time_us(result, at, column);
    return timestamp_is_valid(*out)
               ? STATUS_OK
               : error_set(error, STATUS_INVALID, "%s is outside the years 0 to 9999",
                           result_column(result, column));
}

static enum status fields_read(const struct rows *rows, struct saga *row,
                               const struct result *result, size_t at, struct arena *arena,
                               struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < rows->field_count; i++) {
        void *to = (char *)row + rows->fields[i].offset;

        if (rows->fields[i].kind == COLUMN_TEXT)
            *(const char **)to = result_copy(result, at, FIRST_OWN_COLUMN + i, arena);
        else if (rows->fields[i].kind == COLUMN_TIME)
            status = time_read(result, at, FIRST_OWN_COLUMN + i, to, error);
        else
            status =
                integer_read(result, at, FIRST_OWN_COLUMN + i, INT64_MIN, INT64_MAX, to, error);
    }
    return status;
}

static uint64_t facts_known(const struct saga_table *table)
{
    uint64_t facts = FACT(MESSAGE_TYPES) - 1;

    for (int i = 0; table->own_facts[i] != NULL; i++)
        facts |= OWN_FACT(i);
    return facts;
}

static enum status commons_read(const struct rows *rows, struct saga *row,
                                const struct result *result, size_t at, struct arena *arena,
                                struct error *error)
{
    int64_t state, facts;
    enum status status = integer_read(result, at, 2, 1, INT64_MAX / 2, &row->version, error);

    if (status == STATUS_OK)
        status = integer_read(result, at, 3, 0, rows->table->state_count - 1, &state, error);
    if (status == STATUS_OK)
        status = integer_read(result, at, 4, INT64_MIN, INT64_MAX, &facts, error);
    if (status == STATUS_OK)
        status = time_read(result, at, 6, &row->next_due_us, error);
    if (status == STATUS_OK)
        status = integer_read(result, at, 7, 0, INT32_MAX, &row->attempts, error);
    if (status != STATUS_OK)
        return status;
    row->state = row->stored_state = (int)state;
    row->facts = (uint64_t)facts;
    row->flow = result_copy(result, at, 5, arena);
    if (row->flow != NULL && flow_find(row->flow) == NULL)
        return error_set(error, STATUS_INVALID, "flow is \"%s\", which is none", row->flow);
    if ((row->facts & ~facts_known(rows->table)) != 0)
        return error_set(error, STATUS_INVALID, "facts are %lld, among them such as nobody knows",
                         (long long)facts);
    return STATUS_OK;
}

/* An order's row has some column that is not NULL; who has none has no row. */
static bool is_there(const struct rows *rows, const struct result *result, size_t at)
{
    for (size_t column = 2; column < FIRST_OWN_COLUMN + rows->field_count; column++)
        if (!result_is_null(result, at, column))
            return true;
    return false;
}

static void fields_write(const struct rows *rows, const struct saga *row, struct parameters *values)
{
    for (size_t i = 0; i < rows->field_count; i++) {
        const void *from = (const char *)row + rows->fields[i].offset;

        if (rows->fields[i].kind == COLUMN_TEXT)
            parameters_text(values, COMMON_COLUMNS + i, *(const char *const *)from);
        else
            parameters_integer(values, COMMON_COLUMNS + i, *(const int64_t *)from);
    }
}

void row_copy(const struct rows *rows, const struct saga *from, struct saga *to,
              struct arena *arena)
{
    *to = (struct saga){.order_id = arena_text(arena, from->order_id),
                        .flow = arena_text(arena, from->flow),
                        .facts = from->facts,
                        .version = from->version,
                        .next_due_us = from->next_due_us,
                        .attempts = from->attempts,
                        .state = from->state,
                        .stored_state = from->state};
    for (size_t i = 0; i < rows->field_count; i++) {
        const void *source = (const char *)from + rows->fields[i].offset;
        void *target = (char *)to + rows->fields[i].offset;

        if (rows->fields[i].kind == COLUMN_TEXT)
            *(const char **)target = arena_text(arena, *(const char *const *)source);
        else
            *(int64_t *)target = *(const int64_t *)source;
    }
}

static enum status row_read(const struct rows *rows, struct decoder *decoder,
                            const struct batch_order *order, const struct result *result, size_t at,
                            struct arena *arena, struct error *error)
{
    const char *body = rows->content_read == NULL
                           ? NULL
                           : result_text(result, at, FIRST_OWN_COLUMN + rows->field_count);
    struct error why = {STATUS_OK, ""};

    if (!is_there(rows, result, at))
        return STATUS_OK;
    if (commons_read(rows, order->row, result, at, arena, &why) == STATUS_OK &&
        fields_read(rows, order->row, result, at, arena, &why) == STATUS_OK &&
        (body == NULL || rows->content_read(order->row, body, decoder, arena, &why) == STATUS_OK))
        rows->check(order->row, order->wants_content, &why);
    return why.status == STATUS_OK
               ? STATUS_OK
               : error_set(error, STATUS_INVALID, "what is stored of order %s cannot be read: %s",
                           order->order_id, why.message);
}

enum status rows_load(const struct rows *rows, struct decoder *decoder, struct database *database,
                      struct batch *batch, struct error *error)
{
    struct batch_order **wanted = arena_array(batch->arena, batch->order_count, sizeof *wanted);
    struct result *result;
    enum status status;
    size_t count = 0;

    for (size_t i = 0; i < batch->order_count; i++)
        if (!batch->orders[i].is_read)
            wanted[count++] = &batch->orders[i];
    if (count == 0)
        return STATUS_OK;
    status = database_query(database, statements_of(rows)->load,
                            keys_of(wanted, count, batch->arena), &result, error);
    if (status != STATUS_OK)
        return status;
    batch->now_us = result_time_us(result, 0, 0);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = row_read(rows, decoder, wanted[result_integer(result, i, 1) - 1], result, i,
                          batch->arena, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        wanted[i]->is_read = true;
    result_free(result);
    return status;
}

enum status rows_walk(const struct rows *rows, struct database *database,
                      void (*see)(void *context, const char *order_id), void *context,
                      struct error *error)
{
    struct result *row;
    enum status status = database_stream(database, statements_of(rows)->keys, error);

    while (status == STATUS_OK && (status = database_next(database, &row, error)) == STATUS_OK &&
           row != NULL) {
        see(context, result_text(row, 0, 0));
        result_free(row);
    }
    return status;
}

enum status rows_remove(const struct rows *rows, struct database *database, const char *const *keys,
                        size_t count, struct arena *arena, struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT};
    struct parameters *removed = parameters_new(arena, kinds, 1);

    for (size_t i = 0; i < count; i++)
        parameters_text(removed, 0, keys[i]);
    return database_query(database, statements_of(rows)->remove, removed, NULL, error);
}

static const char *content_of(const struct rows *rows, struct saga *row, struct arena *arena)
{
    if (row->content == NULL)
        row->content = rows->content_write(row, arena);
    return row->content;
}

static void row_write(const struct rows *rows, struct saga *row, struct parameters *values,
                      struct arena *arena)
{
    parameters_text(values, 0, row->order_id);
    parameters_integer(values, 1, row->version + 1);
    parameters_integer(values, 2, row->state);
    parameters_integer(values, 3, (int64_t)row->facts);
    parameters_text(values, 4, row->flow);
    parameters_integer(values, 5, row->next_due_us);
    parameters_integer(values, 6, row->attempts);
    fields_write(rows, row, values);
    if (rows->content_column != NULL && rows->content_table == NULL)
        parameters_text(values, COMMON_COLUMNS + rows->field_count,
                        row->content_is_new ? content_of(rows, row, arena) : NULL);
}

static enum status content_save(const struct rows *rows, struct database *database,
                                struct saga *const *changed, size_t count, struct arena *arena,
                                struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT, COLUMN_TEXT};
    struct parameters *values = parameters_new(arena, kinds, 2);
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        if (changed[i]->content_is_new)
            bytes += strlen(content_of(rows, changed[i], arena)) + 4;
    parameters_reserve(values, 1,
                       bytes); /* some megabytes: to grow there would take twice as much */
    for (size_t i = 0; i < count; i++) {
        if (!changed[i]->content_is_new)
            continue;
        parameters_text(values, 0, changed[i]->order_id);
        parameters_text(values, 1, changed[i]->content);
    }
    return bytes == 0 ? STATUS_OK : database_defer(database, rows->content_sql, values, error);
}

enum status rows_save(const struct rows *rows, struct database *database,
                      struct saga *const *changed, size_t count, struct arena *arena,
                      struct error *error)
{
    struct table_column columns[COLUMNS_MAX];
    const struct table table = table_of(rows, columns);
    struct parameters *inserts = table_parameters(&table, arena),
                      *updates = table_parameters(&table, arena);
    size_t fresh = 0;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < count; i++) {
        row_write(rows, changed[i], changed[i]->version == 0 ? inserts : updates, arena);
        fresh += changed[i]->version == 0;
    }
    if (fresh < count)
        status = database_defer(database, statements_of(rows)->update, updates, error);
    if (status == STATUS_OK && fresh > 0)
        status = database_defer(database, statements_of(rows)->insert, inserts, error);
    return status == STATUS_OK && rows->content_sql != NULL
               ? content_save(rows, database, changed, count, arena, error)
               : status;
}

void rows_saved(struct saga *const *changed, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        changed[i]->version++;
        changed[i]->changed = changed[i]->content_is_new = false;
    }
}
