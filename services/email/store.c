#include "services/email/store.h"

#include <string.h>

#include "events/buffer.h"

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

static enum status row_read(struct email_context *context, struct email_row *row, const struct result *result,
                            size_t at, struct arena *arena, struct error *error)
{
    const char *body = result_text(result, at, 11);
    struct message *message;

    saga_read(&row->saga, result, at, 1, arena);
    if (row->saga.version == 0)
        return STATUS_OK;
    row->found_sending = row->saga.state == EMAIL_STATE_SENDING;
    row->why = result_copy(result, at, 7, arena);
    row->detail = result_copy(result, at, 8, arena);
    row->refusal = result_copy(result, at, 9, arena);
    row->decided_us = result_time_us(result, at, 10);
    if (body == NULL)
        return STATUS_OK;
    message = arena_alloc(arena, sizeof *message);
    if (message_decode(context->decoder, arena, ORDER_CREATED, body, strlen(body), message, error) != STATUS_OK)
        return STATUS_BUG;
    row->created = &message->order_created;
    return STATUS_OK;
}

enum status email_load(void *context, struct database *database, struct work *work, struct error *error)
{
    struct result *result;
    enum status status = database_query(database, load_sql, work_keys(work), &result, error);

    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; status == STATUS_OK && i < work->entry_count; i++) {
        work->now_us = result_time_us(result, i, 0);
        status = row_read(context, (struct email_row *)(void *)work->entries[i].row, result, i, work->arena, error);
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
        struct email_row *row = (struct email_row *)(void *)rows[i];
        struct buffer body = {.arena = arena};

        if (!row->created_is_new)
            continue;
        message_encode(&(struct message){.type = ORDER_CREATED, .order_created = *row->created}, &body);
        parameters_text(values, 0, rows[i]->order_id);
        parameters_text(values, 1, body.data);
        fresh++;
    }
    return fresh == 0 ? STATUS_OK : database_query(database, save_content_sql, values, NULL, error);
}

enum status email_save(void *context, struct database *database, struct saga *const *rows, size_t count,
                       struct arena *arena, struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT, COLUMN_INTEGER, COLUMN_INTEGER, COLUMN_INTEGER,
                                             COLUMN_TEXT, COLUMN_TIME,    COLUMN_INTEGER, COLUMN_TEXT,
                                             COLUMN_TEXT, COLUMN_TEXT,    COLUMN_TIME};
    struct parameters *values = parameters_new(arena, kinds, sizeof kinds / sizeof kinds[0]);

    (void)context;
    for (size_t i = 0; i < count; i++) {
        const struct email_row *row = (const struct email_row *)(const void *)rows[i];

        saga_write(rows[i], values);
        parameters_text(values, 7, row->why);
        parameters_text(values, 8, row->detail);
        parameters_text(values, 9, row->refusal);
        parameters_integer(values, 10, row->decided_us);
    }
    return database_save(database, save_sql, values, count, error) != STATUS_OK
               ? error->status
               : save_content(database, rows, count, arena, error);
}
