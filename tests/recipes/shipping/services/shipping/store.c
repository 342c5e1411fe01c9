#include "services/shipping/store.h"

#include "services/shipping/decide.h"

/* clang-format off */
static const struct field fields[] = {
    /* column        kind         told  member                                       rebuilt */
    {"requested_at", COLUMN_TIME, TOLD, offsetof(struct shipment_row, requested_us), NULL},
};
/* clang-format on */

static struct table_statements statements;

static enum status check(const struct saga *saga, bool wants_content, struct error *error)
{
    const struct shipment_row *row = (const struct shipment_row *)(const void *)saga;

    (void)wants_content;
    if ((saga->state == SHIPPING_STATE_REQUESTED) != (row->requested_us != 0))
        return error_set(error, STATUS_INVALID, "it is %s, and requested_at tells otherwise",
                         shipping_table.state_names[saga->state]);
    return STATUS_OK;
}

const struct rows shipment_rows = {
    .table = &shipping_table,
    .check = check,
    .row_size = sizeof(struct shipment_row),
    .stored_in = "shipments",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .statements = &statements,
};
