/* What Stripe's API takes and says. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "services/payment/decide.h"
#include "services/payment/providers/provider.h"
#include "services/payment/providers/stripe/api.h"
#include "services/payment/service.h"
#include "tests/unit/suites.h"

static struct arena *arena;

static void open_arena(void)
{
    arena = arena_new();
}

static void close_arena(void)
{
    arena_free(arena);
}

static const struct {
    const char *currency;
    int64_t amount_minor, amount; /* the second -1: it cannot be charged */
} amounts[] = {
    {"GBP", 6120, 6120}, {"JPY", 500, 500},   {"KRW", 1, 1},       {"ISK", 5, 500},
    {"UGX", 5, 500},     {"MGA", 500, 5},     {"MGA", 550, -1},    {"KWD", 5120, 5120},
    {"KWD", 5124, -1},   {"BHD", 10, 10},     {"TND", 1, -1},      {"UGX", INT64_MAX, -1},
    {"HUF", 1045, 1045}, {"TWD", 1000, 1000}, {"CLP", 9999, 9999},
};

START_TEST(an_amount_is_in_the_minor_unit_of_stripe)
{
    int64_t amount;
    const bool is_charged = stripe_amount(amounts[_i].amount_minor, amounts[_i].currency, &amount);

    ck_assert_int_eq(is_charged, amounts[_i].amount != -1);
    if (is_charged)
        ck_assert_int_eq(amount, amounts[_i].amount);
}
END_TEST

START_TEST(a_form_holds_any_text)
{
    struct buffer form = {.arena = arena};

    stripe_form_add(&form, "metadata[order_id]", "a-1_~.");
    stripe_form_add(&form, "name", "5 % & = ä+");
    ck_assert_str_eq(form.data,
                     "metadata%5Border_id%5D=a-1_~.&name=5%20%25%20%26%20%3D%20%C3%A4%2B");
}
END_TEST

static struct stripe_answer read_text(const char *text)
{
    return stripe_answer_read(arena, text, strlen(text));
}

START_TEST(an_answer_is_read)
{
    struct stripe_answer said = read_text(
        "{\"id\":\"pi_1\",\"status\":\"requires_payment_method\",\"last_payment_error\":"
        "{\"type\":\"card_error\",\"code\":\"card_declined\",\"decline_code\":\"lost_card\"}}");

    ck_assert_str_eq(said.id, "pi_1");
    ck_assert_str_eq(said.status, "requires_payment_method");
    ck_assert_str_eq(said.last_error, "lost_card");
    ck_assert_ptr_null(said.error_type);
    said = read_text("{\"error\":{\"type\":\"card_error\",\"code\":\"expired_card\",\"message\":"
                     "\"It has\\nexpired\",\"payment_intent\":{\"id\":\"pi_2\",\"status\":"
                     "\"requires_payment_method\"}}}");
    ck_assert_str_eq(said.error_type, "card_error");
    ck_assert_str_eq(said.error_code, "expired_card");
    ck_assert_str_eq(said.decline, "expired_card");
    ck_assert_str_eq(said.error_message, "It has"); /* one line */
    ck_assert_str_eq(said.id, "pi_2");
    said = read_text("{\"error\":{\"type\":\"invalid_request_error\",\"param\":\"amount\"}}");
    ck_assert_str_eq(said.error_param, "amount");
    ck_assert_ptr_null(said.error_code);
    said = read_text("{\"error\":{\"type\":\"api_error\"}}");
    ck_assert_str_eq(said.decline, "api_error");
    ck_assert_ptr_null(said.id);
}
END_TEST

START_TEST(what_is_no_answer_says_nothing)
{
    static const char *const texts[] = {"",
                                        "[]",
                                        "null",
                                        "{",
                                        "<html>",
                                        "{\"id\":5,\"status\":null}",
                                        "{\"id\":\"../v1\",\"status\":\"a\\u0000b\"}",
                                        "{\"id\":\"\",\"status\":\"\\u00e4\"}"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct stripe_answer said = read_text(texts[i]);

        ck_assert_ptr_null(said.id);
        ck_assert_ptr_null(said.status);
        ck_assert_ptr_null(said.decline);
    }
}
END_TEST

/* A row that was recovered from the log has no provider_ref. */
static const struct {
    const char *provider_ref, *payment_id, *prepared_id;
} known[] = {
    {NULL, NULL, NULL}, {"pi_1", NULL, "pi_1"}, {"pi_1", "pi_1", "pi_1"}, {NULL, "pi_1", "pi_1"}};

START_TEST(what_is_asked_names_the_charge_that_is_on_record)
{
    struct payment_row row = {.saga = {.order_id = "o-1"},
                              .payment_method = "pm",
                              .currency = "GBP",
                              .amount_minor = 250,
                              .provider_ref = known[_i].provider_ref,
                              .payment_id = known[_i].payment_id};
    struct effect effect = {.arena = arena, .order_id = "o-1", .kind = PAYMENT_EFFECT_SETTLE};
    const struct provider_call *call;

    payment_service.effect_call(NULL, &row.saga, 0, &effect);
    call = effect.call;
    ck_assert_pstr_eq(call->prepared_id, known[_i].prepared_id);
    ck_assert_str_eq(call->charge_key, "charge:o-1");
}
END_TEST

static const struct {
    const char *provider, *timeout;
    int timeout_ms;
} timeouts[] = {{"simulated", "0", 100}, {"stripe", "0", 3000}, {"stripe", "250", 250}};

START_TEST(each_provider_has_a_time_of_its_own)
{
    struct settings *settings = settings_new("payment", "", &payment_service.settings, 1);
    char program[] = "payment", provider[20], timeout[20], provider_is[] = "--provider",
         timeout_is[] = "--provider-timeout-ms";
    char *argv[] = {program, provider_is, provider, timeout_is, timeout, NULL};
    struct error error;

    snprintf(provider, sizeof provider, "%s", timeouts[_i].provider);
    snprintf(timeout, sizeof timeout, "%s", timeouts[_i].timeout);
    ck_assert_int_eq(settings_parse(settings, 5, argv, &error), STATUS_OK);
    ck_assert_int_eq(provider_timeout_ms(settings), timeouts[_i].timeout_ms);
    settings_free(settings);
}
END_TEST

#define FOUND(id, status, order) \
    "{\"id\":\"" id "\",\"status\":\"" status "\",\"metadata\":{\"order_id\":\"" order "\"}}"

static const struct {
    const char *body, *id;
} searches[] = {
    {"{\"data\":[]}", NULL},
    {"<html>", NULL},
    {"{\"data\":[5,{}]}", NULL},
    {"{\"data\":[" FOUND("pi_1", "requires_confirmation", "o-1") "]}", "pi_1"},
    {"{\"data\":[" FOUND("pi_1", "succeeded", "O-1") "]}", NULL},
    {"{\"data\":[" FOUND("pi_1", "canceled", "o-1") "]}", NULL},
    {"{\"data\":[" FOUND("pi_1", "requires_confirmation", "o-1") "," FOUND(
         "pi_2", "succeeded", "o-1") "," FOUND("pi_3", "processing", "o-1") "]}",
     "pi_2"},
    {"{\"data\":[" FOUND("pi_1", "requires_action", "o-1") "," FOUND("pi_2", "processing",
                                                                     "o-1") "]}",
     "pi_2"},
};

START_TEST(a_search_finds_what_was_charged)
{
    const char *body = searches[_i].body, *id;

    ck_assert_int_eq(stripe_search_read(arena, body, strlen(body), "o-1", &id),
                     strstr(body, "data") != NULL);
    ck_assert_pstr_eq(id, searches[_i].id);
}
END_TEST

START_TEST(a_key_is_kept_for_less_than_a_day)
{
    ck_assert(stripe_keeps_key(1000, 1000));
    ck_assert(stripe_keeps_key(1000, 1000 + 19 * 3600000));
    ck_assert(!stripe_keeps_key(1000, 1000 + 23 * 3600000));
    ck_assert(!stripe_keeps_key(0, INT64_C(1700000000000))); /* no time is known */
}
END_TEST

Suite *stripe_suite(void)
{
    Suite *suite = suite_create("Stripe's API");
    TCase *cases = tcase_create("stripe");

    tcase_add_checked_fixture(cases, open_arena, close_arena);
    tcase_add_loop_test(cases, an_amount_is_in_the_minor_unit_of_stripe, 0,
                        sizeof amounts / sizeof amounts[0]);
    tcase_add_test(cases, a_form_holds_any_text);
    tcase_add_test(cases, an_answer_is_read);
    tcase_add_test(cases, what_is_no_answer_says_nothing);
    tcase_add_loop_test(cases, what_is_asked_names_the_charge_that_is_on_record, 0,
                        sizeof known / sizeof known[0]);
    tcase_add_loop_test(cases, each_provider_has_a_time_of_its_own, 0,
                        sizeof timeouts / sizeof timeouts[0]);
    tcase_add_loop_test(cases, a_search_finds_what_was_charged, 0,
                        sizeof searches / sizeof searches[0]);
    tcase_add_test(cases, a_key_is_kept_for_less_than_a_day);
    suite_add_tcase(suite, cases);
    return suite;
}
