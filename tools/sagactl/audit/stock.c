#include "tools/sagactl/audit/stock.h"

/* A balance that is NULL counts as -1, which none is.  What a reservation keeps of its order is a
 * line each, "SKU TAB quantity"; one that says anything else counts as nothing. */
static const char balances_sql[] =
    "WITH held AS (\n"
    "    SELECT split_part(line, E'\\t', 1) COLLATE \"C\" AS sku,\n"
    "           least(sum(CASE WHEN split_part(line, E'\\t', 2) ~ '^[0-9]{1,18}$' THEN "
    "split_part(line, E'\\t', 2)::bigint ELSE 0 END),\n"
    "                 9223372036854775807)::bigint AS quantity\n"
    "    FROM reservation, unnest(string_to_array(rtrim(lines, E'\\n'), E'\\n')) AS line\n"
    "    WHERE state = 1 GROUP BY 1)\n"
    "SELECT sku, coalesce(s.reserved, CASE WHEN s.sku IS NULL THEN 0 ELSE -1 END), "
    "coalesce(h.quantity, 0) FROM stock s FULL JOIN held h USING (sku) ORDER BY sku";

enum status audit_stock(struct database *database, struct report *report, struct error *error)
{
    enum status status = database_stream(database, balances_sql, error);
    struct result *row = NULL;
    size_t skus = 0;
    long long pieces = 0;

    while (status == STATUS_OK && (status = database_next(database, &row, error)) == STATUS_OK &&
           row != NULL) {
        const char *sku = result_text(row, 0, 0);
        long long reserved = result_integer(row, 0, 1), held = result_integer(row, 0, 2);

        skus++;
        if (__builtin_add_overflow(pieces, reserved, &pieces))
            pieces = INT64_MAX;
        if (reserved != held)
            finding(report, CHECK_STOCK, sku, "SKU %s: %lld reserved, reservations hold %lld", sku,
                    reserved, held);
        result_free(row);
    }
    report_detail(report, CHECK_STOCK, "%lld pieces of %zu SKUs", pieces, skus);
    return status;
}
