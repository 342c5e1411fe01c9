/* Services move into one process and out of it again: sagactl regroup hands on what their groups
 * have yet to read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/environment.h"
#include "tests/integration/load.h"
#include "tests/integration/suites.h"

#define ONE_GROUP "quadrille-order-payment-inventory-email"
#define IN_ONE_GROUP \
    "--order-group " ONE_GROUP " --payment-group " ONE_GROUP " --inventory-group " ONE_GROUP \
    " --email-group " ONE_GROUP

enum { ORDERS = 6 };

static bool is_on_kafka(void)
{
    return getenv("BROKER") != NULL && strcmp(getenv("BROKER"), "kafka") == 0;
}

static void regroup(const char *arguments)
{
    if (shell("$BIN/sagactl regroup %s --yes", arguments) == 0)
        return;
    print_last();
    ck_abort_msg("failed: regroup %s", arguments);
}

static int64_t rows(const char *service, const char *table, const char *prefix)
{
    return number(service, "SELECT count(*) FROM %s WHERE order_id LIKE '%s-%%'", table, prefix);
}

static void each_is_closed_with_one_mail(const char *prefix)
{
    char id[64];

    eventually(closed(prefix) == ORDERS);
    ck_assert_int_eq(charged(prefix), ORDERS);
    for (int i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "%s-%d", prefix, i);
        ck_assert_int_eq(mails_of(id), 1);
    }
}

/* Of three orders at different places: decided and not mailed, placed and not charged, not read at
 * all. */
START_TEST(what_is_unread_is_handed_on_from_four_groups_to_one_and_back)
{
    place("first", "pm_card_visa", "thing", 1);
    eventually(is_closed("first"));
    service_stop("email");
    place_many("unmailed", ORDERS);
    eventually(confirmed("unmailed") == ORDERS);
    service_stop("payment");
    place_many("uncharged", ORDERS);
    eventually(rows("order", "orders", "uncharged") == ORDERS);
    eventually(rows("inventory", "reservation", "uncharged") == ORDERS);
    service_stop("order");
    service_stop("inventory");
    place_many("unplaced", ORDERS);
    /* which librdkafka does not unpack */
    ck_assert_int_eq(shell("/usr/bin/python3 tests/integration/produce.py orders packed "
                           "blanks=1000000 times=150 compression=zstd"),
                     0);

    ck_assert_int_eq(shell("$BIN/sagactl regroup order,payment,inventory,email --dry-run"), 0);
    ck_assert(output_has("are copied to email.internal") &&
              output_has("are copied to payment.internal") && !output_has("moved"));
    ck_assert_int_eq(shell("$BIN/sagactl regroup order,payment,inventory,email < /dev/null"),
                     2 << 8);
    ck_assert_int_eq(messages_of("email.internal", "unmailed"), 0);
    regroup("order,payment,inventory,email");
    ck_assert(output_has("not copied: orders/") && output_has("150 offsets are passed over"));
    /* to email created and confirmed, and of the others created */
    eventually(messages_of("email.internal", "unmailed") == 2 * ORDERS &&
               messages_of("email.internal", "uncharged") == ORDERS &&
               messages_of("payment.internal", "uncharged") == ORDERS);
    regroup("order,payment,inventory,email");
    ck_assert(output_has("there is nothing to do"));

    regroup("order payment inventory email " IN_ONE_GROUP);
    ck_assert(!output_has("are copied"));
    regroup("order payment inventory email " IN_ONE_GROUP);
    ck_assert(output_has("there is nothing to do"));
    ck_assert_int_eq(messages_of("email.internal", "unmailed"), 2 * ORDERS);
    services_start("");
    each_is_closed_with_one_mail("unmailed");
    each_is_closed_with_one_mail("uncharged");
    each_is_closed_with_one_mail("unplaced");
    eventually(all_is_read());
}
END_TEST

/* ---- under traffic ---- */

enum {
    FOUR_PROCESSES = 0, /* services that the program quadrille hosts; the others are their own */
    WITHOUT_PAYMENT =
        SERVICE_BIT(SERVICE_ORDER) | SERVICE_BIT(SERVICE_INVENTORY) | SERVICE_BIT(SERVICE_EMAIL),
    ONE_PROCESS = WITHOUT_PAYMENT | SERVICE_BIT(SERVICE_PAYMENT),
};

static bool is_hosted(unsigned hosted, int service)
{
    return (hosted & SERVICE_BIT(service)) != 0;
}

/* "order,inventory,email" */
static void names_of(unsigned hosted, char names[100])
{
    names[0] = '\0';
    for (int i = 0; i < SERVICES; i++)
        if (is_hosted(hosted, i))
            snprintf(names + strlen(names), 100 - strlen(names), "%s%s",
                     names[0] == '\0' ? "" : ",", catalog_names[i]);
}

static void shape_start(unsigned hosted)
{
    char names[100], options[120];

    names_of(hosted, names);
    snprintf(options, sizeof options, "--services %s", names);
    if (hosted != FOUR_PROCESSES)
        service_start("quadrille", options);
    for (int i = 0; i < SERVICES; i++)
        if (!is_hosted(hosted, i))
            service_start(catalog_names[i], "");
}

static void shape_end(unsigned hosted, const char *how)
{
    if (hosted != FOUR_PROCESSES)
        stack("%s %s quadrille", how, environment_folder());
    for (int i = 0; i < SERVICES; i++)
        if (!is_hosted(hosted, i))
            stack("%s %s %s", how, environment_folder(), catalog_names[i]);
}

static bool is_regrouped(unsigned before, unsigned after)
{
    char arguments[600], group[SERVICES_GROUP_SIZE];

    names_of(after, arguments);
    for (int i = 0; i < SERVICES; i++) {
        services_group(is_hosted(before, i) ? before : SERVICE_BIT(i), group);
        snprintf(arguments + strlen(arguments), sizeof arguments - strlen(arguments),
                 "%s%s --%s-group %s", is_hosted(after, i) ? "" : " ",
                 is_hosted(after, i) ? "" : catalog_names[i], catalog_names[i], group);
    }
    return shell("$BIN/sagactl regroup %s --yes", arguments) == 0;
}

/* Orders flow all the time.  Those who are killed stay members of their groups for a while. */
static void move_through(const char *prefix, const unsigned *shapes, int count)
{
    load_start(prefix);
    load_flow(prefix, 10);
    for (int i = 1; i < count; i++) {
        shape_end(shapes[i - 1], i == 1 ? "stop" : "kill");
        eventually(is_regrouped(shapes[i - 1], shapes[i]));
        shape_start(shapes[i]);
        load_flow(prefix, 10);
    }
    load_end(prefix);
    eventually(all_is_read());
    audit_is_clean();
}

START_TEST(services_with_a_database_each_move_together_and_apart_under_traffic)
{
    static const unsigned shapes[] = {FOUR_PROCESSES, ONE_PROCESS, WITHOUT_PAYMENT, FOUR_PROCESSES};

    move_through("moved", shapes, 4);
}
END_TEST

START_TEST(services_of_one_database_move_apart_and_together_under_traffic)
{
    static const unsigned shapes[] = {ONE_PROCESS, WITHOUT_PAYMENT, FOUR_PROCESSES, ONE_PROCESS};

    move_through("moved", shapes, 4);
}
END_TEST

/* ---- databases of services that share a process ---- */

/* What it has yet to answer it was handed over within its process, and by no topic that its group
 * reads. */
START_TEST(a_recovered_service_is_given_again_what_its_process_gave_it)
{
    int created;

    place_many("charged", ORDERS);
    eventually(closed("charged") == ORDERS);
    service_restart("quadrille", "--crash-at after-effects");
    place("owed", "pm_card_visa", "thing", 1);
    eventually(!service_is_alive("quadrille"));
    eventually((created = emitted("owed", "order.created")) > 0);
    execute("payment", "DELETE FROM payments");
    eventually(shell("$BIN/sagactl recover payment --yes") == 0); /* its session has ended */
    ck_assert(output_has("handed over within its process are copied to payment.internal"));
    eventually(emitted("owed", "order.created") == created + 1);
    service_start("quadrille", "");
    eventually(is_closed("owed"));
    ck_assert_int_eq(number("provider", "SELECT count(*) FROM charge WHERE order_id = 'owed'"), 1);
    each_is_closed_with_one_mail("charged");
}
END_TEST

START_TEST(a_rewound_process_emits_again_what_all_its_services_did)
{
    int sent, completed;

    place_many("again-and", ORDERS);
    eventually(closed("again-and") == ORDERS);
    sent = emitted("again-and-0", "email.sent");
    completed = emitted("again-and-0", "payment.completed");
    service_stop("quadrille");
    execute("email", "DELETE FROM mails WHERE order_id = 'again-and-0'");
    ck_assert_int_eq(shell("$BIN/sagactl rewind payment --yes"), 1 << 8);
    ck_assert(output_has("1 rows of email are missing"));
    ck_assert_int_eq(shell("$BIN/sagactl recover payment --yes"), 0);
    ck_assert(output_has("email shares the process, and 1 of its rows are missing"));
    ck_assert_int_eq(shell("$BIN/sagactl recover email --yes"), 0);
    ck_assert(!output_has("shares the process"));
    ck_assert_int_eq(shell("$BIN/sagactl rewind payment --yes"), 0);
    service_start("quadrille", "");
    eventually(emitted("again-and-0", "email.sent") > sent &&
               emitted("again-and-0", "payment.completed") > completed);
    each_is_closed_with_one_mail("again-and");
    eventually(all_is_read());
}
END_TEST

START_TEST(a_shape_that_is_none_is_named)
{
    static const struct {
        const char *arguments, *expected;
    } cases[] = {
        {"", "order is named for no process"},
        {"order,payment,inventory", "email is named for no process"},
        {"order,payment,inventory,mail", "\"mail\" is no service"},
        {"order,payment, inventory email", "\"\" is no service"},
        {"order,order payment inventory email", "\"order,order\" names order twice"},
        {"order,payment payment,inventory email", "payment is named for two processes"},
        {"order,payment inventory email --email-group quadrille-order-payment",
         "group quadrille-order-payment is that of other services now, as --email-group says"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(shell("$BIN/sagactl regroup %s --yes 2>&1", cases[i].arguments), 2 << 8);
        ck_assert_msg(output_has(cases[i].expected), "%s", cases[i].arguments);
    }
}
END_TEST

START_TEST(the_embedded_broker_moves_no_groups)
{
    ck_assert_int_eq(shell("$BIN/sagactl regroup order,payment inventory email --yes 2>&1"),
                     2 << 8);
    ck_assert(output_has("moves no groups: use Apache Kafka"));
}
END_TEST

/* Those that stay as they are may be at work. */
START_TEST(a_group_at_work_is_not_regrouped)
{
    place("before", "pm_card_visa", "thing", 1);
    eventually(is_closed("before"));
    ck_assert_int_eq(shell("$BIN/sagactl regroup order,email payment inventory --yes 2>&1"),
                     2 << 8);
    ck_assert(output_has("group quadrille-order has 1 member: stop all its instances first"));
    service_stop("order");
    ck_assert_int_eq(shell("$BIN/sagactl regroup order,email payment inventory --yes 2>&1"),
                     2 << 8);
    ck_assert(output_has("group quadrille-email has 1 member: stop all its instances first"));
    service_stop("email");
    ck_assert_int_eq(shell("$BIN/sagactl regroup order,email payment inventory --yes "
                           "--email-group quadrille-mail 2>&1"),
                     2 << 8);
    ck_assert(output_has("nobody has read in group quadrille-mail"));
    place_many("beside", ORDERS);
    regroup("order,email payment inventory");
    regroup("order payment inventory email --order-group quadrille-order-email --email-group "
            "quadrille-order-email");
    service_start("order", "");
    service_start("email", "");
    each_is_closed_with_one_mail("beside");
    eventually(all_is_read());
}
END_TEST

void regroup_usage_add(Suite *suite, void (*setup)(void))
{
    suite_add(suite, "a_shape_that_is_none_is_named", a_shape_that_is_none_is_named, 1, setup);
    if (!is_on_kafka())
        suite_add(suite, "the_embedded_broker_moves_no_groups", the_embedded_broker_moves_no_groups,
                  1, setup);
}

void regroup_together_add(Suite *suite, void (*setup)(void))
{
    if (!is_on_kafka())
        return; /* the embedded broker moves no groups */
#define add(test) suite_add(suite, #test, test, 1, setup)
    add(services_of_one_database_move_apart_and_together_under_traffic);
    add(a_recovered_service_is_given_again_what_its_process_gave_it);
    add(a_rewound_process_emits_again_what_all_its_services_did);
#undef add
}

void regroup_tests_add(Suite *suite, void (*setup)(void))
{
#define add(test) suite_add(suite, #test, test, 1, setup)
    add(a_group_at_work_is_not_regrouped);
    add(what_is_unread_is_handed_on_from_four_groups_to_one_and_back);
    add(services_with_a_database_each_move_together_and_apart_under_traffic);
#undef add
}
