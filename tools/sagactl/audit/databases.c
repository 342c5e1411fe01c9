/* Do the databases, the provider's ledger and the mails add up?
 *
 * They are read side by side, ordered by order id (then by SKU), so that the audit of any number of orders takes the same memory:
 * only the list of mails is held. */
#include "tools/sagactl/audit/databases.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/arena.h"
#include "events/buffer.h"
#include "services/database/database.h"
#include "services/email/decide.h"
#include "services/inventory/decide.h"
#include "services/order/decide.h"
#include "services/payment/decide.h"
#include "tools/sagactl/audit/totals.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal.h"

enum source { ORDERS, PAYMENTS, RESERVATIONS, MAILS, LEDGER, SOURCES };

static const struct {
    const char *setting, *sql;
} sources[SOURCES] = {
    {"order-database", "SELECT order_id, state, facts, amount, currency FROM orders ORDER BY order_id"},
    {"payment-database", "SELECT order_id, state, facts, amount, currency, payment_id FROM payments ORDER BY order_id"},
    {"inventory-database", "SELECT order_id, state, facts FROM reservation ORDER BY order_id"},
    {"email-database", "SELECT order_id, state, facts FROM mails ORDER BY order_id"},
    {"provider-database",
     "SELECT order_id, status, coalesce(r.count, 0), c.amount, currency, payment_id::text, idempotency_key = 'charge:' || order_id,\n"
     "       coalesce(r.amount, 0)\n"
     "FROM charge c\n"
     "LEFT JOIN (SELECT charge_key, count(*), sum(amount)::bigint AS amount FROM refund GROUP BY charge_key) AS r\n"
     "       ON r.charge_key = c.idempotency_key\n"
     "ORDER BY order_id, idempotency_key"},
};

/* A mail on disk, by the order it names. */
struct mail_file {
    char *order_id, *kind;
};

struct audit {
    struct report *report;
    struct database *databases[SOURCES];
    struct result *rows[SOURCES]; /* the row that each stands at; NULL at its end */
    struct mail_file *mails;
    size_t mail_count, mail_at;
    struct totals totals;
    struct arena *arena;
    size_t orders, confirmed, cancelled, waiting;
    int64_t pieces;
    size_t skus;
};

/* ---- mails on disk ---- */

static int by_order(const void *a, const void *b)
{
    const struct mail_file *left = a, *right = b;

    return strcmp(left->order_id, right->order_id);
}

/* The value of a header line of ours, or NULL. */
static char *header_value(const char *line, const char *name, struct arena *arena)
{
    size_t length = strlen(name);

    if (strncmp(line, name, length) != 0)
        return NULL;
    return arena_copy(arena, line + length, strcspn(line + length, "\r\n"));
}

static struct mail_file mail_read(const char *path, struct arena *arena)
{
    FILE *file = fopen(path, "r");
    struct mail_file mail = {NULL, NULL};
    char line[1100];

    while (file != NULL && fgets(line, sizeof line, file) != NULL && line[0] != '\n' && line[0] != '\r') {
        char *order = header_value(line, "X-Order-ID: ", arena);

        if (order != NULL)
            mail.order_id = order;
        if (strncmp(line, "Subject: ", 9) == 0)
            mail.kind = strstr(line, " is confirmed") != NULL ? "confirmed" : "cancelled";
    }
    if (file != NULL)
        fclose(file);
    if (mail.order_id == NULL)
        mail.order_id = arena_format(arena, "(none: %s)", path);
    if (mail.kind == NULL)
        mail.kind = "";
    return mail;
}

static enum status mails_read(struct audit *audit, const char *maildir, struct error *error)
{
    static const char *const folders[] = {"new", "cur"};
    size_t capacity = 0;

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char *path = arena_format(audit->arena, "%s/%s", maildir, folders[i]);
        DIR *folder = opendir(path);

        if (folder == NULL)
            return error_set(error, STATUS_WRONG, "maildir is \"%s\": cannot read %s", maildir, path);
        for (const struct dirent *file; (file = readdir(folder)) != NULL;) {
            if (file->d_name[0] == '.')
                continue;
            if (audit->mail_count == capacity) {
                capacity = capacity == 0 ? 1024 : capacity * 2;
                audit->mails = realloc(audit->mails, capacity * sizeof *audit->mails);
                if (audit->mails == NULL)
                    abort();
            }
            audit->mails[audit->mail_count++] = mail_read(arena_format(audit->arena, "%s/%s", path, file->d_name), audit->arena);
        }
        closedir(folder);
    }
    if (audit->mail_count > 0)
        qsort(audit->mails, audit->mail_count, sizeof *audit->mails, by_order);
    return STATUS_OK;
}

/* ---- walking all sources side by side ---- */

static enum status advance(struct audit *audit, enum source source, struct error *error)
{
    result_free(audit->rows[source]);
    audit->rows[source] = NULL;
    return database_next(audit->databases[source], &audit->rows[source], error);
}

static const char *least(const char *a, const char *b)
{
    return a == NULL || (b != NULL && strcmp(b, a) < 0) ? b : a;
}

/* The least order id that any source stands at. */
static const char *next_order(const struct audit *audit)
{
    const char *order_id = NULL;

    for (int i = 0; i < SOURCES; i++)
        if (audit->rows[i] != NULL)
            order_id = least(order_id, result_text(audit->rows[i], 0, 0));
    if (audit->mail_at < audit->mail_count)
        order_id = least(order_id, audit->mails[audit->mail_at].order_id);
    return order_id == NULL ? NULL : order_id;
}

/* What all sources say about one order. */
struct view {
    const char *order_id;
    bool known[SOURCES];
    int state[SOURCES];
    uint64_t facts[SOURCES];
    int64_t amount_minor, payment_amount_minor;
    const char *currency, *payment_id;
    size_t charges, refunds, mails;
    const char *mail_kind;
    const char *charge_status, *charge_id;
    int64_t charge_amount_minor;
};

static const char *state_name(const struct saga_table *table, const struct view *view, enum source source)
{
    return view->known[source] ? table->state_names[view->state[source]] : "no row";
}

static void check_order(struct audit *audit, const struct view *view)
{
    static const enum source others[] = {PAYMENTS, RESERVATIONS, MAILS};
    static const char *const names[] = {"payment", "inventory", "email"};
    int state = view->state[ORDERS];

    for (size_t i = 0; i < 3; i++)
        if (!view->known[ORDERS] && view->known[others[i]])
            finding(audit->report, CHECK_ORDERS, "order %s: %s has a row, the order service has none", view->order_id, names[i]);
    if (!view->known[ORDERS])
        return;
    audit->orders++;
    audit->confirmed += state == ORDER_STATE_CONFIRMED;
    audit->cancelled += state == ORDER_STATE_CANCELLED;
    audit->waiting += state == ORDER_STATE_NEW;
    if (state == ORDER_STATE_NEW)
        return;
    if (!order_closed(state, view->facts[ORDERS]))
        finding(audit->report, CHECK_ORDERS, "order %s: %s and not closed", view->order_id, state_name(&order_table, view, ORDERS));
    if (state == ORDER_STATE_CONFIRMED &&
        (view->state[RESERVATIONS] != INVENTORY_STATE_RESERVED || view->state[PAYMENTS] != PAYMENT_STATE_COMPLETED))
        finding(audit->report, CHECK_ORDERS, "order %s: CONFIRMED, but payment says %s and inventory %s", view->order_id,
                state_name(&payment_table, view, PAYMENTS), state_name(&inventory_table, view, RESERVATIONS));
    if (state == ORDER_STATE_CANCELLED && (view->state[RESERVATIONS] == INVENTORY_STATE_RESERVED ||
                                           view->state[PAYMENTS] == PAYMENT_STATE_COMPLETED || !view->known[PAYMENTS] || !view->known[RESERVATIONS]))
        finding(audit->report, CHECK_ORDERS, "order %s: CANCELLED, but payment says %s and inventory %s", view->order_id,
                state_name(&payment_table, view, PAYMENTS), state_name(&inventory_table, view, RESERVATIONS));
}

static void check_money(struct audit *audit, const struct view *view)
{
    bool stands = view->charge_status != NULL && strcmp(view->charge_status, "captured") == 0;
    bool confirmed = view->known[ORDERS] && view->state[ORDERS] == ORDER_STATE_CONFIRMED;

    if (confirmed && view->currency != NULL)
        total_of(&audit->totals, view->currency)->confirmed_minor += view->amount_minor;
    if (confirmed && !stands)
        finding(audit->report, CHECK_MONEY, "order %s: confirmed, but its charge is %s", view->order_id, view->charge_status == NULL ? "not there" : view->charge_status);
    else if (confirmed && view->charge_amount_minor != view->amount_minor)
        finding(audit->report, CHECK_MONEY, "order %s: confirmed for %lld, charged %lld", view->order_id, (long long)view->amount_minor, (long long)view->charge_amount_minor);
    else if (!confirmed && stands)
        finding(audit->report, CHECK_MONEY, "order %s: %s, but its charge stands", view->order_id, state_name(&order_table, view, ORDERS));
    if (view->charges > 1 || view->refunds > 1)
        finding(audit->report, CHECK_MONEY, "order %s: charged %zu times, refunded %zu times", view->order_id, view->charges, view->refunds);
}

static void check_mail(struct audit *audit, const struct view *view)
{
    bool decided = view->known[ORDERS] && view->state[ORDERS] >= ORDER_STATE_CONFIRMED;
    bool undeliverable = view->known[MAILS] && view->state[MAILS] == EMAIL_STATE_FAILED;
    const char *kind = view->state[ORDERS] == ORDER_STATE_CONFIRMED ? "confirmed" : "cancelled";
    size_t expected = decided && !undeliverable ? 1 : 0;

    if (view->mails != expected)
        finding(audit->report, CHECK_MAILS, "order %s: %zu mails, %zu expected (email says %s)", view->order_id, view->mails, expected,
                state_name(&email_table, view, MAILS));
    else if (expected == 1 && strcmp(view->mail_kind, kind) != 0)
        finding(audit->report, CHECK_MAILS, "order %s: the mail says %s, the order is %s", view->order_id, view->mail_kind, kind);
}

static const char *expected_charge(int payment_state)
{
    switch (payment_state) {
    case PAYMENT_STATE_COMPLETED:
    case PAYMENT_STATE_REFUND_FAILED:
        return "captured";
    case PAYMENT_STATE_REFUNDED:
        return "refunded";
    case PAYMENT_STATE_FAILED:
        return "declined";
    default:
        return NULL;
    }
}

static void check_ledger(struct audit *audit, const struct view *view)
{
    const char *expected = view->known[PAYMENTS] ? expected_charge(view->state[PAYMENTS]) : NULL;
    const char *actual = view->charge_status == NULL ? "no charge" : view->charge_status;
    bool stands = strcmp(actual, "captured") == 0, open = view->known[PAYMENTS] && (view->state[PAYMENTS] == PAYMENT_STATE_CHARGING || view->state[PAYMENTS] == PAYMENT_STATE_SETTLING);

    if ((expected != NULL && strcmp(expected, actual) != 0) || (expected == NULL && stands && !open))
        finding(audit->report, CHECK_LEDGER, "order %s: payment says %s, the ledger says %s", view->order_id,
                state_name(&payment_table, view, PAYMENTS), actual);
    else if (expected != NULL && view->payment_amount_minor != view->charge_amount_minor)
        finding(audit->report, CHECK_LEDGER, "order %s: payment says %lld, the ledger says %lld", view->order_id,
                (long long)view->payment_amount_minor, (long long)view->charge_amount_minor);
    else if (stands && view->payment_id != NULL && strcmp(view->payment_id, view->charge_id) != 0)
        finding(audit->report, CHECK_LEDGER, "order %s: payment knows it as %s, the ledger as %s", view->order_id, view->payment_id, view->charge_id);
}

static void view_database(struct view *view, enum source source, const struct result *row, struct arena *arena)
{
    view->known[source] = true;
    view->state[source] = (int)result_integer(row, 0, 1);
    view->facts[source] = (uint64_t)result_integer(row, 0, 2);
    if (source == ORDERS) {
        view->amount_minor = result_integer(row, 0, 3);
        view->currency = result_copy(row, 0, 4, arena);
    }
    if (source == PAYMENTS) {
        view->payment_amount_minor = result_integer(row, 0, 3);
        view->payment_id = result_copy(row, 0, 5, arena);
    }
}

static void view_charge(struct audit *audit, struct view *view, const struct result *row, struct arena *arena)
{
    const char *status = result_text(row, 0, 1);
    struct total *total = total_of(&audit->totals, result_text(row, 0, 4));
    bool made = strcmp(status, "captured") == 0 || strcmp(status, "refunded") == 0;

    view->charges += made;
    view->refunds += (size_t)result_integer(row, 0, 2);
    total->captured_minor += made ? result_integer(row, 0, 3) : 0;
    total->refunded_minor += result_integer(row, 0, 7);
    if (result_integer(row, 0, 6) == 0) {
        finding(audit->report, CHECK_LEDGER, "order %s: a charge under a key that is not its own", view->order_id);
        return;
    }
    view->known[LEDGER] = true;
    view->charge_status = result_copy(row, 0, 1, arena);
    view->charge_amount_minor = result_integer(row, 0, 3);
    view->charge_id = result_copy(row, 0, 5, arena);
}

static enum status view_take(struct audit *audit, struct view *view, struct arena *arena, struct error *error)
{
    for (int i = 0; i < SOURCES; i++) {
        while (audit->rows[i] != NULL && strcmp(result_text(audit->rows[i], 0, 0), view->order_id) == 0) {
            enum status status;

            if (i == LEDGER)
                view_charge(audit, view, audit->rows[i], arena);
            else
                view_database(view, (enum source)i, audit->rows[i], arena);
            status = advance(audit, (enum source)i, error);
            if (status != STATUS_OK)
                return status;
        }
    }
    while (audit->mail_at < audit->mail_count && strcmp(audit->mails[audit->mail_at].order_id, view->order_id) == 0) {
        view->mails++;
        view->mail_kind = audit->mails[audit->mail_at++].kind;
    }
    return STATUS_OK;
}

static enum status check_orders(struct audit *audit, struct error *error)
{
    struct arena *arena = arena_new();
    enum status status = STATUS_OK;
    struct progress progress;
    const char *next;

    progress_start(&progress, "audit", 0);
    for (int i = 0; status == STATUS_OK && i < SOURCES; i++) {
        status = database_stream(audit->databases[i], sources[i].sql, error);
        if (status == STATUS_OK)
            status = advance(audit, (enum source)i, error);
    }
    while (status == STATUS_OK && !command_interrupted() && (next = next_order(audit)) != NULL) {
        struct view view = {.order_id = arena_copy(arena, next, strlen(next))};

        status = view_take(audit, &view, arena, error);
        check_order(audit, &view);
        check_money(audit, &view);
        check_mail(audit, &view);
        check_ledger(audit, &view);
        progress_show(&progress, audit->orders);
        arena_reset(arena);
    }
    progress_end(&progress);
    arena_free(arena);
    return status;
}

/* ---- stock, SKU by SKU ---- */

static const char confirmed_quantities_sql[] =
    "SELECT l->>'sku' COLLATE \"C\" AS sku, sum((l->>'quantity')::bigint)::bigint\n"
    "FROM orders JOIN order_content USING (order_id), json_array_elements(body->'lines') AS l\n"
    "WHERE state = 2 GROUP BY 1 ORDER BY 1";

static const char balances_sql[] = "SELECT sku, reserved FROM stock ORDER BY sku";

static enum status check_stock(struct audit *audit, struct error *error)
{
    static const enum source sides[] = {ORDERS, RESERVATIONS};
    static const char *const sqls[] = {confirmed_quantities_sql, balances_sql};
    enum status status = STATUS_OK;
    const char *sku;

    for (size_t i = 0; status == STATUS_OK && i < 2; i++) {
        status = database_stream(audit->databases[sides[i]], sqls[i], error);
        if (status == STATUS_OK)
            status = advance(audit, sides[i], error);
    }
    while (status == STATUS_OK && (sku = least(audit->rows[ORDERS] == NULL ? NULL : result_text(audit->rows[ORDERS], 0, 0),
                                               audit->rows[RESERVATIONS] == NULL ? NULL : result_text(audit->rows[RESERVATIONS], 0, 0))) != NULL) {
        int64_t quantities[2] = {0, 0};
        char name[300];

        snprintf(name, sizeof name, "%s", sku);
        for (size_t i = 0; status == STATUS_OK && i < 2; i++) {
            if (audit->rows[sides[i]] == NULL || strcmp(result_text(audit->rows[sides[i]], 0, 0), name) != 0)
                continue;
            quantities[i] = result_integer(audit->rows[sides[i]], 0, 1);
            status = advance(audit, sides[i], error);
        }
        audit->skus++;
        audit->pieces += quantities[1];
        if (quantities[0] != quantities[1])
            finding(audit->report, CHECK_STOCK, "SKU %s: %lld reserved, confirmed orders hold %lld", name, (long long)quantities[1], (long long)quantities[0]);
    }
    return status;
}

/* ---- all of it ---- */

static void details(struct audit *audit)
{
    report_detail(audit->report, CHECK_ORDERS, "%zu orders: %zu confirmed, %zu cancelled, %zu not placed yet", audit->orders, audit->confirmed, audit->cancelled, audit->waiting);
    report_detail(audit->report, CHECK_STOCK, "%lld pieces of %zu SKUs", (long long)audit->pieces, audit->skus);
    report_detail(audit->report, CHECK_MAILS, "%zu mails", audit->mail_count);
}

static enum status databases_open(struct audit *audit, const struct settings *from, struct error *error)
{
    for (int i = 0; i < SOURCES; i++) {
        const char *url = settings_text(from, sources[i].setting);

        if (url == NULL)
            return error_set(error, STATUS_WRONG, "an audit of the databases needs --%s", sources[i].setting);
        audit->databases[i] = database_new(url, "sagactl");
    }
    return STATUS_OK;
}

enum status audit_databases(const struct settings *from, struct report *report, struct error *error)
{
    struct audit audit = {.report = report, .arena = arena_new()};
    const char *maildir = settings_text(from, "maildir");
    enum status status = databases_open(&audit, from, error);

    if (status == STATUS_OK && maildir == NULL)
        status = error_set(error, STATUS_WRONG, "an audit of the databases needs --maildir");
    for (int check = CHECK_ORDERS; status == STATUS_OK && check <= CHECK_LEDGER; check++)
        report_begin(report, (enum check)check);
    if (status == STATUS_OK)
        status = mails_read(&audit, maildir, error);
    if (status == STATUS_OK)
        status = check_orders(&audit, error);
    if (status == STATUS_OK)
        totals_check(&audit.totals, report, CHECK_MONEY);
    if (status == STATUS_OK)
        status = check_stock(&audit, error);
    details(&audit);
    for (int i = 0; i < SOURCES; i++) {
        result_free(audit.rows[i]);
        database_free(audit.databases[i]);
    }
    free(audit.mails);
    arena_free(audit.arena);
    return status;
}
