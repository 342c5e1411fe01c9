#include <stdlib.h>

#include "services/email/decide.h"
#include "tests/unit/matrix.h"
#include "tests/unit/suites.h"

static const struct message created = {.type = ORDER_CREATED,
                                       .order_created = {.order_id = "o-1", .flow = "pay-first"}};
static const struct message confirmed = {.type = ORDER_CONFIRMED,
                                         .order_confirmed = {"o-1", 200, "GBP"}};
static const struct message cancelled = {
    .type = ORDER_CANCELLED, .order_cancelled = {"o-1", "order.cancel", NULL, 200, "GBP"}};
static const struct message retry = {.type = EMAIL_RETRY, .outcome = {"o-1", NULL}};
static const struct message republish = {.type = EMAIL_REPUBLISH, .outcome = {"o-1", NULL}};
static const struct email_result fine = {.reason = NULL}, no = {.reason = "no such box"},
                                 later = {.retry_after_us = 30000000};

static const struct email_rules rules = {5000000};

/* clang-format off */
#define CONSUMED(name, type) {#name, {.on = FACT(type), .message = &(name), .now_us = 7000000}}

static const struct word words[] = {
    CONSUMED(created, ORDER_CREATED), CONSUMED(confirmed, ORDER_CONFIRMED), CONSUMED(cancelled, ORDER_CANCELLED),
    CONSUMED(retry, EMAIL_RETRY), CONSUMED(republish, EMAIL_REPUBLISH),
    {"accepted", {.on = EMAIL_ACCEPTED, .result = &fine, .now_us = 8000000}},
    {"refused", {.on = EMAIL_REFUSED, .result = &no, .now_us = 8000000}},
    {"unaddressed", {.on = EMAIL_UNADDRESSED, .result = &fine, .now_us = 8000000}},
    {"silent", {.on = EMAIL_UNANSWERED, .result = &fine, .now_us = 8000000}},
    {"unavailable", {.on = EMAIL_UNAVAILABLE, .result = &later, .now_us = 8000000}},
    {NULL, {0}}};

static const struct history histories[] = {
    {"new", "", "NEW"},
    {"created", "created", "NEW"},
    {"confirmed early", "confirmed", "NEW"},
    {"cancelled early", "cancelled", "NEW"},
    {"sending", "created confirmed", "SENDING"},
    {"sending no", "created cancelled", "SENDING"},
    {"sent", "created confirmed accepted", "SENT"},
    {"failed", "created confirmed refused", "FAILED"},
    {"no address", "created confirmed unaddressed", "SENT"},
    {NULL, NULL, NULL}};

static const struct move moves[] = {
    {"created", "confirmed", "SENDING", "send"},
    {"created", "cancelled", "SENDING", "send"},
    {"confirmed early", "created", "SENDING", "send"},
    {"cancelled early", "created", "SENDING", "send"},
#define SENDING(history, decision) \
    {history, "created", "SENDING", "send"}, {history, decision, "SENDING", "send"}, \
    {history, "retry", "SENDING", "send"}, {history, "republish", "SENDING", "send"}, {history, "accepted", "SENT", ""}, \
    {history, "refused", "FAILED", ""}, {history, "silent", "SENDING", ""}, \
    {history, "unaddressed", "SENT", ""}, {history, "unavailable", "SENDING", ""}
    SENDING("sending", "confirmed"),
    SENDING("sending no", "cancelled"),
    {NULL, NULL, NULL, NULL}};

static const struct saying sayings[] = {
#define ALWAYS(history, type) \
    {history, "created", type}, {history, "confirmed", type}, {history, "retry", type}, {history, "republish", type}
    ALWAYS("sent", "email.sent"),
    ALWAYS("failed", "email.failed"),
    ALWAYS("no address", "email.sent"),
    {NULL, NULL, NULL}};
/* clang-format on */

static const struct subject subject = {
    &email_table, email_decide, email_emits, &rules, sizeof(struct email_row),
    words,        histories,    moves,       sayings};

START_TEST(a_mail_that_nobody_was_asked_for_waits_until_somebody_may_be)
{
    struct saga *row = row_with(&subject, "created confirmed unavailable");

    ck_assert_int_eq(row->attempts, 0);
    ck_assert_int_ge(row->next_due_us, 8000000 + later.retry_after_us);
    ck_assert_int_le(row->next_due_us, 8000000 + later.retry_after_us + 2 * rules.retry_us);
    free(row);
}
END_TEST

START_TEST(only_a_try_that_was_made_counts_as_one)
{
    const struct email_result told_so = {.was_asked = true};
    const struct input refused = {.on = EMAIL_UNAVAILABLE, .result = &told_so, .now_us = 9000000};
    struct saga *row = row_with(&subject, "created confirmed");

    for (int i = 1; i <= 12; i++) {
        email_decide(&rules, row, &refused);
        ck_assert_int_eq(row->attempts, i);
    }
    email_decide(&rules, row,
                 &(struct input){.on = EMAIL_UNAVAILABLE, .result = &later, .now_us = 9000000});
    ck_assert_int_eq(row->attempts, 12);
    ck_assert_int_ge(row->next_due_us, 9000000 + later.retry_after_us + rules.retry_us);
    ck_assert_int_le(row->next_due_us, 9000000 + later.retry_after_us + 2 * rules.retry_us);
    free(row);
}
END_TEST

START_TEST(every_cell_of_the_matrix_does_what_the_design_says)
{
    matrix_check(&subject);
}
END_TEST

START_TEST(the_first_outcome_counts_whatever_another_instance_consumes)
{
    struct email_row *row =
        (struct email_row *)(void *)row_with(&subject, "created confirmed accepted");

    ck_assert_int_eq(row->decided_us, 8000000);
    row->decided_us = 1;
    for (const struct word *word = words; word->name != NULL; word++) {
        tell(&subject, &row->saga, word->name);
        ck_assert_msg(row->decided_us == 1 && row->refusal == NULL,
                      "%s changes when it was sent, or that it was", word->name);
        ck_assert_str_eq(email_kind(&row->saga), "confirmed");
    }
    free(row);
}
END_TEST

START_TEST(another_decision_than_the_first_is_set_aside_with_the_reason)
{
    const struct input other = {.on = FACT(ORDER_CANCELLED), .message = &cancelled},
                       same = {.on = FACT(ORDER_CONFIRMED), .message = &confirmed};
    struct saga *row = row_with(&subject, "created confirmed");
    struct error why;

    ck_assert(email_contradicts(row, &other, &why));
    ck_assert_str_eq(why.message, "order.cancelled of an order that is confirmed already");
    ck_assert(!email_contradicts(row, &same, &why));
    free(row);
}
END_TEST

START_TEST(a_mail_that_may_not_be_out_is_due)
{
    struct saga *row = row_with(&subject, "created confirmed");

    ck_assert_int_eq(row->next_due_us, 0); /* it is being sent */
    tell(&subject, row, "silent");
    ck_assert_int_gt(row->next_due_us, 8000000);
    ck_assert_int_le(row->next_due_us, 8000000 + 2 * rules.retry_us);
    tell(&subject, row, "retry");
    ck_assert_int_gt(row->next_due_us, 7000000);
    ck_assert_int_le(row->next_due_us, 7000000 + 2 * rules.retry_us);
    tell(&subject, row, "accepted");
    ck_assert_int_eq(row->next_due_us, 0);
    free(row);
}
END_TEST

Suite *email_suite(void)
{
    Suite *suite = suite_create("email decides");
    TCase *cases = tcase_create("email");

    tcase_add_test(cases, a_mail_that_nobody_was_asked_for_waits_until_somebody_may_be);
    tcase_add_test(cases, only_a_try_that_was_made_counts_as_one);
    tcase_add_test(cases, every_cell_of_the_matrix_does_what_the_design_says);
    tcase_add_test(cases, the_first_outcome_counts_whatever_another_instance_consumes);
    tcase_add_test(cases, another_decision_than_the_first_is_set_aside_with_the_reason);
    tcase_add_test(cases, a_mail_that_may_not_be_out_is_due);
    suite_add_tcase(suite, cases);
    return suite;
}
