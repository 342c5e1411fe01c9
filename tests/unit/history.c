/* What order histories are assembled of: repeats, contradictions, strangers, dead letters,
 * shares. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "events/identity.h"
#include "history/assemble.h"
#include "history/waiting_for.h"
#include "services/catalog.h"
#include "tests/unit/suites.h"

enum { HEADERS_MAX = 8 };

static struct order_histories *histories;
static int64_t offset;

static void begin(void)
{
    histories = histories_new();
    offset = 0;
}

static void end(void)
{
    histories_free(histories);
}

/* A message in that topic about order `order_id`, with the headers that `pairs` names, a NULL
 * last. */
static void take_with(const struct history_scope *scope, const char *topic, const char *order_id,
                      int64_t at_ms, const char *value, const char *const *pairs)
{
    struct header headers[HEADERS_MAX];
    struct incoming incoming = {.topic = topic,
                                .offset = offset++,
                                .timestamp_ms = at_ms,
                                .key = order_id,
                                .key_length = strlen(order_id),
                                .value = value,
                                .value_length = value == NULL ? 0 : strlen(value),
                                .headers = headers};

    for (; pairs[0] != NULL; pairs += 2)
        headers[incoming.header_count++] = (struct header){pairs[0], pairs[1], strlen(pairs[1])};
    histories_take(histories, scope, &incoming);
}

/* payment.completed as payment emits it, but for what differs. */
static void complete(const char *topic, const char *source, const char *id, int64_t at_ms,
                     int amount)
{
    char own[IDENTITY_SIZE], value[200];

    event_id("o-1", PAYMENT_COMPLETED, own);
    snprintf(value, sizeof value,
             "{\"order_id\":\"o-1\",\"payment_id\":\"p\",\"amount\":%d,\"currency\":\"GBP\"}",
             amount);
    take_with(&(struct history_scope){0}, topic, "o-1", at_ms, value,
              (const char *const[]){"ce_type", "payment.completed", "ce_source", source, "ce_id",
                                    id == NULL ? own : id, NULL});
}

static const struct order_history *the_history(void)
{
    const struct order_history *history = histories_find(histories, "o-1");

    ck_assert_ptr_nonnull(history);
    return history;
}

START_TEST(a_message_that_comes_again_is_one_record)
{
    complete("payments", "/quadrille/payment", NULL, 2, 100);
    complete("payments", "/quadrille/payment", NULL, 5, 100);
    ck_assert_uint_eq(histories_count(histories), 1);
    ck_assert_uint_eq(histories_messages(histories), 2);
    ck_assert_ptr_null(the_history()->records->next);
    ck_assert_int_eq(the_history()->records->repeats, 1);
    ck_assert_int_eq(the_history()->records->number, 100);
    ck_assert_int_eq(the_history()->first_ms, 2);
    ck_assert_int_eq(the_history()->last_ms, 5);
    ck_assert(the_history()->genuine == FACT(PAYMENT_COMPLETED));
}
END_TEST

/* Whichever is read first: partitions are not read in the order of time. */
START_TEST(of_two_that_differ_under_one_id_the_later_is_marked)
{
    complete("payments", "/quadrille/payment", NULL, _i == 0 ? 2 : 5, _i == 0 ? 100 : 101);
    complete("payments", "/quadrille/payment", NULL, _i == 0 ? 5 : 2, _i == 0 ? 101 : 100);
    for (const struct history_record *record = the_history()->records; record != NULL;
         record = record->next)
        ck_assert_int_eq(record->strange, record->number == 101 ? RECORD_CHANGED : 0);
    ck_assert_ptr_nonnull(the_history()->records->next);
}
END_TEST

START_TEST(a_strange_event_is_met_and_is_not_genuine)
{
    static const struct {
        const char *topic, *source, *id;
        int strange;
    } events[] = {
        {"payments", "/quadrille/payment", "another", RECORD_STRANGE_ID},
        {"payments", "/quadrille/order", NULL, RECORD_STRANGE_EMITTER},
        {"orders", "/quadrille/payment", NULL, RECORD_STRANGE_TOPIC},
        {"order.internal", "/quadrille/payment", NULL, 0}, /* a dead letter that was redriven */
    };

    complete(events[_i].topic, events[_i].source, events[_i].id, 2, 100);
    ck_assert_int_eq(the_history()->records->strange, events[_i].strange);
    ck_assert(the_history()->met == FACT(PAYMENT_COMPLETED));
    ck_assert(the_history()->genuine == (events[_i].strange == 0 ? FACT(PAYMENT_COMPLETED) : 0));
    ck_assert((record_find(the_history(), PAYMENT_COMPLETED) != NULL) == (events[_i].strange == 0));
}
END_TEST

START_TEST(an_event_about_another_order_than_its_key_is_astray)
{
    const char *const headers[] = {"ce_type", "order.confirmed", "ce_source", "/quadrille/order",
                                   NULL};
    const char *value = "{\"order_id\":\"o-1\",\"amount\":1,\"currency\":\"GBP\"}";
    const struct history_scope scope = {0};
    const struct astray *astray;
    size_t count;

    take_with(&scope, "orders", "o-1", 1, value, headers);
    histories_astray(histories, &count);
    ck_assert_uint_eq(count, 0);
    take_with(&scope, "orders", "o-2", 1, value, headers);
    take_with(&scope, "orders", "o-3", 1, "{", headers);
    astray = histories_astray(histories, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(astray[0].order_id, "o-2");
    ck_assert_str_eq(astray[1].order_id, "o-3");
    ck_assert_str_eq(astray[1].topic, "orders");
}
END_TEST

/* What is dead-lettered, and then redriven, is still no record for its service. */
START_TEST(a_dead_letter_is_open_until_somebody_decides_what_becomes_of_it)
{
    const struct history_scope scope = {0};
    const struct history_record there = {.topic = "orders", .partition = 3, .offset = 7},
                                elsewhere = {.topic = "orders", .partition = 3, .offset = 8};
    const char *const dead_letter[] = {
        "dlq_reason", "message", "dlq_error",     "x",
        "dlq_topic",  "orders",  "dlq_partition", "3",
        "dlq_offset", "7",       "dlq_at",        "2026-11-28T00:00:00Z",
        NULL};
    const char *const resolution[] = {"dlq_resolution",
                                      "dropped",
                                      "dlq_topic",
                                      "orders",
                                      "dlq_partition",
                                      "3",
                                      "dlq_offset",
                                      "7",
                                      "dlq_at",
                                      "2026-11-28T00:00:00Z",
                                      NULL};

    take_with(&scope, "payment.dlq", "o-1", 1, "{}", dead_letter);
    ck_assert_uint_eq(histories_dead_letters(histories, SERVICE_PAYMENT), 1);
    ck_assert_uint_eq(histories_dead_letters(histories, SERVICE_EMAIL), 0);
    ck_assert(histories_is_dead_letter(histories, SERVICE_PAYMENT, "o-1", &there));
    ck_assert(!histories_is_dead_letter(histories, SERVICE_PAYMENT, "o-1", &elsewhere));
    take_with(&scope, "payment.dlq", "o-1", 2, NULL, resolution);
    ck_assert_uint_eq(histories_dead_letters(histories, SERVICE_PAYMENT), 0);
    ck_assert(histories_is_dead_letter(histories, SERVICE_PAYMENT, "o-1", &there));
}
END_TEST

/* Its dead letter knows nothing of where the log has it; of what is handed over again after it was
 * resolved the same place is open again. */
START_TEST(what_was_handed_over_is_told_by_its_key_and_type)
{
    const struct history_scope scope = {0};
    const struct history_record there = {.topic = "orders", .offset = 7, .type = ORDER_CREATED},
                                redriven = {.topic = "email.internal", .type = ORDER_CREATED},
                                other = {.topic = "orders", .offset = 7, .type = ORDER_CONFIRMED};
    char number[32];
    const char *const dead_letter[] = {
        "dlq_reason",    "message", "dlq_error",  "x",    "dlq_topic", "orders",
        "dlq_partition", "-1",      "dlq_offset", number, NULL};
    const char *const resolution[] = {"dlq_resolution", "redriven",      "dlq_topic",
                                      "orders",         "dlq_partition", "-1",
                                      "dlq_offset",     number,          NULL};

    snprintf(number, sizeof number, "%lld", (long long)event_number("o-1", ORDER_CREATED));
    for (int again = 0; again < 2; again++) {
        take_with(&scope, "email.dlq", "o-1", 1, "{}", dead_letter);
        take_with(&scope, "payment.dlq", "o-1", 1, "{}", dead_letter);
        ck_assert_uint_eq(histories_dead_letters(histories, SERVICE_EMAIL), 1);
        take_with(&scope, "email.dlq", "o-1", 2, NULL, resolution);
        ck_assert_uint_eq(histories_dead_letters(histories, SERVICE_EMAIL), 0);
        ck_assert_uint_eq(histories_dead_letters(histories, SERVICE_PAYMENT), 1);
    }
    ck_assert(histories_is_dead_letter(histories, SERVICE_EMAIL, "o-1", &there));
    ck_assert(!histories_is_dead_letter(histories, SERVICE_EMAIL, "o-1", &redriven));
    ck_assert(!histories_is_dead_letter(histories, SERVICE_EMAIL, "o-1", &other));
    ck_assert(!histories_is_dead_letter(histories, SERVICE_EMAIL, "o-2", &there));
    ck_assert(!histories_is_dead_letter(histories, SERVICE_INVENTORY, "o-1", &there));
}
END_TEST

START_TEST(records_stand_in_the_order_of_their_partition_then_of_time)
{
    static const struct history_record records[] = {
        {.topic = "orders", .partition = 1, .offset = 7, .timestamp_ms = 5, .type = ORDER_CREATED},
        {.topic = "orders", .partition = 1, .offset = 8, .timestamp_ms = 4, .type = ORDER_PLACE},
        {.topic = "payments", .timestamp_ms = 4, .type = PAYMENT_COMPLETED},
        {.topic = "emails", .timestamp_ms = 4, .type = EMAIL_SENT}};

    ck_assert(record_comes_before(&records[0], &records[1]));
    ck_assert(!record_comes_before(&records[1], &records[0]));
    ck_assert(record_comes_before(&records[2], &records[0]));
    ck_assert(record_comes_before(&records[2], &records[3]));
    ck_assert(!record_comes_before(&records[3], &records[2]));
}
END_TEST

START_TEST(each_order_is_of_one_share)
{
    enum { ORDERS = 300, SHARES = 3 };
    size_t total = 0;

    for (unsigned share = 0; share < SHARES; share++) {
        const struct history_scope scope = {.share = share, .shares = SHARES};
        const char *const headers[] = {"ce_type", "order.cancel", NULL};

        end();
        begin();
        for (int i = 0; i < ORDERS; i++) {
            char id[20], value[100];

            snprintf(id, sizeof id, "o-%d", i);
            snprintf(value, sizeof value, "{\"order_id\":\"%s\"}", id);
            take_with(&scope, "orders.commands", id, 1, value, headers);
        }
        ck_assert_uint_gt(histories_count(histories), ORDERS / SHARES / 2);
        total += histories_count(histories);
    }
    ck_assert_uint_eq(total, ORDERS);
}
END_TEST

START_TEST(what_an_order_waits_for_follows_from_its_facts)
{
    static const struct {
        uint64_t facts;
        const char *text;
    } rows[] = {
        {0, "order.place from a producer"},
        {FACT(ORDER_PLACE), "order.created from order"},
        {FACT(ORDER_PLACE) | FACT(ORDER_CREATED),
         "payment.completed from payment, inventory.reserved from inventory"},
        {FACT(ORDER_PLACE) | FACT(ORDER_CREATED) | FACT(PAYMENT_COMPLETED) |
             FACT(INVENTORY_RESERVED),
         "order.confirmed or order.cancelled from order"},
        {FACT(ORDER_PLACE) | FACT(ORDER_CREATED) | FACT(ORDER_CONFIRMED), "email.sent from email"},
        {FACT(ORDER_PLACE) | FACT(ORDER_CREATED) | FACT(ORDER_CONFIRMED) | FACT(EMAIL_SENT),
         "nothing"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_str_eq(waiting_for_text(rows[i].facts, ", ", arena), rows[i].text);
    arena_free(arena);
}
END_TEST

Suite *history_suite(void)
{
    Suite *suite = suite_create("history");
    TCase *tcase = tcase_create("history");

    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, a_message_that_comes_again_is_one_record);
    tcase_add_loop_test(tcase, of_two_that_differ_under_one_id_the_later_is_marked, 0, 2);
    tcase_add_loop_test(tcase, a_strange_event_is_met_and_is_not_genuine, 0, 4);
    tcase_add_test(tcase, an_event_about_another_order_than_its_key_is_astray);
    tcase_add_test(tcase, a_dead_letter_is_open_until_somebody_decides_what_becomes_of_it);
    tcase_add_test(tcase, what_was_handed_over_is_told_by_its_key_and_type);
    tcase_add_test(tcase, records_stand_in_the_order_of_their_partition_then_of_time);
    tcase_add_test(tcase, each_order_is_of_one_share);
    tcase_add_test(tcase, what_an_order_waits_for_follows_from_its_facts);
    suite_add_tcase(suite, tcase);
    return suite;
}
