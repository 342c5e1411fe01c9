/* Inputs that no producer should send: none of them ends a service, silences it, or harms
 * another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

#define PRODUCE "/usr/bin/python3 tests/integration/produce.py "

static bool is_on_kafka(void)
{
    const char *broker = getenv("BROKER");

    return broker != NULL && strcmp(broker, "kafka") == 0;
}

/* Is there one dead letter of this key and service, and does its line of JSON hold the text? */
static bool dlq_tells(const char *service, const char *key, const char *text)
{
    return shell("$BIN/sagactl dlq --json --service %s --order %s", service, key) == 1 << 8 &&
           output_has(text) &&
           shell("test $($BIN/sagactl dlq --json --service %s --order %s | wc -l) = 1", service,
                 key) == 0;
}

START_TEST(each_of_several_contents_of_an_order_is_refused)
{
    place("one-id", "pm_card_visa", "thing", 1);
    eventually(is_closed("one-id"));
    service_stop("order");
    place("one-id", "pm_card_visa", "thing", 2);
    place("one-id", "pm_card_visa", "thing", 3);
    place("one-id", "pm_card_visa", "thing", 2); /* again: the same content, the same refusal */
    service_start("order", "");
    eventually(ids_emitted("one-id", "order.rejected") == 2);
}
END_TEST

/* Years before 0 and beyond 9999, which RFC 3339 cannot write, and what does not fit int64 in
 * microseconds. */
static const char *const odd_times[] = {"-100000000000000", "253402300800000", "9300000000000000"};

START_TEST(a_record_of_an_impossible_time_is_refused_like_any_other)
{
    char id[32];

    snprintf(id, sizeof id, "odd-time-%d", _i);
    if (shell(PRODUCE "orders.commands %s header=ce_type=order.place 'value={\"order_id\":\"%s\"}' "
                      "timestamp=%s",
              id, id, odd_times[_i]) != 0) {
        /* it takes nothing from the future (message.timestamp.after.max.ms) */
        ck_assert(_i > 0 && strcmp(getenv("BROKER"), "kafka") == 0);
        return;
    }
    eventually(emitted(id, "order.rejected") >= 1);
    /* behind it, in the same partitions: nobody was stopped by that */
    place(id, "pm_card_visa", "thing", 1);
    eventually(is_closed(id));
    ck_assert_int_eq(messages_of("payment.dlq", id) + messages_of("inventory.dlq", id) +
                         messages_of("email.dlq", id),
                     0);
}
END_TEST

START_TEST(a_row_of_an_impossible_time_harms_its_own_order_only)
{
    service_stop("payment");
    place("spoilt-time", "pm_card_visa", "thing", 1);
    eventually(emitted("spoilt-time", "order.created") == 1);
    execute("order", "UPDATE orders SET placed_at = placed_at + interval '18000 years' WHERE "
                     "order_id = 'spoilt-time'");
    service_stop("order");
    service_start("order", "");
    service_start("payment", "");
    eventually(shell("$BIN/sagactl dlq --json --service order --order spoilt-time | grep -c "
                     "'outside the years 0 to 9999'") == 0 &&
               output_number() >= 2);
    place("beside-spoilt-time", "pm_card_visa", "thing", 1);
    eventually(is_closed("beside-spoilt-time"));
    execute("order", "UPDATE orders SET placed_at = placed_at - interval '18000 years' WHERE "
                     "order_id = 'spoilt-time'");
    ck_assert_int_eq(shell("$BIN/sagactl dlq redrive --order spoilt-time --yes"), 0);
    eventually(is_closed("spoilt-time"));
}
END_TEST

/* ---- dead letters ---- */

static const struct {
    const char *topic, *type, *bytes, *codec;
    int first, last; /* the services that dead-letter it */
} large[] = {
    {"orders.commands", "order.place", "2000000", "gzip", 0, 0},
    {"orders.commands", "order.place", "4194304", "zstd", 0, 0},
    {"orders.commands", "order.place", "6291456", "gzip", 0, 0},
    {"orders.commands", "order.cancel", "8388608", "lz4", 0, 0},
    {"orders.commands", "order.place", "9437184", "gzip", 0, 0},
    {"orders", "order.created", "6291456", "gzip", 1, 3},
    {"payments", "payment.completed", "9437184", "gzip", 0, 0},
    {"email.internal", "email.retry", "8388608", "gzip", 3, 3},
};

/* A topic's max.message.bytes bounds what was compressed, not what comes of it. */
START_TEST(what_is_too_large_is_set_aside_without_its_value)
{
    char id[64], tells[100];

    snprintf(id, sizeof id, "large-%d", _i);
    snprintf(tells, sizeof tells, "\"value_bytes\":%s,\"value_kept\":false,\"value_sha256\":\"",
             large[_i].bytes);
    ck_assert_int_eq(shell(PRODUCE "%s %s header=ce_type=%s blanks=%s compression=%s",
                           large[_i].topic, id, large[_i].type, large[_i].bytes, large[_i].codec),
                     0);
    for (int i = large[_i].first; i <= large[_i].last; i++)
        eventually(dlq_tells(catalog_names[i], id, tells));
    ck_assert_int_eq(shell("$BIN/sagactl dlq show --order %s", id), 1 << 8);
    ck_assert(output_has("too large to be kept, SHA-256 "));
    ck_assert_int_eq(shell("$BIN/sagactl dlq redrive --order %s --yes", id), 2 << 8);
    ck_assert(output_has("--with FILE gives one"));
    place(id, "pm_card_visa", "thing", 1);
    eventually(is_closed(id));
    for (int i = 0; i < SERVICES; i++)
        ck_assert(service_is_alive(catalog_names[i]));
}
END_TEST

/* Whatever an operator set for the topic.  The embedded broker refuses nothing for its size. */
START_TEST(a_dead_letter_that_its_topic_refuses_goes_without_its_value)
{
    if (!is_on_kafka())
        return;
    ck_assert_int_eq(shell("brokers/apache/kafka tool configs --bootstrap-server "
                           "$QUADRILLE_BROKERS --alter --entity-type topics --entity-name order.dlq"
                           " --add-config max.message.bytes=100000"),
                     0);
    ck_assert_int_eq(
        shell(PRODUCE "orders.commands refused header=ce_type=order.cancel noise=300000"), 0);
    eventually(dlq_tells("order", "refused", "\"value_bytes\":300000,\"value_kept\":false"));
    place("behind-refused", "pm_card_visa", "thing", 1);
    eventually(is_closed("behind-refused"));
    ck_assert_int_eq(shell("brokers/apache/kafka tool configs --bootstrap-server "
                           "$QUADRILLE_BROKERS --alter --entity-type topics --entity-name order.dlq"
                           " --delete-config max.message.bytes"),
                     0);
}
END_TEST

/* The headers that a service or an operator writes, written by a producer. */
START_TEST(a_producers_headers_hide_no_dead_letter)
{
    ck_assert_int_eq(shell(PRODUCE "orders.commands spoof-1 header=ce_type=order.cancel value=bad"),
                     0);
    eventually(dlq_tells("order", "spoof-1", "\"resolution\":null"));
    /* no value either */
    ck_assert_int_eq(
        shell(PRODUCE
              "orders.commands spoof-2 header=ce_type=order.cancel header=dlq_resolution=dropped"),
        0);
    eventually(dlq_tells("order", "spoof-2", "\"resolution\":null"));
    ck_assert_int_eq(shell("place=$($BIN/sagactl dlq --json --order spoof-1); "
                           "p=${place#*partition\\\":}; o=${place#*offset\\\":}\n" PRODUCE
                           "orders.commands spoof-1 header=ce_type=order.cancel value=bad "
                           "header=dlq_resolution=dropped header=dlq_topic=orders.commands"
                           " header=dlq_partition=${p%%%%,*} header=dlq_offset=${o%%%%,*} "
                           "header=dlq_note=nothing-to-see header=dlq_reason=x"),
                     0);
    eventually(shell("test $($BIN/sagactl dlq --json --order spoof-1 | wc -l) = 2") == 0);
    /* as it came */
    ck_assert_int_eq(
        shell("$BIN/sagactl dlq show --order spoof-1 | grep -q 'dlq_note.*nothing-to-see'"), 0);
    ck_assert_int_eq(shell("$BIN/sagactl dlq drop --order spoof-1 --because test --yes"), 0);
    ck_assert_int_eq(shell("$BIN/sagactl dlq --order spoof-1"), 0);
    ck_assert_int_eq(shell("$BIN/sagactl dlq --order spoof-2"), 1 << 8);
}
END_TEST

static const int many[] = {26, 27, 28, 30, 40, 120, 400};

START_TEST(any_number_of_headers_costs_a_dead_letter_nothing_of_ours)
{
    char id[32];

    snprintf(id, sizeof id, "many-%d", many[_i]);
    for (int i = 0; i < 2; i++) /* two of one key are two */
        ck_assert_int_eq(shell(PRODUCE
                               "orders.commands %s headers=%d header=ce_type=order.place value={%d",
                               id, many[_i], i),
                         0);
    eventually(shell("test $($BIN/sagactl dlq --json --order %s | grep -c "
                     "'\"topic\":\"orders.commands\".*\"at\":\"2.*\"type\":\"order.place\".*not "
                     "valid JSON') = 2",
                     id) == 0);
    ck_assert_int_eq(shell("$BIN/sagactl dlq drop $($BIN/sagactl dlq --order %s | sed -n '1s/.*by "
                           "order: \\([^,]*\\),.*/\\1/p') --because test --yes",
                           id),
                     0);
    ck_assert(output_has("dropped 1 message"));
    ck_assert_int_eq(shell("test $($BIN/sagactl dlq --json --order %s | wc -l) = 1", id), 0);
}
END_TEST

START_TEST(an_order_is_placed_whatever_headers_stand_before_its_type)
{
    ck_assert_int_eq(
        shell(PRODUCE
              "orders.commands headers-before headers=500 header=ce_type=order.place 'value=%s'",
              ORDER("headers-before")),
        0);
    eventually(is_closed("headers-before"));
}
END_TEST

/* Two of a name, a key and a header that are no text: shown, and fixed. */
START_TEST(a_dead_letter_for_its_headers_can_be_redriven)
{
    ck_assert_int_eq(shell(PRODUCE "orders.commands two-ids header=ce_type=order.place "
                                   "header=ce_id=one header=ce_id=two 'value=%s'",
                           ORDER("two-ids")),
                     0);
    ck_assert_int_eq(shell(PRODUCE "orders.commands two-types header=ce_type=order.place "
                                   "header=ce_type=order.place 'value=%s'",
                           ORDER("two-types")),
                     0);
    eventually(dlq_tells("order", "two-ids", "ce_id is given twice") &&
               dlq_tells("order", "two-types", "ce_type is given twice"));
    ck_assert_int_eq(
        shell("$BIN/sagactl dlq show --json --order two-ids | /usr/bin/python3 -c 'import json, "
              "sys; print(json.load(sys.stdin)[\"headers\"][\"ce_id\"])'"),
        0);
    ck_assert(output_has("['one', 'two']"));
    ck_assert_int_eq(shell("$BIN/sagactl dlq redrive --order two-ids --yes"), 2 << 8);
    ck_assert(output_has("--without-header"));
    ck_assert_int_eq(shell("$BIN/sagactl dlq redrive --order two-ids --yes --without-header ce_id"),
                     0);
    ck_assert_int_eq(
        shell("$BIN/sagactl dlq redrive --order two-types --yes --header ce_type=order.place"), 0);
    eventually(is_closed("two-ids") && is_closed("two-types"));
}
END_TEST

START_TEST(a_key_of_other_bytes_is_listed_and_dropped)
{
    ck_assert_int_eq(
        shell("printf 'bad' | kcat -P -b $QUADRILLE_BROKERS -t orders.commands -k \"$(printf "
              "'odd\\377key')\" -H ce_type=order.cancel -H \"x=$(printf '\\377')\""),
        0);
    eventually(shell("$BIN/sagactl dlq --json | grep -q '\"key_hex\":\"6f6464ff6b6579\"'") == 0);
    ck_assert_int_eq(shell("$BIN/sagactl dlq show --json | /usr/bin/python3 -c 'import json, sys; "
                           "[json.loads(line) for line in sys.stdin]'"),
                     0);
    ck_assert_int_eq(
        shell("$BIN/sagactl dlq drop --because test --yes $($BIN/sagactl dlq --json | sed -n "
              "'s/"
              ".*\"topic\":\"\\([^\"]*\\)\",\"partition\":\\([0-9]*\\),\"offset\":\\([0-9]*\\),.*"
              "6f6464ff6b6579.*/\\1\\/\\2\\/\\3/p')"),
        0);
    ck_assert_int_ne(shell("$BIN/sagactl dlq --json | grep -q 6f6464ff6b6579"), 0);
}
END_TEST

/* ---- types and other headers ---- */

static const struct {
    const char *topic, *type, *service;
} unheard[] = {
    {"orders.commands", "\"order.place\"", "order"},
    {"orders.commands", "Order.Place", "order"},
    {"orders.commands", "order.place ", "order"},
    {"orders.commands", "orders.place", "order"},
    {"orders.commands", "order.created", "order"},
    {"inventory.commands", "stock.sett", "inventory"},
    {"payment.internal", "payment.retri", "payment"},
    {"email.internal", "order.place", "email"},
};

START_TEST(a_command_that_nobody_takes_is_set_aside)
{
    char id[32];

    snprintf(id, sizeof id, "unheard-%d", _i);
    ck_assert_int_eq(shell(PRODUCE "%s %s 'header=ce_type=%s' 'value=%s'", unheard[_i].topic, id,
                           unheard[_i].type, ORDER("unheard")),
                     0);
    eventually(dlq_tells(unheard[_i].service, id,
                         "\"reason\":\"envelope\",\"error\":\"header ce_type is "));
    ck_assert(dlq_tells(unheard[_i].service, id, " takes "));
    shell("$BIN/sagactl trace %s", id);
    ck_assert(output_has("DEAD LETTER"));
}
END_TEST

START_TEST(a_type_that_is_almost_right_is_fixed)
{
    ck_assert_int_eq(shell(PRODUCE "orders.commands almost header=ce_type=Order.Place 'value=%s'",
                           ORDER("almost")),
                     0);
    eventually(dlq_tells("order", "almost", "Order.Place"));
    ck_assert_int_eq(shell("$BIN/sagactl dlq redrive --order almost --yes"), 2 << 8);
    /* no other service's */
    ck_assert_int_eq(
        shell("$BIN/sagactl dlq redrive --order almost --yes --header ce_type=order.created"),
        2 << 8);
    ck_assert_int_eq(
        shell("$BIN/sagactl dlq redrive --order almost --yes --header ce_type=order.place"), 0);
    eventually(is_closed("almost"));
    /* as it came, and dead-lettered */
    ck_assert_int_eq(shell("test $($BIN/sagactl trace almost | grep -c 'cannot be read') = 2"), 0);
}
END_TEST

static const char *const odd_headers[] = {
    ("header=traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 "
     "header=traceparent=00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"),
    "header=traceparent=",
    "header=ce_time=2026-11-27T00:10:00+0000",
    "header=ce_id=m\xc3\xbcsli",
    "header=ce_subject= header=ce_source= header=ce_correlationid= header=content-type=text/plain",
};

START_TEST(an_order_is_placed_whatever_is_wrong_with_headers_that_nothing_rests_on)
{
    char id[32];

    snprintf(id, sizeof id, "odd-header-%d", _i);
    ck_assert_int_eq(shell(PRODUCE "orders.commands %s header=ce_type=order.place %s "
                                   "\"value=$(echo '%s' | sed s/ID/%s/)\"",
                           id, odd_headers[_i], ORDER("ID"), id),
                     0);
    eventually(is_closed(id));
    ck_assert_int_eq(messages_of("payment.dlq", id) + messages_of("inventory.dlq", id) +
                         messages_of("email.dlq", id),
                     0);
}
END_TEST

/* ---- size ---- */

/* All events of the largest order find room in topics of Kafka's own max.message.bytes. */
START_TEST(the_largest_order_is_placed_and_a_larger_one_is_rejected)
{
    ck_assert_int_eq(
        shell(PRODUCE "orders.commands largest header=ce_type=order.place lines=1000 cats=235"), 0);
    ck_assert_int_eq(
        shell(PRODUCE "orders.commands too-large header=ce_type=order.place lines=1000 cats=240"),
        0);
    eventually(emitted("too-large", "order.rejected") == 1);
    ck_assert_ptr_nonnull(
        strstr(body_of("too-large", "order.rejected"), "at most 1000000 are allowed"));
    eventually(is_closed("largest"));
}
END_TEST

/* ---- memory ---- */

#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes of address space */
/* Batches of less than 1 MB that unpack to 300 MB of what is refused or dead-lettered, to 90 MB of
 * good orders; the address space that a service may have: that, 150 MiB that any has (threads,
 * libraries), and what it makes of 8 MiB of it at a time. */
static const struct {
    const char *what, *options;
    int address_space_mib;
} bombs[] = {
    {"refused", "header=ce_type=order.place blanks=1000000 times=300", 850},
    {"dlq", "header=ce_type=stock.set blanks=1000000 times=300", 850},
    {"orders", "header=ce_type=order.place lines=1000 times=280", 330},
};

/* What librdkafka unpacks at once is there twice at most: an answer may be fetched again before the
 * first is done, on a machine that has other things to do.  All else is bounded. */
START_TEST(a_batch_that_unpacks_to_much_takes_little_beside_that)
{
    char id[40], behind[40];

    snprintf(id, sizeof id, "bomb-%s", bombs[_i].what);
    snprintf(behind, sizeof behind, "behind-%s", bombs[_i].what);
    service_stop("order");
    ck_assert_int_eq(shell(PRODUCE "orders.commands %s %s compression=gzip", id, bombs[_i].options),
                     0);
    place(behind, "pm_card_visa", "thing", 1);
    ck_assert_int_eq(shell("prlimit --as=$((%d * 1024 * 1024)) tools/stack/stack start %s order "
                           "--sweep-interval-ms 100",
                           bombs[_i].address_space_mib, environment_folder()),
                     0);
    eventually(is_closed(behind));
    ck_assert(service_is_alive("order"));
    /* who reads them for a person holds some at a time */
    if (strcmp(bombs[_i].what, "dlq") == 0) {
        eventually(shell("prlimit --as=$((%d * 1024 * 1024)) $BIN/sagactl dlq export --order %s | "
                         "grep -c '\"value\":\"{'",
                         bombs[_i].address_space_mib, id) == 0 &&
                   output_number() == 300);
        ck_assert_int_eq(shell("$BIN/sagactl dlq drop --order %s --because test --yes", id), 0);
    }
    service_stop("order");
    service_start("order", "");
}
END_TEST
#endif

/* librdkafka unpacks no batch of zstd beyond receive.message.max.bytes. */
START_TEST(a_batch_that_cannot_be_unpacked_is_set_aside)
{
    ck_assert_int_eq(shell(PRODUCE "orders.commands packed header=ce_type=order.place "
                                   "blanks=1000000 times=150 compression=zstd"),
                     0);
    place("packed", "pm_card_visa", "thing", 1); /* behind it in the same partition */
    eventually(is_closed("packed"));
    /* by another topic */
    eventually(shell("$BIN/sagactl dlq") == 1 << 8 &&
               output_has("\"a batch of 150 offsets, up to "));
    /* who reads the topic for a person is not held up either */
    ck_assert_int_eq(shell("$BIN/sagactl trace packed"), 0);
    ck_assert(output_has("order.confirmed"));
    service_stop("order");
    ck_assert_int_eq(logged("order", "that cannot be unpacked"), 1);
    service_start("order", "");
}
END_TEST

START_TEST(more_clients_are_served_than_a_shell_gives_descriptors_for)
{
    if (!is_on_kafka())
        ck_assert_int_eq(shell("/usr/bin/python3 tests/integration/crowd.py $BIN"), 0);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

Suite *inputs_suite(void)
{
    Suite *suite = suite_create("inputs");

#define add(test, count) suite_add(suite, #test, test, count, environment_with_services)
    add(each_of_several_contents_of_an_order_is_refused, 1);
    add(a_record_of_an_impossible_time_is_refused_like_any_other, COUNT(odd_times));
    add(a_row_of_an_impossible_time_harms_its_own_order_only, 1);
    add(what_is_too_large_is_set_aside_without_its_value, COUNT(large));
    add(a_dead_letter_that_its_topic_refuses_goes_without_its_value, 1);
    add(a_producers_headers_hide_no_dead_letter, 1);
    add(any_number_of_headers_costs_a_dead_letter_nothing_of_ours, COUNT(many));
    add(an_order_is_placed_whatever_headers_stand_before_its_type, 1);
    add(a_dead_letter_for_its_headers_can_be_redriven, 1);
    add(a_key_of_other_bytes_is_listed_and_dropped, 1);
    add(a_command_that_nobody_takes_is_set_aside, COUNT(unheard));
    add(a_type_that_is_almost_right_is_fixed, 1);
    add(an_order_is_placed_whatever_is_wrong_with_headers_that_nothing_rests_on,
        COUNT(odd_headers));
    add(the_largest_order_is_placed_and_a_larger_one_is_rejected, 1);
    add(a_batch_that_cannot_be_unpacked_is_set_aside, 1);
    add(more_clients_are_served_than_a_shell_gives_descriptors_for, 1);
#undef add
    texts_add(suite, environment_with_services);
    suite_add_identities(suite, environment_with_services);
    suite_add_audit(suite, environment_with_services);
    return suite;
}

#ifndef __SANITIZE_ADDRESS__
Suite *memory_suite(void)
{
    Suite *suite = suite_create("memory");

    suite_add(suite, "a_batch_that_unpacks_to_much_takes_little_beside_that",
              a_batch_that_unpacks_to_much_takes_little_beside_that, COUNT(bombs),
              environment_with_services);
    suite_add_audit(suite, environment_with_services);
    return suite;
}
#endif
