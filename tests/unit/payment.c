#include <stdio.h>
#include <stdlib.h>

#include "services/payment/decide.h"
#include "tests/unit/matrix.h"
#include "tests/unit/suites.h"

static const struct message created = {.type = ORDER_CREATED,
                                       .envelope = {.flow = "pay-first"},
                                       .order_created = {.order_id = "o-1",
                                                         .flow = "pay-first",
                                                         .currency = "GBP",
                                                         .amount_minor = 250,
                                                         .payment_method = "pm"}};
static const struct message created_rf = {.type = ORDER_CREATED,
                                          .envelope = {.flow = "reserve-first"},
                                          .order_created = {.order_id = "o-1",
                                                            .flow = "reserve-first",
                                                            .currency = "GBP",
                                                            .amount_minor = 250,
                                                            .payment_method = "pm"}};
static const struct message created_free = {.type = ORDER_CREATED,
                                            .envelope = {.flow = "pay-first"},
                                            .order_created = {.order_id = "o-1",
                                                              .flow = "pay-first",
                                                              .currency = "GBP",
                                                              .amount_minor = 0,
                                                              .payment_method = "pm"}};
static const struct message reserved = {
    .type = INVENTORY_RESERVED, .envelope = {.flow = "reserve-first"}, .outcome = {"o-1", NULL}};
static const struct message cancelled = {
    .type = ORDER_CANCELLED, .order_cancelled = {"o-1", "order.cancel", NULL, 250, "GBP"}};
static const struct message retry = {.type = PAYMENT_RETRY, .outcome = {"o-1", NULL}};
static const struct message republish = {.type = PAYMENT_REPUBLISH, .outcome = {"o-1", NULL}};
static const struct payment_result with_id = {.payment_id = "p-1"},
                                   declined_for = {.reason = "card_declined"},
                                   none = {.payment_id = NULL},
                                   refused_for = {.payment_id = "p-1", .reason = "account_closed"},
                                   prepared_as = {.provider_ref = "pi-1"},
                                   unavailable_for = {.retry_after_us = 30000000};

static const struct payment_rules rules = {100000, 1000000};

/* clang-format off */
#define CONSUMED(name, type) {#name, {.on = FACT(type), .message = &(name), .now_us = 7000000}}

static const struct word words[] = {
    CONSUMED(created, ORDER_CREATED), CONSUMED(created_rf, ORDER_CREATED), CONSUMED(created_free, ORDER_CREATED), CONSUMED(reserved, INVENTORY_RESERVED),
    CONSUMED(cancelled, ORDER_CANCELLED), CONSUMED(retry, PAYMENT_RETRY), CONSUMED(republish, PAYMENT_REPUBLISH),
    {"charged", {.on = PAYMENT_CHARGED, .result = &with_id, .now_us = 8000000}},
    {"declined", {.on = PAYMENT_DECLINED, .result = &declined_for, .now_us = 8000000}},
    {"silent", {.on = PAYMENT_UNANSWERED, .result = &none, .now_us = 8000000}},
    {"unavailable", {.on = PAYMENT_UNAVAILABLE, .result = &unavailable_for, .now_us = 8000000}},
    {"prepared", {.on = PAYMENT_PREPARED, .result = &prepared_as, .now_us = 8000000}},
    {"void", {.on = PAYMENT_SETTLED_VOID, .result = &none, .now_us = 9000000}},
    {"refund", {.on = PAYMENT_SETTLED_REFUND, .result = &with_id, .now_us = 9000000}},
    {"refused", {.on = PAYMENT_SETTLE_REFUSED, .result = &refused_for, .now_us = 9000000}},
    {NULL, {0}}};

/* reserved is waited for by reserve-first only: rows of pay-first do not consume it. */
static const struct history histories[] = {
    {"new", "", "NEW"},
    {"half", "created_rf", "NEW"},
    {"charging", "created", "CHARGING"},
    {"silent", "created silent", "CHARGING"},
    {"prepared", "created prepared", "CHARGING"},
    {"unavailable", "created unavailable", "CHARGING"},
    {"completed", "created charged", "COMPLETED"},
    {"free", "created_free", "COMPLETED"},
    {"free, cancelled", "created_free cancelled", "REFUNDED"},
    {"failed", "created declined", "FAILED"},
    {"failed, cancelled", "created declined cancelled", "FAILED"},
    {"settling", "created cancelled", "SETTLING"},
    {"settlement", "created charged cancelled", "SETTLING"},
    {"refunded", "created charged cancelled refund", "REFUNDED"},
    {"found", "created cancelled refund", "REFUNDED"},
    {"cancellation marker", "cancelled", "VOID"},
    {"void", "created cancelled void", "VOID"},
    {"refused", "created charged cancelled refused", "REFUND_FAILED"},
    {"late", "created silent charged", "COMPLETED"},
    {"late, failed", "created silent declined", "FAILED"},
    {"late, refunded", "created silent charged cancelled refund", "REFUNDED"},
    {"late, void", "created silent cancelled void", "VOID"},
    {"late, refused", "created silent charged cancelled refused", "REFUND_FAILED"},
    {"settled late", "created cancelled silent retry void", "VOID"},
    {"refused, refunded", "created charged cancelled refused retry refund", "REFUNDED"},
    {"refused, void", "created cancelled refused retry void", "VOID"},
    {NULL, NULL, NULL}};

static const struct move moves[] = {
    {"new", "created", "CHARGING", "charge"},
    {"new", "created_free", "COMPLETED", ""},
    {"free", "cancelled", "REFUNDED", ""},
    {"new", "cancelled", "VOID", ""},
    {"half", "reserved", "CHARGING", "charge"},
    {"half", "cancelled", "VOID", ""},
    {"charging", "created", "CHARGING", "charge"},
    {"charging", "created_rf", "CHARGING", "charge"},
    {"charging", "cancelled", "SETTLING", "settle"},
    {"charging", "retry", "CHARGING", "charge"},
    {"charging", "republish", "CHARGING", "charge"},
    {"charging", "charged", "COMPLETED", ""},
    {"charging", "declined", "FAILED", ""},
    {"charging", "silent", "CHARGING", ""},
    {"silent", "created", "CHARGING", "charge"},
    {"silent", "created_rf", "CHARGING", "charge"},
    {"silent", "cancelled", "SETTLING", "settle"},
    {"silent", "retry", "CHARGING", "charge"},
    {"silent", "republish", "CHARGING", "charge"},
    {"silent", "charged", "COMPLETED", ""},
    {"silent", "declined", "FAILED", ""},
    {"silent", "silent", "CHARGING", ""},
#define CHARGE_UNDER_WAY(history) \
    {history, "created", "CHARGING", "charge"}, {history, "created_rf", "CHARGING", "charge"}, {history, "cancelled", "SETTLING", "settle"}, \
    {history, "retry", "CHARGING", "charge"}, {history, "republish", "CHARGING", "charge"}, {history, "charged", "COMPLETED", ""}, \
    {history, "declined", "FAILED", ""}, {history, "silent", "CHARGING", ""}
    CHARGE_UNDER_WAY("prepared"),
    CHARGE_UNDER_WAY("unavailable"),
    {"charging", "prepared", "CHARGING", "charge"},
    {"charging", "unavailable", "CHARGING", ""},
    {"silent", "prepared", "CHARGING", "charge"},
    {"silent", "unavailable", "CHARGING", ""},
    {"prepared", "prepared", "CHARGING", "charge"},
    {"prepared", "unavailable", "CHARGING", ""},
    {"unavailable", "prepared", "CHARGING", "charge"},
    {"unavailable", "unavailable", "CHARGING", ""},
    {"completed", "cancelled", "SETTLING", "settle"},
    {"failed", "charged", "SETTLING", "settle"},
    {"failed, cancelled", "charged", "SETTLING", "settle"},
    {"cancellation marker", "charged", "SETTLING", "settle"},
    {"void", "charged", "SETTLING", "settle"},
    {"refused", "retry", "SETTLING", "settle"},
    {"refused", "republish", "SETTLING", "settle"},
    {"late", "cancelled", "SETTLING", "settle"},
    {"late, failed", "charged", "SETTLING", "settle"},
    {"late, void", "charged", "SETTLING", "settle"},
    {"late, refused", "retry", "SETTLING", "settle"},
    {"late, refused", "republish", "SETTLING", "settle"},
    {"settled late", "charged", "SETTLING", "settle"},
    {"refused, void", "charged", "SETTLING", "settle"},
#define SETTLEMENT(history) \
    {history, "created", "SETTLING", "settle"}, {history, "created_rf", "SETTLING", "settle"}, {history, "cancelled", "SETTLING", "settle"}, \
    {history, "retry", "SETTLING", "settle"}, {history, "republish", "SETTLING", "settle"}, {history, "charged", "SETTLING", "settle"}, \
    {history, "declined", "SETTLING", "settle"}, {history, "prepared", "SETTLING", "settle"}, \
    {history, "unavailable", "SETTLING", ""}, {history, "silent", "SETTLING", ""}, {history, "void", "VOID", ""}, \
    {history, "refund", "REFUNDED", ""}, {history, "refused", "REFUND_FAILED", ""}
    SETTLEMENT("settling"),
    SETTLEMENT("settlement"),
    {NULL, NULL, NULL, NULL}};

static const struct saying sayings[] = {
    {"new", "created_free", "payment.completed"},
    {"free", "created_free", "payment.completed"},
    {"free", "retry", "payment.completed"},
    {"free", "republish", "payment.completed"},
    {"free", "cancelled", "payment.refunded"},
    {"free, cancelled", "created_free", "payment.completed payment.refunded"},
    {"free, cancelled", "cancelled", "payment.refunded"},
    {"free, cancelled", "retry", "payment.completed payment.refunded"},
    {"free, cancelled", "republish", "payment.completed payment.refunded"},
    {"new", "cancelled", "payment.voided"},
    {"half", "cancelled", "payment.voided"},
    {"silent", "created", "payment.pending"},
    {"silent", "created_rf", "payment.pending"},
    {"silent", "retry", "payment.pending"},
    {"silent", "republish", "payment.pending"},
    {"unavailable", "created", "payment.pending"},
    {"unavailable", "created_rf", "payment.pending"},
    {"unavailable", "retry", "payment.pending"},
    {"unavailable", "republish", "payment.pending"},
    {"completed", "created", "payment.completed"},
    {"completed", "created_rf", "payment.completed"},
    {"completed", "retry", "payment.completed"},
    {"completed", "republish", "payment.completed"},
    {"failed", "created", "payment.failed"},
    {"failed", "created_rf", "payment.failed"},
    {"failed", "retry", "payment.failed"},
    {"failed", "republish", "payment.failed"},
    {"failed", "cancelled", "payment.voided"},
    {"failed, cancelled", "created", "payment.failed payment.voided"},
    {"failed, cancelled", "created_rf", "payment.failed payment.voided"},
    {"failed, cancelled", "retry", "payment.failed payment.voided"},
    {"failed, cancelled", "republish", "payment.failed payment.voided"},
    {"failed, cancelled", "cancelled", "payment.voided"},
    {"cancellation marker", "created", "payment.voided"},
    {"cancellation marker", "created_rf", "payment.voided"},
    {"cancellation marker", "created_free", "payment.voided"},
    {"cancellation marker", "reserved", "payment.voided"},
    {"cancellation marker", "cancelled", "payment.voided"},
    {"cancellation marker", "retry", "payment.voided"},
    {"cancellation marker", "republish", "payment.voided"},
    {"void", "created", "payment.voided"},
    {"void", "created_rf", "payment.voided"},
    {"void", "cancelled", "payment.voided"},
    {"void", "retry", "payment.voided"},
    {"void", "republish", "payment.voided"},
#define BACK(history) \
    {history, "created", "payment.completed payment.refunded"}, {history, "created_rf", "payment.completed payment.refunded"}, \
    {history, "cancelled", "payment.refunded"}, {history, "retry", "payment.completed payment.refunded"}, {history, "republish", "payment.completed payment.refunded"}
    BACK("refunded"),
    {"found", "created", "payment.refunded"},
    {"found", "created_rf", "payment.refunded"},
    {"found", "cancelled", "payment.refunded"}, /* it was never COMPLETED: that it was charged was emitted to nobody, and will not be */
    {"found", "retry", "payment.refunded"},
    {"found", "republish", "payment.refunded"},
    {"refused", "created", "payment.completed payment.refund_failed"},
    {"refused", "created_rf", "payment.completed payment.refund_failed"},
    {"refused", "cancelled", "payment.refund_failed"},
    {"settlement", "created", "payment.completed"},
    {"settlement", "created_rf", "payment.completed"},
    {"settlement", "retry", "payment.completed"},
    {"settlement", "republish", "payment.completed"},
    {"refused", "retry", "payment.completed"},
    {"refused", "republish", "payment.completed"},
    {"late, refused", "retry", "payment.completed payment.pending"},
    {"late, refused", "republish", "payment.completed payment.pending"},
/* that the provider was silent or refused is emitted again whatever came of it in the end */
#define ALWAYS(history, charge, compensation) \
    {history, "created", charge compensation}, {history, "created_rf", charge compensation}, {history, "cancelled", compensation}, \
    {history, "retry", charge compensation}, {history, "republish", charge compensation}
    {"late", "created", "payment.completed payment.pending"},
    {"late", "created_rf", "payment.completed payment.pending"},
    {"late", "retry", "payment.completed payment.pending"},
    {"late", "republish", "payment.completed payment.pending"},
    {"late, failed", "created", "payment.failed payment.pending"},
    {"late, failed", "created_rf", "payment.failed payment.pending"},
    {"late, failed", "retry", "payment.failed payment.pending"},
    {"late, failed", "republish", "payment.failed payment.pending"},
    {"late, failed", "cancelled", "payment.voided"},
    ALWAYS("late, refunded", "payment.completed payment.pending ", "payment.refunded"),
    ALWAYS("late, void", "payment.pending ", "payment.voided"),
    {"late, refused", "created", "payment.completed payment.pending payment.refund_failed"},
    {"late, refused", "created_rf", "payment.completed payment.pending payment.refund_failed"},
    {"late, refused", "cancelled", "payment.refund_failed"},
    ALWAYS("settled late", "", "payment.voided"), /* it was not the charge that was late */
    ALWAYS("refused, refunded", "payment.completed ", "payment.refunded payment.refund_failed"),
    ALWAYS("refused, void", "", "payment.voided payment.refund_failed"),
    {NULL, NULL, NULL}};
/* clang-format on */

static const struct subject subject = {
    &payment_table, payment_decide, payment_emits, &rules, sizeof(struct payment_row),
    words,          histories,      moves,         sayings};

START_TEST(every_cell_of_the_matrix_does_what_the_design_says)
{
    matrix_check(&subject);
}
END_TEST

START_TEST(a_charge_is_on_record_before_it_is_made)
{
    struct saga *row = row_with(&subject, "");
    const struct transition *transition = tell(&subject, row, "created");

    ck_assert_int_eq(transition->effect, PAYMENT_EFFECT_CHARGE);
    ck_assert_int_eq(row->state, PAYMENT_STATE_CHARGING);
    ck_assert(row->changed);
    /* the message comes again when nobody lives to consume the answer */
    ck_assert_int_eq(row->next_due_us, 0);
    free(row);
}
END_TEST

START_TEST(a_silent_provider_is_asked_again_later_each_time)
{
    struct saga *row = row_with(&subject, "created");
    int64_t first_us, second_us;

    tell(&subject, row, "silent");
    first_us = row->next_due_us - 8000000;
    tell(&subject, row, "retry");
    ck_assert_int_ge(row->next_due_us, 7000000 + rules.timeout_us);
    ck_assert_int_le(row->next_due_us, 7000000 + rules.timeout_us + 2 * rules.retry_us);
    tell(&subject, row, "silent");
    second_us = row->next_due_us - 8000000;
    ck_assert(first_us > 0 && first_us <= 2 * rules.retry_us);
    ck_assert(second_us > 0 && second_us <= 4 * rules.retry_us);
    tell(&subject, row, "charged");
    ck_assert_int_eq(row->next_due_us, 0);
    free(row);
}
END_TEST

/* Full jitter: what failed together comes back at any time until the longest wait is over. */
START_TEST(what_failed_together_does_not_come_back_together)
{
    enum { ORDERS = 400, PARTS = 4 };

    int counts[PARTS] = {0};
    char id[16];

    for (int i = 0; i < ORDERS; i++) {
        const struct saga saga = {.order_id = id, .attempts = 3};

        snprintf(id, sizeof id, "order-%d", i);
        ck_assert_int_lt(saga_backoff_us(&saga, 1000000), 8000000);
        counts[saga_backoff_us(&saga, 1000000) / (8000000 / PARTS)]++;
    }
    for (int part = 0; part < PARTS; part++)
        ck_assert_int_gt(counts[part], ORDERS / PARTS / 2);
}
END_TEST

/* Gives everything that the row has got so far a value that no word brings. */
static void first_marked(struct payment_row *row)
{
    int64_t *const times[] = {&row->decided_us, &row->settled_us, &row->refused_us,
                              &row->pending_us};
    const char **const texts[] = {&row->payment_id, &row->reason, &row->refusal,
                                  &row->provider_ref};

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        *times[i] = *times[i] == 0 ? 0 : 1;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = *texts[i] == NULL ? NULL : "first";
}

/* Whatever is told to the row, a time, an id, a reason that it has stays as it is. */
static void check_lasting(const char *history)
{
    for (const struct word *word = words; word->name != NULL; word++)
        for (const struct word *second = words; second->name != NULL; second++) {
            struct payment_row *row = (struct payment_row *)(void *)row_with(&subject, history);
            struct payment_row before;

            first_marked(row);
            before = *row;
            tell(&subject, &row->saga, word->name);
            tell(&subject, &row->saga, second->name);
            ck_assert_msg(before.decided_us == 0 || row->decided_us == before.decided_us,
                          "%s %s %s: decided_us", history, word->name, second->name);
            ck_assert_msg(before.settled_us == 0 || row->settled_us == before.settled_us,
                          "%s %s %s: settled_us", history, word->name, second->name);
            ck_assert_msg(before.refused_us == 0 || row->refused_us == before.refused_us,
                          "%s %s %s: refused_us", history, word->name, second->name);
            ck_assert_msg(before.pending_us == 0 || row->pending_us == before.pending_us,
                          "%s %s %s: pending_us", history, word->name, second->name);
            ck_assert_msg(before.payment_id == NULL || row->payment_id == before.payment_id,
                          "%s %s %s: payment_id", history, word->name, second->name);
            ck_assert_msg(before.reason == NULL || row->reason == before.reason, "%s %s %s: reason",
                          history, word->name, second->name);
            ck_assert_msg(before.refusal == NULL || row->refusal == before.refusal,
                          "%s %s %s: refusal", history, word->name, second->name);
            ck_assert_msg(before.provider_ref == NULL || row->provider_ref == before.provider_ref,
                          "%s %s %s: provider_ref", history, word->name, second->name);
            free(row);
        }
}

START_TEST(the_id_of_a_prepared_charge_is_on_record_before_it_is_made)
{
    struct payment_row *row = (struct payment_row *)(void *)row_with(&subject, "created prepared");

    ck_assert_str_eq(row->provider_ref, "pi-1");
    ck_assert_int_eq(row->saga.next_due_us, 0);
    free(row);
    row = (struct payment_row *)(void *)row_with(&subject, "created cancelled prepared");
    ck_assert_str_eq(row->provider_ref, "pi-1");
    free(row);
}
END_TEST

START_TEST(nobody_is_asked_again_before_the_time_that_was_told)
{
    struct saga *row = row_with(&subject, "created unavailable unavailable");

    ck_assert_int_ge(row->next_due_us, 8000000 + unavailable_for.retry_after_us);
    ck_assert_int_le(row->next_due_us,
                     8000000 + unavailable_for.retry_after_us + 2 * rules.retry_us);
    ck_assert_int_eq(row->attempts, 0);
    free(row);
}
END_TEST

/* A provider that says so, or cannot be reached, is asked less and less often; a try that was not
 * made costs no longer wait than the first. */
START_TEST(only_a_try_that_was_made_counts_as_one)
{
    const struct payment_result told_so = {.was_asked = true};
    const struct input refused = {.on = PAYMENT_UNAVAILABLE, .result = &told_so, .now_us = 9000000};
    struct saga *row = row_with(&subject, "created");

    for (int i = 1; i <= 12; i++) {
        payment_decide(&rules, row, &refused);
        ck_assert_int_eq(row->attempts, i);
    }
    payment_decide(
        &rules, row,
        &(struct input){.on = PAYMENT_UNAVAILABLE, .result = &unavailable_for, .now_us = 9000000});
    ck_assert_int_eq(row->attempts, 12);
    ck_assert_int_ge(row->next_due_us, 9000000 + unavailable_for.retry_after_us + rules.retry_us);
    ck_assert_int_le(row->next_due_us,
                     9000000 + unavailable_for.retry_after_us + 2 * rules.retry_us);
    free(row);
}
END_TEST

START_TEST(what_payment_pending_says_first_stays)
{
    struct saga *row = row_with(&subject, "created silent unavailable");

    ck_assert_int_eq(row->facts & PAYMENT_UNAVAILABLE, 0);
    free(row);
    row = row_with(&subject, "created unavailable silent");
    ck_assert_int_ne(row->facts & PAYMENT_UNAVAILABLE, 0);
    free(row);
}
END_TEST

START_TEST(the_first_outcome_counts_whatever_comes_again)
{
    for (const struct history *history = histories; history->name != NULL; history++)
        check_lasting(history->words);
}
END_TEST

START_TEST(a_charge_that_was_never_told_is_not_told_behind_its_refund)
{
    struct saga *row = row_with(&subject, "created cancelled charged refund");

    ck_assert_str_eq(answers_to(&subject, row, "cancelled"), "payment.refunded");
    ck_assert_str_eq(answers_to(&subject, row, "republish"), "payment.refunded");
    free(row);
    row = row_with(&subject, "created declined charged refund");
    ck_assert_str_eq(answers_to(&subject, row, "republish"), "");
    free(row);
}
END_TEST

START_TEST(an_order_over_nothing_is_paid_without_a_provider)
{
    struct payment_row *one = (struct payment_row *)(void *)row_with(&subject, "created_free"),
                       *other = (struct payment_row *)(void *)row_with(&subject,
                                                                       "created_free created_free");

    ck_assert_int_eq(one->decided_us, 7000000);
    ck_assert_str_eq(one->payment_id, other->payment_id);
    ck_assert_str_eq(one->payment_id, "dfe458ce-0278-5022-a18f-1d3f3d571024");
    free(one);
    free(other);
}
END_TEST

START_TEST(an_order_of_another_amount_than_the_first_is_set_aside)
{
    const struct input dear = {.on = FACT(ORDER_CREATED), .message = &created},
                       same = {.on = FACT(ORDER_CREATED), .message = &created_free};
    struct saga *row = row_with(&subject, "created_free");
    struct error why;

    ck_assert(payment_contradicts(row, &dear, &why));
    ck_assert_str_eq(why.message,
                     "order.created is over 250 GBP by pm, before it was over 0 GBP by pm");
    ck_assert(!payment_contradicts(row, &same, &why));
    free(row);
}
END_TEST

START_TEST(the_flow_of_the_order_says_what_is_waited_for)
{
    ck_assert(!payment_waits_for(flow_find("pay-first"), INVENTORY_RESERVED));
    ck_assert(payment_waits_for(flow_find("reserve-first"), INVENTORY_RESERVED));
    ck_assert(!payment_waits_for(flow_find("parallel"), INVENTORY_RESERVED));
    for (int i = 0; i < FLOWS; i++) {
        ck_assert(payment_waits_for(&flows[i], ORDER_CREATED));
        ck_assert(payment_waits_for(&flows[i], ORDER_CANCELLED));
    }
}
END_TEST

START_TEST(facts_may_come_in_any_order)
{
    struct saga *row = row_with(&subject, "reserved");

    ck_assert_int_eq(row->state, PAYMENT_STATE_NEW);
    ck_assert_int_eq(tell(&subject, row, "created_rf")->effect, PAYMENT_EFFECT_CHARGE);
    free(row);
}
END_TEST

Suite *payment_suite(void)
{
    Suite *suite = suite_create("payment decides");
    TCase *cases = tcase_create("payment");

    tcase_add_test(cases, every_cell_of_the_matrix_does_what_the_design_says);
    tcase_add_test(cases, a_charge_is_on_record_before_it_is_made);
    tcase_add_test(cases, a_silent_provider_is_asked_again_later_each_time);
    tcase_add_test(cases, the_id_of_a_prepared_charge_is_on_record_before_it_is_made);
    tcase_add_test(cases, nobody_is_asked_again_before_the_time_that_was_told);
    tcase_add_test(cases, what_failed_together_does_not_come_back_together);
    tcase_add_test(cases, only_a_try_that_was_made_counts_as_one);
    tcase_add_test(cases, what_payment_pending_says_first_stays);
    tcase_add_test(cases, the_first_outcome_counts_whatever_comes_again);
    tcase_add_test(cases, a_charge_that_was_never_told_is_not_told_behind_its_refund);
    tcase_add_test(cases, an_order_over_nothing_is_paid_without_a_provider);
    tcase_add_test(cases, an_order_of_another_amount_than_the_first_is_set_aside);
    tcase_add_test(cases, the_flow_of_the_order_says_what_is_waited_for);
    tcase_add_test(cases, facts_may_come_in_any_order);
    suite_add_tcase(suite, cases);
    return suite;
}
