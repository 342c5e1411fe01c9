#include "services/payment/store.h"

#include "services/payment/decide.h"

static const char load_sql[] =
    "SELECT now(), k.n, p.version, p.state, p.facts, p.flow, p.next_due, p.attempts,\n"
    "       p.payment_method, p.amount, p.currency, p.payment_id, p.reason, p.decided_at, p.pending_at, p.settled_at\n"
    "FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS k (order_id, ignored, n)\n"
    "LEFT JOIN LATERAL (SELECT * FROM payments WHERE order_id = k.order_id OFFSET 0) AS p ON true";

static const char insert_sql[] =
    "INSERT INTO payments (order_id, version, state, facts, flow, next_due, attempts, payment_method, amount, currency,\n"
    "                     payment_id, reason, decided_at, pending_at, settled_at)\n"
    "SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                     $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],\n"
    "                     $14::timestamptz[], $15::timestamptz[])";

static const char update_sql[] =
    "WITH written AS (\n"
    "    UPDATE payments p\n"
    "    SET version = n.version, state = n.state, facts = n.facts, flow = n.flow,\n"
    "        next_due = n.next_due, attempts = n.attempts, payment_method = n.payment_method,\n"
    "        amount = n.amount, currency = n.currency, payment_id = n.payment_id,\n"
    "        reason = n.reason, decided_at = n.decided_at, pending_at = n.pending_at,\n"
    "        settled_at = n.settled_at\n"
    "    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],\n"
    "                $14::timestamptz[], $15::timestamptz[])\n"
    "         AS n (order_id, version, state, facts, flow, next_due, attempts, payment_method, amount, currency,\n"
    "               payment_id, reason, decided_at, pending_at, settled_at)\n"
    "    WHERE p.order_id = n.order_id AND p.version = n.version - 1 RETURNING 1\n"
    ")\n"
    "SELECT 1 / (count(*) = cardinality($1))::int FROM written";

const char payment_due_sql[] =
    "WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtext('quadrille sweeper')) AS ours)\n"
    "SELECT order_id, 'payment.retry' FROM payments, turn WHERE turn.ours AND next_due <= now() ORDER BY next_due LIMIT 500";

static const enum column_kind columns[] = {COLUMN_TEXT, COLUMN_INTEGER, COLUMN_TEXT, COLUMN_TEXT,
                                           COLUMN_TEXT, COLUMN_TIME,    COLUMN_TIME, COLUMN_TIME};

static void row_read(struct saga *saga, const struct result *result, size_t at, struct arena *arena)
{
    struct payment_row *row = (struct payment_row *)(void *)saga;

    row->payment_method = result_copy(result, at, 8, arena);
    row->amount_minor = result_integer(result, at, 9);
    row->currency = result_copy(result, at, 10, arena);
    row->payment_id = result_copy(result, at, 11, arena);
    row->reason = result_copy(result, at, 12, arena);
    row->decided_us = result_time_us(result, at, 13);
    row->pending_us = result_time_us(result, at, 14);
    row->settled_us = result_time_us(result, at, 15);
}

static void row_write(const struct saga *saga, struct parameters *values)
{
    const struct payment_row *row = (const struct payment_row *)(const void *)saga;

    parameters_text(values, 7, row->payment_method);
    parameters_integer(values, 8, row->amount_minor);
    parameters_text(values, 9, row->currency);
    parameters_text(values, 10, row->payment_id);
    parameters_text(values, 11, row->reason);
    parameters_integer(values, 12, row->decided_us);
    parameters_integer(values, 13, row->pending_us);
    parameters_integer(values, 14, row->settled_us);
}

const struct rows payment_rows = {
    .load_sql = load_sql,
    .insert_sql = insert_sql,
    .update_sql = update_sql,
    .columns = columns,
    .column_count = sizeof columns / sizeof columns[0],
    .read = row_read,
    .write = row_write,
};
