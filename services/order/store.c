#include "services/order/store.h"

#include <string.h>

#include "events/arena.h"
#include "services/order/decide.h"

static const char load_sql[] =
    "SELECT now(), k.n, o.version, o.state, o.facts, o.flow, o.next_due, o.attempts,\n"
    "       o.content_id, o.amount, o.currency, o.reason, o.detail, o.placed_at, o.deadline, o.decided_at, o.decided_by,\n"
    "       c.body\n"
    "FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS k (order_id, content, n)\n"
    "LEFT JOIN LATERAL (SELECT * FROM orders WHERE order_id = k.order_id OFFSET 0) AS o ON true\n"
    "LEFT JOIN LATERAL (SELECT * FROM order_content WHERE k.content = 1 AND order_id = k.order_id OFFSET 0) AS c ON true";

static const char insert_sql[] =
    "INSERT INTO orders (order_id, version, state, facts, flow, next_due, attempts, content_id, amount, currency, reason,\n"
    "                   detail, placed_at, deadline, decided_at, decided_by)\n"
    "SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                     $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],\n"
    "                     $14::timestamptz[], $15::timestamptz[], $16::bigint[])";

static const char update_sql[] =
    "WITH written AS (\n"
    "    UPDATE orders o\n"
    "    SET version = n.version, state = n.state, facts = n.facts, flow = n.flow,\n"
    "        next_due = n.next_due, attempts = n.attempts, content_id = n.content_id,\n"
    "        amount = n.amount, currency = n.currency, reason = n.reason, detail = n.detail,\n"
    "        placed_at = n.placed_at, deadline = n.deadline, decided_at = n.decided_at,\n"
    "        decided_by = n.decided_by\n"
    "    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],\n"
    "                $14::timestamptz[], $15::timestamptz[], $16::bigint[])\n"
    "         AS n (order_id, version, state, facts, flow, next_due, attempts, content_id, amount, currency, reason,\n"
    "               detail, placed_at, deadline, decided_at, decided_by)\n"
    "    WHERE o.order_id = n.order_id AND o.version = n.version - 1 RETURNING 1\n"
    ")\n"
    "SELECT 1 / (count(*) = cardinality($1))::int FROM written";

static const char content_sql[] =
    "INSERT INTO order_content (order_id, body)\n"
    "SELECT order_id, body::json FROM unnest($1::text[], $2::text[]) AS n (order_id, body)\n"
    "ON CONFLICT DO NOTHING";

const char order_due_sql[] =
    "WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtext('quadrille sweeper')) AS ours)\n"
    "SELECT order_id, CASE WHEN state = 1 AND deadline <= now() THEN 'order.timeout' ELSE 'order.redrive' END\n"
    "FROM orders, turn WHERE turn.ours AND next_due <= now() ORDER BY next_due LIMIT 500";

static const enum column_kind columns[] = {COLUMN_TEXT, COLUMN_INTEGER, COLUMN_TEXT, COLUMN_TEXT,   COLUMN_TEXT,
                                           COLUMN_TIME, COLUMN_TIME,    COLUMN_TIME, COLUMN_INTEGER};

static void row_read(struct saga *saga, const struct result *result, size_t at, struct arena *arena)
{
    struct order_row *row = (struct order_row *)(void *)saga;

    row->content_id = result_copy(result, at, 8, arena);
    row->amount_minor = result_integer(result, at, 9);
    row->currency = result_copy(result, at, 10, arena);
    row->reason = result_copy(result, at, 11, arena);
    row->detail = result_copy(result, at, 12, arena);
    row->placed_us = result_time_us(result, at, 13);
    row->deadline_us = result_time_us(result, at, 14);
    row->decided_us = result_time_us(result, at, 15);
    row->decided_by = (enum message_type)result_integer(result, at, 16);
}

static void row_write(const struct saga *saga, struct parameters *values)
{
    const struct order_row *row = (const struct order_row *)(const void *)saga;

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

static enum status content_read(struct saga *saga, const char *content, struct decoder *decoder, struct arena *arena, struct error *error)
{
    struct order_row *row = (struct order_row *)(void *)saga;
    struct message *place = arena_alloc(arena, sizeof *place);

    row->place = &place->order_place;
    row->content = arena_copy(arena, content, strlen(content));
    return message_decode(decoder, arena, ORDER_PLACE, content, strlen(content), place, error);
}

static const char *content_write(const struct saga *saga, struct arena *arena)
{
    (void)arena;
    return ((const struct order_row *)(const void *)saga)->content;
}

const struct rows order_rows = {
    .load_sql = load_sql,
    .insert_sql = insert_sql,
    .update_sql = update_sql,
    .columns = columns,
    .column_count = sizeof columns / sizeof columns[0],
    .read = row_read,
    .write = row_write,
    .content_sql = content_sql,
    .content_read = content_read,
    .content_write = content_write,
};
