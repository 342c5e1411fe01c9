/* What the broker, its topics and others who use them can do to us, on Apache Kafka with 12
 * partitions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

#define TRANSACT "tests/integration/transact \"$QUADRILLE_BROKERS\" "

/* How many partitions in which Kafka's own tool sees a lag; those that nobody has committed count
 * too. */
static int64_t partitions_behind(void)
{
    char names[20 * SERVICES] = "";

    for (int i = 0; i < SERVICES; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? "|" : "",
                 catalog_names[i]);
    shell("brokers/apache/kafka tool consumer-groups --bootstrap-server $QUADRILLE_BROKERS "
          "--describe --all-groups 2> /dev/null |"
          " awk '$1 ~ /^quadrille-(%s)$/ && $6 != \"0\" { n++ } END { print n + 0 }'",
          names);
    return output_number();
}

/* ---- transactions of others ---- */

static void transact(const char *how, const char *topic, const char *key, const char *type)
{
    ck_assert_int_eq(shell(TRANSACT "%s %s %s %s", how, topic, key, type), 0);
}

START_TEST(a_transaction_in_an_internal_topic_silences_no_sweeper)
{
    transact("abort", "order.internal", "nobody", "order.republish");
    transact("commit", "order.internal", "nobody", "order.republish");
    transact("abort", "payment.internal", "nobody", "payment.republish");
    service_restart("order", "--deadline-ms 2000 --republish-after-ms 60000");
    transact("abort", "order.internal", "nobody", "order.republish");
    place("after-a-transaction", "pm_never", "thing", 1);
    eventually(emitted("after-a-transaction", "order.timeout") == 1);
    eventually(is_closed("after-a-transaction"));
    ck_assert_str_eq(state("order", "after-a-transaction"), "CANCELLED");
    ck_assert_int_ge(emitted("after-a-transaction", "payment.retry"), 1);
    service_restart("order", "");
}
END_TEST

START_TEST(what_a_transaction_leaves_is_nothing_to_read)
{
    ck_assert_int_eq(
        shell(TRANSACT "commit orders.commands transacted order.place '%s'", ORDER("transacted")),
        0);
    ck_assert_int_eq(shell(TRANSACT "abort orders.commands never-placed order.place '%s'",
                           ORDER("never-placed")),
                     0);
    eventually(is_closed("transacted"));
    ck_assert_int_eq(number("order", "SELECT count(*) FROM orders WHERE order_id = 'never-placed'"),
                     0);
    eventually(all_is_read());
    eventually(partitions_behind() == 0);
    ck_assert_int_eq(shell("! $BIN/sagactl topics --json | grep '\"lag\":{[^}]*:[1-9-]'"), 0);
}
END_TEST

/* Whoever waits behind one that is open is told by whom it is held up. */
START_TEST(an_open_transaction_is_named_by_topics_and_doctor)
{
    ck_assert_int_eq(shell("mkfifo %1$s/hold && { " TRANSACT
                           "open orders.commands holding order.place < %1$s/hold > %1$s/held & } &&"
                           " exec 9> %1$s/hold && until grep -q open %1$s/held; do sleep 0.1; "
                           "done; { sleep 20 >&9 9>&9; } & echo $! > %1$s/holder",
                           environment_folder()),
                     0);
    eventually(shell("$BIN/sagactl topics | grep 'held by an open transaction'") == 0);
    ck_assert_int_eq(shell("$BIN/sagactl doctor | grep 'open transaction'"), 0);
    shell("kill $(cat %s/holder)", environment_folder());
    eventually(shell("$BIN/sagactl topics | grep 'held by an open transaction'") != 0);
}
END_TEST

/* ---- messages that are gone ---- */

START_TEST(what_retention_took_is_nothing_to_read)
{
    service_stop("email");
    place_many("expired", 12);
    eventually(confirmed("expired") == 12);
    ck_assert_int_eq(
        shell("brokers/apache/kafka tool get-offsets --bootstrap-server $QUADRILLE_BROKERS --topic "
              "orders | awk -F: '"
              "BEGIN { printf \"{\\\"partitions\\\":[\" } { printf "
              "\"%%s{\\\"topic\\\":\\\"%%s\\\",\\\"partition\\\":%%s,\\\"offset\\\":%%s}\", (NR > "
              "1 ? \",\" : \"\"), $1, $2, $3 }"
              " END { print \"],\\\"version\\\":1}\" }' > %1$s/gone.json && brokers/apache/kafka "
              "tool delete-records --bootstrap-server $QUADRILLE_BROKERS"
              " --offset-json-file %1$s/gone.json",
              environment_folder()),
        0);
    ck_assert_int_eq(
        shell("! $BIN/sagactl topics --json | grep '\"topic\":\"orders\",.*\"email\":[1-9-]'"), 0);
    service_start("email", "");
    service_ready("email");
    for (int i = 0; i < 12; i++) /* nobody can read what was emitted of them: it is emitted again */
        execute("order", "UPDATE orders SET next_due = now() WHERE order_id = 'expired-%d'", i);
    eventually(closed("expired") == 12);
}
END_TEST

/* ---- topics that are gone for a moment ---- */

/* Afterwards the leader epochs of the topics that there are lie above 0, where those of one that is
 * made anew begin. */
static void broker_again(void)
{
    stack("kill %s broker", environment_folder());
    stack("broker %s", environment_folder());
}

#define DELETE_PAYMENTS \
    "brokers/apache/kafka tool topics --bootstrap-server $QUADRILLE_BROKERS --delete --topic " \
    "payments"

/* It is seen to be gone before it can be there again: librdkafka 2.4 to 2.8 may crash where a topic
 * merely has another id (its issue 4964). */
static void payments_go(void)
{
    static const char unreadable[] = "topic payments cannot be read";
    int by_order = logged("order", unreadable), by_inventory = logged("inventory", unreadable);

    ck_assert_int_eq(shell(DELETE_PAYMENTS), 0);
    eventually(logged("order", unreadable) > by_order);
    eventually(logged("inventory", unreadable) > by_inventory);
}

static void payments_come(void)
{
    eventually(shell("$BIN/sagactl topics create --partitions %d", PARTITIONS) == 0);
}

START_TEST(a_topic_may_be_made_anew_while_services_run)
{
    broker_again();
    place_many("before-anew", PARTITIONS);
    eventually(closed("before-anew") == PARTITIONS);
    payments_go();
    payments_come();
    place_many("after-anew", PARTITIONS);
    eventually(closed("after-anew") == PARTITIONS);
    eventually(all_is_read());
}
END_TEST

/* As much is in the new topic as was read of the former, when a service looks again: the next
 * offset is the same.  Not where librdkafka may crash of that, see payments_go. */
START_TEST(a_topic_that_was_made_anew_is_read_from_its_beginning)
{
    if (shell("pkg-config --atleast-version=2.4 rdkafka && ! pkg-config --atleast-version=2.10 "
              "rdkafka") == 0)
        return;
    service_restart("order", "--kafka session.timeout.ms=60000");
    payments_go();
    payments_come();
    place_many("as-much", PARTITIONS);
    eventually(closed("as-much") == PARTITIONS);
    eventually(all_is_read());
    ck_assert_int_eq(shell("kill -STOP $(tools/stack/stack pid %s order)", environment_folder()),
                     0);
    ck_assert_int_eq(shell(DELETE_PAYMENTS), 0);
    payments_come();
    for (int i = 0; i < PARTITIONS; i++)
        ck_assert_int_eq(shell("$BIN/sagactl republish as-much-%d payment", i), 0);
    eventually(shell("$BIN/sagactl topics --json | awk -F '\"end\":' '/\"payments\",\"partition\"/ "
                     "{ n += $2 } END { exit n != %d }'",
                     PARTITIONS) == 0);
    ck_assert_int_eq(shell("kill -CONT $(tools/stack/stack pid %s order)", environment_folder()),
                     0);
    eventually(all_is_read());
    service_restart("order", "");
}
END_TEST

/* The producer finds the topic gone with messages of its own on their way there. */
START_TEST(what_is_emitted_waits_for_a_topic_that_is_gone)
{
    ck_assert_int_eq(shell(DELETE_PAYMENTS), 0);
    place_many("no-topic", PARTITIONS);
    eventually(logged("payment", "topic payments is gone, waiting for it") >= 1);
    place_many("still-none", PARTITIONS);
    eventually(charged("still-none") == PARTITIONS);
    payments_come();
    eventually(closed("no-topic") == PARTITIONS);
    eventually(closed("still-none") == PARTITIONS);
    eventually(logged("payment", "publishing to payments: back") >= 1);
    ck_assert_int_eq(logged("payment", "dead-lettered"), 0);
    eventually(all_is_read());
}
END_TEST

START_TEST(a_service_ends_in_its_grace_after_a_topic_was_gone)
{
    int64_t asked_ms;

    broker_again();
    place_many("before-gone", PARTITIONS);
    eventually(closed("before-gone") == PARTITIONS);
    payments_go();
    payments_come();
    eventually(logged("inventory", "payments: back") >= 1);
    place_many("after-gone", PARTITIONS);
    eventually(closed("after-gone") == PARTITIONS);
    asked_ms = environment_clock_ms();
    service_stop("inventory");
    service_stop("order");
    printf("measured: two services end %.1f s after they were asked to, a topic of theirs had been "
           "gone\n",
           (double)(environment_clock_ms() - asked_ms) / 1000);
    ck_assert_int_lt(environment_clock_ms() - asked_ms, 25000);
    service_start("inventory", "");
    service_start("order", "");
    service_ready("inventory");
    service_ready("order");
    eventually(all_is_read());
}
END_TEST

/* ---- what is unavailable ---- */

START_TEST(the_broker_that_is_unavailable_is_named_once_with_its_reason)
{
    static const char unavailable[] = "the broker is unavailable, waiting for it: ";

    service_restart("email", "");
    stack("kill %s broker", environment_folder());
    eventually(logged("email", "Connection refused") == 1);
    ck_assert_int_ge(logged("email", unavailable), 1);
    ck_assert_int_eq(logged("email", "brokers are down"), 0);
    ck_assert_int_eq(
        shell("grep 'Connection refused' %s/log/email.log | grep \"$QUADRILLE_BROKERS\"",
              environment_folder()),
        0);
    stack("broker %s", environment_folder());
    eventually(logged("email", "the broker is back") == 1);
    ck_assert_int_eq(logged("email", "Connection refused"), 1);
    place_many("back", PARTITIONS);
    eventually(closed("back") == PARTITIONS);
}
END_TEST

/* ---- settings ---- */

static const struct {
    const char *property;
    const char *says;
} refused[] = {
    {"partition.assignment.strategy=cooperative-sticky",
     "this one is fixed, the guarantees rest on it"},
    {"auto.offset.reset=latest", "this one is fixed, the guarantees rest on it"},
    {"isolation.level=read_uncommitted", "this one is fixed, the guarantees rest on it"},
    {"group.id=another", "this one is fixed, the guarantees rest on it"},
    {"partitioner=random", "this one is fixed, the guarantees rest on it"},
    {"retries=0", "this one is fixed, the guarantees rest on it"},
    {"acks=1", "this one is fixed, the guarantees rest on it"},
    {"no.such.property=1", "it is none that may be set"},
};

START_TEST(a_property_on_which_the_guarantees_rest_is_refused)
{
    ck_assert_int_eq(
        shell(
            "$BIN/quadrille-order --database \"$QUADRILLE_ORDER_DATABASE\" --kafka %s; [ $? = 2 ]",
            refused[_i].property),
        0);
    ck_assert(output_has(refused[_i].says));
    ck_assert_int_eq(
        shell("QUADRILLE_KAFKA=%s $BIN/sagactl topics; [ $? = 2 ]", refused[_i].property), 0);
    ck_assert(output_has(refused[_i].says));
}
END_TEST

/* ---- groups ---- */

/* Two services in one group: each is given a share of what the other needs. */
START_TEST(members_of_a_group_that_read_other_topics_are_named)
{
    service_restart("email", "--group shop");
    service_restart("inventory", "--group shop");
    eventually(logged("email", "members that read other topics") >= 1);
    eventually(logged("inventory", "members that read other topics") >= 1);
    ck_assert_int_eq(shell("! $BIN/sagactl doctor --email-group shop > %1$s/doctor && grep 'BAD "
                           "*group email .*read.* other topics' %1$s/doctor",
                           environment_folder()),
                     0);
    service_restart("inventory", "");
    service_restart("email", "");
    place_many("own-groups", PARTITIONS);
    eventually(closed("own-groups") == PARTITIONS);
    eventually(all_is_read());
    ck_assert_int_eq(logged("email", "members that read other topics"), 0);
}
END_TEST

START_TEST(a_service_that_does_not_run_is_named_by_doctor)
{
    service_stop("email");
    ck_assert_int_eq(shell("$BIN/sagactl doctor > $TEST_FOLDER/doctor"), 1 << 8);
    ck_assert_int_eq(
        shell("grep 'BAD *group email .*no instance of the service' $TEST_FOLDER/doctor"), 0);
    ck_assert_int_eq(shell("grep -q 'another group.* --email-group' $TEST_FOLDER/doctor"), 0);
    ck_assert_int_eq(shell("grep 'BAD *group order ' $TEST_FOLDER/doctor"), 1 << 8);
    service_restart("email", "");
}
END_TEST

START_TEST(a_group_of_another_name_is_known_to_sagactl)
{
    service_restart("email", "--group eu-email");
    place_many("eu", PARTITIONS);
    eventually(closed("eu") == PARTITIONS);
    eventually(shell("$BIN/sagactl watch --top --once --json --email-group eu-email") == 0 &&
               output_has("\"email\":0}"));
    ck_assert_int_eq(shell("QUADRILLE_GROUP=nonsense QUADRILLE_EMAIL_GROUP=eu-email $BIN/sagactl "
                           "doctor | grep 'group email .*0 left'"),
                     0);
    ck_assert(!all_is_read());
    /* A test before took a topic away, so there are proposals. */
    ck_assert_int_le(
        shell("QUADRILLE_EMAIL_GROUP=eu-email $BIN/sagactl replay plan --all --under-way-ms 0"),
        1 << 8);
    ck_assert(!output_has("email has yet to read"));
    ck_assert_int_le(shell("$BIN/sagactl replay plan --all --under-way-ms 0"), 1 << 8);
    ck_assert(output_has("email has yet to read"));
    service_restart("email", "");
    eventually(all_is_read());
}
END_TEST

/* ---- who may do what ---- */

START_TEST(each_service_needs_no_more_than_its_own_rights)
{
    ck_assert_int_eq(
        shell("timeout 900 tests/integration/own-principals %s/principals", environment_folder()),
        0);
    ck_assert(output_has("nobody may write where another emits"));
}
END_TEST

/* ---- partitions that were added ---- */

/* The last: the test environment reads no partition that was added. */
START_TEST(an_order_is_traced_wherever_it_lies_after_partitions_were_added)
{
    place_many("grown", PARTITIONS);
    eventually(closed("grown") == PARTITIONS);
    ck_assert_int_eq(shell("for t in $($BIN/sagactl topics --json | sed -n "
                           "'s/.*\"topic\":\"\\([^\"]*\\)\",\"partitions.*/\\1/p'); do"
                           " brokers/apache/kafka tool topics --bootstrap-server "
                           "$QUADRILLE_BROKERS --alter --topic $t --partitions %d || exit 1; done",
                           PARTITIONS + 2),
                     0);
    for (int i = 0; i < PARTITIONS; i++) {
        ck_assert_int_eq(shell("$BIN/sagactl trace grown-%d", i), 0);
        ck_assert_msg(output_has("CONFIRMED, and closed"), "grown-%d", i);
        ck_assert_int_eq(shell("$BIN/sagactl replay plan grown-%d --under-way-ms 0", i), 0);
    }
}
END_TEST

Suite *brokers_suite(void)
{
    Suite *suite = suite_create("brokers");

#define add(test, count) suite_add(suite, #test, test, count, environment_on_kafka)
    add(a_property_on_which_the_guarantees_rest_is_refused,
        (int)(sizeof refused / sizeof refused[0]));
    add(a_transaction_in_an_internal_topic_silences_no_sweeper, 1);
    add(what_a_transaction_leaves_is_nothing_to_read, 1);
    add(an_open_transaction_is_named_by_topics_and_doctor, 1);
    add(the_broker_that_is_unavailable_is_named_once_with_its_reason, 1);
    add(a_topic_may_be_made_anew_while_services_run, 1);
    add(a_topic_that_was_made_anew_is_read_from_its_beginning, 1);
    add(what_is_emitted_waits_for_a_topic_that_is_gone, 1);
    add(a_service_ends_in_its_grace_after_a_topic_was_gone, 1);
    add(members_of_a_group_that_read_other_topics_are_named, 1);
    add(a_service_that_does_not_run_is_named_by_doctor, 1);
    add(a_group_of_another_name_is_known_to_sagactl, 1);
    add(what_retention_took_is_nothing_to_read, 1);
    add(each_service_needs_no_more_than_its_own_rights, 1);
    add(an_order_is_traced_wherever_it_lies_after_partitions_were_added, 1);
#undef add
    suite_add_identities(suite, environment_on_kafka);
    suite_add_audit(suite, environment_on_kafka);
    return suite;
}
