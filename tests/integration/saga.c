/* The saga as its users see it: every flow, every way that an order can end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/flow.h"
#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

static const char *id_of(const char *what, const char *flow)
{
    static char ids[8][80];
    static int next;
    char *id = ids[next = (next + 1) % 8];

    snprintf(id, 80, "%s-%s", what, flow);
    return id;
}

static void order_restart(const char *options)
{
    service_stop("order");
    service_start("order", options);
    service_ready("order");
}

START_TEST(every_flow_confirms_what_can_be_paid_and_delivered)
{
    const char *flow = flow_names[_i];
    char options[64], cause[64];

    snprintf(options, sizeof options, "--flow %s", flow);
    order_restart(options);
    place(id_of("fine", flow), "pm_card_visa", "thing", 2);
    eventually(is_closed(id_of("fine", flow)));
    ck_assert_str_eq(state("order", id_of("fine", flow)), "CONFIRMED");
    ck_assert_str_eq(state("payment", id_of("fine", flow)), "COMPLETED");
    ck_assert_str_eq(state("inventory", id_of("fine", flow)), "RESERVED");
    ck_assert_int_eq(mails_of(id_of("fine", flow)), 1);
    ck_assert_str_eq(header_of(id_of("fine", flow), "order.confirmed", "ce_flow"), flow);
    ck_assert_str_eq(header_of(id_of("fine", flow), "order.confirmed", "ce_correlationid"),
                     id_of("fine", flow));
    snprintf(cause, sizeof cause, "%s", first_cause_of(id_of("fine", flow), "payment.completed"));
    if (strcmp(flow, "reserve-first") != 0 ||
        strcmp(cause, header_of(id_of("fine", flow), "inventory.reserved", "ce_id")) != 0)
        /* of two topics either may come last */
        ck_assert_str_eq(cause, header_of(id_of("fine", flow), "order.created", "ce_id"));
}
END_TEST

static int rows_not_as_read(void)
{
    int count = 0;

    for (size_t i = 0; i < SERVICES; i++)
        count += logged(catalog_names[i], "loaded again");
    return count;
}

/* Rows are remembered from one message of a saga to the next; nobody else writes them here. */
START_TEST(orders_flow_without_a_conflict)
{
    int before = rows_not_as_read();
    char id[32];

    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "alone-%d", i);
        place(id, "pm_card_visa", "thing", 1);
        eventually(is_closed(id));
    }
    ck_assert_int_eq(rows_not_as_read(), before);
}
END_TEST

START_TEST(every_flow_undoes_what_cannot_be_paid)
{
    const char *flow = flow_names[_i], *id = id_of("declined", flow);
    char options[64];

    snprintf(options, sizeof options, "--flow %s", flow);
    order_restart(options);
    stock_set(id, 10);
    place(id, "pm_card_declined", id, 2);
    eventually(is_closed(id));
    ck_assert_str_eq(state("order", id), "CANCELLED");
    ck_assert_str_eq(state("payment", id), "FAILED");
    ck_assert_int_ge(emitted(id, "payment.voided"), 1);
    ck_assert_int_ge(emitted(id, "inventory.released") + emitted(id, "inventory.voided"), 1);
    ck_assert_str_ne(state("inventory", id), "RESERVED");
    ck_assert_int_eq(number("inventory", "SELECT reserved FROM stock WHERE sku = '%s'", id), 0);
    ck_assert_ptr_nonnull(strstr(body_of(id, "order.cancelled"),
                                 "\"reason\":\"payment.failed\",\"detail\":\"card_declined\""));
    ck_assert_int_eq(mails_of(id), 1);
}
END_TEST

START_TEST(every_flow_undoes_what_is_not_there)
{
    const char *flow = flow_names[_i], *id = id_of("short", flow);
    char options[64];

    snprintf(options, sizeof options, "--flow %s", flow);
    order_restart(options);
    stock_set("rare", 1);
    place(id, "pm_card_visa", "rare", 2);
    eventually(is_closed(id));
    ck_assert_str_eq(state("order", id), "CANCELLED");
    ck_assert_str_eq(state("inventory", id), "FAILED");
    ck_assert_ptr_nonnull(
        strstr(body_of(id, "inventory.failed"), "\"sku\":\"rare\",\"wanted\":2,\"available\":1"));
    ck_assert_ptr_nonnull(strstr(body_of(id, "order.cancelled"), "out_of_stock rare"));
    if (strcmp(flow, "reserve-first") == 0)
        ck_assert_int_eq(number("provider",
                                "SELECT count(*) FROM charge WHERE order_id = '%s' AND status IN "
                                "('captured', 'refunded')",
                                id),
                         0);
    else
        eventually(
            number("provider",
                   "SELECT count(*) FROM charge WHERE order_id = '%s' AND status = 'captured'",
                   id) == 0);
}
END_TEST

START_TEST(a_change_of_flow_under_way_loses_no_order)
{
    char id[64];

    for (int i = 0; i < 90; i++) {
        snprintf(id, sizeof id, "change-%d", i);
        place(id, i % 7 == 0 ? "pm_card_declined" : "pm_card_visa", "thing", 1);
        if (i == 30)
            order_restart("--flow parallel");
        if (i == 60)
            order_restart("--flow reserve-first");
    }
    eventually(closed("change") == 90);
    order_restart("");
    ck_assert_int_ge(
        number("order", "SELECT count(DISTINCT flow) FROM orders WHERE order_id LIKE 'change-%%'"),
        2);
}
END_TEST

START_TEST(the_same_order_twice_is_one_order)
{
    place("twice", "pm_card_visa", "thing", 3);
    place("twice", "pm_card_visa", "thing", 3);
    eventually(is_closed("twice"));
    ck_assert_int_eq(ids_emitted("twice", "order.created"), 1);
    ck_assert_int_eq(number("provider", "SELECT count(*) FROM charge WHERE order_id = 'twice'"), 1);
    ck_assert_int_eq(mails_of("twice"), 1);
    ck_assert_int_eq(
        number("inventory", "SELECT count(*) FROM reservation WHERE order_id = 'twice'"), 1);
}
END_TEST

/* A file for sagactl in the test environment's folder; its path lives until the next call. */
static const char *file_with(const char *name, const char *text)
{
    static char path[300];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", environment_folder(), name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

START_TEST(an_order_twice_in_one_batch_is_answered_once)
{
    service_stop("order");
    ck_assert_int_eq(shell("/usr/bin/python3 tests/integration/produce.py orders.commands at-once "
                           "header=ce_type=order.place times=2 value='" ORDER("at-once") "'"),
                     0);
    service_start("order", "--republish-after-ms 3600000"); /* which would say it again */
    eventually(is_closed("at-once"));
    ck_assert_int_eq(emitted("at-once", "order.created"), 1);
    service_stop("order");
    service_start("order", "");
}
END_TEST

START_TEST(another_content_under_the_same_id_is_rejected)
{
    int created;

    place("taken", "pm_card_visa", "thing", 3);
    eventually(is_closed("taken"));
    created = emitted("taken", "order.created");
    place("taken", "pm_card_visa", "thing", 4);
    eventually(emitted("taken", "order.rejected") == 1);
    ck_assert_ptr_nonnull(strstr(body_of("taken", "order.rejected"), "\"field\":\"order_id\""));
    ck_assert_int_eq(emitted("taken", "order.created"), created);
    ck_assert_str_eq(state("order", "taken"), "CONFIRMED");
}
END_TEST

START_TEST(facts_may_overtake_each_other_across_topics)
{
    publish(
        "payments", "overtaken", "payment.completed", "x1", "pay-first",
        "{\"order_id\":\"overtaken\",\"payment_id\":\"p\",\"amount\":200,\"currency\":\"GBP\"}");
    eventually(strcmp(state("inventory", "overtaken"), "NEW") == 0);
    eventually(strcmp(state("order", "overtaken"), "NEW") == 0);
    place("overtaken", "pm_card_visa", "thing", 2);
    eventually(is_closed("overtaken"));
    ck_assert_str_eq(state("order", "overtaken"), "CONFIRMED");
    ck_assert_str_eq(state("inventory", "overtaken"), "RESERVED");
}
END_TEST

START_TEST(a_cancellation_before_the_order_is_heeded)
{
    cancel("early");
    eventually(strcmp(state("order", "early"), "NEW") == 0);
    place("early", "pm_card_visa", "thing", 1);
    eventually(is_closed("early"));
    ck_assert_str_eq(state("order", "early"), "CANCELLED");
    ck_assert_ptr_nonnull(
        strstr(body_of("early", "order.cancelled"), "\"detail\":\"changed my mind\""));
    ck_assert_int_eq(
        number("provider",
               "SELECT count(*) FROM charge WHERE order_id = 'early' AND status = 'captured'"),
        0);
    ck_assert_str_ne(state("inventory", "early"), "RESERVED");
}
END_TEST

START_TEST(a_cancellation_after_the_decision_is_rejected)
{
    place("too-late", "pm_card_visa", "thing", 1);
    eventually(is_closed("too-late"));
    cancel("too-late");
    eventually(emitted("too-late", "order.cancel_rejected") == 1);
    ck_assert_ptr_nonnull(strstr(body_of("too-late", "order.cancel_rejected"), "CONFIRMED"));
    ck_assert_str_eq(state("order", "too-late"), "CONFIRMED");
}
END_TEST

START_TEST(a_provider_that_is_late_is_asked_again)
{
    place("late-yes", "pm_late_approve", "thing", 1);
    place("late-no", "pm_late_decline", "thing", 1);
    eventually(is_closed("late-yes") && is_closed("late-no"));
    ck_assert_str_eq(state("order", "late-yes"), "CONFIRMED");
    ck_assert_str_eq(state("order", "late-no"), "CANCELLED");
    ck_assert_int_ge(emitted("late-yes", "payment.pending"), 1);
    ck_assert_int_eq(number("provider", "SELECT count(*) FROM charge WHERE order_id = 'late-yes'"),
                     1);
}
END_TEST

START_TEST(a_charge_without_an_answer_is_settled_on_cancellation)
{
    place("silent", "pm_silent_charge", "thing", 1);
    eventually(emitted("silent", "payment.pending") >= 1);
    ck_assert_str_eq(state("payment", "silent"), "CHARGING");
    ck_assert_int_eq(
        number("provider",
               "SELECT count(*) FROM charge WHERE order_id = 'silent' AND status = 'captured'"),
        1);
    cancel("silent");
    eventually(is_closed("silent"));
    ck_assert_str_eq(state("payment", "silent"), "REFUNDED");
    ck_assert_int_eq(
        number("provider", "SELECT count(*) FROM refund WHERE idempotency_key = 'refund:silent'"),
        1);
}
END_TEST

START_TEST(a_provider_that_never_answers_is_blocked_on_cancellation)
{
    place("never", "pm_never", "thing", 1);
    eventually(emitted("never", "payment.pending") >= 1);
    cancel("never");
    eventually(is_closed("never"));
    ck_assert_str_eq(state("payment", "never"), "VOID");
    ck_assert_int_eq(
        number("provider",
               "SELECT count(*) FROM charge WHERE order_id = 'never' AND status = 'blocked'"),
        1);
}
END_TEST

START_TEST(a_charge_that_comes_after_the_settlement_is_refused)
{
    place("blocked", "pm_never", "thing", 1);
    eventually(emitted("blocked", "payment.pending") >= 1);
    cancel("blocked");
    eventually(is_closed("blocked"));
    /* The late call of a process that died: the same key, an approving card. */
    execute("provider", "INSERT INTO charge (idempotency_key, order_id, payment_method, currency, "
                        "amount, status, answers_from) "
                        "VALUES ('charge:blocked', 'blocked', 'pm_card_visa', 'GBP', 100, "
                        "'captured', now()) ON CONFLICT DO NOTHING");
    ck_assert_int_eq(
        number("provider",
               "SELECT count(*) FROM charge WHERE order_id = 'blocked' AND status = 'blocked'"),
        1);
}
END_TEST

START_TEST(a_refused_refund_is_emitted_and_waits_for_a_person)
{
    stock_set("none", 0);
    place("no-refund", "pm_refund_refused", "none", 1);
    eventually(emitted("no-refund", "payment.refund_failed") >= 1);
    ck_assert_str_eq(state("payment", "no-refund"), "REFUND_FAILED");
    ck_assert(!is_closed("no-refund"));
    execute("provider",
            "UPDATE charge SET payment_method = 'pm_card_visa' WHERE order_id = 'no-refund'");
    ck_assert_int_eq(shell("$BIN/sagactl republish no-refund payment"), 0);
    eventually(is_closed("no-refund"));
    ck_assert_str_eq(state("payment", "no-refund"), "REFUNDED");
    /* as it was charged */
    execute("provider",
            "UPDATE charge SET payment_method = 'pm_refund_refused' WHERE order_id = 'no-refund'");
}
END_TEST

START_TEST(a_mail_that_cannot_be_delivered_closes_the_order_too)
{
    publish("orders.commands", "no-mail", "order.place", NULL, NULL,
            "{\"order_id\":\"no-mail\",\"customer\":{\"name\":\"Ada\",\"email\":\"ada@shop."
            "invalid\"},\"currency\":\"GBP\",\"payment_method\":\"pm_card_visa\","
            "\"lines\":[{\"sku\":\"thing\",\"name\":\"A\",\"quantity\":1,\"unit_price\":100}]}");
    eventually(is_closed("no-mail"));
    ck_assert_int_eq(emitted("no-mail", "email.failed"), 1);
    ck_assert_int_eq(mails_of("no-mail"), 0);
    ck_assert_str_eq(state("order", "no-mail"), "CONFIRMED");
}
END_TEST

START_TEST(every_flow_closes_an_order_without_an_address_without_a_mail)
{
    static const struct {
        const char *what, *customer, *method, *state, *kind;
    } orders[] = {{"counter", "{\"name\":\"Ada\"}", "pm_card_visa", "CONFIRMED", "confirmed"},
                  {"counter-null", "{\"name\":\"Ada\",\"email\":null}", "pm_card_declined",
                   "CANCELLED", "cancelled"}};
    const char *flow = flow_names[_i];
    char options[64], body[120], told[120];

    snprintf(options, sizeof options, "--flow %s", flow);
    order_restart(options);
    for (size_t i = 0; i < 2; i++) {
        const char *id = id_of(orders[i].what, flow);

        place_for(orders[i].customer, id, orders[i].method, "thing", 1);
        eventually(is_closed(id));
        ck_assert_str_eq(state("order", id), orders[i].state);
        snprintf(body, sizeof body, "{\"order_id\":\"%s\",\"kind\":\"%s\"}", id, orders[i].kind);
        ck_assert_str_eq(body_of(id, "email.sent"), body);
        ck_assert_int_eq(emitted(id, "email.failed"), 0);
        ck_assert_int_eq(mails_of(id), 0);
        ck_assert_int_eq(shell("$BIN/sagactl republish %s email", id), 0);
        eventually(emitted(id, "email.sent") == 2);
        ck_assert_str_eq(body_of(id, "email.sent"), body);
        snprintf(told, sizeof told, "%s: no address", orders[i].kind);
        ck_assert_int_eq(shell("$BIN/sagactl trace %s", id), 0);
        ck_assert(output_has(told));
    }
    audit_is_clean();
}
END_TEST

START_TEST(stock_that_runs_out_in_the_middle_of_an_order_is_not_touched)
{
    stock_set("first", 10);
    stock_set("second", 1);
    publish("orders.commands", "middle", "order.place", NULL, NULL,
            "{\"order_id\":\"middle\",\"customer\":{\"name\":\"Ada\",\"email\":\"ada@example.com\"}"
            ",\"currency\":\"GBP\",\"payment_method\":\"pm_card_visa\","
            "\"lines\":[{\"sku\":\"first\",\"name\":\"A\",\"quantity\":3,\"unit_price\":100},{"
            "\"sku\":\"second\",\"name\":\"B\",\"quantity\":1,\"unit_price\":100},"
            "{\"sku\":\"second\",\"name\":\"B\",\"quantity\":1,\"unit_price\":100}]}");
    eventually(is_closed("middle"));
    ck_assert_str_eq(state("order", "middle"), "CANCELLED");
    ck_assert_ptr_nonnull(strstr(body_of("middle", "inventory.failed"),
                                 "\"sku\":\"second\",\"wanted\":2,\"available\":1"));
    ck_assert_int_eq(
        number("inventory",
               "SELECT sum(reserved)::bigint FROM stock WHERE sku IN ('first', 'second')"),
        0);
}
END_TEST

START_TEST(two_orders_race_for_the_last_piece)
{
    stock_set("last", 1);
    place("racer-a", "pm_card_visa", "last", 1);
    place("racer-b", "pm_card_visa", "last", 1);
    eventually(is_closed("racer-a") && is_closed("racer-b"));
    ck_assert_int_eq(number("order", "SELECT count(*) FROM order_status WHERE order_id LIKE "
                                     "'racer-%%' AND state = 'CONFIRMED'"),
                     1);
    ck_assert_int_eq(number("inventory", "SELECT reserved FROM stock WHERE sku = 'last'"), 1);
}
END_TEST

/* Somebody else holds the stock row: what it then leaves there is what counts. */
START_TEST(stock_is_read_under_its_lock)
{
    stock_set("contested", 10);
    execute("inventory", "BEGIN");
    execute("inventory", "UPDATE stock SET reserved = reserved + 7 WHERE sku = 'contested'");
    place("contender", "pm_card_visa", "contested", 2);
    eventually(emitted("contender", "payment.completed") == 1);
    eventually(number("order", "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                               "'quadrille_inventory' AND wait_event_type = 'Lock'") == 1);
    execute("inventory", "COMMIT");
    eventually(is_closed("contender"));
    ck_assert_int_eq(number("inventory", "SELECT reserved FROM stock WHERE sku = 'contested'"), 9);
    execute("inventory", "UPDATE stock SET reserved = reserved - 7 WHERE sku = 'contested'");
}
END_TEST

/* As a time-out of the database's own, or an administrator, would: the work is done again. */
START_TEST(a_statement_that_is_cancelled_is_repeated)
{
#define WAITING \
    "FROM pg_stat_activity WHERE datname = 'quadrille_inventory' AND wait_event_type = 'Lock'"
    stock_set("blocked", 10);
    execute("inventory", "BEGIN");
    execute("inventory", "UPDATE stock SET reserved = reserved WHERE sku = 'blocked'");
    place("cancelled-statement", "pm_card_visa", "blocked", 2);
    eventually(number("order", "SELECT count(*) " WAITING) == 1);
    ck_assert_int_eq(number("order", "SELECT count(pg_cancel_backend(pid)) " WAITING), 1);
    eventually(logged("inventory", "57014") >= 1);
    execute("inventory", "COMMIT");
    eventually(is_closed("cancelled-statement"));
    ck_assert_str_eq(state("order", "cancelled-statement"), "CONFIRMED");
#undef WAITING
}
END_TEST

START_TEST(stock_may_be_set_below_what_is_reserved)
{
    stock_set("shrunk", 5);
    place("before-shrink", "pm_card_visa", "shrunk", 4);
    eventually(is_closed("before-shrink"));
    stock_set("shrunk", 2);
    place("after-shrink", "pm_card_visa", "shrunk", 1);
    eventually(is_closed("after-shrink"));
    ck_assert_str_eq(state("order", "before-shrink"), "CONFIRMED");
    ck_assert_str_eq(state("order", "after-shrink"), "CANCELLED");
    ck_assert_ptr_nonnull(strstr(body_of("after-shrink", "inventory.failed"), "\"available\":-2"));
}
END_TEST

START_TEST(a_stock_command_is_applied_once_an_id)
{
    publish("inventory.commands", "once", "stock.add", "same-id", NULL,
            "{\"sku\":\"once\",\"quantity\":5}");
    publish("inventory.commands", "once", "stock.add", "same-id", NULL,
            "{\"sku\":\"once\",\"quantity\":5}");
    publish("inventory.commands", "once", "stock.add", "other-id", NULL,
            "{\"sku\":\"once\",\"quantity\":2}");
    eventually(number("inventory", "SELECT count(*) FROM stock_command WHERE id = 'other-id'") ==
               1);
    ck_assert_int_eq(number("inventory", "SELECT on_hand FROM stock WHERE sku = 'once'"), 7);
}
END_TEST

START_TEST(an_order_without_a_decision_by_its_deadline_is_cancelled)
{
    order_restart("--deadline-ms 800");
    place("overdue", "pm_never", "thing", 1);
    eventually(is_closed("overdue"));
    ck_assert_ptr_nonnull(
        strstr(body_of("overdue", "order.cancelled"), "\"reason\":\"order.timeout\""));
    ck_assert_str_eq(state("payment", "overdue"), "VOID");
    order_restart("");
}
END_TEST

static const struct {
    const char *method, *ends;
    bool timeout;
} meetings[] = {
    {"pm_late_approve", "REFUNDED", false},  {"pm_late_decline", "VOID", false},
    {"pm_silent_charge", "REFUNDED", false}, {"pm_never", "VOID", false},
    {"pm_late_approve", "REFUNDED", true},   {"pm_late_decline", "VOID", true},
    {"pm_silent_charge", "REFUNDED", true},  {"pm_never", "VOID", true},
};

START_TEST(a_cancellation_or_a_time_out_meets_every_silent_provider)
{
    enum { MEETINGS = sizeof meetings / sizeof meetings[0] };
    char ids[MEETINGS][64];

    service_stop("payment");
    service_start("payment", "--provider-late-ms 3600000");
    order_restart("--deadline-ms 2500");
    for (int i = 0; i < MEETINGS; i++) {
        snprintf(ids[i], sizeof ids[i], "%s-%s", meetings[i].method,
                 meetings[i].timeout ? "timeout" : "cancel");
        place(ids[i], meetings[i].method, "thing", 1);
    }
    for (int i = 0; i < MEETINGS; i++) {
        eventually(emitted(ids[i], "payment.pending") >= 1);
        if (!meetings[i].timeout)
            cancel(ids[i]);
    }
    for (int i = 0; i < MEETINGS; i++) {
        eventually(is_closed(ids[i]));
        ck_assert_str_eq(state("order", ids[i]), "CANCELLED");
        ck_assert_msg(strcmp(state("payment", ids[i]), meetings[i].ends) == 0, "%s ends %s", ids[i],
                      state("payment", ids[i]));
        ck_assert_int_eq(
            number("provider",
                   "SELECT count(*) FROM charge WHERE order_id = '%s' AND status = 'captured'",
                   ids[i]),
            0);
    }
    order_restart("");
    service_stop("payment");
    service_start("payment", "");
    service_ready("payment");
}
END_TEST

START_TEST(what_is_invalid_is_dead_lettered_and_the_rest_goes_on)
{
    int dead_lettered = messages_in("order.dlq"), dlq_stock = messages_in("inventory.dlq");

    publish("orders.commands", "bad-1", "order.place", NULL, NULL, "{\"order_id\":\"bad-1\"");
    publish("orders.commands", "bad-2", "order.place", NULL, NULL, "{\"order_id\":17}");
    publish("orders.commands", "bad-3", NULL, NULL, NULL, "{\"order_id\":\"bad-3\"}");
    publish("orders.commands", "bad-4", "order.cancel", NULL, NULL,
            "{\"order_id\":\"bad-4\",\"order_id\":\"bad-5\"}");
    publish("orders.commands", "odd", "order.unheard_of", NULL, NULL, "{}");
    publish("inventory.commands", "thing", "stock.set", NULL, NULL,
            "{\"sku\":\"thing\",\"quantity\":1}");
    publish("inventory.commands", "thing", "stock.add", "below-zero", NULL,
            "{\"sku\":\"no-such-thing\",\"quantity\":-5}");
    place("among-the-bad", "pm_card_visa", "thing", 1);
    eventually(is_closed("among-the-bad"));
    eventually(messages_in("order.dlq") == dead_lettered + 5);
    eventually(messages_in("inventory.dlq") == dlq_stock + 2);
    ck_assert_ptr_nonnull(strstr(header_of("bad-1", "order.place", "dlq_error"), "JSON"));
    ck_assert_int_eq(emitted("bad-2", "order.rejected"), 0);
    ck_assert_ptr_nonnull(strstr(header_of("bad-4", "order.cancel", "dlq_error"), "given twice"));
    ck_assert_int_eq(number("inventory",
                            "SELECT count(*) FROM stock_command WHERE id = 'below-zero' AND "
                            "refused LIKE 'stock of no-such-thing would be -5:%%'"),
                     1);
}
END_TEST

/* Twenty orders around one that the database refuses, which is given back once the cause is
 * fixed. */
static void is_dead_lettered_alone(const char *order_id, const char *around, const char *fix)
{
    char id[64];

    service_stop("order");
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "%s-%d", around, i);
        place(id, "pm_card_visa", "thing", 1);
        if (i == 10)
            place(order_id, "pm_card_visa", "thing", 1);
    }
    service_start("order", "");
    eventually(closed(around) == 20);
    eventually(strstr(header_of(order_id, "order.place", "dlq_error"), order_id) != NULL);
    execute("order", "%s", fix);
    publish("order.internal", order_id, "order.place", NULL, NULL,
            body_of(order_id, "order.place"));
    eventually(is_closed(order_id));
}

START_TEST(what_the_database_refuses_is_dead_lettered_alone)
{
    execute("order", "ALTER TABLE orders ADD CONSTRAINT poison CHECK (order_id <> 'poison')");
    is_dead_lettered_alone("poison", "around", "ALTER TABLE orders DROP CONSTRAINT poison");
}
END_TEST

START_TEST(what_is_refused_at_the_commit_is_dead_lettered_alone)
{
    execute("order", "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n"
                     "IF NEW.order_id = 'venom' THEN RAISE 'venom is refused' USING ERRCODE = "
                     "'check_violation'; END IF; RETURN NULL; END $$");
    execute("order", "CREATE CONSTRAINT TRIGGER refusing AFTER INSERT ON orders DEFERRABLE "
                     "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()");
    is_dead_lettered_alone("venom", "beside", "DROP FUNCTION refuse() CASCADE");
}
END_TEST

START_TEST(an_order_that_names_itself_but_is_wrong_is_rejected)
{
    publish("orders.commands", "refused", "order.place", "cmd-7", NULL,
            "{\"order_id\":\"refused\",\"customer\":{\"name\":\"Ada\",\"email\":\"ada@example."
            "com\"},\"currency\":\"GBP\",\"payment_method\":\"pm\","
            "\"lines\":[{\"sku\":\"thing\",\"name\":\"A\",\"quantity\":-2,\"unit_price\":100}]}");
    eventually(emitted("refused", "order.rejected") == 1);
    ck_assert_ptr_nonnull(
        strstr(body_of("refused", "order.rejected"), "\"field\":\"lines[0].quantity\""));
    ck_assert_str_eq(header_of("refused", "order.rejected", "ce_causationid"), "cmd-7");
    ck_assert_str_eq(state("order", "refused"), "");
}
END_TEST

/* How often the order service has executed statements like that. */
static int64_t calls_of(const char *pattern)
{
    return number("order",
                  "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s JOIN "
                  "pg_database d ON d.oid = s.dbid "
                  "WHERE d.datname = 'quadrille_order' AND query ~ '%s'",
                  pattern);
}

START_TEST(statements_are_counted_by_batch_not_by_message)
{
    int64_t statements, loads, saves;
    char id[64];

    execute("order", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    service_stop("order");
    for (int i = 0; i < 400; i++) {
        snprintf(id, sizeof id, "counted-%d", i);
        place(id, "pm_card_visa", "thing", 1);
    }
    execute("order", "SELECT pg_stat_statements_reset()");
    service_start("order", "--sweep-interval-ms 3600000");
    eventually(closed("counted") == 400);
    statements = calls_of("unnest");
    loads = calls_of("^SELECT now\\(\\), k.n, orders.version");
    saves = calls_of("(UPDATE|INSERT INTO) orders\\s");
    ck_assert_int_gt(saves, 0);
    /* update, insert, contents; what is remembered is not loaded */
    ck_assert_msg(statements <= loads + 3 * saves, "%lld statements, %lld loads, %lld saves",
                  (long long)statements, (long long)loads, (long long)saves);
    ck_assert_msg(loads < 400 && saves < 400, "%lld loads and %lld saves for 1,600 messages",
                  (long long)loads, (long long)saves);
    order_restart("");
}
END_TEST

START_TEST(sagactl_places_what_is_right_and_names_what_is_wrong)
{
    const char *path = file_with(
        "mixed.ndjson",
        "{\"order_id\":\"ctl-1\",\"customer\":{\"name\":\"Ada\",\"email\":\"a@example.com\"},"
        "\"currency\":\"GBP\",\"payment_method\":\"pm\","
        "\"lines\":[{\"sku\":\"thing\",\"name\":\"A\",\"quantity\":1,\"unit_price\":1}]}\n\n"
        "{\"order_id\":\"ctl-2\",\"currency\":\"GBP\"}\n"
        "not json\n"
        "{\"order_id\":\"ctl-3\",\"customer\":{\"name\":\"Ada\",\"email\":\"a@example.com\"},"
        "\"currency\":\"GBP\",\"payment_method\":\"pm\","
        "\"lines\":[{\"sku\":\"thing\",\"name\":\"A\",\"quantity\":0,\"unit_price\":1}]}\n");

    ck_assert_int_ne(shell("$BIN/sagactl place %s --wait", path), 0);
    ck_assert(output_has("mixed.ndjson:3: customer is missing"));
    ck_assert(output_has("mixed.ndjson:4: not valid JSON"));
    ck_assert(output_has("mixed.ndjson:5: lines[0].quantity is 0: 1 to 1000000000 is allowed"));
    ck_assert_int_ne(shell("$BIN/sagactl place %s --json", path), 0);
    ck_assert(output_has("{\"refused\":5,\"field\":\"lines[0].quantity\""));
    ck_assert_str_eq(state("order", "ctl-1"), "CONFIRMED");
    ck_assert_str_eq(state("order", "ctl-3"), "");
    ck_assert_int_eq(shell("$BIN/sagactl trace ctl-1"), 0);
    ck_assert(output_has("email.sent"));
    ck_assert(output_has("CONFIRMED, and closed"));
    ck_assert_int_ne(shell("$BIN/sagactl trace no-such-order"), 0);
    ck_assert_int_ne(shell("$BIN/sagactl cancel 'a b'"), 0);
    ck_assert_int_eq(shell("echo 'ctl-stock,7' | $BIN/sagactl stock set --wait"), 0);
    ck_assert_int_eq(shell("$BIN/sagactl stock show ctl-stock --json"), 0);
    ck_assert(output_has("{\"sku\":\"ctl-stock\",\"on_hand\":7,\"reserved\":0,\"available\":7}"));
}
END_TEST

START_TEST(sagactl_watches_what_it_is_asked_to)
{
    place("watch-1", "pm_card_visa", "thing", 1);
    place("watch-2", "pm_card_declined", "thing", 1);
    eventually(is_closed("watch-1") && is_closed("watch-2"));
    ck_assert_int_eq(shell("$BIN/sagactl watch --order watch-1 --from-beginning --once"), 0);
    ck_assert(output_has("order.confirmed") && output_has("email.sent") && !output_has("watch-2"));
    ck_assert_int_eq(shell("$BIN/sagactl watch --compensations --from-beginning --once --json"), 0);
    ck_assert(output_has("\"order\":\"watch-2\",\"type\":\"payment.voided\"") &&
              !output_has("watch-1"));
    ck_assert_int_eq(shell("$BIN/sagactl watch --order watch-1 --order watch-2 --type "
                           "order.confirmed --from-beginning --once | wc -l | grep -qx 1"),
                     0);
    ck_assert_int_eq(shell("$BIN/sagactl watch --from-beginning --once --json | "
                           "sed 's/.*\"time_ms\":\\([0-9]*\\).*/\\1/' | sort -nc"),
                     0); /* of all topics and partitions, which are read side by side */
    ck_assert_int_eq(shell("$BIN/sagactl watch --type order.confirm"), 2 << 8);
    ck_assert(output_has("--type is \"order.confirm\", which is no message"));
    ck_assert_int_eq(shell("$BIN/sagactl watch watch-1"), 2 << 8);
    ck_assert_int_eq(shell("$BIN/sagactl watch --brokers 127.0.0.1:1"), 3 << 8);
}
END_TEST

START_TEST(sagactl_lists_dead_letters)
{
    publish("orders.commands", "dead-letter-me", "order.cancel", NULL, NULL, "{\"order_id\":7}");
    eventually(shell("$BIN/sagactl dlq --json | grep -q dead-letter-me") == 0);
    ck_assert_int_eq(shell("$BIN/sagactl dlq"), 1 << 8); /* there is something */
    ck_assert(output_has("key \"dead-letter-me\", type \"order.cancel\"") &&
              output_has("order_id is 7: a string is expected"));
    ck_assert_int_eq(shell("$BIN/sagactl dlq order"), 2 << 8);
}
END_TEST

START_TEST(sagactl_tells_of_the_topics_and_of_every_services_lag)
{
    place("topical", "pm_card_visa", "thing", 1);
    eventually(is_closed("topical"));
    eventually(shell("$BIN/sagactl topics --json") == 0 &&
               output_has("\"topic\":\"orders.commands\"") && output_has("\"lag\":{\"order\":0}") &&
               output_has("\"lag\":{\"payment\":0,\"inventory\":0,\"email\":0}"));
    ck_assert_int_eq(shell("$BIN/sagactl topics --brokers 127.0.0.1:1"), 3 << 8);
    ck_assert(output_has("the broker at 127.0.0.1:1 does not answer"));
    ck_assert_int_eq(shell("$BIN/sagactl topics destroy"), 2 << 8);
    ck_assert(output_has("\"destroy\" is nothing to be done with topics"));
}
END_TEST

START_TEST(an_event_of_an_unknown_type_is_skipped_and_counted)
{
    publish("payments", "unheard", "payment.unheard_of", NULL, NULL, "{}");
    place("behind-unheard", "pm_card_visa", "thing", 1);
    eventually(is_closed("behind-unheard"));
    service_stop("order");
    ck_assert_int_eq(logged("order", ", 1 of unknown types"), 1);
    service_start("order", "");
    service_ready("order");
}
END_TEST

#ifndef __SANITIZE_ADDRESS__ /* which keeps for a while what was freed */
static int64_t resident_kib(const char *service)
{
    ck_assert_int_eq(
        shell("awk '/^VmRSS:/ { print $2 }' /proc/$(tools/stack/stack pid %s %s)/status",
              environment_folder(), service),
        0);
    return output_number();
}

START_TEST(a_service_that_has_nothing_to_do_does_not_grow)
{
    int64_t until_ms = environment_clock_ms() + 2000, before_kib[SERVICES];

    /* what the tests before this one took is given back */
    eventually(environment_clock_ms() > until_ms);
    for (int i = 0; i < SERVICES; i++)
        before_kib[i] = resident_kib(catalog_names[i]);
    until_ms = environment_clock_ms() + 5000;
    eventually(environment_clock_ms() > until_ms);
    for (int i = 0; i < SERVICES; i++)
        ck_assert_int_lt(resident_kib(catalog_names[i]), before_kib[i] + 256);
}
END_TEST
#endif

static void audit_names(const char *text)
{
    ck_assert_int_ne(shell("$BIN/sagactl audit"), 0);
    ck_assert_msg(output_has(text), "the audit does not say \"%s\"", text);
}

START_TEST(the_audit_names_what_was_tampered_with)
{
    char where[300];

    place("tampered-charge", "pm_card_visa", "thing", 1);
    place("tampered-row", "pm_card_visa", "thing", 1);
    place("tampered-mail", "pm_card_visa", "thing", 1);
    eventually(is_closed("tampered-charge") && is_closed("tampered-row") &&
               is_closed("tampered-mail"));
    audit_is_clean();

    execute("inventory", "UPDATE stock SET reserved = reserved + 1 WHERE sku = 'thing'");
    audit_names("SKU thing");
    execute("inventory", "UPDATE stock SET reserved = reserved - 1 WHERE sku = 'thing'");

    execute("provider", "UPDATE charge SET amount = amount + 1 WHERE order_id = 'tampered-charge'");
    audit_names("order tampered-charge: confirmed for 100, charged 101");
    execute("provider", "UPDATE charge SET amount = amount - 1 WHERE order_id = 'tampered-charge'");

    execute("payment", "UPDATE payments SET state = 3 WHERE order_id = 'tampered-row'");
    audit_names("order tampered-row: payment says FAILED, the ledger says captured");
    execute("payment", "UPDATE payments SET state = 2 WHERE order_id = 'tampered-row'");

    snprintf(where, sizeof where, "%s", getenv("QUADRILLE_MAILDIR"));
    ck_assert_int_eq(
        shell("f=$(grep -lx 'X-Order-ID: tampered-mail' -r %s/new); mv $f %s/tmp/", where, where),
        0);
    audit_names("order tampered-mail: 0 mails, 1 expected");
    ck_assert_int_eq(
        shell(
            "f=$(grep -lx 'X-Order-ID: tampered-mail' -r %s/tmp); cp $f %s/new/copy; mv $f %s/new/",
            where, where, where),
        0);
    audit_names("order tampered-mail: 2 mails, 1 expected");
    ck_assert_int_eq(shell("rm %s/new/copy", where), 0);
    execute("email",
            "UPDATE mails SET facts = facts | (1::bigint << 35) WHERE order_id = 'tampered-mail'");
    audit_names("order tampered-mail: 1 mails, 0 expected");
    ck_assert(output_has("order tampered-mail: email takes it for one without an address, the "
                         "order has ada@example.com"));
    execute("email",
            "UPDATE mails SET facts = facts & ~(1::bigint << 35) WHERE order_id = 'tampered-mail'");
    audit_is_clean();
}
END_TEST

Suite *saga_suite(void)
{
    Suite *suite = suite_create("the saga");

#define add(test, count) suite_add(suite, #test, test, count, environment_with_services)
    add(every_flow_confirms_what_can_be_paid_and_delivered, FLOWS);
    add(orders_flow_without_a_conflict, 1);
    add(every_flow_undoes_what_cannot_be_paid, FLOWS);
    add(every_flow_undoes_what_is_not_there, FLOWS);
    add(a_change_of_flow_under_way_loses_no_order, 1);
    add(the_same_order_twice_is_one_order, 1);
    add(an_order_twice_in_one_batch_is_answered_once, 1);
    add(another_content_under_the_same_id_is_rejected, 1);
    add(facts_may_overtake_each_other_across_topics, 1);
    add(a_cancellation_before_the_order_is_heeded, 1);
    add(a_cancellation_after_the_decision_is_rejected, 1);
    add(a_provider_that_is_late_is_asked_again, 1);
    add(a_charge_without_an_answer_is_settled_on_cancellation, 1);
    add(a_provider_that_never_answers_is_blocked_on_cancellation, 1);
    add(a_charge_that_comes_after_the_settlement_is_refused, 1);
    add(a_refused_refund_is_emitted_and_waits_for_a_person, 1);
    add(a_mail_that_cannot_be_delivered_closes_the_order_too, 1);
    add(every_flow_closes_an_order_without_an_address_without_a_mail, FLOWS);
    add(stock_that_runs_out_in_the_middle_of_an_order_is_not_touched, 1);
    add(two_orders_race_for_the_last_piece, 1);
    add(stock_is_read_under_its_lock, 1);
    add(a_statement_that_is_cancelled_is_repeated, 1);
    add(stock_may_be_set_below_what_is_reserved, 1);
    add(a_stock_command_is_applied_once_an_id, 1);
    add(an_order_without_a_decision_by_its_deadline_is_cancelled, 1);
    add(a_cancellation_or_a_time_out_meets_every_silent_provider, 1);
    add(what_is_invalid_is_dead_lettered_and_the_rest_goes_on, 1);
    add(what_the_database_refuses_is_dead_lettered_alone, 1);
    add(what_is_refused_at_the_commit_is_dead_lettered_alone, 1);
    add(an_order_that_names_itself_but_is_wrong_is_rejected, 1);
    add(an_event_of_an_unknown_type_is_skipped_and_counted, 1);
    add(sagactl_places_what_is_right_and_names_what_is_wrong, 1);
    add(sagactl_watches_what_it_is_asked_to, 1);
    add(sagactl_lists_dead_letters, 1);
    add(sagactl_tells_of_the_topics_and_of_every_services_lag, 1);
    add(statements_are_counted_by_batch_not_by_message, 1);
#ifndef __SANITIZE_ADDRESS__
    add(a_service_that_has_nothing_to_do_does_not_grow, 1);
#endif
    decisions_add(suite, environment_with_services);
    add(the_audit_names_what_was_tampered_with, 1);
    /* what a person changes by hand may be emitted as it is then */
    suite_add_identities(suite, environment_with_services);
    spoilt_add(suite, environment_with_services);
#undef add
    return suite;
}
