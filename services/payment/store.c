#include "services/payment/store.h"

#include <string.h>

#include "services/payment/decide.h"

const char payment_postpone_sql[] = "UPDATE payments SET next_due = now() + interval '1 hour' "
                                    "WHERE order_id = ANY ($1::text[]) AND next_due <= now()";

const char payment_due_sql[] = "WITH turn AS MATERIALIZED (SELECT "
                               "pg_try_advisory_xact_lock(hashtext('quadrille sweeper')) AS ours)\n"
                               "SELECT order_id, 'payment.retry' FROM payments, turn WHERE "
                               "turn.ours AND next_due <= now() ORDER BY next_due LIMIT 500";

/* The reason of a failure is emitted, that of a payment which was never made is not; nor is how
 * long the provider was silent. */
/* clang-format off */
static const struct field fields[] = {
    /* column          kind            told          member                                        rebuilt */
    {"payment_method", COLUMN_TEXT,    TOLD,         offsetof(struct payment_row, payment_method), NULL},
    {"amount",         COLUMN_INTEGER, TOLD,         offsetof(struct payment_row, amount_minor),   NULL},
    {"currency",       COLUMN_TEXT,    TOLD,         offsetof(struct payment_row, currency),       NULL},
    {"payment_id",     COLUMN_TEXT,    TOLD,         offsetof(struct payment_row, payment_id),     NULL},
    {"reason",         COLUMN_TEXT,    TOLD_IN_PART, offsetof(struct payment_row, reason),         "CASE WHEN state IN (3, 7) THEN reason END"},
    {"decided_at",     COLUMN_TIME,    TOLD,         offsetof(struct payment_row, decided_us),     NULL},
    {"pending_at",     COLUMN_TIME,    TOLD,         offsetof(struct payment_row, pending_us),     ""},
    {"settled_at",     COLUMN_TIME,    TOLD,         offsetof(struct payment_row, settled_us),     NULL},
    {"refused_at",     COLUMN_TIME,    TOLD,         offsetof(struct payment_row, refused_us),     NULL},
    {"refusal",        COLUMN_TEXT,    TOLD,         offsetof(struct payment_row, refusal),        NULL},
    {"provider_ref",   COLUMN_TEXT,    UNTOLD,       offsetof(struct payment_row, provider_ref),   ""},
};
/* clang-format on */

static struct table_statements statements;

static enum status check(const struct saga *saga, bool wants_content, struct error *error)
{
    const struct payment_row *row = (const struct payment_row *)(const void *)saga;
    const bool paid =
        saga->state == PAYMENT_STATE_COMPLETED || saga->state == PAYMENT_STATE_REFUNDED;

    (void)wants_content;
    if (saga->flow == NULL && (saga->facts & FACT(ORDER_CREATED)) != 0)
        return error_set(error, STATUS_INVALID, "of an order that is known the flow is not there");
    if (row->amount_minor < 0 || (row->currency != NULL && strlen(row->currency) != 3))
        return error_set(error, STATUS_INVALID, "it is over %lld %s: no such amount is there",
                         (long long)row->amount_minor, row->currency);
    if ((row->currency == NULL) != (row->payment_method == NULL))
        return error_set(error, STATUS_INVALID, "of currency and payment method one is not there");
    if (row->currency == NULL && saga->state != PAYMENT_STATE_NEW &&
        saga->state != PAYMENT_STATE_VOID)
        return error_set(error, STATUS_INVALID, "it is %s, of no amount",
                         payment_table.state_names[saga->state]);
    if (paid && row->payment_id == NULL)
        return error_set(error, STATUS_INVALID, "it is %s, by no payment",
                         payment_table.state_names[saga->state]);
    return STATUS_OK;
}

const struct rows payment_rows = {
    .table = &payment_table,
    .check = check,
    .row_size = sizeof(struct payment_row),
    .stored_in = "payments",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .statements = &statements,
};
