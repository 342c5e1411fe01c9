#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "events/claim.h"

#include "services/inventory/decide.h"
#include "tests/unit/matrix.h"
#include "tests/unit/suites.h"

static struct line lines[] = {{"a", "A", 2, 100}};
static const struct message created = {.type = ORDER_CREATED,
                                       .order_created = {.order_id = "o-1",
                                                         .flow = "reserve-first",
                                                         .currency = "GBP",
                                                         .amount_minor = 200,
                                                         .lines = lines,
                                                         .line_count = 1}};
static const struct message created_pf = {.type = ORDER_CREATED,
                                          .order_created = {.order_id = "o-1",
                                                            .flow = "pay-first",
                                                            .currency = "GBP",
                                                            .amount_minor = 200,
                                                            .lines = lines,
                                                            .line_count = 1}};
static const struct message created_dear = {.type = ORDER_CREATED,
                                            .order_created = {.order_id = "o-1",
                                                              .flow = "pay-first",
                                                              .currency = "GBP",
                                                              .amount_minor = 900,
                                                              .lines = lines,
                                                              .line_count = 1}};
static const struct message paid = {.type = PAYMENT_COMPLETED,
                                    .envelope = {.flow = "pay-first"},
                                    .payment_made = {"o-1", "p", 200, "GBP"}};
static const struct message forged = {.type = PAYMENT_COMPLETED,
                                      .envelope = {.flow = "pay-first"},
                                      .payment_made = {"o-1", "x", 1, "USD"}};
static const struct message cancelled = {
    .type = ORDER_CANCELLED, .order_cancelled = {"o-1", "order.cancel", NULL, 200, "GBP"}};
static const struct message republish = {.type = INVENTORY_REPUBLISH, .outcome = {"o-1", NULL}};
static const struct inventory_result enough = {NULL, 0, 0}, too_little = {"a", 2, 1};

/* clang-format off */
#define CONSUMED(name, type) {#name, {.on = FACT(type), .message = &(name), .now_us = 7000000}}

static const struct word words[] = {
    CONSUMED(created, ORDER_CREATED), CONSUMED(created_pf, ORDER_CREATED), CONSUMED(created_dear, ORDER_CREATED), CONSUMED(paid, PAYMENT_COMPLETED), CONSUMED(forged, PAYMENT_COMPLETED),
    CONSUMED(cancelled, ORDER_CANCELLED), CONSUMED(republish, INVENTORY_REPUBLISH),
    {"taken", {.on = INVENTORY_TAKEN, .result = &enough, .now_us = 8000000}},
    {"short", {.on = INVENTORY_SHORT, .result = &too_little, .now_us = 8000000}},
    {NULL, {0}}};

static const struct history histories[] = {
    {"new", "", "NEW"},
    {"half", "created_pf", "NEW"},
    {"paid early", "paid", "NEW"},
    {"forged early", "forged", "NEW"},
    {"forged, then paid early", "forged paid", "NEW"},
    {"forged, then created", "forged created_pf", "NEW"},
    {"reserved", "created taken", "RESERVED"},
    {"failed", "created short", "FAILED"},
    {"failed, cancelled", "created short cancelled", "FAILED"},
    {"released", "created taken cancelled", "RELEASED"},
    {"cancellation marker", "cancelled", "VOID"},
    {NULL, NULL, NULL}};

/* An outcome comes only while the row asked for it, inside one transaction: "taken" and "short" move a NEW row only. */
static const struct move moves[] = {
    {"new", "created", "NEW", "reserve"},
    {"forged early", "cancelled", "VOID", ""},
    {"forged early", "taken", "RESERVED", ""},
    {"forged early", "short", "FAILED", ""},
    {"forged, then paid early", "created_pf", "NEW", "reserve"},
    {"forged, then paid early", "created", "NEW", "reserve"},
    {"forged, then paid early", "cancelled", "VOID", ""},
    {"forged, then paid early", "taken", "RESERVED", ""},
    {"forged, then paid early", "short", "FAILED", ""},
    {"forged, then created", "paid", "NEW", "reserve"},
    {"forged, then created", "cancelled", "VOID", ""},
    {"forged, then created", "taken", "RESERVED", ""},
    {"forged, then created", "short", "FAILED", ""},
    {"new", "cancelled", "VOID", ""},
    {"new", "taken", "RESERVED", ""},
    {"new", "short", "FAILED", ""},
    {"half", "paid", "NEW", "reserve"},
    {"half", "cancelled", "VOID", ""},
    {"half", "taken", "RESERVED", ""},
    {"half", "short", "FAILED", ""},
    {"paid early", "created_pf", "NEW", "reserve"},
    {"paid early", "created", "NEW", "reserve"},
    {"paid early", "cancelled", "VOID", ""},
    {"paid early", "taken", "RESERVED", ""},
    {"paid early", "short", "FAILED", ""},
    {"reserved", "cancelled", "RELEASED", "release"},
    {NULL, NULL, NULL, NULL}};

static const struct saying sayings[] = {
    {"new", "cancelled", "inventory.voided"},
    {"half", "cancelled", "inventory.voided"},
    {"forged early", "cancelled", "inventory.voided"},
    {"forged, then paid early", "cancelled", "inventory.voided"},
    {"forged, then created", "cancelled", "inventory.voided"},
    {"paid early", "cancelled", "inventory.voided"},
    {"reserved", "created", "inventory.reserved"},
    {"reserved", "created_pf", "inventory.reserved"},
    {"reserved", "republish", "inventory.reserved"},
    {"reserved", "cancelled", "inventory.released"},
    {"failed", "created", "inventory.failed"},
    {"failed", "created_pf", "inventory.failed"},
    {"failed", "republish", "inventory.failed"},
    {"failed", "cancelled", "inventory.voided"},
    {"failed, cancelled", "created", "inventory.failed"},
    {"failed, cancelled", "created_pf", "inventory.failed"},
    {"failed, cancelled", "republish", "inventory.failed inventory.voided"},
    {"failed, cancelled", "cancelled", "inventory.voided"},
    {"released", "created", "inventory.reserved"},
    {"released", "created_pf", "inventory.reserved"},
    {"released", "republish", "inventory.reserved inventory.released"},
    {"released", "cancelled", "inventory.released"},
    {"cancellation marker", "republish", "inventory.voided"},
    {"cancellation marker", "cancelled", "inventory.voided"},
    {NULL, NULL, NULL}};
/* clang-format on */

static const struct subject subject = {&inventory_table,
                                       inventory_decide,
                                       inventory_emits,
                                       NULL,
                                       sizeof(struct inventory_row),
                                       words,
                                       histories,
                                       moves,
                                       sayings};

START_TEST(every_cell_of_the_matrix_does_what_the_design_says)
{
    matrix_check(&subject);
}
END_TEST

START_TEST(facts_may_come_in_any_order)
{
    struct saga *row = row_with(&subject, "paid");

    ck_assert_int_eq(tell(&subject, row, "created_pf")->effect, INVENTORY_EFFECT_RESERVE);
    free(row);
}
END_TEST

static const struct input *input_named(const char *name)
{
    const struct word *word = words;

    while (strcmp(word->name, name) != 0)
        word++;
    return &word->input;
}

START_TEST(a_payment_of_another_amount_is_set_aside_with_the_reason)
{
    struct saga *row = row_with(&subject, "created_pf");
    struct error why;

    ck_assert(inventory_contradicts(row, input_named("forged"), &why));
    ck_assert_int_eq(why.status, STATUS_INVALID);
    ck_assert_str_eq(
        why.message,
        "payment.completed is over 1 USD, its order over 200 GBP: it is no payment of this order");
    ck_assert(!inventory_contradicts(row, input_named("paid"), &why));
    ck_assert(inventory_contradicts(row, input_named("created_dear"), &why));
    ck_assert_str_eq(why.message, "order.created is over 900 GBP, before it was over 200 GBP");
    free(row);
}
END_TEST

START_TEST(what_is_claimed_before_the_order_is_known_is_bounded)
{
    static char amounts[CLAIMS_MAX + 1];
    struct inventory_row row = {.saga = {.order_id = "o-1"}};
    struct arena *arena = arena_new();
    struct error why;

    for (int i = 0; i <= CLAIMS_MAX; i++) {
        const struct message message = {.type = PAYMENT_COMPLETED,
                                        .payment_made = {"o-1", "x", 1000 + i, "USD"}};
        const struct input input = {
            .on = FACT(PAYMENT_COMPLETED), .message = &message, .arena = arena};

        amounts[i] = inventory_contradicts(&row.saga, &input, &why) ? 'n' : 'y';
        inventory_decide(NULL, &row.saga, &input);
    }
    ck_assert_msg(memcmp(amounts, "yyyyyyyyn", sizeof amounts) == 0, "%.9s", amounts);
    ck_assert_ptr_nonnull(strstr(why.message, "8 other payments are claimed already"));
    arena_free(arena);
}
END_TEST

START_TEST(a_payment_is_no_fact_where_the_flow_does_not_wait_for_it)
{
    struct saga *row = row_with(&subject, "created taken");
    uint64_t facts = row->facts;

    ck_assert_ptr_null(tell(&subject, row, "paid"));
    ck_assert_uint_eq(row->facts, facts);
    ck_assert_str_eq(answers_to(&subject, row, "paid"), "");
    free(row);
}
END_TEST

Suite *inventory_suite(void)
{
    Suite *suite = suite_create("inventory decides");
    TCase *cases = tcase_create("inventory");

    tcase_add_test(cases, every_cell_of_the_matrix_does_what_the_design_says);
    tcase_add_test(cases, facts_may_come_in_any_order);
    tcase_add_test(cases, a_payment_of_another_amount_is_set_aside_with_the_reason);
    tcase_add_test(cases, what_is_claimed_before_the_order_is_known_is_bounded);
    tcase_add_test(cases, a_payment_is_no_fact_where_the_flow_does_not_wait_for_it);
    suite_add_tcase(suite, cases);
    return suite;
}
