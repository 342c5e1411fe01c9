/* What brokers/ decides by itself: what is finished of a partition, what is emitted of an outage,
 * which properties may be set. */
#include <string.h>

#include "brokers/outages.h"
#include "brokers/properties.h"
#include "brokers/slots.h"
#include "tests/unit/suites.h"

/* ---- what is finished ---- */

static struct slots slots;
static struct slot *slot;

static void setup(void)
{
    slots = (struct slots){0};
    slot = slot_find(&slots, "orders", 3);
    slot_assign(slot);
}

static void teardown(void)
{
    slots_free(&slots);
}

START_TEST(a_message_is_finished_and_no_more)
{
    slot_take(slot, 11);
    slot_take(slot, 12);
    ck_assert(!slot_is_due(slot));
    slot_finish(slot, slot->epoch, 11);
    ck_assert_int_eq(slot->finished, 11);
    ck_assert(slot_is_due(slot));
}
END_TEST

START_TEST(what_lies_between_the_last_message_and_the_end_is_finished_with_it)
{
    slot_take(slot, 11);
    slot_end(slot, 12); /* a marker lies at 11 */
    ck_assert(!slot_is_due(slot));
    slot_finish(slot, slot->epoch, 11);
    ck_assert_int_eq(slot->finished, 12);
}
END_TEST

START_TEST(a_leader_epoch_that_falls_tells_that_a_topic_was_made_anew)
{
    ck_assert(slot_leader(slot, -1)); /* one that does not tell */
    ck_assert(slot_leader(slot, 2));
    ck_assert(slot_leader(slot, 2));
    ck_assert(slot_leader(slot, -1));
    ck_assert(!slot_leader(slot, 1));
    slot_assign(slot);
    ck_assert(!slot_leader(slot, 1));
    slots_leaderless(&slots);
    ck_assert(slot_leader(slot, 1));
}
END_TEST

START_TEST(of_a_topic_that_was_made_anew_nothing_of_the_former_is_due)
{
    slot_take(slot, 11);
    slot_finish(slot, slot->epoch, 11);
    slots_forget(&slots, "payments");
    ck_assert(slot_is_due(slot));
    slots_forget(&slots, "orders");
    slot_finish(slot, slot->epoch, 12);
    ck_assert(!slot_is_due(slot));
}
END_TEST

START_TEST(an_end_that_is_told_later_is_finished_at_once)
{
    slot_take(slot, 11);
    slot_finish(slot, slot->epoch, 11);
    slot_end(slot, 12);
    ck_assert_int_eq(slot->finished, 12);
    slot_end(slot, 15); /* another transaction, that was aborted */
    ck_assert_int_eq(slot->finished, 15);
    slot_take(slot, 16);
    slot_finish(slot, slot->epoch, 16);
    ck_assert_int_eq(slot->finished, 16);
}
END_TEST

START_TEST(an_end_finishes_nothing_that_is_under_way)
{
    slot_take(slot, 11);
    slot_take(slot, 12);
    slot_end(slot, 13);
    slot_end(slot, 14);
    slot_finish(slot, slot->epoch, 11);
    ck_assert_int_eq(slot->finished, 11);
    slot_take(slot, 15);
    slot_end(slot, 16);
    slot_finish(slot, slot->epoch, 12);
    ck_assert_int_eq(slot->finished, 12);
    slot_finish(slot, slot->epoch, 15);
    ck_assert_int_eq(slot->finished, 16);
}
END_TEST

START_TEST(a_partition_without_a_message_is_finished_at_its_end)
{
    slot_end(slot, 7);
    ck_assert_int_eq(slot->finished, 7);
    ck_assert(slot_is_due(slot));
    slot->committed = 7;
    ck_assert(!slot_is_due(slot));
}
END_TEST

START_TEST(a_message_that_is_given_back_is_not_finished_by_an_end)
{
    slot_take(slot, 11);
    slot_finish(slot, slot->epoch, 11);
    slot_take(slot, 12);
    slot_untake(slot, 11);
    slot_take(slot, 12);
    slot_end(slot, 12);
    ck_assert_int_eq(slot->finished, 11);
    slot_finish(slot, slot->epoch, 12);
    ck_assert_int_eq(slot->finished, 12);
}
END_TEST

START_TEST(what_was_taken_under_an_older_assignment_finishes_nothing)
{
    int before = slot->epoch;

    slot_take(slot, 11);
    slots_revoke(&slots);
    slot_end(slot, 20);
    slot_finish(slot, before, 11);
    slot_assign(slot);
    slot_finish(slot, before, 11);
    ck_assert_int_eq(slot->finished, -1);
    ck_assert(!slot_is_due(slot));
}
END_TEST

START_TEST(a_lag_counts_what_can_be_read)
{
    static const struct {
        struct span span;
        int64_t committed, lag;
    } cases[] = {{{0, 60}, 60, 0},   {{0, 60}, 12, 48},
                 {{0, 60}, -1, 60},  {{60, 60}, 52, 0} /* retention took them */,
                 {{60, 70}, 52, 10}, {{0, 5}, 500, 5} /* the topic was made anew */,
                 {{0, 0}, 0, 0},     {{0, 0}, -1, 0}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_int_eq(span_lag(&cases[i].span, cases[i].committed), cases[i].lag);
}
END_TEST

/* ---- what is emitted of an outage ---- */

START_TEST(an_outage_is_logged_once_for_each_reason_and_once_when_it_is_over)
{
    struct outages outages = {0};

    ck_assert(!outage_end(&outages, "the broker"));
    ck_assert(outage_begin(&outages, "the broker", "refused"));
    ck_assert(!outage_begin(&outages, "the broker", "refused"));
    ck_assert(outage_begin(&outages, "the broker", "unknown host"));
    ck_assert(!outage_begin(&outages, "the broker", "refused"));
    ck_assert(outage_begin(&outages, "payments", "refused"));
    ck_assert(outage_lasts(&outages, "the broker"));
    ck_assert(outage_end(&outages, "the broker"));
    ck_assert(!outage_end(&outages, "the broker"));
    ck_assert(outage_lasts(&outages, "payments"));
    ck_assert(outage_begin(&outages, "the broker", "refused"));
}
END_TEST

START_TEST(many_outages_and_reasons_are_bounded)
{
    struct outages outages = {0};
    char text[OUTAGE_TEXT * 2];

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 2 * OUTAGES_MAX; i++) {
        text[0] = (char)('A' + i);
        ck_assert_int_eq(outage_begin(&outages, text, text), i < OUTAGES_MAX);
        ck_assert(!outage_begin(&outages, text, text));
    }
    text[0] = 'A';
    for (int i = 0; i < 2 * OUTAGE_REASONS; i++) {
        char reason[2] = {(char)('a' + i), '\0'};

        ck_assert_int_eq(outage_begin(&outages, text, reason), i < OUTAGE_REASONS - 1);
    }
}
END_TEST

static const char *const reasons[][2] = {
    {"127.0.0.1:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after "
     "0ms in state CONNECT)",
     "127.0.0.1:9092: Connection refused"},
    {"127.0.0.1:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 3ms in "
     "state CONNECT, 1 identical error(s) suppressed)",
     "127.0.0.1:9092: Connection refused"},
    {"GroupCoordinator: 127.0.0.1:9092: Connect to ipv4#127.0.0.1:9092 failed: Connection refused "
     "(after 0ms in state CONNECT)",
     "127.0.0.1:9092: Connection refused"},
    {"kafka:9092/bootstrap: Failed to resolve 'kafka:9092': Name or service not known (after 5ms "
     "in state CONNECT)",
     "kafka:9092: Failed to resolve 'kafka:9092': Name or service not known"},
    {"127.0.0.1:9092/1: Disconnected (after 7ms in state UP)", "127.0.0.1:9092: Disconnected"},
    {"1/1 brokers are down", "1/1 brokers are down"},
    {"", ""},
};

START_TEST(a_reason_is_the_same_at_every_try)
{
    char reason[OUTAGE_TEXT];

    outage_reason(reasons[_i][0], reason);
    ck_assert_str_eq(reason, reasons[_i][1]);
}
END_TEST

/* ---- properties ---- */

static void is_sorted(void *context, const char *name)
{
    struct error error = {0};
    int *count = context;

    ++*count;
    if (property_allowed(name, "x", &error) != STATUS_OK)
        ck_assert_msg(strstr(error.message, "this one is fixed, the guarantees rest on it") != NULL,
                      "%s stands in no row of property_rules", name);
}

START_TEST(every_property_of_librdkafka_is_free_or_fixed_for_a_reason)
{
    int count = 0;

    properties_each(is_sorted, &count);
    ck_assert_int_gt(count, 100);
}
END_TEST

START_TEST(no_property_on_which_the_guarantees_rest_may_be_set)
{
    static const char *const fixed[] = {"acks",
                                        "request.required.acks",
                                        "message.timeout.ms",
                                        "delivery.timeout.ms",
                                        "retries",
                                        "message.send.max.retries",
                                        "enable.idempotence",
                                        "transactional.id",
                                        "partitioner",
                                        "enable.auto.commit",
                                        "auto.commit.enable",
                                        "enable.auto.offset.store",
                                        "auto.offset.reset",
                                        "isolation.level",
                                        "enable.partition.eof",
                                        "group.id",
                                        "group.instance.id",
                                        "partition.assignment.strategy",
                                        "group.protocol",
                                        "delivery.report.only.error",
                                        "topic.blacklist",
                                        "bootstrap.servers",
                                        "dr_msg_cb",
                                        "test.mock.num.brokers"};
    static const char *const free_ones[] = {
        "session.timeout.ms", "linger.ms",         "compression.type",  "sasl.password",
        "ssl.ca.location",    "security.protocol", "fetch.wait.max.ms", "client.id"};
    struct error error;

    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        ck_assert_msg(property_allowed(fixed[i], "1", &error) == STATUS_INVALID, "%s", fixed[i]);
    for (size_t i = 0; i < sizeof free_ones / sizeof free_ones[0]; i++)
        ck_assert_msg(property_allowed(free_ones[i], "1", &error) == STATUS_OK, "%s", free_ones[i]);
    ck_assert_int_eq(property_allowed("no.such.thing", "1", &error), STATUS_INVALID);
    ck_assert_str_eq(property_shown("sasl.password", "secret"), "...");
}
END_TEST

Suite *brokers_suite(void)
{
    Suite *suite = suite_create("brokers");
    TCase *finished = tcase_create("finished"), *outages = tcase_create("outages"),
          *properties = tcase_create("properties");

    tcase_add_checked_fixture(finished, setup, teardown);
    tcase_add_test(finished, a_message_is_finished_and_no_more);
    tcase_add_test(finished, what_lies_between_the_last_message_and_the_end_is_finished_with_it);
    tcase_add_test(finished, a_leader_epoch_that_falls_tells_that_a_topic_was_made_anew);
    tcase_add_test(finished, of_a_topic_that_was_made_anew_nothing_of_the_former_is_due);
    tcase_add_test(finished, an_end_that_is_told_later_is_finished_at_once);
    tcase_add_test(finished, an_end_finishes_nothing_that_is_under_way);
    tcase_add_test(finished, a_partition_without_a_message_is_finished_at_its_end);
    tcase_add_test(finished, a_message_that_is_given_back_is_not_finished_by_an_end);
    tcase_add_test(finished, what_was_taken_under_an_older_assignment_finishes_nothing);
    tcase_add_test(finished, a_lag_counts_what_can_be_read);
    tcase_add_test(outages, an_outage_is_logged_once_for_each_reason_and_once_when_it_is_over);
    tcase_add_test(outages, many_outages_and_reasons_are_bounded);
    tcase_add_loop_test(outages, a_reason_is_the_same_at_every_try, 0,
                        sizeof reasons / sizeof reasons[0]);
    tcase_add_test(properties, every_property_of_librdkafka_is_free_or_fixed_for_a_reason);
    tcase_add_test(properties, no_property_on_which_the_guarantees_rest_may_be_set);
    suite_add_tcase(suite, finished);
    suite_add_tcase(suite, outages);
    suite_add_tcase(suite, properties);
    return suite;
}
