#include "services/order/store.h"

#include <string.h>

#include "events/buffer.h"

static const char load_sql[] =
    "SELECT now(), o.version, o.state, o.facts, o.flow, o.next_due, o.attempts,\n"
    "       o.content_id, o.amount, o.currency, o.reason, o.detail, o.placed_at, o.deadline, o.decided_at, o.decided_by,\n"
    "       c.body\n"
    "FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS k (order_id, content, n)\n"
    "LEFT JOIN orders o ON o.order_id = k.order_id\n"
    "LEFT JOIN order_content c ON k.content = 1 AND c.order_id = k.order_id\n"
    "ORDER BY k.n";

static const char save_sql[] =
    "INSERT INTO orders AS o (order_id, version, state, facts, flow, next_due, attempts,\n"
    "                         content_id, amount, currency, reason, detail, placed_at, deadline, decided_at, decided_by)\n"
    "SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                     $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],\n"
    "                     $14::timestamptz[], $15::timestamptz[], $16::bigint[])\n"
    "ON CONFLICT (order_id) DO UPDATE\n"
    "SET version = excluded.version, state = excluded.state, facts = excluded.facts, flow = excluded.flow,\n"
    "    next_due = excluded.next_due, attempts = excluded.attempts, content_id = excluded.content_id,\n"
    "    amount = excluded.amount, currency = excluded.currency, reason = excluded.reason, detail = excluded.detail,\n"
    "    placed_at = excluded.placed_at, deadline = excluded.deadline, decided_at = excluded.decided_at,\n"
    "    decided_by = excluded.decided_by\n"
    "WHERE o.version = excluded.version - 1";

static const char save_content_sql[] =
    "INSERT INTO order_content (order_id, body)\n"
    "SELECT order_id, body::json FROM unnest($1::text[], $2::text[]) AS n (order_id, body)\n"
    "ON CONFLICT DO NOTHING";

const char order_due_sql[] =
    "WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtext('quadrille sweeper')) AS ours)\n"
    "SELECT order_id, CASE WHEN state = 1 AND deadline <= now() THEN 'order.timeout' ELSE 'order.redrive' END\n"
    "FROM orders, turn WHERE turn.ours AND next_due <= now() ORDER BY next_due LIMIT 500";

static enum status content_read(struct order_context *context, struct order_row *row, const struct result *result,
                                size_t at, struct arena *arena, struct error *error)
{
    const char *body = result_text(result, at, 16);
    struct message *message;
    enum status status;

    if (body == NULL)
        return STATUS_OK;
    message = arena_alloc(arena, sizeof *message);
    status = message_decode(context->decoder, arena, ORDER_PLACE, body, strlen(body), message, error);
    row->place = &message->order_place;
    return status == STATUS_OK ? STATUS_OK : STATUS_BUG;
}

static enum status row_read(struct order_context *context, struct order_row *row, const struct result *result,
                            size_t at, struct arena *arena, struct error *error)
{
    row->decided_by = -1;
    saga_read(&row->saga, result, at, 1, arena);
    if (row->saga.version == 0)
        return STATUS_OK;
    row->content_id = result_copy(result, at, 7, arena);
    row->amount_minor = result_integer(result, at, 8);
    row->currency = result_copy(result, at, 9, arena);
    row->reason = result_copy(result, at, 10, arena);
    row->detail = result_copy(result, at, 11, arena);
    row->placed_us = result_time_us(result, at, 12);
    row->deadline_us = result_time_us(result, at, 13);
    row->decided_us = result_time_us(result, at, 14);
    row->decided_by = result_integer(result, at, 15);
    return content_read(context, row, result, at, arena, error);
}

enum status order_load(void *context, struct database *database, struct work *work, struct error *error)
{
    struct result *result;
    enum status status = database_query(database, load_sql, work_keys(work), &result, error);

    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; status == STATUS_OK && i < work->entry_count; i++) {
        work->now_us = result_time_us(result, i, 0);
        status = row_read(context, (struct order_row *)(void *)work->entries[i].row, result, i, work->arena, error);
    }
    result_free(result);
    return status;
}

static enum status save_content(struct database *database, struct saga *const *rows, size_t count, struct arena *arena,
                                struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT, COLUMN_TEXT};
    struct parameters *values = parameters_new(arena, kinds, 2);
    size_t fresh = 0;

    for (size_t i = 0; i < count; i++) {
        const struct order_row *row = (const struct order_row *)(const void *)rows[i];
        struct buffer body = {.arena = arena};

        if (!row->place_is_new)
            continue;
        message_encode(&(struct message){.type = ORDER_PLACE, .order_place = *row->place}, &body);
        parameters_text(values, 0, rows[i]->order_id);
        parameters_text(values, 1, body.data);
        fresh++;
    }
    return fresh == 0 ? STATUS_OK : database_query(database, save_content_sql, values, NULL, error);
}

enum status order_save(void *context, struct database *database, struct saga *const *rows, size_t count,
                       struct arena *arena, struct error *error)
{
    static const enum column_kind kinds[] = {
        COLUMN_TEXT, COLUMN_INTEGER, COLUMN_INTEGER, COLUMN_INTEGER, COLUMN_TEXT, COLUMN_TIME, COLUMN_INTEGER,
        COLUMN_TEXT, COLUMN_INTEGER, COLUMN_TEXT,    COLUMN_TEXT,    COLUMN_TEXT, COLUMN_TIME, COLUMN_TIME,
        COLUMN_TIME, COLUMN_INTEGER};
    struct parameters *values = parameters_new(arena, kinds, sizeof kinds / sizeof kinds[0]);

    (void)context;
    for (size_t i = 0; i < count; i++) {
        const struct order_row *row = (const struct order_row *)(const void *)rows[i];

        saga_write(rows[i], values);
        parameters_text(values, 7, row->content_id);
        parameters_integer(values, 8, row->amount_minor);
        parameters_text(values, 9, row->currency);
        parameters_text(values, 10, row->reason);
        parameters_text(values, 11, row->detail);
        parameters_integer(values, 12, row->placed_us);
        parameters_integer(values, 13, row->deadline_us);
        parameters_integer(values, 14, row->decided_us);
        parameters_integer(values, 15, row->decided_by);
    }
    return database_save(database, save_sql, values, count, error) != STATUS_OK
               ? error->status
               : save_content(database, rows, count, arena, error);
}
