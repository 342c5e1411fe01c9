/* All services in one process, "quadrille": what it does and says is what four processes do and
 * say.  The suite together gives it one database, apart gives it four. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/flow.h"
#include "events/identity.h"
#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

/* ---- the same orders, in four processes and in one ---- */

/* Of each the same events are emitted, whoever is faster. */
static const struct {
    const char *flow, *order_id, *payment_method, *sku;
} orders[] = {
    /* flow            order              card                sku */
    {"pay-first", "pay-good", "pm_card_visa", "thing"},
    {"pay-first", "pay-declined", "pm_card_declined", "thing"},
    {"pay-first", "pay-scarce", "pm_card_visa", "nothing"},
    {"reserve-first", "reserve-good", "pm_card_visa", "thing"},
    {"reserve-first", "reserve-declined", "pm_card_declined", "thing"},
    {"reserve-first", "reserve-scarce", "pm_card_visa", "nothing"},
    {"parallel", "parallel-good", "pm_card_visa", "thing"},
    {"parallel", "parallel-declined", "pm_card_declined", "thing"},
};
enum { ORDERS = sizeof orders / sizeof orders[0], LINES_MAX = 8192 };

static char of_four[ORDERS][LINES_MAX]; /* the lines of events_of */
static int of_four_confirmed;

/* Who waits for several facts of different topics is caused to act by the last that comes. */
static uint64_t with_any_cause(const char *flow_name)
{
    static const uint64_t results[] = {
        [FLOW_CHARGE] = FACT(PAYMENT_COMPLETED) | FACT(PAYMENT_FAILED),
        [FLOW_RESERVE] = FACT(INVENTORY_RESERVED) | FACT(INVENTORY_FAILED)};
    uint64_t types = FACT(ORDER_CONFIRMED);

    for (int i = 0; i < FLOW_ACTIONS; i++) {
        const uint64_t when = flow_find(flow_name)->when[i];

        if ((when & (when - 1)) != 0)
            types |= results[i];
    }
    return types;
}

static void place_as(const char *order_id, const char *payment_method, const char *sku)
{
    char value[600], id[80];

    snprintf(id, sizeof id, "place-%s", order_id);
    snprintf(value, sizeof value,
             "{\"order_id\":\"%s\",\"customer\":{\"name\":\"Ada\",\"email\":\"ada@example.com\"},"
             "\"currency\":\"GBP\",\"payment_method\":\"%s\",\"lines\":[{\"sku\":\"%s\","
             "\"name\":\"A THING\",\"quantity\":1,\"unit_price\":100}]}",
             order_id, payment_method, sku);
    publish("orders.commands", order_id, "order.place", id, NULL, value);
}

static void restart_order(const char *service, const char *flow)
{
    char options[64];

    snprintf(options, sizeof options, "--flow %s", flow);
    service_restart(service, options);
}

/* `service` is the one that knows the flow. */
static void place_the_orders(const char *service)
{
    for (int i = 0; i < ORDERS; i++) {
        if (i == 0 || strcmp(orders[i].flow, orders[i - 1].flow) != 0)
            restart_order(service, orders[i].flow);
        place_as(orders[i].order_id, orders[i].payment_method, orders[i].sku);
        eventually(is_closed(orders[i].order_id));
    }
    publish("orders.commands", "pay-good", "order.cancel", "cancel-pay-good", NULL,
            "{\"order_id\":\"pay-good\",\"reason\":\"changed my mind\"}");
    eventually(emitted("pay-good", "order.cancel_rejected") == 1);
}

static int count_confirmed(void)
{
    return (int)number("order", "SELECT count(*) FROM order_status WHERE state = 'CONFIRMED'");
}

static void look_at_four_processes(void)
{
    environment_open();
    services_start("");
    stock_set("thing", 100000);
    place_the_orders("order");
    for (int i = 0; i < ORDERS; i++)
        snprintf(of_four[i], LINES_MAX, "%s",
                 events_of(orders[i].order_id, with_any_cause(orders[i].flow)));
    of_four_confirmed = count_confirmed();
    services_stop();
    ck_assert_int_eq(environment_close(), 0);
}

static void one_process(int databases)
{
    if (environment_is_open())
        return;
    look_at_four_processes();
    environment_open_one_process(databases);
    services_start("");
    stock_set("thing", 100000);
}

static void with_one_database(void)
{
    one_process(1);
}

static void with_four_databases(void)
{
    one_process(4);
}

START_TEST(the_log_is_that_of_four_processes)
{
    place_the_orders("quadrille");
    for (int i = 0; i < ORDERS; i++)
        ck_assert_str_eq(events_of(orders[i].order_id, with_any_cause(orders[i].flow)), of_four[i]);
    ck_assert_int_eq(of_four_confirmed, 3);
    ck_assert_int_eq(count_confirmed(), of_four_confirmed);
}
END_TEST

/* ---- by itself ---- */

static void check_done_once(const char *id)
{
    static const char *const types[] = {"order.created", "payment.completed", "inventory.reserved",
                                        "order.confirmed", "email.sent"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        ck_assert_msg(ids_emitted(id, types[i]) == 1, "%s: %s has %d ids", id, types[i],
                      ids_emitted(id, types[i]));
    ck_assert_int_eq(number("provider", "SELECT count(*) FROM charge WHERE order_id = '%s'", id),
                     1);
    ck_assert_int_eq(mails_of(id), 1);
}

START_TEST(each_flow_confirms_and_compensates)
{
    const char *flow = flow_names[_i];
    char good[64], scarce[64];

    snprintf(good, sizeof good, "good-%s", flow);
    snprintf(scarce, sizeof scarce, "scarce-%s", flow);
    restart_order("quadrille", flow);
    place(good, "pm_card_visa", "thing", 1);
    place(scarce, "pm_card_visa", "nothing", 1);
    eventually(is_closed(good) && is_closed(scarce));
    ck_assert_str_eq(state("order", good), "CONFIRMED");
    ck_assert_str_eq(state("order", scarce), "CANCELLED");
    check_done_once(good);
    ck_assert_int_eq(
        number("provider",
               "SELECT count(*) FROM charge WHERE order_id = '%s' AND status = 'captured'", scarce),
        0);
}
END_TEST

START_TEST(it_may_be_killed_anywhere)
{
    static const char *const points[] = {"after-intent", "after-effects", "after-save",
                                         "mid-publish", "after-publish"};
    char id[64], options[64];

    snprintf(id, sizeof id, "killed-%s", points[_i]);
    snprintf(options, sizeof options, "--crash-at %s", points[_i]);
    service_restart("quadrille", options);
    place(id, "pm_card_visa", "thing", 1);
    eventually(!service_is_alive("quadrille"));
    service_start("quadrille", "");
    eventually(is_closed(id));
    ck_assert_str_eq(state("order", id), "CONFIRMED");
    check_done_once(id);
}
END_TEST

START_TEST(it_may_be_restarted_and_killed_while_orders_are_under_way)
{
    enum { MANY = 60 };
    char id[64];

    place_many("stopped", MANY);
    service_restart("quadrille", "");
    place_many("shot", MANY);
    stack("kill %s quadrille", environment_folder());
    service_start("quadrille", "");
    eventually(closed("stopped") == MANY && closed("shot") == MANY);
    ck_assert_int_eq(confirmed("stopped") + confirmed("shot"), 2 * MANY);
    ck_assert_int_eq(charged("stopped") + charged("shot"), 2 * MANY);
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "shot-%d", i);
        eventually(is_closed(id));
        check_done_once(id);
    }
}
END_TEST

START_TEST(two_of_them_share_the_work_and_one_may_die)
{
    enum { MANY = 40 };

    service_start("quadrille.2", "");
    service_ready("quadrille.2");
    place_many("shared", MANY);
    eventually(closed("shared") == MANY);
    place_many("left", MANY);
    stack("kill %s quadrille.2", environment_folder());
    eventually(closed("left") == MANY);
    ck_assert_int_eq(confirmed("shared") + confirmed("left"), 2 * MANY);
    ck_assert_int_eq(charged("shared") + charged("left"), 2 * MANY);
}
END_TEST

START_TEST(it_finds_its_tables_again_after_its_sessions_were_ended)
{
    execute("provider", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                        "application_name LIKE 'quadrille%%'");
    place("again", "pm_card_visa", "thing", 1);
    eventually(is_closed("again"));
    check_done_once("again");
}
END_TEST

/* Of whatever service it is asked: the others would decide again what their lost rows decided. */
START_TEST(it_is_not_rewound_where_one_of_its_services_lost_rows)
{
    place("rewound", "pm_card_visa", "thing", 1);
    eventually(is_closed("rewound"));
    service_stop("quadrille");
    execute("order", "UPDATE orders SET order_id = 'lost' WHERE order_id = 'rewound'");
    ck_assert_int_eq(shell("$BIN/sagactl rewind payment < /dev/null"), 1 << 8);
    ck_assert(output_has("1 rows of order are missing") && output_has("sagactl recover order"));
    execute("order", "UPDATE orders SET order_id = 'rewound' WHERE order_id = 'lost'");
    ck_assert_int_eq(shell("$BIN/sagactl rewind payment < /dev/null"), 2 << 8);
    ck_assert(output_has("--yes"));
    service_start("quadrille", "");
}
END_TEST

/* ---- dead letters ---- */

/* The exit code of sagactl dlq about what the order "sick" is in the list with. */
static int dlq(const char *verb_and_options)
{
    return shell("$BIN/sagactl dlq %s --order sick $($BIN/sagactl dlq --order sick | "
                 "sed -n 's/.* by payment: \\([^ ]*\\) .*/\\1/p')",
                 verb_and_options) >>
           8;
}

static bool is_listed(void)
{
    return shell("$BIN/sagactl dlq --order sick") == 1 << 8;
}

/* Payment's row is spoilt by hand; it is repaired, and the event redriven, but first what became of
 * it was wrong once: another try meets the same row. */
START_TEST(what_one_service_cannot_take_is_dead_lettered_by_it_alone)
{
    execute("payment", "INSERT INTO payments (order_id, version, state, facts, attempts, amount, "
                       "decided_at) VALUES ('sick', 1, 0, 0, 0, 0, 'infinity')");
    place("sick", "pm_card_visa", "thing", 1);
    place_many("well", 5);
    eventually(closed("well") == 5);
    eventually(is_listed());
    ck_assert(output_has(" (handed over in its process), key \"sick\", type \"order.created\""));
    ck_assert(output_has("decided_at"));
    ck_assert_int_eq(shell("test $($BIN/sagactl dlq --order sick --json | wc -l) = 1"), 0);
    ck_assert_int_ge(emitted("sick", "order.created"), 1);
    ck_assert_str_eq(state("inventory", "sick"), "NEW");
    ck_assert_int_eq(number("email", "SELECT count(*) FROM mails WHERE order_id = 'sick'"), 1);

    ck_assert_int_eq(dlq("show"), 1);
    ck_assert(output_has("dead-lettered by payment"));
    ck_assert_int_eq(dlq("drop --because mistaken --yes"), 0);
    ck_assert(output_has("dropped 1 message"));
    ck_assert_int_eq(shell("$BIN/sagactl republish sick order"), 0);
    eventually(is_listed());

    execute("payment", "UPDATE payments SET decided_at = NULL WHERE order_id = 'sick'");
    eventually(all_is_read());
    shell("$BIN/sagactl audit --under-way-ms 0 --show 1000");
    ck_assert(output_has(" orders") && !output_has("sick"));
    ck_assert_int_eq(dlq("redrive --yes"), 0);
    ck_assert(output_has("redrove 1 message"));
    eventually(is_closed("sick"));
    ck_assert_str_eq(state("order", "sick"), "CONFIRMED");
    check_done_once("sick");
    ck_assert(!is_listed());
}
END_TEST

/* ---- what its services share ---- */

/* A message may go through all four of them, so that each batch has a fourth of what --batch
 * says. */
START_TEST(its_services_share_a_batch)
{
    service_stop("quadrille");
    place_many("batched", 12);
    service_start("quadrille", "--batch 8");
    eventually(closed("batched") == 12);
    service_stop("quadrille");
    ck_assert_int_eq(shell("sed -n 's/.*[^0-9]\\([0-9]*\\) batches: .*/\\1/p' "
                           "$TEST_FOLDER/stack/log/quadrille.log | tail -n 1"),
                     0);
    ck_assert_int_ge(output_number(), 12 / (8 / 4));
    service_start("quadrille", "");
    service_ready("quadrille");
}
END_TEST

/* Where a mail is to be written stands a pipe that nobody reads: whoever opens it waits. */
START_TEST(a_mail_that_takes_long_to_write_holds_up_nothing_else)
{
    char id[IDENTITY_SIZE], pipe[400];

    event_id("slow-disk", EMAIL_SENT, id);
    snprintf(pipe, sizeof pipe, "%s/tmp/%s", getenv("QUADRILLE_MAILDIR"), id);
    ck_assert_int_eq(shell("mkfifo %s", pipe), 0);
    place("slow-disk", "pm_card_visa", "thing", 1);
    eventually(emitted("slow-disk", "order.confirmed") == 1);
    cancel("slow-disk");
    eventually(emitted("slow-disk", "order.cancel_rejected") == 1);
    place("meanwhile", "pm_card_declined", "thing", 1);
    eventually(emitted("meanwhile", "order.cancelled") == 1);
    ck_assert_int_eq(mails_of("slow-disk") + mails_of("meanwhile"), 0);
    service_restart("quadrille", ""); /* it ends though the disk stands still */
    ck_assert_int_eq(mails_of("slow-disk"), 0);

    ck_assert_int_eq(shell("exec 3<>%s; rm %s", pipe, pipe), 0);
    eventually(is_closed("slow-disk"));
    eventually(is_closed("meanwhile"));
    ck_assert_int_eq(mails_of("slow-disk"), 1);
    ck_assert_int_eq(mails_of("meanwhile"), 1);
}
END_TEST

/* ---- settings ---- */

static void refused(const char *options, const char *why)
{
    ck_assert_int_eq(shell("$BIN/quadrille %s", options), 2 << 8);
    if (!output_has(why))
        print_last();
    ck_assert(output_has(why));
}

START_TEST(services_that_are_none_are_refused)
{
    static const char expected[] = "one or several of order, payment, inventory, email are "
                                   "expected, each once, separated by commas";

    refused("--services order,foo", "--services is \"order,foo\": \"foo\" is no service");
    refused("--services order,foo", expected);
    refused("--services order,order", "\"order\" stands there twice");
    refused("--services ''", "--services is \"\": \"\" is no service");
    ck_assert_int_eq(shell("$BIN/quadrille --services 'order, payment' --version"), 0);
}
END_TEST

/* Beside the tables that are there a second set would begin without a row. */
START_TEST(a_database_of_one_service_is_not_shared)
{
    ck_assert_int_eq(shell("QUADRILLE_DATABASE=$QUADRILLE_ORDER_DATABASE QUADRILLE_ORDER_DATABASE= "
                           "$BIN/quadrille --services order"),
                     2 << 8);
    ck_assert(output_has("database: it is the order service's own, whose tables stand in the "
                         "schema public, not in order: --order-database names such a one"));
}
END_TEST

START_TEST(a_schema_of_another_service_is_refused)
{
    /* without the schema in the address it would make tables of its own, without a row */
    ck_assert_int_eq(shell("QUADRILLE_DATABASE=${QUADRILLE_PAYMENT_DATABASE%%%%\\?*} "
                           "$BIN/quadrille-payment"),
                     2 << 8);
    ck_assert(output_has("the tables stand in the schema payment, which "
                         "options=-csearch_path%3Dpayment in the address names"));
    ck_assert_int_eq(shell("QUADRILLE_DATABASE=$QUADRILLE_PAYMENT_DATABASE $BIN/quadrille-order"),
                     2 << 8);
    ck_assert(output_has("database: it holds the tables of another service (its schema begins "
                         "with 001-payments, not with 001-orders)"));
}
END_TEST

static Suite *suite_of(const char *name, void (*setup)(void), const char *refused_name,
                       const TTest *refused_test)
{
    Suite *suite = suite_create(name);

#define add(test, count) suite_add(suite, #test, test, count, setup)
    add(the_log_is_that_of_four_processes, 1);
    add(each_flow_confirms_and_compensates, FLOWS);
    add(it_may_be_killed_anywhere, 5);
    add(it_may_be_restarted_and_killed_while_orders_are_under_way, 1);
    add(two_of_them_share_the_work_and_one_may_die, 1);
    add(it_finds_its_tables_again_after_its_sessions_were_ended, 1);
    add(it_is_not_rewound_where_one_of_its_services_lost_rows, 1);
    add(what_one_service_cannot_take_is_dead_lettered_by_it_alone, 1);
    add(its_services_share_a_batch, 1);
    add(a_mail_that_takes_long_to_write_holds_up_nothing_else, 1);
    add(services_that_are_none_are_refused, 1);
#undef add
    suite_add(suite, refused_name, refused_test, 1, setup);
    if (setup == with_one_database)
        regroup_together_add(suite, setup);
    suite_add_identities(suite, setup);
    suite_add_audit(suite, setup);
    return suite;
}

Suite *together_suite(void)
{
    return suite_of("together", with_one_database, "a_schema_of_another_service_is_refused",
                    a_schema_of_another_service_is_refused);
}

Suite *apart_suite(void)
{
    return suite_of("apart", with_four_databases, "a_database_of_one_service_is_not_shared",
                    a_database_of_one_service_is_not_shared);
}
