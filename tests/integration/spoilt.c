/* Rows that somebody changed by hand: each column of each table of each service, one at a time,
 * under traffic (see spoil.sql). What one row holds is its order's trouble alone. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

enum { SPOILT = 64 /* orders of each kind: two for each column that a service has, at least */ };

/* KIND-0, KIND-1, ..., each of an SKU of its own. */
static void place_kind(const char *kind, const char *payment_method)
{
    ck_assert_int_eq(shell("for n in $(seq 0 %d); do sed \"s/ORDER/spoilt-%s-$n/; s/CARD/%s/; "
                           "s/PIECES/1/; s/22350/spoilt-sku-$n/\" docs/producers/order.json "
                           "| tr -d '\\n'; echo; done | $BIN/sagactl place",
                           SPOILT - 1, kind, payment_method),
                     0);
}

/* The same message for each of them, with a reason for who keeps one. */
static void publish_kind(const char *kind, const char *topic, const char *type)
{
    ck_assert_int_eq(
        shell("for n in $(seq 0 %d); do echo "
              "'spoilt-%s-'$n'|{\"order_id\":\"spoilt-%s-'$n'\",\"reason\":\"spoilt\"}'; done | "
              "kcat -P -b $QUADRILLE_BROKERS -t %s -K '|' -H ce_type=%s -X "
              "topic.partitioner=murmur2_random",
              SPOILT - 1, kind, kind, topic, type),
        0);
}

static bool all_alive(void)
{
    for (int i = 0; i < SERVICES; i++)
        if (!service_is_alive(catalog_names[i]))
            return false;
    return true;
}

static int dead_letters(void)
{
    int count = 0;

    for (int i = 0; i < SERVICES; i++) {
        char topic[32];

        snprintf(topic, sizeof topic, "%s.dlq", catalog_names[i]);
        count += messages_in(topic);
    }
    return count;
}

START_TEST(a_row_that_was_spoilt_by_hand_harms_its_own_order_alone)
{
    static const char *const commands[][2] = {
        {"orders.commands", "order.cancel"},   {"order.internal", "order.republish"},
        {"order.internal", "order.timeout"},   {"payment.internal", "payment.republish"},
        {"payment.internal", "payment.retry"}, {"inventory.internal", "inventory.republish"},
        {"email.internal", "email.republish"}, {"email.internal", "email.retry"}};
    int before, swept;

    ck_assert_int_eq(
        shell("for n in $(seq 0 %d); do echo spoilt-sku-$n,10; done > $TEST_FOLDER/stock.csv && "
              "$BIN/sagactl stock set $TEST_FOLDER/stock.csv --wait",
              SPOILT - 1),
        0);
    place_kind("closed", "pm_card_visa");
    place_kind("open", "pm_never");
    publish_kind("early", "orders.commands", "order.cancel");
    eventually(closed("spoilt-closed") == SPOILT);
    eventually(
        number("order",
               "SELECT count(*) FROM orders WHERE order_id LIKE 'spoilt-early-%%' AND state = 0") ==
        SPOILT);
    eventually(
        number(
            "payment",
            "SELECT count(*) FROM payments WHERE order_id LIKE 'spoilt-open-%%' AND state = 1") ==
        SPOILT);
    services_stop(); /* whatever they remember of these rows is gone */
    for (int i = 0; i < SERVICES; i++)
        ck_assert_int_eq(shell("psql -q -v ON_ERROR_STOP=1 -f tests/integration/spoil.sql "
                               "$(printenv QUADRILLE_$(echo %s | tr a-z A-Z)_DATABASE)",
                               catalog_names[i]),
                         0);
    services_start("--republish-after-ms 200");
    place_kind("closed", "pm_card_visa");
    place_kind("open", "pm_never");
    place_kind("early", "pm_card_visa");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        publish_kind("closed", commands[i][0], commands[i][1]);
        publish_kind("open", commands[i][0], commands[i][1]);
    }
    place_many("sound", 50);
    eventually(closed("sound") == 50);
    ck_assert(all_alive());
    /* until all that was published is processed, answers from outside included: rows that are due
     * for ever are swept for ever */
    for (int i = 0; i < 20 && (i == 0 || dead_letters() >= before + SPOILT); i++) {
        before = dead_letters();
        swept = logged("payment", "swept:");
        eventually(logged("payment", "swept:") >= swept + 2);
    }
    ck_assert_int_gt(before, 0);
    /* what it has to say is missed: the sweeper of order looks, many times */
    service_stop("inventory");
    place_many("looked-after", 20);
    eventually(logged("order", "swept:") >= 5);
    ck_assert_msg(dead_letters() < before + 2 * SPOILT, "%d dead letters, then %d", before,
                  dead_letters());
    ck_assert_int_le(logged("payment", "not swept:"), 2);
    service_start("inventory", "");
    eventually(closed("looked-after") == 20);
    ck_assert(all_alive());
}
END_TEST

void spoilt_add(Suite *suite, void (*setup)(void))
{
    suite_add(suite, "a_row_that_was_spoilt_by_hand_harms_its_own_order_alone",
              a_row_that_was_spoilt_by_hand_harms_its_own_order_alone, 1, setup);
}
