/* Do the databases, the provider's ledger and the mails add up?
 *
 * They are read side by side, ordered by order id, each in one snapshot, so that the audit of any
 * number of orders takes the same memory: only the list of mails is held.  The order service's
 * snapshot is the first.  An order that is closed there has got its last word from everybody else,
 * whose later snapshots hold that word's row: such an order is compared whatever goes on meanwhile.
 * One that is not is under way; it is only looked at for how long it has been so. */
#include "tools/sagactl/audit/databases.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "database/database.h"
#include "events/identity.h"
#include "services/email/mail_text.h"
#include "services/inventory/decide.h"
#include "services/order/decide.h"
#include "services/payment/decide.h"
#include "services/runtime/rows.h"
#include "tools/sagactl/audit/mails.h"
#include "tools/sagactl/audit/stock.h"
#include "tools/sagactl/audit/totals.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/terminal.h"

enum { HOW_LATE_US = 60000000 /* a deadline is looked at by a sweeper, which may be late */ };

enum source { ORDERS, PAYMENTS, RESERVATIONS, MAILS, LEDGER, SOURCES };

static const char ledger_sql[] =
    "SELECT order_id, status, coalesce(r.count, 0), c.amount, currency, payment_id::text, "
    "idempotency_key = 'charge:' || order_id,\n"
    "       coalesce(r.amount, 0), payment_method\n"
    "FROM charge c\n"
    "LEFT JOIN (SELECT charge_key, count(*), sum(amount)::bigint AS amount FROM refund GROUP BY "
    "charge_key) AS r\n"
    "       ON r.charge_key = c.idempotency_key\n"
    "ORDER BY order_id, idempotency_key";

struct audit {
    struct report *report;
    struct database *databases[SOURCES];
    struct result *rows[SOURCES]; /* the row that each stands at; NULL at its end */
    struct mail_files mails;
    size_t mail_at;
    struct totals totals;
    struct arena *arena;
    struct decoder *decoder;
    int64_t now_us, under_way_us;
    bool alone; /* the log is not looked at */
    size_t orders, confirmed, cancelled, waiting, under_way, contents;
};

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
    if (audit->mail_at < audit->mails.count)
        order_id = least(order_id, audit->mails.all[audit->mail_at].order_id);
    return order_id;
}

/* What all sources say about one order. */
struct view {
    const char *order_id;
    bool known[SOURCES];
    bool judged; /* closed: everybody else's last event about it was emitted before */
    int state[SOURCES];
    uint64_t facts[SOURCES];
    const char *content[LEDGER]; /* what a row keeps aside; NULL: nothing */
    struct order_row order;      /* of these rows the columns of their own, as they are stored */
    struct payment_row payment;
    struct inventory_row inventory;
    struct email_row email;
    size_t charges, refunds, mails;
    const struct mail_file *mail;
    const char *charge_status, *charge_id, *charge_currency, *charge_method;
    int64_t charge_amount_minor, captured_minor, refunded_minor;
    bool strange_charge;
};

/* The sources that a service has written. */
static const struct {
    int service;
    size_t row; /* in the view */
} services[LEDGER] = {
    [ORDERS] = {SERVICE_ORDER, offsetof(struct view, order)},
    [PAYMENTS] = {SERVICE_PAYMENT, offsetof(struct view, payment)},
    [RESERVATIONS] = {SERVICE_INVENTORY, offsetof(struct view, inventory)},
    [MAILS] = {SERVICE_EMAIL, offsetof(struct view, email)},
};

static const struct rows *rows_of(enum source source)
{
    return catalog[services[source].service].service->rows;
}

static const char *state_name(const struct saga_table *table, const struct view *view,
                              enum source source)
{
    return view->known[source] ? saga_state_name(table, view->state[source]) : "no row";
}

/* Not closed: how long has it been so?  Where the log is looked at as well, that tells whom it
 * waits for, and what is unread. */
static void check_open(struct audit *audit, const struct view *view)
{
    bool pending = view->state[ORDERS] == ORDER_STATE_PENDING;
    int64_t until_us = pending ? view->order.deadline_us + HOW_LATE_US
                               : view->order.decided_us + audit->under_way_us;

    audit->under_way++;
    if (audit->alone && audit->now_us > until_us)
        finding(audit->report, CHECK_ORDERS, view->order_id, "order %s: %s and not closed%s",
                view->order_id, state_name(&order_table, view, ORDERS),
                pending ? ", its deadline has passed" : "");
}

static void check_order(struct audit *audit, const struct view *view)
{
    int state = view->state[ORDERS];

    for (int i = ORDERS + 1; i < LEDGER; i++)
        if (!view->known[ORDERS] && view->known[i])
            finding(audit->report, CHECK_ORDERS, view->order_id,
                    "order %s: %s has a row, the order service has none", view->order_id,
                    catalog[services[i].service].name);
    if (!view->known[ORDERS])
        return;
    audit->orders++;
    audit->confirmed += state == ORDER_STATE_CONFIRMED;
    audit->cancelled += state == ORDER_STATE_CANCELLED;
    audit->waiting += state == ORDER_STATE_NEW;
    if (!view->judged && state != ORDER_STATE_NEW)
        check_open(audit, view);
    if (!view->judged)
        return;
    if (state == ORDER_STATE_CONFIRMED && (view->state[RESERVATIONS] != INVENTORY_STATE_RESERVED ||
                                           view->state[PAYMENTS] != PAYMENT_STATE_COMPLETED))
        finding(audit->report, CHECK_ORDERS, view->order_id,
                "order %s: CONFIRMED, but payment says %s and inventory %s", view->order_id,
                state_name(&payment_table, view, PAYMENTS),
                state_name(&inventory_table, view, RESERVATIONS));
    if (state == ORDER_STATE_CANCELLED && (view->state[RESERVATIONS] == INVENTORY_STATE_RESERVED ||
                                           view->state[PAYMENTS] == PAYMENT_STATE_COMPLETED ||
                                           !view->known[PAYMENTS] || !view->known[RESERVATIONS]))
        finding(audit->report, CHECK_ORDERS, view->order_id,
                "order %s: CANCELLED, but payment says %s and inventory %s", view->order_id,
                state_name(&payment_table, view, PAYMENTS),
                state_name(&inventory_table, view, RESERVATIONS));
}

/* What an order that is under way has moved so far is not counted. */
static void check_money(struct audit *audit, const struct view *view)
{
    bool stands = view->charge_status != NULL && strcmp(view->charge_status, "captured") == 0;
    bool confirmed = view->state[ORDERS] == ORDER_STATE_CONFIRMED;
    bool free = view->order.amount_minor == 0; /* paid by definition: the provider is never asked */

    if (view->known[ORDERS] && !view->judged)
        return;
    if (confirmed && view->order.currency != NULL)
        total_of(&audit->totals, view->order.currency)->confirmed_minor += view->order.amount_minor;
    if (view->charge_currency != NULL) {
        total_of(&audit->totals, view->charge_currency)->captured_minor += view->captured_minor;
        total_of(&audit->totals, view->charge_currency)->refunded_minor += view->refunded_minor;
    }
    if (confirmed && !stands && !free)
        finding(audit->report, CHECK_MONEY, view->order_id,
                "order %s: confirmed, but its charge is %s", view->order_id,
                view->charge_status == NULL ? "not there" : view->charge_status);
    else if (confirmed && stands && view->charge_amount_minor != view->order.amount_minor)
        finding(audit->report, CHECK_MONEY, view->order_id,
                "order %s: confirmed for %lld, charged %lld", view->order_id,
                (long long)view->order.amount_minor, (long long)view->charge_amount_minor);
    else if (!confirmed && stands)
        finding(audit->report, CHECK_MONEY, view->order_id, "order %s: %s, but its charge stands",
                view->order_id, state_name(&order_table, view, ORDERS));
    if (view->charge_currency != NULL && view->order.currency != NULL &&
        strcmp(view->charge_currency, view->order.currency) != 0)
        finding(audit->report, CHECK_MONEY, view->order_id, "order %s: placed in %s, charged in %s",
                view->order_id, view->order.currency, view->charge_currency);
    if (!confirmed && view->captured_minor != view->refunded_minor && !stands)
        finding(audit->report, CHECK_MONEY, view->order_id, "order %s: charged %lld, refunded %lld",
                view->order_id, (long long)view->captured_minor, (long long)view->refunded_minor);
    if (confirmed && view->refunded_minor != 0)
        finding(audit->report, CHECK_MONEY, view->order_id,
                "order %s: confirmed, but %lld were refunded", view->order_id,
                (long long)view->refunded_minor);
    if (view->charges > 1 || view->refunds > 1)
        finding(audit->report, CHECK_MONEY, view->order_id,
                "order %s: charged %zu times, refunded %zu times", view->order_id, view->charges,
                view->refunds);
}

static void check_mail(struct audit *audit, const struct view *view)
{
    bool decided = view->known[ORDERS] && view->state[ORDERS] >= ORDER_STATE_CONFIRMED;
    bool undeliverable = view->known[MAILS] && (view->state[MAILS] == EMAIL_STATE_FAILED ||
                                                (view->facts[MAILS] & EMAIL_UNADDRESSED) != 0);
    size_t expected = decided && !undeliverable ? 1 : 0;

    if (view->known[ORDERS] && !view->judged)
        return;
    if (view->mails != expected)
        finding(audit->report, CHECK_MAILS, view->order_id,
                "order %s: %zu mails, %zu expected (email says %s)", view->order_id, view->mails,
                expected, state_name(&email_table, view, MAILS));
}

/* ---- what was ordered: in rows, lines and mails ---- */

/* As a reservation keeps them. */
static const char *lines_text(const struct order_place *place, struct arena *arena)
{
    struct buffer lines = {.arena = arena};

    buffer_text(&lines, "");
    for (size_t i = 0; i < place->line_count; i++)
        buffer_format(&lines, "%s\t%lld\n", place->lines[i].sku,
                      (long long)place->lines[i].quantity);
    return lines.data;
}

static bool is_other(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) != 0;
}

static void differs(struct audit *audit, const struct view *view, const char *who, const char *what,
                    const char *has, const char *placed)
{
    finding(audit->report, CHECK_CONTENTS, view->order_id,
            "order %s: %s has the %s %.200s, the order %.200s", view->order_id, who, what, has,
            placed);
}

static void check_rows(struct audit *audit, const struct view *view,
                       const struct order_place *place, int64_t amount_minor, struct arena *arena)
{
    const char *amount = arena_format(arena, "%lld", (long long)amount_minor),
               *lines = lines_text(place, arena);

    if (view->order.amount_minor != amount_minor)
        differs(audit, view, "the order service", "amount",
                arena_format(arena, "%lld", (long long)view->order.amount_minor), amount);
    if (is_other(view->order.currency, place->currency))
        differs(audit, view, "the order service", "currency", view->order.currency,
                place->currency);
    if (view->payment.currency != NULL && view->payment.amount_minor != amount_minor)
        differs(audit, view, "payment", "amount",
                arena_format(arena, "%lld", (long long)view->payment.amount_minor), amount);
    if (is_other(view->payment.currency, place->currency))
        differs(audit, view, "payment", "currency", view->payment.currency, place->currency);
    if (is_other(view->payment.payment_method, place->payment_method))
        differs(audit, view, "payment", "payment method", view->payment.payment_method,
                place->payment_method);
    if (is_other(view->charge_method, place->payment_method))
        differs(audit, view, "the ledger", "payment method", view->charge_method,
                place->payment_method);
    if (view->known[RESERVATIONS] && view->content[RESERVATIONS] == NULL &&
        (view->facts[RESERVATIONS] & FACT(ORDER_CREATED)) != 0)
        differs(audit, view, "inventory", "lines", "(none)", lines);
    if (is_other(view->content[RESERVATIONS], lines))
        differs(audit, view, "inventory", "lines", view->content[RESERVATIONS], lines);
}

/* What the mail must say follows from what was placed, and what email keeps of it as well. */
static void check_mail_text(struct audit *audit, const struct view *view,
                            const struct order_place *place, int64_t amount_minor,
                            struct arena *arena)
{
    const struct order_created created = {.customer = place->customer,
                                          .currency = place->currency,
                                          .amount_minor = amount_minor,
                                          .lines = place->lines,
                                          .line_count = place->line_count};
    const struct email_row row = {.saga = {.order_id = view->order_id, .facts = view->facts[MAILS]},
                                  .text = mail_text_prepare(&created, arena),
                                  .why = view->email.why};
    const char *kept =
        arena_format(arena, "%s\n%s\n%s", row.text->recipient, row.text->name, row.text->table);
    const char *difference;

    if (!view->known[MAILS])
        return;
    if (view->content[MAILS] == NULL)
        finding(audit->report, CHECK_CONTENTS, view->order_id,
                "order %s: email keeps nothing of the order", view->order_id);
    else if (view->email.content_kind == EMAIL_CONTENT_TEXT &&
             strcmp(view->content[MAILS], kept) != 0)
        finding(audit->report, CHECK_CONTENTS, view->order_id,
                "order %s: email keeps another recipient, name or table than the order has",
                view->order_id);
    else if (view->email.content_kind != EMAIL_CONTENT_TEXT &&
             strcmp(view->content[MAILS], kept) == 0)
        finding(audit->report, CHECK_CONTENTS, view->order_id,
                "order %s: email takes what it keeps of the order for something else (content_kind "
                "%lld)",
                view->order_id, (long long)view->email.content_kind);
    if ((view->facts[MAILS] & EMAIL_UNADDRESSED) != 0 && place->customer.email != NULL)
        finding(audit->report, CHECK_CONTENTS, view->order_id,
                "order %s: email takes it for one without an address, the order has %s",
                view->order_id, place->customer.email);
    if (view->mail == NULL || view->mails != 1 || email_kind(&row.saga) == NULL)
        return;
    difference = mail_difference(view->mail, mail_text_write(&row, "", 0, arena), arena);
    if (difference != NULL)
        finding(audit->report, CHECK_CONTENTS, view->order_id, "order %s: the mail %s %s",
                view->order_id, view->mail->path, difference);
}

static void check_content(struct audit *audit, const struct view *view, struct arena *arena)
{
    struct message place = {.type = ORDER_PLACE};
    char id[IDENTITY_SIZE];
    int64_t amount_minor;
    struct error error = {.message = "its lines are worth too much"};

    if (!view->judged)
        return;
    audit->contents++;
    if (view->content[ORDERS] == NULL) {
        finding(audit->report, CHECK_CONTENTS, view->order_id,
                "order %s: what was placed is not there", view->order_id);
        return;
    }
    name_id(view->content[ORDERS], strlen(view->content[ORDERS]), id);
    if (view->order.content_id == NULL || strcmp(view->order.content_id, id) != 0)
        finding(audit->report, CHECK_CONTENTS, view->order_id,
                "order %s: what was placed is not what it was: its content_id is another",
                view->order_id);
    if (message_decode(audit->decoder, arena, ORDER_PLACE, view->content[ORDERS],
                       strlen(view->content[ORDERS]), &place, &error) != STATUS_OK ||
        !lines_amount(place.order_place.lines, place.order_place.line_count, &amount_minor)) {
        finding(audit->report, CHECK_CONTENTS, view->order_id,
                "order %s: what was placed cannot be read: %s", view->order_id, error.message);
        return;
    }
    check_rows(audit, view, &place.order_place, amount_minor, arena);
    check_mail_text(audit, view, &place.order_place, amount_minor, arena);
}

/* ---- the ledger ---- */

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
    /* paid by definition: the provider is never asked */
    bool free = view->payment.amount_minor == 0 && view->charge_status == NULL;
    const char *expected =
        view->known[PAYMENTS] && !free ? expected_charge(view->state[PAYMENTS]) : NULL;
    const char *actual = view->charge_status == NULL ? "no charge" : view->charge_status;
    bool stands = strcmp(actual, "captured") == 0,
         open = view->known[PAYMENTS] && (view->state[PAYMENTS] == PAYMENT_STATE_CHARGING ||
                                          view->state[PAYMENTS] == PAYMENT_STATE_SETTLING);

    if (view->strange_charge)
        finding(audit->report, CHECK_LEDGER, view->order_id,
                "order %s: a charge under a key that is not its own", view->order_id);
    if (view->known[ORDERS] && !view->judged)
        return;
    if ((expected != NULL && strcmp(expected, actual) != 0) ||
        (expected == NULL && stands && !open))
        finding(audit->report, CHECK_LEDGER, view->order_id,
                "order %s: payment says %s, the ledger says %s", view->order_id,
                state_name(&payment_table, view, PAYMENTS), actual);
    else if (expected != NULL && view->payment.amount_minor != view->charge_amount_minor)
        finding(audit->report, CHECK_LEDGER, view->order_id,
                "order %s: payment says %lld, the ledger says %lld", view->order_id,
                (long long)view->payment.amount_minor, (long long)view->charge_amount_minor);
    else if (stands && view->payment.payment_id != NULL &&
             strcmp(view->payment.payment_id, view->charge_id) != 0)
        finding(audit->report, CHECK_LEDGER, view->order_id,
                "order %s: payment knows it as %s, the ledger as %s", view->order_id,
                view->payment.payment_id, view->charge_id);
}

static const char *source_table(enum source source)
{
    return source == LEDGER ? "charge" : rows_of(source)->stored_in;
}

enum { OWN_COLUMNS_AT = 3 };

/* The rows of a service, with all columns of their own and what they keep aside. */
static const char *source_sql(enum source source, struct arena *arena)
{
    struct buffer sql = {.arena = arena};
    const struct rows *rows;

    if (source == LEDGER)
        return ledger_sql;
    rows = rows_of(source);
    buffer_text(&sql, "SELECT order_id, state, facts");
    for (size_t i = 0; i < rows->field_count; i++)
        buffer_format(&sql, ", %s", rows->fields[i].name);
    if (rows->content_column != NULL)
        buffer_format(&sql, ", %s::text", rows->content_column);
    buffer_format(&sql, "\nFROM %s", rows->stored_in);
    if (rows->content_table != NULL)
        buffer_format(&sql, " LEFT JOIN %s USING (order_id)", rows->content_table);
    buffer_text(&sql, "\nORDER BY order_id");
    return sql.data;
}

/* As it is, also where the service could not go on with it. */
static void view_database(struct view *view, enum source source, const struct result *row,
                          struct arena *arena)
{
    const struct rows *rows = rows_of(source);

    view->known[source] = true;
    view->state[source] = (int)result_integer(row, 0, 1);
    view->facts[source] = (uint64_t)result_integer(row, 0, 2);
    for (size_t i = 0; i < rows->field_count; i++) {
        void *to = (char *)view + services[source].row + rows->fields[i].offset;

        if (rows->fields[i].kind == COLUMN_TEXT)
            *(const char **)to = result_copy(row, 0, OWN_COLUMNS_AT + i, arena);
        else if (rows->fields[i].kind == COLUMN_TIME)
            *(int64_t *)to = result_time_us(row, 0, OWN_COLUMNS_AT + i);
        else
            *(int64_t *)to = result_integer(row, 0, OWN_COLUMNS_AT + i);
    }
    if (rows->content_column != NULL)
        view->content[source] = result_copy(row, 0, OWN_COLUMNS_AT + rows->field_count, arena);
    if (source == ORDERS)
        view->judged = order_closed(view->state[ORDERS], view->facts[ORDERS]);
}

static void view_charge(struct view *view, const struct result *row, struct arena *arena)
{
    const char *status = result_text(row, 0, 1);
    bool made = strcmp(status, "captured") == 0 || strcmp(status, "refunded") == 0;

    view->charges += made;
    view->refunds += (size_t)result_integer(row, 0, 2);
    view->captured_minor += made ? result_integer(row, 0, 3) : 0;
    view->refunded_minor += result_integer(row, 0, 7);
    view->charge_currency = result_copy(row, 0, 4, arena);
    if (result_integer(row, 0, 6) == 0) {
        view->strange_charge = true;
        return;
    }
    view->known[LEDGER] = true;
    view->charge_status = result_copy(row, 0, 1, arena);
    view->charge_amount_minor = result_integer(row, 0, 3);
    view->charge_id = result_copy(row, 0, 5, arena);
    view->charge_method = result_copy(row, 0, 8, arena);
}

static enum status view_take(struct audit *audit, struct view *view, struct arena *arena,
                             struct error *error)
{
    for (int i = 0; i < SOURCES; i++) {
        while (audit->rows[i] != NULL &&
               strcmp(result_text(audit->rows[i], 0, 0), view->order_id) == 0) {
            enum status status;

            if (i == LEDGER)
                view_charge(view, audit->rows[i], arena);
            else
                view_database(view, (enum source)i, audit->rows[i], arena);
            status = advance(audit, (enum source)i, error);
            if (status != STATUS_OK)
                return status;
        }
    }
    while (audit->mail_at < audit->mails.count &&
           strcmp(audit->mails.all[audit->mail_at].order_id, view->order_id) == 0) {
        view->mails++;
        view->mail = &audit->mails.all[audit->mail_at++];
    }
    return STATUS_OK;
}

/* A table that nobody has made yet holds nothing: a service that was never started, a provider that
 * was never asked. */
static enum status source_open(struct audit *audit, enum source source, struct error *error)
{
    const char *exists_sql =
        arena_format(audit->arena, "SELECT to_regclass('%s') IS NOT NULL", source_table(source));
    struct result *exists;
    enum status status = database_query(audit->databases[source], exists_sql, NULL, &exists, error);
    bool there;

    if (status != STATUS_OK)
        return status;
    there = result_integer(exists, 0, 0) != 0;
    result_free(exists);
    if (!there)
        return STATUS_OK;
    status = database_stream(audit->databases[source], source_sql(source, audit->arena), error);
    return status == STATUS_OK ? advance(audit, source, error) : status;
}

static enum status check_orders(struct audit *audit, const char *maildir, struct error *error)
{
    struct arena *arena = arena_new();
    enum status status = STATUS_OK;
    struct progress progress;
    const char *next;

    progress_start(&progress, "audit", 0);
    for (int i = 0; status == STATUS_OK && i < SOURCES; i++)
        status = source_open(audit, (enum source)i, error);
    if (status == STATUS_OK)
        status = mail_files_list(maildir, audit->arena, &audit->mails, error);
    while (status == STATUS_OK && !command_interrupted() && (next = next_order(audit)) != NULL) {
        struct view view = {.order_id = arena_copy(arena, next, strlen(next))};

        status = view_take(audit, &view, arena, error);
        check_order(audit, &view);
        check_money(audit, &view);
        check_mail(audit, &view);
        check_ledger(audit, &view);
        check_content(audit, &view, arena);
        progress_show(&progress, audit->orders);
        arena_reset(arena);
    }
    progress_end(&progress);
    arena_free(arena);
    return status;
}

/* ---- all of it ---- */

static void details(struct audit *audit)
{
    const char *under_way =
        audit->under_way > 0 ? arena_format(audit->arena, "; %zu under way", audit->under_way) : "";

    report_detail(audit->report, CHECK_ORDERS,
                  "%zu orders: %zu confirmed, %zu cancelled, %zu not placed yet%s", audit->orders,
                  audit->confirmed, audit->cancelled, audit->waiting, under_way);
    report_detail(audit->report, CHECK_MAILS, "%zu mails", audit->mails.count);
    report_detail(audit->report, CHECK_CONTENTS, "%zu orders", audit->contents);
}

static enum status databases_open(struct audit *audit, const struct settings *from,
                                  struct error *error)
{
    for (int i = 0; i < SOURCES; i++) {
        const char *setting =
            arena_format(audit->arena, "%s-database",
                         i == LEDGER ? "provider" : catalog[services[i].service].name);
        const char *url = settings_text(from, setting);

        if (url == NULL)
            return error_set(error, STATUS_INVALID, "an audit of the databases needs --%s",
                             setting);
        audit->databases[i] = database_new(url, "sagactl");
    }
    return STATUS_OK;
}

/* The stock's statement is one more of the inventory's database, which is free once its rows are
 * read. */
static enum status check_all(struct audit *audit, const char *maildir, struct error *error)
{
    enum status status = check_orders(audit, maildir, error);

    if (status != STATUS_OK || command_interrupted())
        return status;
    totals_check(&audit->totals, audit->report, CHECK_MONEY);
    return audit_stock(audit->databases[RESERVATIONS], audit->report, error);
}

enum status audit_databases(const struct settings *from, struct report *report, struct error *error)
{
    struct audit audit = {.report = report,
                          .arena = arena_new(),
                          .decoder = decoder_new(),
                          .now_us = clock_us(),
                          .under_way_us = settings_integer(from, "under-way-ms") * 1000,
                          .alone = settings_flag(from, "from-databases")};
    const char *maildir = settings_text(from, "maildir");
    enum status status = databases_open(&audit, from, error);

    if (status == STATUS_OK && maildir == NULL)
        status = error_set(error, STATUS_INVALID, "an audit of the databases needs --maildir");
    for (int check = CHECK_ORDERS; status == STATUS_OK && check < CHECKS; check++)
        report_begin(report, (enum check)check);
    if (status == STATUS_OK)
        status = check_all(&audit, maildir, error);
    details(&audit);
    for (int i = 0; i < SOURCES; i++) {
        result_free(audit.rows[i]);
        database_free(audit.databases[i]);
    }
    mail_files_free(&audit.mails);
    decoder_free(audit.decoder);
    arena_free(audit.arena);
    return status;
}
