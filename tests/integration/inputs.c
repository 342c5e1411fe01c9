/* Inputs that no producer should send: none of them ends a service, silences it, or harms another. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/stage.h"
#include "tests/integration/suites.h"

#define PRODUCE "/usr/bin/python3 tests/integration/produce.py "

START_TEST(each_of_several_contents_of_an_order_is_refused)
{
    place("one-id", "pm_card_visa", "thing", 1);
    eventually(is_closed("one-id"));
    service_stop("order");
    place("one-id", "pm_card_visa", "thing", 2);
    place("one-id", "pm_card_visa", "thing", 3);
    place("one-id", "pm_card_visa", "thing", 2); /* again: the same content, the same refusal */
    service_start("order", "");
    eventually(ids_said("one-id", "order.rejected") == 2);
}
END_TEST

/* Years before 0 and beyond 9999, which RFC 3339 cannot write, and what does not fit int64 in microseconds. */
static const char *const odd_times[] = {"-100000000000000", "253402300800000", "9300000000000000"};

START_TEST(a_record_of_an_impossible_time_is_refused_like_any_other)
{
    char id[32];

    snprintf(id, sizeof id, "odd-time-%d", _i);
    ck_assert_int_eq(shell(PRODUCE "orders.commands %s header=ce_type=order.place 'value={\"order_id\":\"%s\"}' timestamp=%s", id, id, odd_times[_i]), 0);
    eventually(said(id, "order.rejected") >= 1);
    place(id, "pm_card_visa", "thing", 1); /* behind it, in the same partitions: nobody was stopped by that */
    eventually(is_closed(id));
    ck_assert_int_eq(messages_of("payment.parked", id) + messages_of("inventory.parked", id) + messages_of("email.parked", id), 0);
}
END_TEST

void inputs_add(Suite *suite, void (*setup)(void))
{
#define add(test, count) suite_add(suite, #test, test, count, setup)
    add(each_of_several_contents_of_an_order_is_refused, 1);
    add(a_record_of_an_impossible_time_is_refused_like_any_other, (int)(sizeof odd_times / sizeof odd_times[0]));
#undef add
}
