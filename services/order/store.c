#include "services/order/store.h"

#include <string.h>

#include "base/arena.h"
#include "services/order/decide.h"

static const char content_sql[] =
    "INSERT INTO order_content (order_id, body)\n"
    "SELECT order_id, body::json FROM unnest($1::text[], $2::text[]) AS n (order_id, body)\n"
    "ON CONFLICT DO NOTHING";

const char order_postpone_sql[] = "UPDATE orders SET next_due = now() + interval '1 hour' WHERE "
                                  "order_id = ANY ($1::text[]) AND next_due <= now()";

const char order_due_sql[] =
    "WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtext('quadrille sweeper')) AS "
    "ours)\n"
    "SELECT order_id, CASE WHEN state = 1 AND deadline <= now() THEN 'order.timeout' ELSE "
    "'order.republish' END\n"
    "FROM orders, turn WHERE turn.ours AND next_due <= now() ORDER BY next_due LIMIT 500";

/* Where one batch placed and cancelled an order, nothing tells which of the two came last, and
 * nothing depends on it. */
/* clang-format off */
static const struct field fields[] = {
    /* column      kind            told    member                                    rebuilt */
    {"content_id", COLUMN_TEXT,    TOLD,   offsetof(struct order_row, content_id),   NULL},
    {"amount",     COLUMN_INTEGER, TOLD,   offsetof(struct order_row, amount_minor), NULL},
    {"currency",   COLUMN_TEXT,    TOLD,   offsetof(struct order_row, currency),     NULL},
    {"reason",     COLUMN_TEXT,    TOLD,   offsetof(struct order_row, reason),       NULL},
    {"detail",     COLUMN_TEXT,    TOLD,   offsetof(struct order_row, detail),       NULL},
    {"placed_at",  COLUMN_TIME,    TOLD,   offsetof(struct order_row, placed_us),    NULL},
    {"deadline",   COLUMN_TIME,    TOLD,   offsetof(struct order_row, deadline_us),  NULL},
    {"decided_at", COLUMN_TIME,    TOLD,   offsetof(struct order_row, decided_us),   NULL},
    {"decided_by", COLUMN_INTEGER, UNTOLD, offsetof(struct order_row, decided_by),   "CASE WHEN reason = 'order.cancel' AND placed_at = decided_at THEN 0 ELSE decided_by END"},
    {"claims",     COLUMN_TEXT,    TOLD,   offsetof(struct order_row, claims),       NULL},
};
/* clang-format on */

static struct table_statements statements;

static enum status content_read(struct saga *saga, const char *content, struct decoder *decoder,
                                struct arena *arena, struct error *error)
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
        return error_set(error, STATUS_INVALID, "decided_by is %lld: 0 to %d are there",
                         (long long)row->decided_by, MESSAGE_TYPES - 1);
    if (row->amount_minor < 0 || (row->currency != NULL && strlen(row->currency) != 3))
        return error_set(error, STATUS_INVALID, "it is over %lld %s: no such amount is there",
                         (long long)row->amount_minor, row->currency);
    if (row->reason != NULL && !message_type_find(row->reason, &reason))
        return error_set(error, STATUS_INVALID, "its reason is \"%s\", which is no message",
                         row->reason);
    if ((saga->state == ORDER_STATE_CANCELLED || (saga->facts & ORDER_DOOMED) != 0) &&
        row->reason == NULL)
        return error_set(error, STATUS_INVALID, "it is %s for no reason",
                         saga->state == ORDER_STATE_CANCELLED ? "CANCELLED" : "doomed");
    if ((saga->state != ORDER_STATE_NEW || (saga->facts & FACT(ORDER_PLACE)) != 0) &&
        (row->content_id == NULL || row->currency == NULL || saga->flow == NULL ||
         row->placed_us == 0 || row->deadline_us == 0))
        return error_set(error, STATUS_INVALID, "it is %s, and was never placed",
                         order_table.state_names[saga->state]);
    if (wants_content && saga->state != ORDER_STATE_NEW && row->place == NULL)
        return error_set(error, STATUS_INVALID, "what was placed is not there");
    return STATUS_OK;
}

const struct rows order_rows = {
    .table = &order_table,
    .check = check,
    .row_size = sizeof(struct order_row),
    .stored_in = "orders",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .statements = &statements,
    .content_table = "order_content",
    .content_column = "body",
    .content_sql = content_sql,
    .content_read = content_read,
};
