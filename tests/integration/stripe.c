/* Payments by Stripe's API, at the tests' own provider (tests/outside/provider.py), whose ledger is
 * what happened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/payment/decide.h"
#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

static int port;

static const char *provider(void)
{
    static char folder[300];

    snprintf(folder, sizeof folder, "%s-provider", environment_folder());
    return folder;
}

/* The first number that the ledger answers with; %s in the statement is the id. */
__attribute__((format(printf, 1, 0))) static int64_t ledger(const char *format, const char *id)
{
    char sql[300];

    snprintf(sql, sizeof sql, format, id);
    ck_assert_int_eq(shell("tests/outside/provider.py query %s \"%s\"", provider(), sql), 0);
    return output_number();
}

static void payment_start(const char *key, const char *options)
{
    char line[400];

    setenv("QUADRILLE_STRIPE_API_KEY", key, 1);
    snprintf(line, sizeof line,
             "--provider stripe --stripe-url http://127.0.0.1:%d --provider-timeout-ms 1000 %s",
             port, options);
    service_start("payment", line);
    service_ready("payment");
}

static void killed(void)
{
    stack("kill %s payment", environment_folder());
}

static void fault(const char *name)
{
    ck_assert_int_eq(shell("tests/outside/provider.py fault %s %s", provider(), name), 0);
}

static void environment_with_provider(void)
{
    if (environment_is_open())
        return;
    environment_with_services();
    ck_assert_int_eq(shell("mkdir -p %s && (nohup tests/outside/provider.py serve %s > %s/log 2>&1 "
                           "< /dev/null &)",
                           provider(), provider(), provider()),
                     0);
    eventually(shell("cat %s/port", provider()) == 0);
    port = (int)output_number();
    service_stop("payment");
    payment_start("sk_test_suite", "");
}

/* sku "none" is never in stock, so that what was charged is refunded. */
static const struct {
    const char *name, *method, *sku, *state, *reason;
    int charges, refunds;
} outcomes[] = {
    {"paid", "pm_card_visa", "thing", "COMPLETED", "", 1, 0},
    {"paid:confirm", "pm_card_visa", "thing", "COMPLETED", "", 1, 0}, /* no key of "paid" */
    {"refunded", "pm_card_visa", "none", "REFUNDED", "", 1, 1},
    {"declined", "pm_card_chargeDeclined", "thing", "FAILED", "generic_decline", 0, 0},
    {"poor", "pm_card_chargeDeclinedInsufficientFunds", "thing", "FAILED", "insufficient_funds", 0,
     0},
    {"asked", "pm_card_authenticationRequired", "thing", "FAILED", "authentication_required", 0, 0},
    {"missing", "pm_card_missing", "thing", "FAILED", "resource_missing", 0, 0},
    {"silent", "pm_hang_charged", "thing", "COMPLETED", "", 1, 0},
    {"cut-before", "pm_reset_before", "thing", "COMPLETED", "", 1, 0},
    {"cut-after", "pm_reset_after", "thing", "COMPLETED", "", 1, 0},
    {"sticky", "pm_sticky_500", "thing", "COMPLETED", "", 1, 0},
    {"busy", "pm_429", "thing", "COMPLETED", "", 1, 0},
    {"late", "pm_lands_late", "thing", "COMPLETED", "", 1, 0},
    {"created-cut", "pm_create_reset", "thing", "COMPLETED", "", 1, 0},
    {"created-500", "pm_create_500", "thing", "COMPLETED", "", 1, 0},
    {"gateway-created", "pm_gateway_create", "thing", "COMPLETED", "", 1, 0},
    {"gateway-confirmed", "pm_gateway_confirm", "thing", "COMPLETED", "", 1, 0},
    {"gateway-refunded", "pm_gateway_refund", "none", "REFUNDED", "", 1, 1},
    {"version", "pm_create_version", "thing", "COMPLETED", "", 1, 0},
    {"processed", "pm_processing", "thing", "COMPLETED", "", 1, 0},
    {"processed-in-vain", "pm_processing_fails", "thing", "FAILED", "generic_decline", 0, 0},
    {"action", "pm_requires_action", "thing", "FAILED", "authentication_required", 0, 0},
    {"poison", "pm_poison", "thing", "FAILED", "payment_method_invalid_parameter", 0, 0},
    {"refund-refused", "pm_refund_refused", "none", "REFUND_FAILED", "charge_disputed", 1, 0},
    {"refund-cut", "pm_refund_reset", "none", "REFUNDED", "", 1, 1},
};

enum { OUTCOMES = sizeof outcomes / sizeof outcomes[0] };

static void check_money(const char *id, int charges, int refunds)
{
    ck_assert_msg(ledger("SELECT count(*) FROM charge WHERE order_id = '%s'", id) == charges,
                  "%s: not charged %d times", id, charges);
    ck_assert_msg(ledger("SELECT count(*) FROM refund WHERE order_id = '%s'", id) == refunds,
                  "%s: not refunded %d times", id, refunds);
}

START_TEST(each_outcome_is_what_the_ledger_says)
{
    for (int i = 0; i < OUTCOMES; i++)
        place(outcomes[i].name, outcomes[i].method, outcomes[i].sku, 1);
    for (int i = 0; i < OUTCOMES; i++) {
        const bool is_refusal = strcmp(outcomes[i].state, "REFUND_FAILED") == 0;

        eventually(strcmp(state("payment", outcomes[i].name), outcomes[i].state) == 0);
        eventually(*outcomes[i].reason == '\0' ||
                   strstr(body_of(outcomes[i].name,
                                  is_refusal ? "payment.refund_failed" : "payment.failed"),
                          outcomes[i].reason) != NULL);
        check_money(outcomes[i].name, outcomes[i].charges, outcomes[i].refunds);
    }
    /* nobody can confirm what was given up */
    ck_assert_int_eq(ledger("SELECT count(*) FROM intent WHERE order_id IN ('action', 'poison') "
                            "AND status = 'canceled'",
                            ""),
                     2);
    ck_assert_int_eq(logged("payment", "sk_test_suite"), 0);
}
END_TEST

static void refused(const char *id)
{
    ck_assert_int_eq(shell("rm -f %s/repaired", provider()), 0);
    place(id, "pm_refund_refused", "none", 1);
    /* no retry of the sweeper's is under way any more either, which would be the one that counts */
    eventually(all_is_read() && strcmp(state("payment", id), "REFUND_FAILED") == 0);
    check_money(id, 1, 0);
    ck_assert_int_eq(shell("touch %s/repaired", provider()), 0);
}

static void tried_again(const char *id)
{
    char value[100];

    snprintf(value, sizeof value, "{\"order_id\":\"%s\"}", id);
    publish("payment.internal", id, "payment.retry", NULL, "pay-first", value);
    eventually(strcmp(state("payment", id), "REFUNDED") == 0);
    check_money(id, 1, 1);
}

START_TEST(a_refund_that_was_refused_is_tried_again)
{
    refused("repaired");
    tried_again("repaired");
}
END_TEST

START_TEST(what_was_recovered_from_the_log_is_refunded_by_the_id_in_it)
{
    refused("recovered");
    execute("payment", "UPDATE payments SET provider_ref = NULL WHERE order_id = 'recovered'");
    ck_assert_int_eq(shell("tests/outside/provider.py forget %s", provider()), 0);
    tried_again("recovered");
    ck_assert_int_eq(ledger("SELECT count(*) FROM intent WHERE order_id = '%s'", "recovered"), 1);
}
END_TEST

START_TEST(what_is_cancelled_while_its_charge_is_unknown_is_settled)
{
    place("hangs", "pm_hang", "thing", 1);
    place("passes-by", "pm_card_visa", "thing", 1);
    eventually(emitted("hangs", "payment.pending") >= 1);
    eventually(is_closed("passes-by"));
    cancel("hangs");
    eventually(is_closed("hangs"));
    ck_assert_str_eq(state("payment", "hangs"), "VOID");
    check_money("hangs", 0, 0);
    place("lands", "pm_lands_late", "thing", 1);
    eventually(ledger("SELECT count(*) FROM intent WHERE order_id = '%s' AND status = "
                      "'processing'",
                      "lands") == 1);
    cancel("lands");
    eventually(is_closed("lands"));
    if (strcmp(state("order", "lands"), "CANCELLED") == 0)
        check_money("lands", 1, 1);
    else
        check_money("lands", 1, 0);
    place("fails", "pm_processing_fails", "thing", 1);
    eventually(ledger("SELECT count(*) FROM intent WHERE order_id = '%s' AND status = "
                      "'processing'",
                      "fails") == 1);
    cancel("fails");
    eventually(is_closed("fails"));
    check_money("fails", 0, 0);
}
END_TEST

START_TEST(a_provider_that_hangs_delays_what_needs_it_alone)
{
    fault("hang");
    place_many("hung", 5);
    place("not-any-more", "pm_card_visa", "thing", 1);
    eventually(emitted("hung-0", "payment.pending") >= 1);
    eventually(emitted("not-any-more", "order.created") >= 1);
    cancel("not-any-more");
    eventually(emitted("not-any-more", "order.cancelled") >= 1);
    ck_assert_int_eq(closed("hung"), 0);
    fault("none");
    eventually(closed("hung") == 5 && is_closed("not-any-more"));
    ck_assert_int_eq(confirmed("hung"), 5);
    ck_assert_str_eq(state("payment", "not-any-more"), "VOID");
}
END_TEST

/* Its row was lost, and Stripe has forgotten its key. */
START_TEST(what_was_charged_and_is_on_no_record_is_found)
{
    fault("blind"); /* so that its answer, which is cut, is not looked up before it is lost */
    place("lost", "pm_hang_charged", "thing", 1);
    eventually(ledger("SELECT count(*) FROM charge WHERE order_id = '%s'", "lost") == 1);
    service_stop("payment");
    execute("payment", "UPDATE payments SET provider_ref = NULL WHERE order_id = 'lost'");
    ck_assert_int_eq(shell("tests/outside/provider.py forget %s", provider()), 0);
    payment_start("sk_test_suite", "");
    eventually(ledger("SELECT count(*) FROM request WHERE path = '%s' AND status = 503",
                      "/v1/payment_intents/search") >= 1);
    fault("none");
    eventually(is_closed("lost"));
    ck_assert_str_eq(state("payment", "lost"), "COMPLETED");
    check_money("lost", 1, 0);
    ck_assert_int_eq(ledger("SELECT count(*) FROM intent WHERE order_id = '%s'", "lost"), 1);
}
END_TEST

START_TEST(a_key_that_is_refused_fails_no_order)
{
    service_stop("payment");
    payment_start("sk_test_bad", "");
    place("locked-out", "pm_card_visa", "thing", 1);
    eventually(logged("payment", "check the key in --stripe-api-key-file") >= 1);
    ck_assert_int_eq(logged("payment", "sk_test_bad"), 0);
    service_stop("payment");
    payment_start("sk_test_suite", "");
    eventually(is_closed("locked-out"));
    ck_assert_str_eq(state("order", "locked-out"), "CONFIRMED");
    check_money("locked-out", 1, 0);
}
END_TEST

/* The first windows are those of the creation, the others those of the confirmation: it is refused
 * until the service was started anew. */
START_TEST(payment_may_be_killed_in_each_window)
{
    static const char *const points[] = {"after-intent", "after-effects", "after-save",
                                         "after-publish"};
    const bool confirms = _i % 2 == 1;
    char id[64], options[64];

    snprintf(id, sizeof id, "%s-%d", points[_i / 2], _i);
    snprintf(options, sizeof options, "--crash-at %s", points[_i / 2]);
    ck_assert_int_eq(shell("rm -f %s/open", provider()), 0);
    if (confirms) {
        place(id, "pm_hold", "thing", 1);
        eventually(ledger("SELECT count(*) FROM request WHERE key = 'charge:%s/confirm'", id) >= 1);
        killed();
    } else {
        service_stop("payment");
    }
    ck_assert_int_eq(shell("touch %s/open", provider()), 0);
    setenv("QUADRILLE_STRIPE_API_KEY", "sk_test_suite", 1);
    if (confirms) {
        char line[300];

        snprintf(line, sizeof line, "--provider stripe --stripe-url http://127.0.0.1:%d %s", port,
                 options);
        service_start("payment", line);
    } else {
        payment_start("sk_test_suite", options);
        place(id, "pm_hold", "thing", 1);
    }
    eventually(!service_is_alive("payment"));
    payment_start("sk_test_suite", "");
    eventually(is_closed(id));
    ck_assert_str_eq(state("order", id), "CONFIRMED");
    check_money(id, 1, 0);
    ck_assert_int_eq(ids_emitted(id, "payment.completed"), 1);
}
END_TEST

START_TEST(in_the_end_the_ledger_agrees_with_the_payments)
{
    const int64_t kept = number("payment", "SELECT count(*) FROM payments WHERE state IN (%d, %d)",
                                PAYMENT_STATE_COMPLETED, PAYMENT_STATE_REFUND_FAILED);
    const int64_t refunded =
        number("payment", "SELECT count(*) FROM payments WHERE state = %d", PAYMENT_STATE_REFUNDED);

    eventually(all_is_read());
    ck_assert_int_gt(kept, 0);
    ck_assert_int_eq(ledger("SELECT count(*) FROM charge WHERE order_id NOT IN (SELECT order_id "
                            "FROM refund)",
                            ""),
                     kept);
    ck_assert_int_eq(ledger("SELECT count(*) FROM refund", ""), refunded);
    ck_assert_int_eq(ledger("SELECT count(*) - count(DISTINCT order_id) FROM charge", ""), 0);
    ck_assert_int_eq(ledger("SELECT count(*) - count(DISTINCT order_id) FROM refund", ""), 0);
    ck_assert_int_eq(ledger("SELECT count(*) FROM charge WHERE amount <> 100", ""), 0);
}
END_TEST

Suite *stripe_suite(void)
{
    Suite *suite = suite_create("Stripe");
    void (*const setup)(void) = environment_with_provider;

    suite_add(suite, "each_outcome_is_what_the_ledger_says", each_outcome_is_what_the_ledger_says,
              1, setup);
    suite_add(suite, "a_refund_that_was_refused_is_tried_again",
              a_refund_that_was_refused_is_tried_again, 1, setup);
    suite_add(suite, "what_was_recovered_from_the_log_is_refunded_by_the_id_in_it",
              what_was_recovered_from_the_log_is_refunded_by_the_id_in_it, 1, setup);
    suite_add(suite, "what_is_cancelled_while_its_charge_is_unknown_is_settled",
              what_is_cancelled_while_its_charge_is_unknown_is_settled, 1, setup);
    suite_add(suite, "a_provider_that_hangs_delays_what_needs_it_alone",
              a_provider_that_hangs_delays_what_needs_it_alone, 1, setup);
    suite_add(suite, "what_was_charged_and_is_on_no_record_is_found",
              what_was_charged_and_is_on_no_record_is_found, 1, setup);
    suite_add(suite, "a_key_that_is_refused_fails_no_order", a_key_that_is_refused_fails_no_order,
              1, setup);
    suite_add(suite, "payment_may_be_killed_in_each_window", payment_may_be_killed_in_each_window,
              8, setup);
    suite_add(suite, "in_the_end_the_ledger_agrees_with_the_payments",
              in_the_end_the_ledger_agrees_with_the_payments, 1, setup);
    suite_add_identities(suite, setup);
    return suite;
}
