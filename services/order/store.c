#include "services/order/store.h"

#include <string.h>

#include "base/arena.h"
#include "services/order/decide.h"

static const char load_sql[] =
    "SELECT now(), k.n, o.version, o.state, o.facts, o.flow, o.next_due, o.attempts,\n"
    "       o.content_id, o.amount, o.currency, o.reason, o.detail, o.placed_at, o.deadline, o.decided_at, o.decided_by,\n"
    "       o.claims,\n"
    "       c.body\n"
    "FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS k (order_id, content, n)\n"
    "LEFT JOIN LATERAL (SELECT * FROM orders WHERE order_id = k.order_id OFFSET 0) AS o ON true\n"
    "LEFT JOIN LATERAL (SELECT * FROM order_content WHERE k.content = 1 AND order_id = k.order_id OFFSET 0) AS c ON true";

static const char insert_sql[] =
    "INSERT INTO orders (order_id, version, state, facts, flow, next_due, attempts, content_id, amount, currency, reason,\n"
    "                   detail, placed_at, deadline, decided_at, decided_by, claims)\n"
    "SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                     $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],\n"
    "                     $14::timestamptz[], $15::timestamptz[], $16::bigint[], $17::text[])";

static const char update_sql[] =
    "WITH written AS (\n"
    "    UPDATE orders o\n"
    "    SET version = n.version, state = n.state, facts = n.facts, flow = n.flow,\n"
    "        next_due = n.next_due, attempts = n.attempts, content_id = n.content_id,\n"
    "        amount = n.amount, currency = n.currency, reason = n.reason, detail = n.detail,\n"
    "        placed_at = n.placed_at, deadline = n.deadline, decided_at = n.decided_at,\n"
    "        decided_by = n.decided_by, claims = n.claims\n"
    "    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],\n"
    "                $14::timestamptz[], $15::timestamptz[], $16::bigint[], $17::text[])\n"
    "         AS n (order_id, version, state, facts, flow, next_due, attempts, content_id, amount, currency, reason,\n"
    "               detail, placed_at, deadline, decided_at, decided_by, claims)\n"
    "    WHERE o.order_id = n.order_id AND o.version = n.version - 1 RETURNING 1\n"
    ")\n"
    "SELECT require_written(count(*), cardinality($1)) FROM written";

static const char content_sql[] =
    "INSERT INTO order_content (order_id, body)\n"
    "SELECT order_id, body::json FROM unnest($1::text[], $2::text[]) AS n (order_id, body)\n"
    "ON CONFLICT DO NOTHING";

const char order_postpone_sql[] =
    "UPDATE orders SET next_due = now() + interval '1 hour' WHERE order_id = ANY ($1::text[]) AND next_due <= now()";

const char order_due_sql[] =
    "WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtext('quadrille sweeper')) AS ours)\n"
    "SELECT order_id, CASE WHEN state = 1 AND deadline <= now() THEN 'order.timeout' ELSE 'order.redrive' END\n"
    "FROM orders, turn WHERE turn.ours AND next_due <= now() ORDER BY next_due LIMIT 500";

static const struct field fields[] = {
    {COLUMN_TEXT, offsetof(struct order_row, content_id)},
    {COLUMN_INTEGER, offsetof(struct order_row, amount_minor)},
    {COLUMN_TEXT, offsetof(struct order_row, currency)},
    {COLUMN_TEXT, offsetof(struct order_row, reason)},
    {COLUMN_TEXT, offsetof(struct order_row, detail)},
    {COLUMN_TIME, offsetof(struct order_row, placed_us)},
    {COLUMN_TIME, offsetof(struct order_row, deadline_us)},
    {COLUMN_TIME, offsetof(struct order_row, decided_us)},
    {COLUMN_INTEGER, offsetof(struct order_row, decided_by)},
    {COLUMN_TEXT, offsetof(struct order_row, claims)},
};

static enum status content_read(struct saga *saga, const char *content, struct decoder *decoder, struct arena *arena, struct error *error)
{
    struct order_row *row = (struct order_row *)(void *)saga;
    struct message *place = arena_alloc(arena, sizeof *place);

    row->place = &place->order_place;
    saga->content = arena_copy(arena, content, strlen(content));
    return message_decode(decoder, arena, ORDER_PLACE, content, strlen(content), place, error);
}

static enum status check(const struct saga *saga, bool wants_content, struct error *error)
{
    const struct order_row *row = (const struct order_row *)(const void *)saga;
    enum message_type reason;

    if (row->decided_by < 0 || row->decided_by >= MESSAGE_TYPES)
        return error_set(error, STATUS_WRONG, "decided_by is %lld: 0 to %d are there", (long long)row->decided_by, MESSAGE_TYPES - 1);
    if (row->amount_minor < 0 || (row->currency != NULL && strlen(row->currency) != 3))
        return error_set(error, STATUS_WRONG, "it is over %lld %s: no such amount is there", (long long)row->amount_minor, row->currency);
    if (row->reason != NULL && !message_type_find(row->reason, &reason))
        return error_set(error, STATUS_WRONG, "its reason is \"%s\", which is no message", row->reason);
    if ((saga->state == ORDER_STATE_CANCELLED || (saga->facts & ORDER_DOOMED) != 0) && row->reason == NULL)
        return error_set(error, STATUS_WRONG, "it is %s for no reason", saga->state == ORDER_STATE_CANCELLED ? "CANCELLED" : "doomed");
    if ((saga->state != ORDER_STATE_NEW || (saga->facts & FACT(ORDER_PLACE)) != 0) &&
        (row->content_id == NULL || row->currency == NULL || saga->flow == NULL || row->placed_us == 0 || row->deadline_us == 0))
        return error_set(error, STATUS_WRONG, "it is %s, and was never placed", order_table.state_names[saga->state]);
    if (wants_content && saga->state != ORDER_STATE_NEW && row->place == NULL)
        return error_set(error, STATUS_WRONG, "what was placed is not there");
    return STATUS_OK;
}

const struct rows order_rows = {
    .table = &order_table,
    .check = check,
    .row_size = sizeof(struct order_row),
    .load_sql = load_sql,
    .insert_sql = insert_sql,
    .update_sql = update_sql,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .content_sql = content_sql,
    .content_read = content_read,
};
