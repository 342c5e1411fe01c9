#include "services/payment/store.h"

#include <string.h>

#include "services/payment/decide.h"

static const char load_sql[] =
    "SELECT now(), k.n, p.version, p.state, p.facts, p.flow, p.next_due, p.attempts,\n"
    "       p.payment_method, p.amount, p.currency, p.payment_id, p.reason, p.decided_at, p.pending_at, p.settled_at,\n"
    "       p.refused_at, p.refusal\n"
    "FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS k (order_id, ignored, n)\n"
    "LEFT JOIN LATERAL (SELECT * FROM payments WHERE order_id = k.order_id OFFSET 0) AS p ON true";

static const char insert_sql[] =
    "INSERT INTO payments (order_id, version, state, facts, flow, next_due, attempts, payment_method, amount, currency,\n"
    "                     payment_id, reason, decided_at, pending_at, settled_at, refused_at, refusal)\n"
    "SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                     $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],\n"
    "                     $14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::text[])";

static const char update_sql[] =
    "WITH written AS (\n"
    "    UPDATE payments p\n"
    "    SET version = n.version, state = n.state, facts = n.facts, flow = n.flow,\n"
    "        next_due = n.next_due, attempts = n.attempts, payment_method = n.payment_method,\n"
    "        amount = n.amount, currency = n.currency, payment_id = n.payment_id,\n"
    "        reason = n.reason, decided_at = n.decided_at, pending_at = n.pending_at,\n"
    "        settled_at = n.settled_at, refused_at = n.refused_at, refusal = n.refusal\n"
    "    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],\n"
    "                $14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::text[])\n"
    "         AS n (order_id, version, state, facts, flow, next_due, attempts, payment_method, amount, currency,\n"
    "               payment_id, reason, decided_at, pending_at, settled_at, refused_at, refusal)\n"
    "    WHERE p.order_id = n.order_id AND p.version = n.version - 1 RETURNING 1\n"
    ")\n"
    "SELECT require_written(count(*), cardinality($1)) FROM written";

const char payment_postpone_sql[] =
    "UPDATE payments SET next_due = now() + interval '1 hour' WHERE order_id = ANY ($1::text[]) AND next_due <= now()";

const char payment_due_sql[] =
    "WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtext('quadrille sweeper')) AS ours)\n"
    "SELECT order_id, 'payment.retry' FROM payments, turn WHERE turn.ours AND next_due <= now() ORDER BY next_due LIMIT 500";

static const struct field fields[] = {
    {COLUMN_TEXT, offsetof(struct payment_row, payment_method)},
    {COLUMN_INTEGER, offsetof(struct payment_row, amount_minor)},
    {COLUMN_TEXT, offsetof(struct payment_row, currency)},
    {COLUMN_TEXT, offsetof(struct payment_row, payment_id)},
    {COLUMN_TEXT, offsetof(struct payment_row, reason)},
    {COLUMN_TIME, offsetof(struct payment_row, decided_us)},
    {COLUMN_TIME, offsetof(struct payment_row, pending_us)},
    {COLUMN_TIME, offsetof(struct payment_row, settled_us)},
    {COLUMN_TIME, offsetof(struct payment_row, refused_us)},
    {COLUMN_TEXT, offsetof(struct payment_row, refusal)},
};

static enum status check(const struct saga *saga, bool wants_content, struct error *error)
{
    const struct payment_row *row = (const struct payment_row *)(const void *)saga;
    const bool paid = saga->state == PAYMENT_STATE_COMPLETED || saga->state == PAYMENT_STATE_REFUNDED;

    (void)wants_content;
    if (row->amount_minor < 0 || (row->currency != NULL && strlen(row->currency) != 3))
        return error_set(error, STATUS_WRONG, "it is over %lld %s: no such amount is there", (long long)row->amount_minor, row->currency);
    if ((row->currency == NULL) != (row->payment_method == NULL))
        return error_set(error, STATUS_WRONG, "of currency and payment method one is not there");
    if (row->currency == NULL && saga->state != PAYMENT_STATE_NEW && saga->state != PAYMENT_STATE_VOID)
        return error_set(error, STATUS_WRONG, "it is %s, of no amount", payment_table.state_names[saga->state]);
    if (paid && row->payment_id == NULL)
        return error_set(error, STATUS_WRONG, "it is %s, by no payment", payment_table.state_names[saga->state]);
    return STATUS_OK;
}

const struct rows payment_rows = {
    .table = &payment_table,
    .check = check,
    .row_size = sizeof(struct payment_row),
    .load_sql = load_sql,
    .insert_sql = insert_sql,
    .update_sql = update_sql,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
};
