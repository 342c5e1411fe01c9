#include "services/runtime/breaker.h"
#include "tests/unit/suites.h"

enum { SECOND_US = 1000000 };

static const struct breaker_settings settings = {
    .threshold_percent = 50, .min_calls = 20, .reset_us = 30 * SECOND_US};

/* Makes `count` calls that all end like that, and returns how many were admitted. */
static int calls(struct breaker *breaker, int count, bool failed, int64_t now_us)
{
    int admitted = 0;
    bool is_probe;

    for (int i = 0; i < count; i++)
        if (breaker_admits(breaker, now_us, &is_probe)) {
            admitted++;
            breaker_learns(breaker, is_probe, failed, now_us);
        }
    return admitted;
}

static struct breaker opened(int64_t now_us)
{
    struct breaker breaker = {.settings = settings};

    calls(&breaker, 20, true, now_us);
    ck_assert_int_eq(breaker.state, BREAKER_OPEN);
    return breaker;
}

START_TEST(it_opens_once_half_of_twenty_calls_failed)
{
    struct breaker breaker = {.settings = settings};

    calls(&breaker, 10, false, SECOND_US);
    calls(&breaker, 9, true, SECOND_US);
    ck_assert_int_eq(breaker.state, BREAKER_CLOSED);
    calls(&breaker, 1, true, SECOND_US);
    ck_assert_int_eq(breaker.state, BREAKER_OPEN);
    ck_assert_int_eq(calls(&breaker, 100, false, 2 * SECOND_US), 0);
}
END_TEST

START_TEST(few_failures_tell_nothing)
{
    struct breaker breaker = {.settings = settings};

    calls(&breaker, 19, true, SECOND_US);
    ck_assert_int_eq(breaker.state, BREAKER_CLOSED);
}
END_TEST

START_TEST(what_failed_ten_seconds_ago_is_forgotten)
{
    struct breaker breaker = {.settings = settings};
    int64_t failed;

    calls(&breaker, 19, true, 5 * SECOND_US);
    ck_assert_int_eq(breaker_calls(&breaker, 15 * SECOND_US - 1, &failed), 19);
    ck_assert_int_eq(failed, 19);
    ck_assert_int_eq(breaker_calls(&breaker, 15 * SECOND_US, &failed), 0);
    calls(&breaker, 19, true, 15 * SECOND_US);
    ck_assert_int_eq(breaker.state, BREAKER_CLOSED);
    calls(&breaker, 1, true, 16 * SECOND_US);
    ck_assert_int_eq(breaker.state, BREAKER_OPEN);
}
END_TEST

START_TEST(a_few_probes_close_it_when_its_time_is_over)
{
    struct breaker breaker = opened(SECOND_US);
    bool is_probe[BREAKER_PROBES], more;

    ck_assert_int_eq(breaker_retry_after_us(&breaker, 11 * SECOND_US), 20 * SECOND_US);
    ck_assert(!breaker_admits(&breaker, 31 * SECOND_US - 1, &more));
    for (int i = 0; i < BREAKER_PROBES; i++)
        ck_assert(breaker_admits(&breaker, 31 * SECOND_US, &is_probe[i]) && is_probe[i]);
    ck_assert_int_eq(breaker.state, BREAKER_HALF_OPEN);
    ck_assert(!breaker_admits(&breaker, 31 * SECOND_US, &more));
    for (int i = 0; i < BREAKER_PROBES; i++) {
        ck_assert_int_eq(breaker.state, BREAKER_HALF_OPEN);
        breaker_learns(&breaker, true, false, 32 * SECOND_US);
    }
    ck_assert_int_eq(breaker.state, BREAKER_CLOSED);
    ck_assert_int_eq(calls(&breaker, 19, true, 32 * SECOND_US), 19);
    ck_assert_int_eq(breaker.state, BREAKER_CLOSED);
}
END_TEST

START_TEST(a_probe_that_fails_opens_it_for_as_long_again)
{
    struct breaker breaker = opened(SECOND_US);
    bool is_probe;

    ck_assert(breaker_admits(&breaker, 31 * SECOND_US, &is_probe));
    breaker_learns(&breaker, is_probe, true, 34 * SECOND_US);
    ck_assert_int_eq(breaker.state, BREAKER_OPEN);
    ck_assert(!breaker_admits(&breaker, 64 * SECOND_US - 1, &is_probe));
    ck_assert(breaker_admits(&breaker, 64 * SECOND_US, &is_probe));
}
END_TEST

START_TEST(what_was_asked_before_it_opened_tells_nothing_after)
{
    struct breaker breaker = opened(SECOND_US);
    bool is_probe;

    ck_assert(breaker_admits(&breaker, 31 * SECOND_US, &is_probe));
    breaker_learns(&breaker, false, true, 31 * SECOND_US);
    ck_assert_int_eq(breaker.state, BREAKER_HALF_OPEN);
    for (int i = 0; i < 2 * BREAKER_PROBES; i++)
        breaker_learns(&breaker, false, false, 31 * SECOND_US);
    ck_assert_int_eq(breaker.state, BREAKER_HALF_OPEN);
}
END_TEST

static int retries(struct retry_budget *budget, int64_t now_us)
{
    int count = 0;

    while (budget_takes(budget, now_us))
        count++;
    return count;
}

START_TEST(retries_are_a_fifth_of_the_calls_and_a_few_a_second)
{
    struct retry_budget budget = {0};

    ck_assert_int_eq(retries(&budget, SECOND_US), BUDGET_RETRIES);
    for (int i = 0; i < 50; i++)
        budget_learns(&budget, false);
    ck_assert_int_eq(retries(&budget, SECOND_US), 10);
    ck_assert_int_eq(retries(&budget, 2 * SECOND_US), BUDGET_A_SECOND);
    budget_learns(&budget, true);
    ck_assert_int_eq(retries(&budget, 2 * SECOND_US), 1);
    ck_assert_int_eq(retries(&budget, 1000 * (int64_t)SECOND_US), BUDGET_RETRIES);
}
END_TEST

Suite *breaker_suite(void)
{
    Suite *suite = suite_create("circuit breaker");
    TCase *cases = tcase_create("breaker");

    tcase_add_test(cases, it_opens_once_half_of_twenty_calls_failed);
    tcase_add_test(cases, few_failures_tell_nothing);
    tcase_add_test(cases, what_failed_ten_seconds_ago_is_forgotten);
    tcase_add_test(cases, a_few_probes_close_it_when_its_time_is_over);
    tcase_add_test(cases, a_probe_that_fails_opens_it_for_as_long_again);
    tcase_add_test(cases, what_was_asked_before_it_opened_tells_nothing_after);
    tcase_add_test(cases, retries_are_a_fifth_of_the_calls_and_a_few_a_second);
    suite_add_tcase(suite, cases);
    return suite;
}
