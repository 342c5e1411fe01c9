/* What decides: that an event is the same for ever, whoever emits it again; that a payment is the
 * order's; that a stock command is a decision of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

#define PAYMENT(id, amount, currency) \
    "{\"order_id\":\"" id "\",\"payment_id\":\"x\",\"amount\":" amount ",\"currency\":\"" currency \
    "\"}"

/* ---- payments ---- */

START_TEST(a_payment_of_another_amount_or_currency_confirms_nothing)
{
    place("forged", "pm_never", "thing", 1);
    eventually(emitted("forged", "order.created") == 1);
    eventually(strcmp(state("inventory", "forged"), "NEW") == 0);
    publish("payments", "forged", "payment.completed", NULL, "pay-first",
            PAYMENT("forged", "1", "GBP"));
    publish("payments", "forged", "payment.completed", NULL, "pay-first",
            PAYMENT("forged", "100", "USD"));
    eventually(messages_of("order.dlq", "forged") == 2);
    eventually(messages_of("inventory.dlq", "forged") == 2);
    ck_assert_int_eq(shell("$BIN/sagactl dlq --json | grep -q 'payment.completed is over 1 GBP, "
                           "its order over 100 GBP'"),
                     0);
    ck_assert_str_eq(state("order", "forged"), "PENDING");
    ck_assert_str_eq(state("inventory", "forged"), "NEW");
    cancel("forged");
    eventually(is_closed("forged"));
    ck_assert_str_eq(state("order", "forged"), "CANCELLED");
}
END_TEST

START_TEST(a_payment_that_is_claimed_before_the_order_is_known_counts_only_if_it_fits)
{
    publish("payments", "claimed", "payment.completed", NULL, "pay-first",
            PAYMENT("claimed", "1", "USD"));
    eventually(strcmp(state("inventory", "claimed"), "NEW") == 0);
    eventually(strcmp(state("order", "claimed"), "NEW") == 0);
    place("claimed", "pm_card_declined", "thing", 1);
    eventually(is_closed("claimed"));
    ck_assert_str_eq(state("order", "claimed"), "CANCELLED");
    ck_assert_int_eq(emitted("claimed", "inventory.reserved"), 0);
    ck_assert_int_ge(logged("order", "payment.completed 1 USD came before the order, which is over "
                                     "100 GBP: no payment of it"),
                     1);
    ck_assert_int_ge(logged("inventory", "payment.completed 1 USD came before the order, which is "
                                         "over 100 GBP: no payment of it"),
                     1);
    publish("payments", "claimed-2", "payment.completed", NULL, "pay-first",
            PAYMENT("claimed-2", "1", "USD"));
    eventually(strcmp(state("inventory", "claimed-2"), "NEW") == 0);
    eventually(strcmp(state("order", "claimed-2"), "NEW") == 0);
    place("claimed-2", "pm_card_visa", "thing", 1); /* and is really paid */
    eventually(is_closed("claimed-2"));
    ck_assert_str_eq(state("order", "claimed-2"), "CONFIRMED");
    ck_assert_int_eq(
        number(
            "order",
            "SELECT count(*) FROM orders WHERE order_id LIKE 'claimed%%' AND claims IS NOT NULL"),
        0);
}
END_TEST

START_TEST(an_order_over_nothing_is_paid_without_a_provider)
{
    static const char order[] = "{\"order_id\":\"%s\",\"customer\":{\"name\":\"Ada\",\"email\":"
                                "\"ada@example.com\"},\"currency\":\"GBP\","
                                "\"payment_method\":\"pm_never\",\"lines\":[{\"sku\":\"%s\","
                                "\"name\":\"A GIFT\",\"quantity\":1,\"unit_price\":0}]}";
    char text[400];

    place("not-free", "pm_card_visa", "thing", 1);
    eventually(is_closed("not-free")); /* the provider's ledger is there */
    snprintf(text, sizeof text, order, "free", "thing");
    publish("orders.commands", "free", "order.place", NULL, NULL, text);
    eventually(is_closed("free"));
    ck_assert_str_eq(state("order", "free"), "CONFIRMED");
    snprintf(text, sizeof text, order, "free-gone", "no-such-gift");
    publish("orders.commands", "free-gone", "order.place", NULL, NULL, text);
    eventually(is_closed("free-gone"));
    ck_assert_str_eq(state("payment", "free-gone"), "REFUNDED");
    ck_assert_int_eq(number("provider", "SELECT count(*) FROM charge WHERE order_id LIKE 'free%%'"),
                     0);
}
END_TEST

/* ---- the same again ---- */

START_TEST(a_closed_order_that_is_placed_again_is_answered_with_what_was_emitted)
{
    int created, confirmed_before;

    place("closed", "pm_card_visa", "thing", 1);
    eventually(is_closed("closed"));
    created = emitted("closed", "order.created");
    confirmed_before = emitted("closed", "order.confirmed");
    place("closed", "pm_card_visa", "thing", 1);
    eventually(emitted("closed", "order.created") > created &&
               emitted("closed", "order.confirmed") > confirmed_before);
    ck_assert_int_eq(ids_emitted("closed", "order.created"), 1);
    ck_assert_int_eq(ids_emitted("closed", "order.confirmed"), 1);
    ck_assert_int_eq(mails_of("closed"), 1);
}
END_TEST

/* All that the service missed comes in one batch, or in a few. */
START_TEST(a_decision_is_caused_by_what_decided_it_not_by_who_asks_for_it)
{
    enum { ORDERS = 40 };
    char id[32];

    service_stop("inventory");
    place_many("asked", ORDERS);
    /* paid */
    eventually(number("order", "SELECT count(*) FROM orders WHERE order_id LIKE 'asked-%%' AND "
                               "facts & fact(7) <> 0") == ORDERS);
    service_stop("order");
    service_start("inventory", "");
    for (int i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "asked-%d", i);
        eventually(emitted(id, "inventory.reserved") >= 1);
    }
    for (int times = 0; times < 20; times++)
        place_many("asked", ORDERS);
    service_start("order", "");
    eventually(closed("asked") == ORDERS);
    for (int i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "asked-%d", i);
        ck_assert_str_eq(first_cause_of(id, "order.confirmed"),
                         header_of(id, "inventory.reserved", "ce_id"));
    }
}
END_TEST

START_TEST(a_file_that_was_placed_before_is_placed_to_its_end_and_waited_for)
{
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(shell("(for n in 1 2 3 4 5 6; do sed \"s/ORDER/again-$n/; s/CARD/$([ $n = "
                               "3 ] && echo pm_card_declined || echo pm_card_visa)/; s/PIECES/1/; "
                               "s/22350/thing/\" docs/producers/order.json | tr -d '\\n'; echo; "
                               "done) | $BIN/sagactl place --window 2 --wait --timeout 20"),
                         0);
        ck_assert(output_has("orders") && output_has("6"));
    }
    ck_assert_int_eq(number("order", "SELECT count(*) FROM orders WHERE order_id LIKE 'again-%%'"),
                     6);
}
END_TEST

/* Placed together, or when the first is closed already. */
START_TEST(placing_another_content_of_an_order_is_an_error)
{
    static const char *const between[] = {"", "sleep 1;"};

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            shell("order() { sed \"s/ORDER/twice-%d/; s/CARD/pm_card_visa/; s/PIECES/$1/; "
                  "s/22350/thing/\" docs/producers/order.json | tr -d '\\n'; echo; }; "
                  "(order 1; %s order 2) | $BIN/sagactl place --wait --timeout 20",
                  i, between[i]),
            1 << 8);
        ck_assert(output_has("rejected: order twice-") && output_has("another content"));
    }
}
END_TEST

START_TEST(a_zombies_late_outcome_is_emitted_with_the_time_of_the_first)
{
    service_stop("payment");
    service_start("payment", "--provider-latency-ms 3000 --provider-timeout-ms 60000");
    service_ready("payment");
    place("before-the-outcome", "pm_card_visa", "thing", 1);
    eventually(is_closed("before-the-outcome"));
    place("late-outcome", "pm_card_visa", "thing", 1);
    eventually(number("provider", "SELECT count(*) FROM charge WHERE order_id = 'late-outcome'") ==
               1);
    service_pause("payment");
    service_start("payment.2", "");
    eventually(is_closed("late-outcome"));
    execute("payment", "CREATE TABLE first_outcome AS SELECT decided_at FROM payments WHERE "
                       "order_id = 'late-outcome'");
    service_resume("payment");
    eventually(number("payment", "SELECT version FROM payments WHERE order_id = 'late-outcome'") ==
               3);
    place("behind-the-outcome", "pm_card_visa", "thing", 1);
    eventually(is_closed("behind-the-outcome"));
    ck_assert_int_eq(number("payment", "SELECT count(*) FROM payments JOIN first_outcome USING "
                                       "(decided_at) WHERE order_id = 'late-outcome'"),
                     1);
    execute("payment", "DROP TABLE first_outcome");
    service_stop("payment");
    service_stop("payment.2");
    service_start("payment", "");
    service_ready("payment");
}
END_TEST

START_TEST(a_charge_that_was_compensated_unemitted_is_emitted_by_nobody_afterwards)
{
    place("placed-before", "pm_card_visa", "thing", 1);
    eventually(is_closed("placed-before"));
    place("unemitted", "pm_silent_charge", "thing", 1);
    eventually(number("provider", "SELECT count(*) FROM charge WHERE order_id = 'unemitted'") == 1);
    cancel("unemitted");
    eventually(is_closed("unemitted"));
    publish("payment.internal", "unemitted", "payment.republish", NULL, NULL,
            "{\"order_id\":\"unemitted\"}");
    eventually(emitted("unemitted", "payment.refunded") >= 2);
    ck_assert_int_eq(emitted("unemitted", "payment.completed"), 0);
}
END_TEST

START_TEST(a_mail_goes_to_an_address_that_begins_with_a_brace)
{
    publish(
        "orders.commands", "brace", "order.place", NULL, NULL,
        "{\"order_id\":\"brace\",\"customer\":{\"name\":\"{Ada}\",\"email\":\"{ada@example.com\"},"
        "\"currency\":\"GBP\",\"payment_method\":\"pm_card_visa\","
        "\"lines\":[{\"sku\":\"thing\",\"name\":\"A THING\",\"quantity\":1,\"unit_price\":100}]}");
    eventually(is_closed("brace"));
    ck_assert_int_eq(mails_of("brace"), 1);
    ck_assert(service_is_alive("email"));
}
END_TEST

/* ---- stock ---- */

static void stock_command(const char *sku, const char *type, const char *id, int quantity)
{
    char value[100];

    snprintf(value, sizeof value, "{\"sku\":\"%s\",\"quantity\":%d}", sku, quantity);
    publish("inventory.commands", sku, type, id, NULL, value);
}

static void stock_commands_for(const char *sku, bool one_by_one)
{
    static const struct {
        const char *type;
        int quantity;
    } sent[] = {{"stock.set", 10}, {"stock.add", -15}, {"stock.add", -15},
                {"stock.add", 10}, {"stock.add", -21}, {"stock.add", 1}};
    char id[64];

    for (int i = 0; i < (int)(sizeof sent / sizeof sent[0]); i++) {
        /* the third is the second once more */
        snprintf(id, sizeof id, "%s-%d", sku, i == 2 ? 1 : i);
        stock_command(sku, sent[i].type, id, sent[i].quantity);
        if (one_by_one)
            eventually(
                number("inventory", "SELECT count(*) FROM stock_command WHERE id = '%s'", id) == 1);
    }
    snprintf(id, sizeof id, "%s-5", sku);
    eventually(number("inventory", "SELECT count(*) FROM stock_command WHERE id = '%s'", id) == 1);
}

START_TEST(stock_commands_are_decided_one_by_one_however_they_come)
{
    stock_commands_for("by-one", true);
    ck_assert_int_eq(number("inventory", "SELECT on_hand FROM stock WHERE sku = 'by-one'"), 21);
    service_stop("inventory");
    service_stop("order"); /* nothing else for inventory */
    /* all of them twice in one batch: what was refused is refused again */
    for (int i = 0; i < 2; i++)
        for (int n = 0; n < 6; n++) {
            static const int quantities[] = {10, -15, -15, 10, -21, 1};
            char id[32];

            snprintf(id, sizeof id, "at-once-%d", n == 2 ? 1 : n);
            stock_command("at-once", n == 0 ? "stock.set" : "stock.add", id, quantities[n]);
        }
    service_start("inventory", "");
    service_start("order", "");
    eventually(number("inventory", "SELECT count(*) FROM stock_command WHERE id = 'at-once-5'") ==
               1);
    ck_assert_int_eq(number("inventory", "SELECT on_hand FROM stock WHERE sku = 'at-once'"), 21);
    for (int i = 0; i < 2; i++) {
        const char *sku = i == 0 ? "by-one" : "at-once";

        ck_assert_int_eq(
            number(
                "inventory",
                "SELECT count(*) FROM stock_command WHERE id LIKE '%s-%%' AND refused IS NOT NULL",
                sku),
            2);
        ck_assert_int_eq(number("inventory",
                                "SELECT count(*) FROM stock_command WHERE id = '%s-1' AND refused "
                                "LIKE 'stock of %s would be -5: 10 are on hand%%'",
                                sku, sku),
                         1);
        ck_assert_int_eq(number("inventory",
                                "SELECT count(*) FROM stock_command WHERE id = '%s-4' AND refused "
                                "LIKE 'stock of %s would be -1: 20 are on hand%%'",
                                sku, sku),
                         1);
    }
    eventually(messages_of("inventory.dlq", "by-one") == 3);
    eventually(messages_of("inventory.dlq", "at-once") == 6);
    ck_assert_int_ne(shell("$BIN/sagactl stock add by-one -50 --wait"), 0);
    ck_assert(output_has("1 stock command was refused by inventory"));
}
END_TEST

#define add(test) suite_add(suite, #test, test, 1, setup)

void decisions_add(Suite *suite, void (*setup)(void))
{
    add(a_payment_of_another_amount_or_currency_confirms_nothing);
    add(a_payment_that_is_claimed_before_the_order_is_known_counts_only_if_it_fits);
    add(an_order_over_nothing_is_paid_without_a_provider);
    add(a_closed_order_that_is_placed_again_is_answered_with_what_was_emitted);
    add(a_decision_is_caused_by_what_decided_it_not_by_who_asks_for_it);
    add(a_file_that_was_placed_before_is_placed_to_its_end_and_waited_for);
    add(placing_another_content_of_an_order_is_an_error);
    add(a_mail_goes_to_an_address_that_begins_with_a_brace);
    add(a_charge_that_was_compensated_unemitted_is_emitted_by_nobody_afterwards);
}

void late_decisions_add(Suite *suite, void (*setup)(void))
{
    add(stock_commands_are_decided_one_by_one_however_they_come);
    add(a_zombies_late_outcome_is_emitted_with_the_time_of_the_first);
}

#undef add
