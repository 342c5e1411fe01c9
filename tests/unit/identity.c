#include <string.h>

#include "events/identity.h"
#include "tests/unit/suites.h"

/* The expected value was made with Python's uuid.uuid5 from the same namespace and name. */
START_TEST(an_events_id_is_a_uuid_of_its_name)
{
    char id[IDENTITY_SIZE];

    event_id("invoice-489435", ORDER_CREATED, id);
    ck_assert_str_eq(id, "4f4599a6-b472-5aba-8de1-f79aaaae3c23");
}
END_TEST

START_TEST(same_fact_same_id_other_fact_other_id)
{
    char a[IDENTITY_SIZE], b[IDENTITY_SIZE];

    event_id("o", PAYMENT_COMPLETED, a);
    event_id("o", PAYMENT_COMPLETED, b);
    ck_assert_str_eq(a, b);
    event_id("o", PAYMENT_REFUNDED, b);
    ck_assert_str_ne(a, b);
    event_id("p", PAYMENT_COMPLETED, b);
    ck_assert_str_ne(a, b);
}
END_TEST

/* 53 bits of FNV-1a, which Python computed: what stands in a log is found again by it. */
START_TEST(an_events_number_is_of_its_name_and_exact_in_json)
{
    ck_assert_int_eq(event_number("invoice-489435", ORDER_CREATED), 6593077380856444);
    ck_assert_int_lt(event_number("invoice-489435", ORDER_CREATED), INT64_C(1) << 53);
    ck_assert_int_ne(event_number("o", ORDER_CREATED), event_number("p", ORDER_CREATED));
    ck_assert_int_ne(event_number("o", ORDER_CREATED), event_number("o", ORDER_CONFIRMED));
}
END_TEST

START_TEST(a_commands_id_is_new_each_time)
{
    char a[IDENTITY_SIZE], b[IDENTITY_SIZE];

    command_id(a);
    command_id(b);
    ck_assert_str_ne(a, b);
    ck_assert_int_eq(a[14], '4');
}
END_TEST

Suite *identity_suite(void)
{
    Suite *suite = suite_create("identity");
    TCase *cases = tcase_create("identity");

    tcase_add_test(cases, an_events_id_is_a_uuid_of_its_name);
    tcase_add_test(cases, same_fact_same_id_other_fact_other_id);
    tcase_add_test(cases, an_events_number_is_of_its_name_and_exact_in_json);
    tcase_add_test(cases, a_commands_id_is_new_each_time);
    suite_add_tcase(suite, cases);
    return suite;
}
