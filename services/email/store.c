#define _DEFAULT_SOURCE /* strsep */
#include "services/email/store.h"

#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "services/email/decide.h"
#include "services/email/letter.h"

const char email_postpone_sql[] =
    "UPDATE mails SET next_due = now() + interval '1 hour' WHERE order_id = ANY ($1::text[]) AND next_due <= now()";

static const char load_sql[] =
    "SELECT now(), k.n, m.version, m.state, m.facts, m.flow, m.next_due, m.attempts,\n"
    "       m.why, m.detail, m.refusal, m.decided_at, m.content_kind, c.body\n"
    "FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS k (order_id, content, n)\n"
    "LEFT JOIN LATERAL (SELECT * FROM mails WHERE order_id = k.order_id OFFSET 0) AS m ON true\n"
    "LEFT JOIN LATERAL (SELECT * FROM mail_content WHERE k.content = 1 AND order_id = k.order_id OFFSET 0) AS c ON true";

static const char insert_sql[] =
    "INSERT INTO mails (order_id, version, state, facts, flow, next_due, attempts, why, detail, refusal, decided_at, content_kind)\n"
    "SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                     $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::bigint[])";

static const char update_sql[] =
    "WITH written AS (\n"
    "    UPDATE mails m\n"
    "    SET version = n.version, state = n.state, facts = n.facts, flow = n.flow,\n"
    "        next_due = n.next_due, attempts = n.attempts, why = n.why, detail = n.detail,\n"
    "        refusal = n.refusal, decided_at = n.decided_at, content_kind = n.content_kind\n"
    "    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],\n"
    "                $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::bigint[])\n"
    "         AS n (order_id, version, state, facts, flow, next_due, attempts, why, detail, refusal, decided_at, content_kind)\n"
    "    WHERE m.order_id = n.order_id AND m.version = n.version - 1 RETURNING 1\n"
    ")\n"
    "SELECT require_written(count(*), cardinality($1)) FROM written";

static const char content_sql[] =
    "INSERT INTO mail_content (order_id, body)\n"
    "SELECT * FROM unnest($1::text[], $2::text[]) AS n (order_id, body)\n"
    "ON CONFLICT DO NOTHING";

const char email_due_sql[] =
    "WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtext('quadrille sweeper')) AS ours)\n"
    "SELECT order_id, 'email.retry' FROM mails, turn WHERE turn.ours AND next_due <= now() ORDER BY next_due LIMIT 500";

static const struct field fields[] = {
    {COLUMN_TEXT, offsetof(struct email_row, why)},
    {COLUMN_TEXT, offsetof(struct email_row, detail)},
    {COLUMN_TEXT, offsetof(struct email_row, refusal)},
    {COLUMN_TIME, offsetof(struct email_row, decided_us)},
    {COLUMN_INTEGER, offsetof(struct email_row, content_kind)},
};

/* What a mail keeps of its order: recipient, name, and the table as it will be printed, a line each.  None of the first two
 * holds a control character. */
static const char *content_write(const struct saga *saga, struct arena *arena)
{
    const struct email_row *row = (const struct email_row *)(const void *)saga;
    const struct letter *letter = row->created != NULL ? letter_prepare(row->created, arena) : row->letter;
    struct buffer content = {.arena = arena};

    buffer_reserve(&content, strlen(letter->table) + 512);
    buffer_text(&content, letter->recipient);
    buffer_char(&content, '\n');
    buffer_text(&content, letter->name);
    buffer_char(&content, '\n');
    buffer_text(&content, letter->table);
    return content.data;
}

/* Before version 2 of the schema the whole order.created was kept. */
static enum status created_read(struct email_row *row, const char *content, struct decoder *decoder, struct arena *arena, struct error *error)
{
    struct message *created = arena_alloc(arena, sizeof *created);

    row->created = &created->order_created;
    return message_decode(decoder, arena, ORDER_CREATED, content, strlen(content), created, error);
}

static enum status content_read(struct saga *saga, const char *content, struct decoder *decoder, struct arena *arena, struct error *error)
{
    struct email_row *row = (struct email_row *)(void *)saga;
    struct letter *letter = arena_alloc(arena, sizeof *letter);
    char *copy = arena_copy(arena, content, strlen(content)), *rest = copy;

    if (row->content_kind == EMAIL_CONTENT_CREATED)
        return created_read(row, content, decoder, arena, error);
    letter->recipient = strsep(&rest, "\n");
    letter->name = rest == NULL ? NULL : strsep(&rest, "\n");
    letter->table = rest;
    row->letter = letter;
    if (rest == NULL)
        return error_set(error, STATUS_WRONG, "its mail keeps \"%.40s\": recipient, name and table are expected", content);
    return STATUS_OK;
}

static enum status check(const struct saga *saga, bool wants_content, struct error *error)
{
    const struct email_row *row = (const struct email_row *)(const void *)saga;
    const bool written = saga->state == EMAIL_STATE_SENT || saga->state == EMAIL_STATE_FAILED;

    if (row->content_kind < 0 || row->content_kind >= EMAIL_CONTENTS)
        return error_set(error, STATUS_WRONG, "content_kind is %lld: 0 to %d are there", (long long)row->content_kind, EMAIL_CONTENTS - 1);
    if (saga->state != EMAIL_STATE_NEW && ((saga->facts & FACT(ORDER_CREATED)) == 0 || email_kind(saga) == NULL))
        return error_set(error, STATUS_WRONG, "it is %s without the facts for that", email_table.state_names[saga->state]);
    if (wants_content && !written && (saga->facts & FACT(ORDER_CREATED)) != 0 && row->letter == NULL && row->created == NULL)
        return error_set(error, STATUS_WRONG, "what its mail keeps of the order is not there");
    return STATUS_OK;
}

const struct rows mail_rows = {
    .table = &email_table,
    .check = check,
    .row_size = sizeof(struct email_row),
    .load_sql = load_sql,
    .insert_sql = insert_sql,
    .update_sql = update_sql,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .content_sql = content_sql,
    .content_read = content_read,
    .content_write = content_write,
};
