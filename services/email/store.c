#define _DEFAULT_SOURCE /* strsep */
#include "services/email/store.h"

#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "services/email/decide.h"
#include "services/email/mail_text.h"

const char email_postpone_sql[] = "UPDATE mails SET next_due = now() + interval '1 hour' WHERE "
                                  "order_id = ANY ($1::text[]) AND next_due <= now()";

static const char content_sql[] =
    "INSERT INTO mail_content (order_id, body)\n"
    "SELECT * FROM unnest($1::text[], $2::text[]) AS n (order_id, body)\n"
    "ON CONFLICT DO NOTHING";

const char email_due_sql[] = "WITH turn AS MATERIALIZED (SELECT "
                             "pg_try_advisory_xact_lock(hashtext('quadrille sweeper')) AS ours)\n"
                             "SELECT order_id, 'email.retry' FROM mails, turn WHERE turn.ours AND "
                             "next_due <= now() ORDER BY next_due LIMIT 500";

/* clang-format off */
static const struct field fields[] = {
    /* column        kind            told    member                                    rebuilt */
    {"why",          COLUMN_TEXT,    TOLD,   offsetof(struct email_row, why),          NULL},
    {"detail",       COLUMN_TEXT,    TOLD,   offsetof(struct email_row, detail),       NULL},
    {"refusal",      COLUMN_TEXT,    TOLD,   offsetof(struct email_row, refusal),      NULL},
    {"decided_at",   COLUMN_TIME,    TOLD,   offsetof(struct email_row, decided_us),   NULL},
    {"content_kind", COLUMN_INTEGER, UNTOLD, offsetof(struct email_row, content_kind), ""},
};
/* clang-format on */

static struct table_statements statements;

/* What a mail keeps of its order: recipient, name, and the table as it will be printed, a line
 * each.  None of the first two holds a control character. */
static const char *content_write(const struct saga *saga, struct arena *arena)
{
    const struct email_row *row = (const struct email_row *)(const void *)saga;
    const struct mail_text *text =
        row->created != NULL ? mail_text_prepare(row->created, arena) : row->text;
    struct buffer content = {.arena = arena};

    buffer_reserve(&content, strlen(text->table) + 512);
    buffer_text(&content, text->recipient);
    buffer_char(&content, '\n');
    buffer_text(&content, text->name);
    buffer_char(&content, '\n');
    buffer_text(&content, text->table);
    return content.data;
}

/* Before version 2 of the schema the whole order.created was kept. */
static enum status created_read(struct email_row *row, const char *content, struct decoder *decoder,
                                struct arena *arena, struct error *error)
{
    struct message *created = arena_alloc(arena, sizeof *created);

    row->created = &created->order_created;
    return message_decode(decoder, arena, ORDER_CREATED, content, strlen(content), created, error);
}

static enum status content_read(struct saga *saga, const char *content, struct decoder *decoder,
                                struct arena *arena, struct error *error)
{
    struct email_row *row = (struct email_row *)(void *)saga;
    struct mail_text *text = arena_alloc(arena, sizeof *text);
    char *copy = arena_copy(arena, content, strlen(content)), *rest = copy;

    if (row->content_kind == EMAIL_CONTENT_CREATED)
        return created_read(row, content, decoder, arena, error);
    text->recipient = strsep(&rest, "\n");
    text->name = rest == NULL ? NULL : strsep(&rest, "\n");
    text->table = rest;
    row->text = text;
    if (rest == NULL)
        return error_set(error, STATUS_INVALID,
                         "its mail keeps \"%.40s\": recipient, name and table are expected",
                         content);
    return STATUS_OK;
}

static enum status check(const struct saga *saga, bool wants_content, struct error *error)
{
    const struct email_row *row = (const struct email_row *)(const void *)saga;
    const bool written = saga->state == EMAIL_STATE_SENT || saga->state == EMAIL_STATE_FAILED;

    if (row->content_kind < 0 || row->content_kind >= EMAIL_CONTENTS)
        return error_set(error, STATUS_INVALID, "content_kind is %lld: 0 to %d are there",
                         (long long)row->content_kind, EMAIL_CONTENTS - 1);
    if (saga->state != EMAIL_STATE_NEW &&
        ((saga->facts & FACT(ORDER_CREATED)) == 0 || email_kind(saga) == NULL))
        return error_set(error, STATUS_INVALID, "it is %s without the facts for that",
                         email_table.state_names[saga->state]);
    if (wants_content && !written && (saga->facts & FACT(ORDER_CREATED)) != 0 &&
        row->text == NULL && row->created == NULL)
        return error_set(error, STATUS_INVALID, "what its mail keeps of the order is not there");
    return STATUS_OK;
}

const struct rows mail_rows = {
    .table = &email_table,
    .check = check,
    .row_size = sizeof(struct email_row),
    .stored_in = "mails",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .statements = &statements,
    .content_table = "mail_content",
    .content_column = "body",
    .content_sql = content_sql,
    .content_read = content_read,
    .content_write = content_write,
};
