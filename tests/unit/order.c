#include <stdlib.h>
#include <string.h>

#include "services/order/decide.h"
#include "tests/unit/matrix.h"
#include "tests/unit/suites.h"

static struct line lines[] = {{"a", "A", 2, 100}, {"b", "B", 1, 50}};
static const struct message place = {
    .type = ORDER_PLACE,
    .order_place = {
        "o-1", {NULL, "Ada", "a@example.com"}, "GBP", "pm_card_visa", lines, 2, {NULL, 0}}};
static const struct message cancel = {.type = ORDER_CANCEL,
                                      .order_cancel = {"o-1", "ordered twice"}};
static const struct message timeout = {.type = ORDER_TIMEOUT, .outcome = {"o-1", NULL}};
static const struct message republish = {.type = ORDER_REPUBLISH, .outcome = {"o-1", NULL}};
static const struct message paid = {.type = PAYMENT_COMPLETED,
                                    .payment_made = {"o-1", "p", 250, "GBP"}};
static const struct message forged = {.type = PAYMENT_COMPLETED,
                                      .payment_made = {"o-1", "x", 1, "USD"}};
static const struct message little = {.type = PAYMENT_REFUNDED,
                                      .payment_made = {"o-1", "p", 249, "GBP"}};
static const struct message unpaid = {.type = PAYMENT_FAILED, .outcome = {"o-1", "card_declined"}};
static const struct message pending = {.type = PAYMENT_PENDING, .outcome = {"o-1", NULL}};
static const struct message refunded = {.type = PAYMENT_REFUNDED,
                                        .payment_made = {"o-1", "p", 250, "GBP"}};
static const struct message unrefunded = {.type = PAYMENT_REFUND_FAILED,
                                          .outcome = {"o-1", "account_closed"}};
static const struct message p_voided = {.type = PAYMENT_VOIDED, .outcome = {"o-1", NULL}};
static const struct message reserved = {.type = INVENTORY_RESERVED, .outcome = {"o-1", NULL}};
static const struct message out = {.type = INVENTORY_FAILED,
                                   .inventory_failed = {"o-1", "out_of_stock", "a", 2, 1}};
static const struct message released = {.type = INVENTORY_RELEASED, .outcome = {"o-1", NULL}};
static const struct message i_voided = {.type = INVENTORY_VOIDED, .outcome = {"o-1", NULL}};
static const struct message mailed = {.type = EMAIL_SENT, .email_sent = {"o-1", "confirmed", "m"}};
static const struct message unmailed = {.type = EMAIL_FAILED, .outcome = {"o-1", "no"}};

static const struct order_rules rules = {&flows[0], 900000000, 30000000};

/* clang-format off */
#define WORD(name, type) {#name, {.on = FACT(type), .message = &(name), .now_us = 5000000}}

static const struct word words[] = {
    {"place", {.on = FACT(ORDER_PLACE), .message = &place, .content_id = "c1", .now_us = 1000000}},
    {"other", {.on = FACT(ORDER_PLACE), .message = &place, .content_id = "c2", .now_us = 1000000}},
    WORD(cancel, ORDER_CANCEL), WORD(timeout, ORDER_TIMEOUT), WORD(republish, ORDER_REPUBLISH), WORD(paid, PAYMENT_COMPLETED),
    WORD(forged, PAYMENT_COMPLETED), WORD(little, PAYMENT_REFUNDED),
    WORD(unpaid, PAYMENT_FAILED), WORD(pending, PAYMENT_PENDING), WORD(refunded, PAYMENT_REFUNDED),
    WORD(unrefunded, PAYMENT_REFUND_FAILED), WORD(p_voided, PAYMENT_VOIDED), WORD(reserved, INVENTORY_RESERVED),
    WORD(out, INVENTORY_FAILED), WORD(released, INVENTORY_RELEASED), WORD(i_voided, INVENTORY_VOIDED),
    WORD(mailed, EMAIL_SENT), WORD(unmailed, EMAIL_FAILED), {NULL, {0}}};

static const struct history histories[] = {
    {"new", "", "NEW"},
    {"cancelled early", "cancel", "NEW"},
    {"unpaid early", "unpaid", "NEW"},
    {"paid and reserved early", "paid reserved", "NEW"},
    {"forged and reserved early", "forged reserved", "NEW"},
    {"forged, paid and reserved early", "forged paid reserved", "NEW"},
    {"forged, then placed", "forged reserved place", "PENDING"},
    {"pending", "place", "PENDING"},
    {"paid", "place paid", "PENDING"},
    {"reserved", "place reserved", "PENDING"},
    {"confirmed", "place paid reserved", "CONFIRMED"},
    {"confirmed by place", "paid reserved place", "CONFIRMED"},
    {"confirmed, mailed", "place paid reserved mailed", "CONFIRMED"},
    {"unpaid", "place unpaid", "CANCELLED"},
    {"out", "place paid out", "CANCELLED"},
    {"cancelled", "place cancel", "CANCELLED"},
    {"late", "place timeout", "CANCELLED"},
    {"cancelled, then placed", "cancel place", "CANCELLED"},
    {"out, closed", "place paid out refunded i_voided mailed", "CANCELLED"},
    {"cancelled, then placed, closed", "cancel place p_voided i_voided unmailed", "CANCELLED"},
    {NULL, NULL, NULL}};

static const struct move moves[] = {
    {"new", "place", "PENDING", ""},
    {"new", "other", "PENDING", ""},
    {"cancelled early", "place", "CANCELLED", ""},
    {"cancelled early", "other", "CANCELLED", ""},
    {"unpaid early", "place", "CANCELLED", ""},
    {"unpaid early", "other", "CANCELLED", ""},
    {"paid and reserved early", "place", "CONFIRMED", ""},
    {"paid and reserved early", "other", "CONFIRMED", ""},
    {"forged and reserved early", "place", "PENDING", ""},
    {"forged and reserved early", "other", "PENDING", ""},
    {"forged, paid and reserved early", "place", "CONFIRMED", ""},
    {"forged, paid and reserved early", "other", "CONFIRMED", ""},
    {"forged, then placed", "paid", "CONFIRMED", ""},
    {"forged, then placed", "cancel", "CANCELLED", ""},
    {"forged, then placed", "timeout", "CANCELLED", ""},
    {"forged, then placed", "unpaid", "CANCELLED", ""},
    {"forged, then placed", "out", "CANCELLED", ""},
    {"pending", "cancel", "CANCELLED", ""},
    {"pending", "timeout", "CANCELLED", ""},
    {"pending", "unpaid", "CANCELLED", ""},
    {"pending", "out", "CANCELLED", ""},
    {"paid", "reserved", "CONFIRMED", ""},
    {"paid", "cancel", "CANCELLED", ""},
    {"paid", "timeout", "CANCELLED", ""},
    {"paid", "unpaid", "CANCELLED", ""},
    {"paid", "out", "CANCELLED", ""},
    {"reserved", "paid", "CONFIRMED", ""},
    {"reserved", "cancel", "CANCELLED", ""},
    {"reserved", "timeout", "CANCELLED", ""},
    {"reserved", "unpaid", "CANCELLED", ""},
    {"reserved", "out", "CANCELLED", ""},
    {NULL, NULL, NULL, NULL}};

static const struct saying sayings[] = {
    {"new", "place", "order.created"},
    {"new", "other", "order.created"},
    {"cancelled early", "place", "order.created order.cancelled"},
    {"cancelled early", "other", "order.created order.cancelled"},
    {"unpaid early", "place", "order.created order.cancelled"},
    {"unpaid early", "other", "order.created order.cancelled"},
    {"paid and reserved early", "place", "order.created order.confirmed"},
    {"paid and reserved early", "other", "order.created order.confirmed"},
    {"forged and reserved early", "place", "order.created"},
    {"forged and reserved early", "other", "order.created"},
    {"forged, paid and reserved early", "place", "order.created order.confirmed"},
    {"forged, paid and reserved early", "other", "order.created order.confirmed"},
    {"forged, then placed", "place", "order.created"},
    {"forged, then placed", "other", "order.rejected"},
    {"forged, then placed", "paid", "order.confirmed"},
    {"forged, then placed", "cancel", "order.cancelled"},
    {"forged, then placed", "timeout", "order.cancelled"},
    {"forged, then placed", "republish", "order.created"},
    {"forged, then placed", "unpaid", "order.cancelled"},
    {"forged, then placed", "out", "order.cancelled"},
    {"pending", "place", "order.created"},
    {"pending", "other", "order.rejected"},
    {"pending", "cancel", "order.cancelled"},
    {"pending", "timeout", "order.cancelled"},
    {"pending", "republish", "order.created"},
    {"pending", "unpaid", "order.cancelled"},
    {"pending", "out", "order.cancelled"},
    {"paid", "place", "order.created"},
    {"paid", "other", "order.rejected"},
    {"paid", "cancel", "order.cancelled"},
    {"paid", "timeout", "order.cancelled"},
    {"paid", "republish", "order.created"},
    {"paid", "unpaid", "order.cancelled"},
    {"paid", "reserved", "order.confirmed"},
    {"paid", "out", "order.cancelled"},
    {"reserved", "place", "order.created"},
    {"reserved", "other", "order.rejected"},
    {"reserved", "cancel", "order.cancelled"},
    {"reserved", "timeout", "order.cancelled"},
    {"reserved", "republish", "order.created"},
    {"reserved", "paid", "order.confirmed"},
    {"reserved", "unpaid", "order.cancelled"},
    {"reserved", "out", "order.cancelled"},
    {"confirmed", "place", "order.created order.confirmed"},
    {"confirmed", "other", "order.rejected"},
    {"confirmed", "cancel", "order.cancel_rejected"},
    {"confirmed", "republish", "order.created order.confirmed"},
    {"confirmed", "reserved", "order.confirmed"},
    {"confirmed by place", "place", "order.created order.confirmed"},
    {"confirmed by place", "other", "order.rejected"},
    {"confirmed by place", "cancel", "order.cancel_rejected"},
    {"confirmed by place", "republish", "order.created order.confirmed"},
    {"confirmed, mailed", "place", "order.created order.confirmed"},
    {"confirmed, mailed", "other", "order.rejected"},
    {"confirmed, mailed", "cancel", "order.cancel_rejected"},
    {"confirmed, mailed", "republish", "order.confirmed"},
    {"confirmed, mailed", "reserved", "order.confirmed"},
    {"unpaid", "place", "order.created order.cancelled"},
    {"unpaid", "other", "order.rejected"},
    {"unpaid", "cancel", "order.cancel_rejected"},
    {"unpaid", "republish", "order.created order.cancelled"},
    {"unpaid", "unpaid", "order.cancelled"},
    {"out", "place", "order.created order.cancelled"},
    {"out", "other", "order.rejected"},
    {"out", "cancel", "order.cancel_rejected"},
    {"out", "republish", "order.created order.cancelled"},
    {"out", "out", "order.cancelled"},
    {"cancelled", "place", "order.created order.cancelled"},
    {"cancelled", "other", "order.rejected"},
    {"cancelled", "cancel", "order.cancelled"},
    {"cancelled", "republish", "order.created order.cancelled"},
    {"late", "place", "order.created order.cancelled"},
    {"late", "other", "order.rejected"},
    {"late", "cancel", "order.cancel_rejected"},
    {"late", "timeout", "order.cancelled"},
    {"late", "republish", "order.created order.cancelled"},
    {"cancelled, then placed", "place", "order.created order.cancelled"},
    {"cancelled, then placed", "other", "order.rejected"},
    {"cancelled, then placed", "cancel", "order.cancelled"},
    {"cancelled, then placed", "republish", "order.created order.cancelled"},
    {"out, closed", "place", "order.created order.cancelled"},
    {"out, closed", "other", "order.rejected"},
    {"out, closed", "cancel", "order.cancel_rejected"},
    {"out, closed", "republish", "order.cancelled"},
    {"out, closed", "out", "order.cancelled"},
    {"cancelled, then placed, closed", "place", "order.created order.cancelled"},
    {"cancelled, then placed, closed", "other", "order.rejected"},
    {"cancelled, then placed, closed", "cancel", "order.cancelled"},
    {"cancelled, then placed, closed", "republish", "order.cancelled"},
    {NULL, NULL, NULL}};
/* clang-format on */

static const struct subject subject = {
    &order_table, order_decide, order_emits, &rules, sizeof(struct order_row),
    words,        histories,    moves,       sayings};

START_TEST(every_cell_of_the_matrix_does_what_the_design_says)
{
    matrix_check(&subject);
}
END_TEST

START_TEST(the_decision_never_changes)
{
    for (const struct history *history = histories; history->name != NULL; history++) {
        struct saga *row = row_with(&subject, history->words);
        int decision = row->state;

        for (const struct word *word = words;
             decision >= ORDER_STATE_CONFIRMED && word->name != NULL; word++) {
            tell(&subject, row, word->name);
            ck_assert_int_eq(row->state, decision);
        }
        free(row);
    }
}
END_TEST

START_TEST(the_first_failure_is_the_reason)
{
    struct order_row *row =
        (struct order_row *)(void *)row_with(&subject, "out unpaid place cancel");

    ck_assert_str_eq(row->reason, "inventory.failed");
    ck_assert_str_eq(row->detail, "a");
    ck_assert_int_eq(row->saga.state, ORDER_STATE_CANCELLED);
    free(row);
}
END_TEST

START_TEST(a_time_out_counts_only_while_the_decision_is_waited_for)
{
    struct saga *row = row_with(&subject, "timeout");

    ck_assert_uint_eq(row->facts, 0);
    tell(&subject, row, "place");
    ck_assert_int_eq(row->state, ORDER_STATE_PENDING);
    free(row);
    row = row_with(&subject, "place paid reserved timeout");
    ck_assert_uint_eq(row->facts & FACT(ORDER_TIMEOUT), 0);
    free(row);
}
END_TEST

START_TEST(a_payment_or_refund_of_another_amount_is_set_aside_with_the_reason)
{
    const struct input one = {.on = FACT(PAYMENT_COMPLETED), .message = &forged},
                       other = {.on = FACT(PAYMENT_REFUNDED), .message = &little},
                       right = {.on = FACT(PAYMENT_REFUNDED), .message = &refunded};
    struct saga *row = row_with(&subject, "place cancel");
    struct error why;

    ck_assert(order_contradicts(row, &one, &why));
    ck_assert_str_eq(
        why.message,
        "payment.completed is over 1 USD, its order over 250 GBP: it is no payment of this order");
    ck_assert(order_contradicts(row, &other, &why));
    ck_assert(!order_contradicts(row, &right, &why));
    free(row);
}
END_TEST

START_TEST(a_closed_order_is_placed_again_and_emits_what_it_emitted)
{
    struct order_row *row =
        (struct order_row *)(void *)row_with(&subject, "place paid reserved mailed");
    const struct order_row before = *row;

    ck_assert(order_closed(row->saga.state, row->saga.facts));
    row->saga.changed = false;
    tell(&subject, &row->saga, "place");
    ck_assert(!row->saga.changed);
    ck_assert_int_eq(row->placed_us, before.placed_us);
    ck_assert_str_eq(answers_to(&subject, &row->saga, "place"), "order.created order.confirmed");
    free(row);
}
END_TEST

START_TEST(an_order_keeps_the_flow_and_the_deadline_it_was_placed_with)
{
    struct order_rules later = {&flows[2], 1, 1};
    struct order_row *row = (struct order_row *)(void *)row_with(&subject, "place");

    order_decide(&later, &row->saga, &words[0].input);
    ck_assert_str_eq(row->saga.flow, "pay-first");
    ck_assert_int_eq(row->deadline_us, 1000000 + 900000000);
    ck_assert_int_eq(row->amount_minor, 250);
    free(row);
}
END_TEST

START_TEST(an_open_order_is_due_and_a_closed_one_is_not)
{
    struct saga *row = row_with(&subject, "place");

    ck_assert_int_eq(row->next_due_us, 1000000 + 30000000);
    tell(&subject, row, "republish");
    ck_assert_int_gt(row->next_due_us, 5000000 + 30000000 - 1);
    tell(&subject, row, "paid");
    tell(&subject, row, "reserved");
    ck_assert_int_ne(row->next_due_us, 0);
    tell(&subject, row, "mailed");
    ck_assert_int_eq(row->next_due_us, 0);
    free(row);
}
END_TEST

START_TEST(a_fact_that_is_known_changes_nothing)
{
    for (const struct history *history = histories; history->name != NULL; history++) {
        struct saga *row = row_with(&subject, history->words);
        const char *last = strrchr(history->words, ' ');

        row->changed = false;
        if (*history->words != '\0')
            tell(&subject, row, last != NULL ? last + 1 : history->words);
        ck_assert_msg(!row->changed || strstr(history->words, "timeout") != NULL, "%s",
                      history->name);
        free(row);
    }
}
END_TEST

Suite *order_suite(void)
{
    Suite *suite = suite_create("order decides");
    TCase *cases = tcase_create("order");

    tcase_add_test(cases, every_cell_of_the_matrix_does_what_the_design_says);
    tcase_add_test(cases, the_decision_never_changes);
    tcase_add_test(cases, the_first_failure_is_the_reason);
    tcase_add_test(cases, a_time_out_counts_only_while_the_decision_is_waited_for);
    tcase_add_test(cases, a_payment_or_refund_of_another_amount_is_set_aside_with_the_reason);
    tcase_add_test(cases, a_closed_order_is_placed_again_and_emits_what_it_emitted);
    tcase_add_test(cases, an_order_keeps_the_flow_and_the_deadline_it_was_placed_with);
    tcase_add_test(cases, an_open_order_is_due_and_a_closed_one_is_not);
    tcase_add_test(cases, a_fact_that_is_known_changes_nothing);
    suite_add_tcase(suite, cases);
    return suite;
}
