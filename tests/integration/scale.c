/* What a deployment does to a stack that is at work, on Apache Kafka with 12 partitions: instances
 * come, go and die, others produce in their own way.  What is measured is printed, in lines that
 * start so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/load.h"
#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

/* The longest that any of the orders took from place to mail. */
static int64_t slowest_ms(const char *prefix, int count)
{
    int64_t slowest = 0;
    char id[64];

    for (int i = 0; i < count; i++) {
        int64_t took;

        snprintf(id, sizeof id, "%s-%d", prefix, i);
        eventually(emitted_at_ms(id, "email.sent") >= 0);
        took = emitted_at_ms(id, "email.sent") - emitted_at_ms(id, "order.place");
        slowest = took > slowest ? took : slowest;
    }
    return slowest;
}

/* ---- instances come and go ---- */

/* All partitions of one of two instances are somebody else's as soon as its session has ended. */
START_TEST(orders_of_a_killed_instance_flow_again_within_ten_seconds)
{
    static const char *const defaults = "--kafka session.timeout.ms=6000";
    char second[32], prefix[32];
    int64_t killed_ms;

    snprintf(second, sizeof second, "%s.2", catalog_names[_i]);
    snprintf(prefix, sizeof prefix, "killed-%s", catalog_names[_i]);
    service_stop(catalog_names[_i]);
    service_start(catalog_names[_i], defaults);
    service_start(second, defaults);
    service_ready(catalog_names[_i]);
    service_ready(second);
    place_many("warm", 1);
    stack("kill %s %s", environment_folder(), second);
    killed_ms = environment_clock_ms();
    place_many(prefix, 4 * PARTITIONS);
    eventually(closed(prefix) == 4 * PARTITIONS);
    printf("measured: one of two %s instances killed: its orders flow again after %.1f s\n",
           catalog_names[_i], (double)(environment_clock_ms() - killed_ms) / 1000);
    ck_assert_int_lt(environment_clock_ms() - killed_ms, 10000);
}
END_TEST

static void start_unnamed(const char *name)
{
    service_start(name, "");
}

static void start_named(const char *name)
{
    char options[64];

    snprintf(options, sizeof options, "--instance %s", name);
    service_start(name, options);
}

static void roll(const char *name, void (*start)(const char *name))
{
    service_stop(name);
    start(name);
    service_ready(name);
}

/* One after the other is stopped and started again while orders flow; with names the members keep
 * their partitions. */
START_TEST(a_rolling_restart_stops_nobody_for_long)
{
    const bool named = _i == 1;
    const char *prefix = named ? "rolled-named" : "rolled";
    void (*const start)(const char *name) = named ? start_named : start_unnamed;
    char second[32];
    int64_t from_ms;
    int count;

    services_stop();
    each_service(start, "");
    each_service(start, ".2");
    each_service(service_ready, "");
    each_service(service_ready, ".2");
    load_start(prefix);
    load_flow(prefix, 50);
    from_ms = emitted_at_ms(named ? "rolled-named-40" : "rolled-40", "order.place");
    for (int i = 0; i < SERVICES; i++) {
        snprintf(second, sizeof second, "%s.2", catalog_names[i]);
        roll(catalog_names[i], start);
        load_flow(prefix, 20);
        roll(second, start);
        load_flow(prefix, 20);
    }
    count = load_end(prefix);
    printf("measured: rolling restart of 8 instances %s names, %d orders meanwhile: longest "
           "silence of all mails %.2f s, slowest order %.2f s\n",
           named ? "with" : "without", count, (double)longest_silence_ms("emails", from_ms) / 1000,
           (double)slowest_ms(prefix, count) / 1000);
    ck_assert_int_lt(slowest_ms(prefix, count), 10000);
    each_service(service_stop, ".2");
    services_stop();
    services_start("");
}
END_TEST

START_TEST(of_two_with_one_instance_name_the_older_one_ends)
{
    service_start("payment.2", "--instance the-one");
    service_ready("payment.2");
    service_start("payment.3", "--instance the-one");
    eventually(!service_is_alive("payment.2"));
    ck_assert_int_ge(logged("payment.2", "FENCED"), 1);
    place_many("fenced", PARTITIONS);
    eventually(closed("fenced") == PARTITIONS);
    service_stop("payment.3");
}
END_TEST

START_TEST(the_flow_may_change_under_load_one_instance_at_a_time)
{
    static const char *const steps[][2] = {{"order", "parallel"},
                                           {"order.2", "parallel"},
                                           {"order", "reserve-first"},
                                           {"order.2", "reserve-first"}};
    char options[64];
    int count;

    service_start("order.2", "");
    service_ready("order.2");
    load_start("flowing");
    load_flow("flowing", 20);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        snprintf(options, sizeof options, "--flow %s", steps[i][1]);
        service_stop(steps[i][0]);
        service_start(steps[i][0], options);
        service_ready(steps[i][0]);
        load_flow("flowing", 20);
    }
    count = load_end("flowing");
    ck_assert_int_eq(
        number("order", "SELECT count(DISTINCT flow) FROM orders WHERE order_id LIKE 'flowing-%%'"),
        3);
    printf(
        "measured: flow changed twice under load, %d orders: %lld pay-first, %lld parallel, %lld "
        "reserve-first\n",
        count,
        (long long)number(
            "order",
            "SELECT count(*) FROM orders WHERE order_id LIKE 'flowing-%%' AND flow = 'pay-first'"),
        (long long)number(
            "order",
            "SELECT count(*) FROM orders WHERE order_id LIKE 'flowing-%%' AND flow = 'parallel'"),
        (long long)number("order", "SELECT count(*) FROM orders WHERE order_id LIKE 'flowing-%%' "
                                   "AND flow = 'reserve-first'"));
    service_stop("order.2");
    service_stop("order");
    service_start("order", "");
    service_ready("order");
}
END_TEST

/* ---- others produce ---- */

#define CANCEL \
    "echo '{\"order_id\":\"%1$s\",\"reason\":\"changed my mind\"}' | kcat -P -b " \
    "$QUADRILLE_BROKERS -t orders.commands -k %1$s -H ce_type=order.cancel "

static void place_by_java(const char *id)
{
    ck_assert_int_eq(shell("printf 'ce_type:order.place\\t%1$s\\t%%s\\n' '" ORDER(
                               "%1$s") "' | brokers/apache/kafka tool console-producer "
                                       "--bootstrap-server $QUADRILLE_BROKERS "
                                       "--topic orders.commands --property parse.key=true "
                                       "--property parse.headers=true",
                           id),
                     0);
}

/* Java hashes keys by murmur2, C clients by CRC32 unless told otherwise: an order's messages lie in
 * two partitions. */
START_TEST(producers_may_hash_keys_as_they_like)
{
    place_by_java("mixed-1");
    place_by_java("mixed-2");
    eventually(is_closed("mixed-1") && is_closed("mixed-2"));
    ck_assert_int_eq(shell(CANCEL, "mixed-1"), 0);
    ck_assert_int_eq(shell(CANCEL, "mixed-2"), 0);
    eventually(emitted("mixed-1", "order.cancel_rejected") == 1 &&
               emitted("mixed-2", "order.cancel_rejected") == 1);
    ck_assert(emitted_in("mixed-1", "order.place") != emitted_in("mixed-1", "order.cancel") ||
              emitted_in("mixed-2", "order.place") != emitted_in("mixed-2", "order.cancel"));
    /* we hash as Java does */
    ck_assert_int_eq(emitted_in("mixed-1", "order.created"), emitted_in("mixed-1", "order.place"));
    ck_assert_int_eq(shell("$BIN/sagactl trace mixed-1"), 0);
    ck_assert(output_has("order.cancel_rejected") && output_has("CONFIRMED, and closed"));
}
END_TEST

/* What was emitted later may be consumed first: on another partition there is no order. */
START_TEST(a_fact_may_come_before_its_order_on_another_partition)
{
    char id[64];

    for (int i = 0; i < PARTITIONS; i++) { /* one of them on the partition of the place */
        snprintf(id, sizeof id, "early-%d", i);
        ck_assert_int_eq(shell(CANCEL "-p %2$d", id, i), 0);
    }
    eventually(
        number("order", "SELECT count(*) FROM order_status WHERE order_id LIKE 'early-%%'") ==
        PARTITIONS);
    place_many("early", PARTITIONS);
    eventually(closed("early") == PARTITIONS);
    ck_assert_int_eq(number("order", "SELECT count(*) FROM order_status WHERE order_id LIKE "
                                     "'early-%%' AND state = 'CANCELLED'"),
                     PARTITIONS);
    ck_assert_int_eq(
        number(
            "provider",
            "SELECT count(*) FROM charge WHERE order_id LIKE 'early-%%' AND status = 'captured'"),
        0);
    ck_assert_int_eq(shell("$BIN/sagactl trace early-3"), 0);
    ck_assert(output_has("CANCELLED, and closed"));
}
END_TEST

START_TEST(the_topics_need_no_fixing)
{
    ck_assert_int_eq(shell("$BIN/sagactl topics"), 0);
}
END_TEST

Suite *scale_suite(void)
{
    Suite *suite = suite_create("scale");

#define add(test, count) suite_add(suite, #test, test, count, environment_on_kafka)
    add(producers_may_hash_keys_as_they_like, 1);
    add(a_fact_may_come_before_its_order_on_another_partition, 1);
    add(orders_of_a_killed_instance_flow_again_within_ten_seconds, SERVICES);
    add(a_rolling_restart_stops_nobody_for_long, 2);
    add(of_two_with_one_instance_name_the_older_one_ends, 1);
    add(the_flow_may_change_under_load_one_instance_at_a_time, 1);
    regroup_tests_add(suite, environment_on_kafka);
    add(the_topics_need_no_fixing, 1);
#undef add
    suite_add_identities(suite, environment_on_kafka);
    suite_add_audit(suite, environment_on_kafka);
    return suite;
}
