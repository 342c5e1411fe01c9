#include "services/email/store.h"

#include "services/email/decide.h"

static const char load_sql[] =
    "SELECT now(), m.version, m.state, m.facts, m.flow, m.next_due, m.attempts,\n"
    "       m.why, m.detail, m.refusal, m.decided_at, c.body\n"
    "FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS k (order_id, content, n)\n"
    "LEFT JOIN mails m ON m.order_id = k.order_id\n"
    "LEFT JOIN mail_content c ON k.content = 1 AND c.order_id = k.order_id\n"
    "ORDER BY k.n";

static const char save_sql[] =
    "INSERT INTO mails AS m (order_id, version, state, facts, flow, next_due, attempts, why, detail, refusal, decided_at)\n"
    "SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                     $8::text[], $9::text[], $10::text[], $11::timestamptz[])\n"
    "ON CONFLICT (order_id) DO UPDATE\n"
    "SET version = excluded.version, state = excluded.state, facts = excluded.facts, flow = excluded.flow,\n"
    "    next_due = excluded.next_due, attempts = excluded.attempts, why = excluded.why, detail = excluded.detail,\n"
    "    refusal = excluded.refusal, decided_at = excluded.decided_at\n"
    "WHERE m.version = excluded.version - 1";

static const char save_content_sql[] =
    "INSERT INTO mail_content (order_id, body)\n"
    "SELECT order_id, body::json FROM unnest($1::text[], $2::text[]) AS n (order_id, body)\n"
    "ON CONFLICT DO NOTHING";

const char email_due_sql[] =
    "WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtext('quadrille sweeper')) AS ours)\n"
    "SELECT order_id, 'email.retry' FROM mails, turn WHERE turn.ours AND next_due <= now() ORDER BY next_due LIMIT 500";

static const enum column_kind columns[] = {COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_TIME};

static void row_read(struct saga *saga, const struct result *result, size_t at, struct arena *arena)
{
    struct email_row *row = (struct email_row *)(void *)saga;

    row->found_sending = saga->state == EMAIL_STATE_SENDING;
    row->why = result_copy(result, at, 7, arena);
    row->detail = result_copy(result, at, 8, arena);
    row->refusal = result_copy(result, at, 9, arena);
    row->decided_us = result_time_us(result, at, 10);
}

static void row_write(const struct saga *saga, struct parameters *values)
{
    const struct email_row *row = (const struct email_row *)(const void *)saga;

    parameters_text(values, 7, row->why);
    parameters_text(values, 8, row->detail);
    parameters_text(values, 9, row->refusal);
    parameters_integer(values, 10, row->decided_us);
}

static void content_read(struct saga *saga, const struct message *content)
{
    ((struct email_row *)(void *)saga)->created = &content->order_created;
}

static void content_write(const struct saga *saga, struct message *content)
{
    content->order_created = *((const struct email_row *)(const void *)saga)->created;
}

const struct rows mail_rows = {
    .load_sql = load_sql,
    .save_sql = save_sql,
    .columns = columns,
    .column_count = sizeof columns / sizeof columns[0],
    .read = row_read,
    .write = row_write,
    .save_content_sql = save_content_sql,
    .content_type = ORDER_CREATED,
    .content_read = content_read,
    .content_write = content_write,
};
