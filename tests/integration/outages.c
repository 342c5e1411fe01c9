/* The broker is unavailable, on Apache Kafka with 12 partitions: restarted, gone, frozen for longer
 * than any time-out, gone for good. */
#include <stdio.h>
#include <stdlib.h>

#include "brokers/broker.h"
#include "brokers/outages.h"
#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

enum { ORDERS = 400 };

static void broker_signal(const char *what)
{
    ck_assert_int_eq(
        shell("kill -%s $(tools/stack/stack pid %s broker)", what, environment_folder()), 0);
}

/* Everything is under way: placed, and some of it on its way through the services.  Small batches,
 * so that as many as there may be wait for acknowledgements when the broker goes, and the services
 * pause what they read. */
static void get_under_way(const char *prefix, int count)
{
    for (int i = 0; i < SERVICES; i++) {
        service_stop(catalog_names[i]);
        service_start(catalog_names[i], "--batch 5");
    }
    for (int i = 0; i < SERVICES; i++)
        service_ready(catalog_names[i]);
    place_many(prefix, count);
    eventually(number("order", "SELECT count(*) FROM order_status WHERE order_id LIKE '%s-%%'",
                      prefix) >= count / 4);
}

static void check_survived(const char *prefix, int count)
{
    eventually(closed(prefix) == count);
    ck_assert_int_eq(confirmed(prefix), count);
    ck_assert_int_eq(charged(prefix), count);
    for (int i = 0; i < SERVICES; i++)
        ck_assert_msg(service_is_alive(catalog_names[i]), "%s did not survive", catalog_names[i]);
}

static void stand_by(int64_t ms)
{
    int64_t until = environment_clock_ms() + ms;

    while (environment_clock_ms() < until)
        environment_breathe();
}

static const struct {
    const char *how;
    int seconds;
} outages[] = {{"stop", 0}, {"kill", 30}};

START_TEST(a_broker_may_be_restarted_and_may_be_gone_for_half_a_minute)
{
    char prefix[32];

    snprintf(prefix, sizeof prefix, "outage-%d", _i);
    get_under_way(prefix, ORDERS);
    ck_assert_int_lt(closed(prefix), ORDERS);
    stack("%s %s broker", outages[_i].how, environment_folder());
    stand_by(outages[_i].seconds * 1000);
    stack("broker %s", environment_folder());
    check_survived(prefix, ORDERS);
}
END_TEST

/* Longer than request.timeout.ms (30 s), socket.timeout.ms (60 s), the session, and the wait for an
 * offset commit: what was in flight is in the broker's sockets, may yet be appended when it wakes
 * up, and is sent again. */
START_TEST(a_broker_may_stand_still_for_longer_than_every_time_out)
{
    get_under_way("frozen", ORDERS);
    broker_signal("STOP");
    ck_assert_int_lt(closed("frozen"), ORDERS);
    stand_by(75 * 1000);
    broker_signal("CONT");
    check_survived("frozen", ORDERS);
    printf(
        "measured: broker frozen for 75 s: the order service emitted %d messages about %d orders, "
        "%d without a fault\n",
        messages_of("orders", "frozen-"), ORDERS, 2 * ORDERS);
}
END_TEST

/* Nobody waits for ever for acknowledgements and commits that cannot come: what was not committed
 * comes again. */
START_TEST(a_service_ends_within_its_grace_though_the_broker_is_gone)
{
    int64_t asked_ms;

    get_under_way("stopped", ORDERS);
    ck_assert_int_lt(closed("stopped"), ORDERS);
    stack("kill %s broker", environment_folder());
    asked_ms = environment_clock_ms();
    services_stop();
    printf("measured: four services with work under way end %.1f s after they were asked to, "
           "without a broker\n",
           (double)(environment_clock_ms() - asked_ms) / 1000);
    ck_assert_int_lt(environment_clock_ms() - asked_ms, 30000);
    stack("broker %s", environment_folder());
    services_start("");
    check_survived("stopped", ORDERS);
}
END_TEST

/* What has no room in the producer's queue is waited with, as for anybody what is unavailable.  The
 * table is locked until all that is to be published has been fetched. */
START_TEST(a_service_that_cannot_publish_has_a_heartbeat_and_an_end)
{
    char options[400];
    int64_t asked_ms;

    service_stop("order");
    snprintf(options, sizeof options,
             "--heartbeat-file %s/order.heartbeat --kafka queue.buffering.max.messages=10",
             environment_folder());
    service_start("order", options);
    service_ready("order");
    ck_assert_int_eq(shell("(psql -qX $QUADRILLE_ORDER_DATABASE -c \"BEGIN; LOCK TABLE orders; "
                           "SELECT pg_sleep(3600)\" > /dev/null 2>&1 &)"),
                     0);
    eventually(number("order", "SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass "
                               "AND mode = 'AccessExclusiveLock' AND granted") == 1);
    place_many("unsent", ORDERS);
    eventually(number("provider", "SELECT count(*) FROM pg_locks WHERE NOT granted") >= 1);
    stand_by(2000);
    broker_signal("STOP");
    execute("provider", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
                        "'%%pg_sleep(3600)%%' AND pid <> pg_backend_pid()");
    environment_forget("order");
    eventually(number("order", "SELECT count(*) FROM orders WHERE order_id LIKE 'unsent-%%'") > 10);
    stand_by(6000);
    ck_assert_int_eq(shell("$BIN/quadrille-order --health-check --heartbeat-file "
                           "%s/order.heartbeat --heartbeat-max-age-ms 4000",
                           environment_folder()),
                     0);
    asked_ms = environment_clock_ms();
    service_stop("order");
    ck_assert_int_lt(environment_clock_ms() - asked_ms, 30000);
    broker_signal("CONT");
    service_start("order", "");
    check_survived("unsent", ORDERS);
}
END_TEST

/* Takes `count` messages and finishes them, without a commit. */
static void take_and_finish(struct consumer *consumer, int count)
{
    struct incoming message;

    while (count > 0) {
        if (!consumer_take(consumer, 100, &message)) {
            environment_breathe();
            continue;
        }
        consumer_finished(consumer, message.slot, message.epoch, message.next);
        incoming_release(&message);
        count--;
    }
}

/* A second member has come, and the first is to give partitions back, when the broker goes: what is
 * finished cannot be committed. */
START_TEST(partitions_are_given_back_though_the_broker_is_gone)
{
    static const char *const topics[] = {"orders.commands"};
    /* librdkafka may give up then, not sooner */
    static const char *const properties[] = {"session.timeout.ms=45000", NULL};
    struct outages none = {0};
    const struct broker_settings settings = {.brokers = getenv("QUADRILLE_BROKERS"),
                                             .group = "quadrille-givers",
                                             .properties = properties,
                                             .outages = &none};
    struct incoming message;
    struct error error = {0};
    struct consumer *first = consumer_new(&settings, topics, 1, &error), *second;
    int64_t began_ms;

    ck_assert_msg(first != NULL, "%s", error.message);
    place_many("given", ORDERS);
    take_and_finish(first, ORDERS);
    second = consumer_new(&settings, topics, 1, &error);
    ck_assert_msg(second != NULL, "%s", error.message);
    /* a heartbeat: the first is told, and would give them back when it takes the next time */
    stand_by(4000);
    stack("kill %s broker", environment_folder());
    began_ms = environment_clock_ms();
    while (environment_clock_ms() - began_ms < 2000)
        if (consumer_take(first, 100, &message))
            incoming_release(&message);
    printf("measured: without a broker partitions are given back within %.1f s\n",
           (double)(environment_clock_ms() - began_ms) / 1000);
    ck_assert_int_lt(environment_clock_ms() - began_ms, 20000);
    stack("broker %s", environment_folder());
    check_survived("given", ORDERS);
    consumer_close(second);
    consumer_close(first);
}
END_TEST

/* The sweeper asks whenever it is time to, whatever the consumer has fetched by then. */
START_TEST(what_is_unread_is_asked_for_in_vain_while_messages_wait)
{
    static const char *const topics[] = {"orders.commands"};
    static const char *const properties[] = {"session.timeout.ms=45000", NULL};
    struct outages none = {0};
    const struct broker_settings settings = {.brokers = getenv("QUADRILLE_BROKERS"),
                                             .group = "quadrille-askers",
                                             .properties = properties,
                                             .outages = &none};
    struct error error = {0};
    struct consumer *consumer = consumer_new(&settings, topics, 1, &error);
    struct producer *producer = producer_new(&settings, &error);
    int64_t lag = 0;

    ck_assert_msg(consumer != NULL && producer != NULL, "%s", error.message);
    place_many("waited", ORDERS);
    take_and_finish(consumer, 1); /* the others have been fetched by then, or will soon be */
    stand_by(1000);
    broker_signal("STOP");
    ck_assert_int_eq(consumer_lag(consumer, producer, "orders.commands", 1500, &lag, &error),
                     STATUS_UNAVAILABLE);
    broker_signal("CONT");
    take_and_finish(consumer, ORDERS - 1);
    check_survived("waited", ORDERS);
    consumer_close(consumer);
    producer_free(producer);
}
END_TEST

Suite *outages_suite(void)
{
    Suite *suite = suite_create("outages");

#define add(test, count) suite_add(suite, #test, test, count, environment_on_kafka)
    add(a_broker_may_be_restarted_and_may_be_gone_for_half_a_minute,
        (int)(sizeof outages / sizeof outages[0]));
    add(a_broker_may_stand_still_for_longer_than_every_time_out, 1);
    add(a_service_ends_within_its_grace_though_the_broker_is_gone, 1);
    add(a_service_that_cannot_publish_has_a_heartbeat_and_an_end, 1);
    add(partitions_are_given_back_though_the_broker_is_gone, 1);
    add(what_is_unread_is_asked_for_in_vain_while_messages_wait, 1);
#undef add
    suite_add_identities(suite, environment_on_kafka);
    suite_add_audit(suite, environment_on_kafka);
    return suite;
}
