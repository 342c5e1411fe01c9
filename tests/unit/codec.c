#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "events/shape.h"
#include "tests/unit/suites.h"

static struct arena *arena;
static struct decoder *decoder;
static struct error error;

static void setup(void)
{
    arena = arena_new();
    decoder = decoder_new();
}

static void teardown(void)
{
    decoder_free(decoder);
    arena_free(arena);
}

static enum status decode(enum message_type type, const char *text, struct message *message)
{
    memset(message, 0, sizeof *message);
    return message_decode(decoder, arena, type, text, strlen(text), message, &error);
}

static const char *encode(const struct message *message)
{
    struct buffer out = {.arena = arena};

    ck_assert_msg(message_encode(message, &out, &error) == STATUS_OK, "%s", error.message);
    return out.data;
}

/* `text` with the first `from` replaced by `to`. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);

    ck_assert_ptr_nonnull(at);
    return arena_format(arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

START_TEST(every_example_comes_back_as_it_was)
{
    struct message message;

    ck_assert_msg(decode((enum message_type)_i, message_kinds[_i].example, &message) == STATUS_OK,
                  "%s: %s", message_kinds[_i].name, error.message);
    ck_assert_str_eq(encode(&message), message_kinds[_i].example);
}
END_TEST

START_TEST(a_field_that_is_missing_or_null_is_named)
{
    const struct shape *shape = message_kinds[_i].shape;

    for (size_t i = 0; i < shape->count; i++) {
        const char *key = arena_format(arena, "\"%s\":", shape->fields[i].name);
        struct message message;

        if (!shape->fields[i].required)
            continue;
        ck_assert_int_eq(decode((enum message_type)_i,
                                replaced(message_kinds[_i].example, key, "\"no_such_field\":"),
                                &message),
                         STATUS_INVALID);
        ck_assert_str_eq(decoder_field(decoder), shape->fields[i].name);
        ck_assert_ptr_nonnull(strstr(error.message, "is missing"));
        ck_assert_int_eq(decode((enum message_type)_i,
                                replaced(message_kinds[_i].example, key,
                                         arena_format(arena, "%snull,\"no_such_field\":", key)),
                                &message),
                         STATUS_INVALID);
        ck_assert_str_eq(decoder_field(decoder), shape->fields[i].name);
    }
}
END_TEST

START_TEST(a_field_that_is_unknown_is_ignored)
{
    struct message message;

    ck_assert_int_eq(
        decode((enum message_type)_i,
               replaced(message_kinds[_i].example, "{", "{\"new\":{\"x\":[1.5,true]},"), &message),
        STATUS_OK);
    ck_assert_str_eq(encode(&message), message_kinds[_i].example);
}
END_TEST

static const struct {
    const char *from, *to, *field;
} wrongs[] = {
    {"\"invoice-489435\"", "489435", "order_id"},
    {"\"invoice-489435\"", "\"\"", "order_id"},
    {"\"invoice-489435\"", "\"a b\"", "order_id"},
    {"\"invoice-489435\"", "\"a/b\"", "order_id"},
    {"\"invoice-489435\"", "\"aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaa\"",
     "order_id"},
    {"\"13085\"", "13085", "customer.id"},
    {"\"Ada Abbott\"", "\"\"", "customer.name"},
    {"\"Ada Abbott\"", "\"Ada\\nBcc: all@example.com\"", "customer.name"},
    {"c13085@example.com", "c13085", "customer.email"},
    {"c13085@example.com", "a@b@c", "customer.email"},
    {"c13085@example.com", "a b@c", "customer.email"},
    {"\"GBP\"", "\"gbp\"", "currency"},
    {"\"GBP\"", "\"GPB\"", "currency"},
    {"\"pm_card_visa\"", "\"pm card\"", "payment_method"},
    {"\"pm_card_visa\"", "null", "payment_method"},
    {"[{", "{\"x\":[{", NULL},
    {"\"22350\"", "\"\"", "lines[0].sku"},
    {"\"22353\"", "7", "lines[1].sku"},
    {":12,\"unit_price\":255}]", ":0,\"unit_price\":255}]", "lines[1].quantity"},
    {"12", "-2", "lines[0].quantity"},
    {"12", "12.5", "lines[0].quantity"},
    {"12", "\"12\"", "lines[0].quantity"},
    {"12", "1000000001", "lines[0].quantity"},
    {"12", "1e400", "lines[0].quantity"},
    {"255", "-1", "lines[0].unit_price"},
    {"255", "true", "lines[0].unit_price"},
};

START_TEST(what_is_wrong_is_named)
{
    const char *text = replaced(message_kinds[ORDER_PLACE].example, wrongs[_i].from, wrongs[_i].to);
    struct message message;

    ck_assert_msg(decode(ORDER_PLACE, text, &message) == STATUS_INVALID, "%s passes", text);
    if (wrongs[_i].field == NULL)
        return;
    ck_assert_ptr_nonnull(decoder_field(decoder));
    ck_assert_str_eq(decoder_field(decoder), wrongs[_i].field);
    ck_assert_ptr_nonnull(strstr(error.message, wrongs[_i].field));
}
END_TEST

START_TEST(an_order_id_is_known_even_when_another_field_is_wrong)
{
    struct message message;

    ck_assert_int_eq(
        decode(ORDER_PLACE, replaced(message_kinds[ORDER_PLACE].example, "GBP", "XXX"), &message),
        STATUS_INVALID);
    ck_assert_str_eq(message.subject, "invoice-489435");
    ck_assert_int_eq(decode(ORDER_PLACE, "{\"order_id\":7}", &message), STATUS_INVALID);
    ck_assert_ptr_null(message.subject);
}
END_TEST

static char *order_with_lines(size_t count, int64_t quantity, int64_t price)
{
    struct buffer out = {.arena = arena};

    buffer_text(&out, "{\"order_id\":\"o\",\"customer\":{\"name\":\"A\",\"email\":\"a@b\"},"
                      "\"currency\":\"GBP\",\"payment_method\":\"pm\",\"lines\":[");
    for (size_t i = 0; i < count; i++)
        buffer_format(&out,
                      "%s{\"sku\":\"s\",\"name\":\"n\",\"quantity\":%lld,\"unit_price\":%lld}",
                      i > 0 ? "," : "", (long long)quantity, (long long)price);
    buffer_text(&out, "]}");
    return out.data;
}

START_TEST(an_order_has_one_to_a_thousand_lines)
{
    struct message message;

    ck_assert_int_eq(decode(ORDER_PLACE, order_with_lines(0, 1, 1), &message), STATUS_INVALID);
    ck_assert_str_eq(decoder_field(decoder), "lines");
    ck_assert_int_eq(decode(ORDER_PLACE, order_with_lines(1000, 1, 1), &message), STATUS_OK);
    ck_assert_int_eq(decode(ORDER_PLACE, order_with_lines(1001, 1, 1), &message), STATUS_INVALID);
    ck_assert_str_eq(decoder_field(decoder), "lines");
}
END_TEST

START_TEST(a_total_outside_int64_is_refused)
{
    struct message message;

    ck_assert_int_eq(decode(ORDER_PLACE, order_with_lines(1, 9000000, 1000000000000), &message),
                     STATUS_OK);
    ck_assert_int_eq(decode(ORDER_PLACE, order_with_lines(1, 10000000, 1000000000000), &message),
                     STATUS_INVALID);
    ck_assert_int_eq(decode(ORDER_PLACE, order_with_lines(2, 9000000, 1000000000000), &message),
                     STATUS_INVALID);
    ck_assert_str_eq(decoder_field(decoder), "lines");
}
END_TEST

START_TEST(an_amount_that_is_not_the_sum_of_the_lines_is_refused)
{
    struct message message;

    ck_assert_int_eq(decode(ORDER_CREATED,
                            replaced(message_kinds[ORDER_CREATED].example, "6120", "6121"),
                            &message),
                     STATUS_INVALID);
    ck_assert_str_eq(decoder_field(decoder), "amount");
}
END_TEST

START_TEST(a_message_over_one_mebibyte_is_refused)
{
    char *text = arena_alloc(arena, MESSAGE_BYTES_MAX + 2);
    struct message message;

    memset(text, ' ', MESSAGE_BYTES_MAX + 1);
    memcpy(text, message_kinds[ORDER_CANCEL].example, strlen(message_kinds[ORDER_CANCEL].example));
    ck_assert_int_eq(
        message_decode(decoder, arena, ORDER_CANCEL, text, MESSAGE_BYTES_MAX, &message, &error),
        STATUS_OK);
    ck_assert_int_eq(
        message_decode(decoder, arena, ORDER_CANCEL, text, MESSAGE_BYTES_MAX + 1, &message, &error),
        STATUS_INVALID);
    ck_assert_int_eq(message_decode(decoder, arena, ORDER_CANCEL, NULL, 0, &message, &error),
                     STATUS_INVALID);
}
END_TEST

START_TEST(a_value_that_is_shown_is_cut_between_characters)
{
    struct buffer name = {.arena = arena};
    struct message message;

    for (int i = 0; i < 60; i++)
        buffer_text(&name, "\xe2\x82\xac");
    ck_assert_int_eq(decode(ORDER_PLACE,
                            replaced(message_kinds[ORDER_PLACE].example, "GBP", name.data),
                            &message),
                     STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "\xe2\x82\xac...:"));
}
END_TEST

START_TEST(a_text_of_one_length_is_told_that_length)
{
    struct message message;

    ck_assert_int_eq(
        decode(ORDER_PLACE, replaced(message_kinds[ORDER_PLACE].example, "GBP", "gbp"), &message),
        STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "currency of ISO 4217, 3 characters, is allowed"));
}
END_TEST

START_TEST(an_integer_may_be_written_as_a_whole_decimal)
{
    struct message message;

    ck_assert_int_eq(
        decode(ORDER_PLACE, replaced(message_kinds[ORDER_PLACE].example, "12", "1.2e1"), &message),
        STATUS_OK);
    ck_assert_int_eq(message.order_place.lines[0].quantity, 12);
}
END_TEST

START_TEST(a_guest_has_no_id)
{
    struct message message;

    ck_assert_int_eq(decode(ORDER_PLACE,
                            replaced(message_kinds[ORDER_PLACE].example, "\"13085\"", "null"),
                            &message),
                     STATUS_OK);
    ck_assert_ptr_null(message.order_place.customer.id);
    ck_assert_ptr_null(strstr(encode(&message), "\"id\""));
}
END_TEST

START_TEST(texts_survive_escaping)
{
    struct message message;

    ck_assert_int_eq(decode(ORDER_PLACE,
                            replaced(message_kinds[ORDER_PLACE].example, "Ada Abbott",
                                     "\\u00c5sa \\\"\\ud83d\\ude00\\\" \\\\/"),
                            &message),
                     STATUS_OK);
    ck_assert_str_eq(message.order_place.customer.name, "\xc3\x85sa \"\xf0\x9f\x98\x80\" \\/");
    ck_assert_ptr_nonnull(strstr(encode(&message), "\xc3\x85sa \\\"\xf0\x9f\x98\x80\\\" \\\\/"));
}
END_TEST

/* A generator of our own, so that a failure comes again. */
static uint64_t seed = 1;

static size_t chance(size_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % below);
}

START_TEST(no_bytes_make_the_decoder_stumble)
{
    static const char noise[] = "\"\\{}[]:,0-9eE.u\x80\xff\xed\xf4nt ";
    const char *example = message_kinds[_i].example;
    size_t length = strlen(example);

    for (int round = 0; round < 3000; round++) {
        char *text = arena_copy(arena, example, length);
        struct message message;

        for (size_t n = 0; n <= chance(3); n++)
            text[chance(length)] = noise[chance(sizeof noise)];
        if (message_decode(decoder, arena, (enum message_type)_i, text,
                           chance(8) == 0 ? chance(length + 1) : length, &message,
                           &error) == STATUS_OK)
            ck_assert_int_eq(decode((enum message_type)_i, encode(&message), &message), STATUS_OK);
        else
            ck_assert_int_eq(error.status, STATUS_INVALID);
        arena_reset(arena);
    }
}
END_TEST

Suite *codec_suite(void)
{
    Suite *suite = suite_create("codec");
    TCase *cases = tcase_create("codec");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_loop_test(cases, every_example_comes_back_as_it_was, 0, MESSAGE_TYPES);
    tcase_add_loop_test(cases, a_field_that_is_missing_or_null_is_named, 0, MESSAGE_TYPES);
    tcase_add_loop_test(cases, a_field_that_is_unknown_is_ignored, 0, MESSAGE_TYPES);
    tcase_add_loop_test(cases, what_is_wrong_is_named, 0, (int)(sizeof wrongs / sizeof wrongs[0]));
    tcase_add_test(cases, an_order_id_is_known_even_when_another_field_is_wrong);
    tcase_add_test(cases, an_order_has_one_to_a_thousand_lines);
    tcase_add_test(cases, a_total_outside_int64_is_refused);
    tcase_add_test(cases, an_amount_that_is_not_the_sum_of_the_lines_is_refused);
    tcase_add_test(cases, a_message_over_one_mebibyte_is_refused);
    tcase_add_test(cases, a_value_that_is_shown_is_cut_between_characters);
    tcase_add_test(cases, a_text_of_one_length_is_told_that_length);
    tcase_add_test(cases, an_integer_may_be_written_as_a_whole_decimal);
    tcase_add_test(cases, a_guest_has_no_id);
    tcase_add_test(cases, texts_survive_escaping);
    tcase_add_loop_test(cases, no_bytes_make_the_decoder_stumble, 0, MESSAGE_TYPES);
    suite_add_tcase(suite, cases);
    return suite;
}
