#include "services/inventory/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "services/inventory/decide.h"

static const char make_balances_sql[] =
    "INSERT INTO stock (sku) SELECT sku FROM unnest($1::text[]) AS n (sku)\n"
    "WHERE NOT EXISTS (SELECT FROM stock s WHERE s.sku = n.sku) ORDER BY sku COLLATE \"C\"\n"
    "ON CONFLICT DO NOTHING";

static const char lock_balances_sql[] =
    "SELECT sku, on_hand, reserved FROM stock WHERE sku = ANY ($1::text[]) ORDER BY sku FOR UPDATE";

static const char save_balances_sql[] =
    "UPDATE stock SET on_hand = n.on_hand, reserved = n.reserved\n"
    "FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS n (sku, on_hand, reserved) WHERE "
    "stock.sku = n.sku";

static const char recount_sql[] =
    "WITH held AS (\n"
    "    SELECT split_part(line, E'\\t', 1) AS sku, sum(split_part(line, E'\\t', "
    "2)::bigint)::bigint AS quantity\n"
    "    FROM reservation, unnest(string_to_array(rtrim(lines, E'\\n'), E'\\n')) AS line\n"
    "    WHERE state = 1 GROUP BY 1)\n"
    "INSERT INTO stock (sku, reserved)\n"
    "SELECT sku, coalesce(held.quantity, 0) FROM held FULL JOIN stock USING (sku)\n"
    "WHERE coalesce(held.quantity, 0) <> coalesce(stock.reserved, 0)\n"
    "ON CONFLICT (sku) DO UPDATE SET reserved = EXCLUDED.reserved";

static const char note_commands_sql[] =
    "WITH n AS (SELECT * FROM unnest($1::text[], $2::bigint[]) AS n (id, at)),\n"
    "made AS (INSERT INTO stock_command (id) SELECT id FROM n ORDER BY id ON CONFLICT DO NOTHING "
    "RETURNING id)\n"
    "SELECT n.at, min(n.at) OVER (PARTITION BY id), made.id IS NOT NULL, c.refused\n"
    "FROM n LEFT JOIN made USING (id) LEFT JOIN stock_command c USING (id)";

static const char refuse_commands_sql[] =
    "UPDATE stock_command c SET refused = n.reason FROM unnest($1::text[], $2::text[]) AS n (id, "
    "reason) WHERE c.id = n.id";

/* A reservation of an earlier version knows neither amount nor currency. */
/* clang-format off */
static const struct field fields[] = {
    /* column       kind            told  member                                        rebuilt */
    {"short_sku",   COLUMN_TEXT,    TOLD, offsetof(struct inventory_row, short_sku),    NULL},
    {"wanted",      COLUMN_INTEGER, TOLD, offsetof(struct inventory_row, wanted),       NULL},
    {"available",   COLUMN_INTEGER, TOLD, offsetof(struct inventory_row, available),    NULL},
    {"decided_at",  COLUMN_TIME,    TOLD, offsetof(struct inventory_row, decided_us),   NULL},
    {"released_at", COLUMN_TIME,    TOLD, offsetof(struct inventory_row, released_us),  NULL},
    {"amount",      COLUMN_INTEGER, TOLD, offsetof(struct inventory_row, amount_minor), ""},
    {"currency",    COLUMN_TEXT,    TOLD, offsetof(struct inventory_row, currency),     ""},
    {"claims",      COLUMN_TEXT,    TOLD, offsetof(struct inventory_row, claims),       NULL},
};
/* clang-format on */

static struct table_statements statements;

/* What a reservation keeps of its order is a line each, "SKU TAB quantity": SKUs hold no control
 * characters. */
static const char *content_write(const struct saga *saga, struct arena *arena)
{
    const struct order_created *created =
        ((const struct inventory_row *)(const void *)saga)->created;
    struct buffer lines = {.arena = arena};

    for (size_t i = 0; i < created->line_count; i++) {
        buffer_text(&lines, created->lines[i].sku);
        buffer_char(&lines, '\t');
        buffer_integer(&lines, created->lines[i].quantity);
        buffer_char(&lines, '\n');
    }
    return lines.data;
}

static enum status content_read(struct saga *saga, const char *content, struct decoder *decoder,
                                struct arena *arena, struct error *error)
{
    struct order_created *created = arena_alloc(arena, sizeof *created);
    char *at = arena_copy(arena, content, strlen(content)), *tab, *end = NULL;

    (void)decoder;
    for (const char *c = content; *c != '\0'; c++)
        created->line_count += *c == '\n';
    created->lines = arena_array(arena, created->line_count, sizeof *created->lines);
    for (size_t i = 0; i < created->line_count; i++) {
        tab = strchr(at, '\t');
        errno = 0;
        created->lines[i].quantity = tab == NULL ? 0 : strtoll(tab + 1, &end, 10);
        if (tab == NULL || end == NULL || created->lines[i].quantity <= 0 || errno != 0 ||
            *end != '\n')
            return error_set(error, STATUS_INVALID,
                             "its reservation keeps \"%.40s\": SKU, tab, quantity are expected",
                             at);
        *tab = '\0';
        created->lines[i].sku = at;
        at = end + 1;
    }
    if (created->line_count == 0 || *at != '\0')
        return error_set(
            error, STATUS_INVALID,
            "its reservation keeps \"%.40s\": a line each of SKU, tab, quantity is expected",
            content);
    ((struct inventory_row *)(void *)saga)->created = created;
    return STATUS_OK;
}

static enum status check(const struct saga *saga, bool wants_content, struct error *error)
{
    const struct inventory_row *row = (const struct inventory_row *)(const void *)saga;
    const bool acts = saga->state == INVENTORY_STATE_NEW || saga->state == INVENTORY_STATE_RESERVED;

    if (saga->flow == NULL && (saga->facts & FACT(ORDER_CREATED)) != 0)
        return error_set(error, STATUS_INVALID, "of an order that is known the flow is not there");
    if (row->amount_minor < 0 || (row->currency != NULL && strlen(row->currency) != 3))
        return error_set(error, STATUS_INVALID, "it is over %lld %s: no such amount is there",
                         (long long)row->amount_minor, row->currency);
    if (saga->state == INVENTORY_STATE_FAILED && (row->short_sku == NULL || row->wanted <= 0))
        return error_set(error, STATUS_INVALID, "it is FAILED, of %lld pieces of %s",
                         (long long)row->wanted,
                         row->short_sku == NULL ? "nothing" : row->short_sku);
    if (saga->state == INVENTORY_STATE_RESERVED && (saga->facts & FACT(ORDER_CREATED)) == 0)
        return error_set(error, STATUS_INVALID, "it is RESERVED without the facts for that");
    if (wants_content && acts && (saga->facts & FACT(ORDER_CREATED)) != 0 && row->created == NULL)
        return error_set(error, STATUS_INVALID, "what it keeps of the order is not there");
    return STATUS_OK;
}

const struct rows reservation_rows = {
    .table = &inventory_table,
    .check = check,
    .row_size = sizeof(struct inventory_row),
    .stored_in = "reservation",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .statements = &statements,
    .content_column = "lines",
    .content_read = content_read,
    .content_write = content_write,
};

/* Locks what is there and reads it; `found` says how many. */
static enum status lock(struct database *database, struct balance *balances, size_t count,
                        struct parameters *skus, size_t *found, struct error *error)
{
    struct result *result;
    enum status status = database_query(database, lock_balances_sql, skus, &result, error);

    if (status != STATUS_OK)
        return status;
    *found = result_rows(result);
    for (size_t i = 0; *found == count && i < count; i++) {
        balances[i].on_hand = result_integer(result, i, 1);
        balances[i].reserved = result_integer(result, i, 2);
    }
    result_free(result);
    return STATUS_OK;
}

enum status balances_lock(struct database *database, struct balance *balances, size_t count,
                          struct arena *arena, struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT};
    struct parameters *skus = parameters_new(arena, kinds, 1);
    size_t found = 0;
    enum status status;

    for (size_t i = 0; i < count; i++)
        parameters_text(skus, 0, balances[i].sku);
    status = lock(database, balances, count, skus, &found, error);
    if (status == STATUS_OK && found < count) {
        status = database_query(database, make_balances_sql, skus, NULL, error);
        if (status == STATUS_OK)
            status = lock(database, balances, count, skus, &found, error);
        if (status == STATUS_OK && found < count)
            status =
                error_set(error, STATUS_CONFLICT, "%zu of %zu balances are there", found, count);
    }
    return status;
}

enum status balances_save(struct database *database, const struct balance *balances, size_t count,
                          struct arena *arena, struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT, COLUMN_INTEGER, COLUMN_INTEGER};
    struct parameters *values = parameters_new(arena, kinds, 3);
    size_t changed = 0;

    for (size_t i = 0; i < count; i++) {
        if (!balances[i].changed)
            continue;
        parameters_text(values, 0, balances[i].sku);
        parameters_integer(values, 1, balances[i].on_hand);
        parameters_integer(values, 2, balances[i].reserved);
        changed++;
    }
    return changed == 0 ? STATUS_OK : database_defer(database, save_balances_sql, values, error);
}

enum status stock_commands_note(struct database *database, const struct message *const *commands,
                                size_t count, struct noted *noted, struct arena *arena,
                                struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT, COLUMN_INTEGER};
    struct parameters *values = parameters_new(arena, kinds, 2);
    struct result *result;
    enum status status;

    for (size_t i = 0; i < count; i++) {
        parameters_text(values, 0, commands[i]->envelope.id);
        parameters_integer(values, 1, (int64_t)i);
    }
    status = database_query(database, note_commands_sql, values, &result, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < result_rows(result); i++) {
        const int64_t at = result_integer(result, i, 0), first = result_integer(result, i, 1);

        noted[at] = (struct noted){at == first && result_integer(result, i, 2) != 0, (size_t)first,
                                   result_copy(result, i, 3, arena)};
    }
    result_free(result);
    return STATUS_OK;
}

enum status stock_commands_refuse(struct database *database, const struct message *const *commands,
                                  const char *const *reasons, size_t count, struct arena *arena,
                                  struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT, COLUMN_TEXT};
    struct parameters *values = parameters_new(arena, kinds, 2);

    for (size_t i = 0; i < count; i++) {
        parameters_text(values, 0, commands[i]->envelope.id);
        parameters_text(values, 1, reasons[i]);
    }
    return count == 0 ? STATUS_OK : database_defer(database, refuse_commands_sql, values, error);
}

enum status balances_recount(struct database *database, struct error *error)
{
    return database_query(database, recount_sql, NULL, NULL, error);
}
