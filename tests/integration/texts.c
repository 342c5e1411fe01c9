/* Texts from the outside: what is emitted of them can be read, and what is shown of them reaches no
 * terminal as it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

#define PRODUCE "/usr/bin/python3 tests/integration/produce.py "

/* 241 letters and "@shop.INVALID", which like .invalid nobody can reach. */
static const char *longest_address(void)
{
    static char address[255];

    memset(address, 'a', 241);
    memcpy(address + 241, "@shop.INVALID", sizeof "@shop.INVALID");
    return address;
}

START_TEST(an_order_with_the_longest_address_that_no_mail_can_reach_is_closed)
{
    char value[1024];

    snprintf(
        value, sizeof value,
        "{\"order_id\":\"long-mail\",\"customer\":{\"name\":\"Ada\",\"email\":\"%s\"},\"currency\":"
        "\"GBP\",\"payment_method\":\"pm_card_visa\","
        "\"lines\":[{\"sku\":\"thing\",\"name\":\"A THING\",\"quantity\":1,\"unit_price\":100}]}",
        longest_address());
    publish("orders.commands", "long-mail", "order.place", NULL, NULL, value);
    eventually(emitted("long-mail", "email.failed") == 1);
    eventually(is_closed("long-mail"));
    ck_assert_ptr_nonnull(strstr(body_of("long-mail", "email.failed"), "no mail can reach aaa"));
    ck_assert_int_eq(messages_of("order.dlq", "long-mail"), 0);
    /* the row has all of that reason, the event what a text may hold */
    eventually(all_is_read());
    ck_assert_int_eq(shell("$BIN/sagactl replay plan long-mail --under-way-ms 0"), 0);
    ck_assert(output_has("1 order: 0 findings"));
}
END_TEST

START_TEST(a_mail_to_a_domain_of_any_letters_names_it_in_ascii)
{
    place_for("{\"name\":\"Ada\",\"email\":\"Ada@B\u00fccher.example\"}", "idn-1", "pm_card_visa",
              "thing", 1);
    eventually(is_closed("idn-1"));
    ck_assert_int_eq(mails_of("idn-1"), 1);
    ck_assert_int_eq(shell("cat $(grep -lx 'X-Order-ID: idn-1' -r $QUADRILLE_MAILDIR/new)"), 0);
    ck_assert(output_has("To: \"Ada\"") && output_has(" <Ada@xn--bcher-kva.example>"));
    ck_assert_ptr_nonnull(
        strstr(body_of("idn-1", "order.created"), "\"email\":\"Ada@B\u00fccher.example\""));
    audit_is_clean();
}
END_TEST

/* The order was accepted under other tables of Unicode than those here. */
START_TEST(an_address_that_no_mail_can_name_is_a_failed_mail_with_the_reason)
{
    place("idn-2", "pm_never", "thing", 1);
    eventually(number("email", "SELECT count(*) FROM mail_content WHERE order_id = 'idn-2'") == 1);
    service_stop("email");
    execute("email", "UPDATE mail_content SET body = replace(body, 'ada@example.com', "
                     "'ada@\u2603.example') WHERE order_id = 'idn-2'");
    service_start("email", "");
    service_ready("email");
    cancel("idn-2");
    eventually(is_closed("idn-2"));
    ck_assert_ptr_nonnull(strstr(body_of("idn-2", "email.failed"),
                                 "no mail can reach ada@\u2603.example: IDNA 2008 does not allow "
                                 "its domain: string contains a disallowed character"));
    ck_assert_int_eq(mails_of("idn-2"), 0);
    execute("email", "UPDATE mail_content SET body = replace(body, 'ada@\u2603.example', "
                     "'ada@example.com') WHERE order_id = 'idn-2'");
    audit_is_clean();
}
END_TEST

/* What is refused of an order, in its JSON. */
/* clang-format off */
static const char *const refused[] = {
    "\"customer\":{\"name\":\"A\x7f" "da\",\"email\":\"ada@example.com\"}",
    "\"customer\":{\"name\":\"A\xc2\x9b" "31mda\",\"email\":\"ada@example.com\"}",
    "\"customer\":{\"name\":\"A\xe2\x80\xa8" "da\",\"email\":\"ada@example.com\"}",
    "\"customer\":{\"name\":\"Ada\",\"email\":\"a..b@example.com\"}",
    "\"customer\":{\"name\":\"Ada\",\"email\":\"b\u00fccher@example.com\"}",
    "\"customer\":{\"name\":\"Ada\",\"email\":\"ada@\u2603.example\"}",
    "\"customer\":{\"name\":\"Ada\",\"email\":\"ada@example.com\"},\"currency\":\"\xe2\x80\xae\x7f\"",
    "\"customer\":{\"name\":\"Ada\",\"email\":\"ada@example.com\"},\"currency\":\"GBP\",\"payment_method\":\"pm_card_visa\","
    "\"lines\":[{\"sku\":\"thing\",\"name\":\"A THING\",\"quantity\":1,\"unit_price\":1e-400}]",
};
/* clang-format on */

START_TEST(a_refusal_can_be_read_whatever_was_refused)
{
    char id[32], value[1024];

    snprintf(id, sizeof id, "refused-%d", _i);
    snprintf(value, sizeof value, "{\"order_id\":\"%s\",%s}", id, refused[_i]);
    publish("orders.commands", id, "order.place", NULL, NULL, value);
    eventually(emitted(id, "order.rejected") == 1);
    ck_assert_int_eq(shell("$BIN/sagactl trace %s", id), 0);
    ck_assert(output_has("order.rejected"));
    ck_assert_int_eq(shell("$BIN/sagactl trace %s | grep 'order.rejected.*cannot be read'", id),
                     1 << 8);
}
END_TEST

START_TEST(a_sku_of_any_letters_travels_from_each_writer_to_each_reader)
{
    ck_assert_int_eq(
        shell("$BIN/sagactl stock set 'GR\xc3\x96SSE-\xf0\x9f\x90\x88' 5 --wait --timeout 60"), 0);
    place("letters", "pm_card_visa", "GR\xc3\x96SSE-\xf0\x9f\x90\x88", 2);
    eventually(is_closed("letters"));
    ck_assert_str_eq(state("inventory", "letters"), "RESERVED");
    ck_assert_int_eq(shell("$BIN/sagactl stock show 'GR\xc3\x96SSE-\xf0\x9f\x90\x88'"), 0);
    ck_assert(output_has("GR\xc3\x96SSE-\xf0\x9f\x90\x88"));
    place("letters-short", "pm_card_visa", "GR\xc3\x96SSE-\xf0\x9f\x90\x88", 4);
    eventually(is_closed("letters-short"));
    ck_assert_int_eq(emitted("letters-short", "inventory.failed"), 1);
}
END_TEST

START_TEST(a_cancellation_that_nobody_could_read_is_not_sent)
{
    ck_assert_int_eq(shell("$BIN/sagactl cancel never-placed --reason 'a\tb'"), 2 << 8);
    ck_assert(output_has("reason is \"a\\u0009b\""));
    ck_assert_int_eq(emitted("never-placed", "order.cancel"), 0);
}
END_TEST

START_TEST(what_strangers_wrote_reaches_no_terminal_as_it_is)
{
    ck_assert_int_eq(shell("/usr/bin/python3 tests/integration/hostile.py produce"), 0);
    eventually(is_closed("esc-1") && emitted("esc-2", "order.rejected") == 1);
    eventually(
        shell("test $($BIN/sagactl dlq --json --service order | grep -c 1b5d303b6f776e6564) = 3") ==
        0);
    if (shell("/usr/bin/python3 tests/integration/hostile.py look") != 0) {
        print_last();
        ck_abort_msg("see above");
    }
    ck_assert_int_eq(
        shell(
            "$BIN/sagactl dlq drop --because test --yes --service order $($BIN/sagactl dlq --json "
            "--service order | grep 1b5d303b6f776e6564 |"
            " sed -n "
            "'s/.*\"topic\":\"\\([^\"]*\\)\",\"partition\":\\([0-9]*\\),\"offset\":\\([0-9]*\\),.*/"
            "\\1\\/\\2\\/\\3/p')"),
        0);
}
END_TEST

START_TEST(what_cannot_be_read_or_written_is_an_error)
{
    ck_assert_int_eq(shell("$BIN/sagactl place $TEST_FOLDER"), 2 << 8);
    ck_assert(output_has("Is a directory"));
    ck_assert_int_eq(shell("$BIN/sagactl stock set $TEST_FOLDER"), 2 << 8);
    ck_assert_int_eq(shell("$BIN/sagactl place <&-"), 2 << 8);
    ck_assert_int_eq(shell("$BIN/sagactl stock show > /dev/full"), 1 << 8);
    ck_assert_int_eq(shell("$BIN/sagactl topics --json > /dev/full"), 1 << 8);
    ck_assert_int_eq(shell("$BIN/sagactl cancel -h"), 0);
    ck_assert(output_has("usage: sagactl cancel"));
    ck_assert_int_eq(emitted("-h", "order.cancel"), 0);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

void texts_add(Suite *suite, void (*setup)(void))
{
#define add(test, count) suite_add(suite, #test, test, count, setup)
    add(an_order_with_the_longest_address_that_no_mail_can_reach_is_closed, 1);
    add(a_mail_to_a_domain_of_any_letters_names_it_in_ascii, 1);
    add(an_address_that_no_mail_can_name_is_a_failed_mail_with_the_reason, 1);
    add(a_refusal_can_be_read_whatever_was_refused, COUNT(refused));
    add(a_sku_of_any_letters_travels_from_each_writer_to_each_reader, 1);
    add(a_cancellation_that_nobody_could_read_is_not_sent, 1);
    add(what_strangers_wrote_reaches_no_terminal_as_it_is, 1);
    add(what_cannot_be_read_or_written_is_an_error, 1);
#undef add
}
