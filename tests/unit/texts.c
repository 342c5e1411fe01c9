/* What is emitted is held against the table by which messages are read: whatever stands in a row, a
 * refusal or a provider's answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/money.h"
#include "base/timestamp.h"
#include "base/utf8.h"
#include "events/address.h"
#include "events/shape.h"
#include "tests/unit/suites.h"

enum { ROUNDS = 2000 };

static struct arena *arena;
static struct decoder *decoder;
static struct error error;
static unsigned seed;

static void setup(void)
{
    const char *given = getenv("SEED");

    arena = arena_new();
    decoder = decoder_new();
    seed = given == NULL ? 1 : (unsigned)strtoul(given, NULL, 10);
    srand(seed);
}

static void teardown(void)
{
    decoder_free(decoder);
    arena_free(arena);
}

static size_t chance(size_t of)
{
    return (size_t)rand() % of;
}

/* What others have written into texts, or may. */
/* clang-format off */
static const char *const hostile[] = {
    "\x7f", "\x01", "\x1b]0;owned\x07", "\n", "\t", "\xc2\x80", ("\xc2\x9b" "31m"), "\xc2\x9f",
    "\xc2\xa0", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xae", "\xd8\x9c", "\xe2\x81\xa6", "\xff",
    "\xc3", "\xe2\x82", "\xf0\x9f\x90", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
    "\xf0\x9f\x90\x88", "gr\xc3\xbc\xc3\x9f", "\"", "\\", "\\u0000", "{", "%s%n", "\xef\xbf\xbe",
    "no mail can reach ",
};
/* clang-format on */

static const char *hostile_text(size_t most)
{
    struct buffer text = {.arena = arena};
    size_t length = chance(2) == 0 ? chance(12) : chance(most);

    buffer_text(&text, "");
    while (text.length < length)
        if (chance(3) == 0)
            buffer_text(&text, hostile[chance(sizeof hostile / sizeof hostile[0])]);
        else
            buffer_char(&text, (char)('a' + chance(26)));
    return text.data;
}

static enum status decode(enum message_type type, const char *text, size_t length,
                          struct message *message)
{
    memset(message, 0, sizeof *message);
    return message_decode(decoder, arena, type, text, length, message, &error);
}

/* The one thing that is asked of all that is emitted. */
static void assert_is_read(const struct message *message)
{
    struct buffer out = {.arena = arena};
    struct message again;

    ck_assert_msg(message_encode(message, &out, &error) == STATUS_OK, "seed %u: %s: %s", seed,
                  message_type_name(message->type), error.message);
    ck_assert_msg(decode(message->type, out.data, out.length, &again) == STATUS_OK,
                  "seed %u: %s is not read: %s", seed, out.data, error.message);
}

static void assert_refusal_is_read(void)
{
    const struct error why = error;
    const struct message refusal = {
        .type = ORDER_REJECTED,
        .refusal = {"order-1", why.message, arena_text(arena, decoder_field(decoder))}};

    ck_assert_uint_eq(utf8_text(why.message, strlen(why.message)), strlen(why.message));
    assert_is_read(&refusal);
}

START_TEST(whatever_is_refused_its_refusal_can_be_read)
{
    const char *example = message_kinds[_i].example;
    const size_t length = strlen(example);

    for (int round = 0; round < ROUNDS; round++) {
        const char *hidden = hostile[chance(sizeof hostile / sizeof hostile[0])];
        size_t at = chance(length), cut = chance(4) == 0 ? chance(length - at) : 0;
        struct buffer text = {.arena = arena};
        struct message message;

        buffer_bytes(&text, example, at);
        buffer_text(&text, chance(2) == 0 ? hidden : hostile_text(600));
        buffer_text(&text, example + at + cut);
        if (decode((enum message_type)_i, text.data, text.length, &message) != STATUS_OK) {
            ck_assert_int_eq(error.status, STATUS_INVALID);
            assert_refusal_is_read();
        }
        arena_reset(arena);
    }
}
END_TEST

static const char **text_at(void *in, const struct field *field)
{
    return (const char **)(void *)((char *)in + field->offset);
}

/* One field of the message, anything in it; false where none of its kind was taken. */
static bool spoil(void *in, const struct shape *shape, bool prose)
{
    const struct field *field = &shape->fields[chance(shape->count)];

    if (field->kind == FIELD_OBJECT)
        return spoil((char *)in + field->offset, field->shape, prose);
    if (field->kind == FIELD_LINES)
        return spoil(*(struct line **)(void *)((char *)in + field->offset), field->shape, prose);
    if (field->kind == FIELD_TEXT && field->format->prose == prose) {
        *text_at(in, field) = hostile_text(chance(2) == 0 ? 300 : 1200);
        return true;
    }
    if (prose)
        return false;
    if (field->kind == FIELD_INTEGER || field->kind == FIELD_TIME)
        *(int64_t *)(void *)((char *)in + field->offset) =
            chance(2) == 0 ? INT64_MIN + (int64_t)chance(3) : INT64_MAX - (int64_t)chance(3);
    return true;
}

static struct message example_of(int type)
{
    struct message message;

    ck_assert_int_eq(decode((enum message_type)type, message_kinds[type].example,
                            strlen(message_kinds[type].example), &message),
                     STATUS_OK);
    return message;
}

START_TEST(whatever_text_a_person_is_to_read_it_can_be_read)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct message message = example_of(_i);

        for (size_t n = 0; n <= chance(3); n++)
            spoil(&message.subject, message_kinds[_i].shape, true);
        assert_is_read(&message);
        arena_reset(arena);
    }
}
END_TEST

START_TEST(a_message_of_which_anything_may_be_spoilt_is_readable_or_not_written)
{
    size_t refused = 0;

    for (int round = 0; round < ROUNDS; round++) {
        struct message message = example_of(_i), again;
        struct buffer out = {.arena = arena};

        for (size_t n = 0; n <= chance(3); n++)
            spoil(&message.subject, message_kinds[_i].shape, false);
        if (message_encode(&message, &out, &error) != STATUS_OK) {
            ck_assert_int_eq(error.status, STATUS_INVALID);
            ck_assert_uint_eq(out.length, 0);
            refused++;
        } else if (decode(message.type, out.data, out.length, &again) != STATUS_OK) {
            ck_assert_msg(strncmp(error.message, "amount is", 9) == 0 ||
                              strncmp(error.message, "lines sum up", 12) == 0,
                          "seed %u: %s: %s", seed, out.data,
                          error.message); /* what spans several fields is the row's */
        }
        arena_reset(arena);
    }
    ck_assert_uint_gt(refused, ROUNDS / 8);
}
END_TEST

START_TEST(what_can_still_be_asked_for_is_refused_and_not_cut)
{
    const struct message tab = {.type = ORDER_CANCEL,
                                .order_cancel = {"order-1", "ordered\ttwice"}};
    const struct message fine = {.type = ORDER_CANCEL,
                                 .order_cancel = {"order-1", "ordered twice"}};
    struct buffer out = {.arena = arena};

    ck_assert_int_eq(message_encode_strictly(&tab, &out, &error), STATUS_INVALID);
    ck_assert_str_eq(error.message, "reason is \"ordered\\u0009twice\": text without control "
                                    "characters, 1 to 255 characters, is allowed");
    ck_assert_int_eq(message_encode_strictly(&fine, &out, &error), STATUS_OK);
}
END_TEST

START_TEST(an_address_of_254_characters_can_be_told_in_a_reason)
{
    struct buffer reason = {.arena = arena}, out = {.arena = arena};
    struct message message = {.type = EMAIL_FAILED}, again;

    buffer_text(&reason, "no mail can reach ");
    for (int i = 0; i < 241; i++)
        buffer_char(&reason, 'a');
    buffer_text(&reason, "@shop.invalid");
    message.outcome.order_id = "order-1";
    message.outcome.reason = reason.data;
    ck_assert_int_eq(message_encode(&message, &out, &error), STATUS_OK);
    ck_assert_int_eq(decode(EMAIL_FAILED, out.data, out.length, &again), STATUS_OK);
    ck_assert_int_eq(utf8_text_length(again.outcome.reason, strlen(again.outcome.reason)), 255);
    ck_assert_str_eq(again.outcome.reason + 254, "\xe2\x80\xa6");
}
END_TEST

START_TEST(an_order_without_an_address_has_no_message_id)
{
    static const char told[] = "{\"order_id\":\"c-1\",\"kind\":\"confirmed\"}",
                      null[] = "{\"order_id\":\"c-1\",\"kind\":\"confirmed\",\"message_id\":null}";
    const struct message message = {.type = EMAIL_SENT, .email_sent = {"c-1", "confirmed", NULL}};
    struct buffer out = {.arena = arena};
    struct message again;

    ck_assert_int_eq(message_encode(&message, &out, &error), STATUS_OK);
    ck_assert_str_eq(out.data, told);
    ck_assert_int_eq(decode(EMAIL_SENT, told, strlen(told), &again), STATUS_OK);
    ck_assert_ptr_null(again.email_sent.message_id);
    ck_assert_int_eq(decode(EMAIL_SENT, null, strlen(null), &again), STATUS_OK);
    ck_assert_ptr_null(again.email_sent.message_id);
}
END_TEST

/* ---- numbers ---- */

/* clang-format off */
static const struct {
    const char *written;
    bool read;
    int64_t value;
} numbers[] = {
    {"0", true, 0}, {"-0", true, 0}, {"0.0", true, 0}, {"-0.0", true, 0}, {"0e9", true, 0},
    {"0e-9", true, 0}, {"0.000e400", true, 0}, {"1.0", true, 1}, {"1e3", true, 1000},
    {"1E+3", true, 1000}, {"1000e-3", true, 1}, {"1.50e1", true, 15}, {"0.001e3", true, 1},
    {"100000000000000000000e-20", true, 1}, {"9007199254740993.0", true, INT64_C(9007199254740993)},
    {"1000000000000", true, 1000000000000}, {"9223372036854775807", true, INT64_MAX},
    {"9223372036854775807.0", true, INT64_MAX}, {"922337203685477580.7e1", true, INT64_MAX},
    {"1e-400", false, 0}, {"0.99999999999999999999", false, 0},
    {"1.00000000000000000001", false, 0}, {"12.5", false, 0}, {"1e-1", false, 0},
    {"1e400", false, 0}, {"1e19", false, 0}, {"9223372036854775808", false, 0},
    {"9223372036854775808.0", false, 0}, {"1e999999999999", false, 0},
    {"1e-999999999999999999999", false, 0}, {"123456789012345678901234567890.0", false, 0},
};
/* clang-format on */

/* clang-format off */
static const struct {
    money_sum amount;
    const char *currency, *text;
} sums[] = {
    {0, "GBP", "0.00"}, {5, "GBP", "0.05"}, {-5, "GBP", "-0.05"}, {6120, "GBP", "61.20"},
    {0, "JPY", "0"}, {-12900, "JPY", "-12900"}, {1, "KWD", "0.001"},
    {INT64_MAX, "GBP", "92233720368547758.07"}, {INT64_MIN, "GBP", "-92233720368547758.08"},
    {(money_sum)INT64_MAX * 1000, "GBP", "92233720368547758070.00"},
    {(money_sum)INT64_MIN * INT64_MAX, "JPY", "-85070591730234615856620279821087277056"},
};
/* clang-format on */

START_TEST(sums_of_money_of_any_size_are_written)
{
    char text[MONEY_SIZE];

    money_format(sums[_i].amount, sums[_i].currency, text);
    ck_assert_str_eq(text, sums[_i].text);
}
END_TEST

START_TEST(money_is_read_from_its_digits)
{
    const char *text = arena_format(
        arena, "{\"order_id\":\"n-1\",\"amount\":%s,\"currency\":\"GBP\"}", numbers[_i].written);
    struct message message;
    enum status status = decode(ORDER_CONFIRMED, text, strlen(text), &message);

    ck_assert_msg(status == (numbers[_i].read ? STATUS_OK : STATUS_INVALID), "%s: %s",
                  numbers[_i].written, status == STATUS_OK ? "read" : error.message);
    if (numbers[_i].read)
        ck_assert_int_eq(message.order_confirmed.amount_minor, numbers[_i].value);
    /* which no document may have */
    else if (strlen(numbers[_i].written) != strlen("9223372036854775808"))
        ck_assert_str_eq(message.subject, "n-1"); /* whoever sent it is told */
}
END_TEST

/* ---- characters ---- */

/* clang-format off */
static const struct {
    const char *name;
    bool read;
} names[] = {
    {"gr\xc3\xbc\xc3\x9f", true}, {"\xe5\xa4\xa7\xe9\x98\xaa", true}, {"\xf0\x9f\x90\x88", true},
    {"a\xc2\xa0z", true}, {"a\xe2\x80\xae" "z", true}, {"a\xe2\x80\xa7z", true},
    {"a\xe2\x80\xaaz", true}, {"a\x7fz", false}, {"a\xc2\x80z", false}, {"a\xc2\x85", false},
    {"a\xc2\x9b" "31m", false}, {"a\xc2\x9f", false}, {"a\xe2\x80\xa8", false},
    {"a\xe2\x80\xa9z", false},
};
/* clang-format on */

START_TEST(control_characters_and_separators_are_no_text)
{
    const char *text =
        arena_format(arena, "{\"order_id\":\"c-1\",\"reason\":\"%s\"}", names[_i].name);
    struct message message;

    ck_assert_int_eq(decode(ORDER_CANCEL, text, strlen(text), &message),
                     names[_i].read ? STATUS_OK : STATUS_INVALID);
}
END_TEST

#define ATOMS "a dot at an end or beside another"
#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* clang-format off */
static const struct {
    const char *address, *ascii; /* NULL: it is refused */
    const char *reason;         /* a part of why */
} addresses[] = {
    {"ada@example.com", "ada@example.com", NULL}, {"a.b@example.com", "a.b@example.com", NULL},
    {"o'neil+x@example.co.uk", "o'neil+x@example.co.uk", NULL},
    {"ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example", NULL}, {"a@b", "a@b", NULL},
    {"a{b@example.com", "a{b@example.com", NULL}, {"a..b@example.com", NULL, ATOMS},
    {".a@example.com", NULL, ATOMS}, {"a.@example.com", NULL, ATOMS},
    {"ada@example.com.", NULL, ATOMS}, {"ada@.example.com", NULL, ATOMS},
    {"ada@example..com", NULL, ATOMS}, {"ada@", NULL, ATOMS}, {"@example.com", NULL, ATOMS},
    {"ada", NULL, ATOMS}, {"a@b@c", NULL, ATOMS}, {" ada@example.com", NULL, ATOMS},
    {"\\\"a b\\\"@example.com", NULL, ATOMS},
    {"ada@b\u00fccher.example", "ada@xn--bcher-kva.example", NULL},
    {"ada@bu\u0308cher.example", "ada@xn--bcher-kva.example", NULL},
    {"Ada@B\u00dcCHER.Example", "Ada@xn--bcher-kva.example", NULL},
    {"ada@fa\u00df.de", "ada@xn--fa-hia.de", NULL},
    {"ada@\u4f8b\u3048.\u30c6\u30b9\u30c8", "ada@xn--r8jz45g.xn--zckzah", NULL},
    {"ada@b\u00fccher\u3002example", "ada@xn--bcher-kva.example", NULL},
    {"b\u00fccher@example.com", NULL, "ASCII is allowed in front of the @"},
    {"\u00fc", NULL, "ASCII is allowed in front of the @"},
    {"b\u00fccher@b\u00fccher.example", NULL, "ASCII is allowed in front of the @"},
    {"ada@\u2603.example", NULL, "IDNA 2008 does not allow its domain: string contains a disallowed character"},
    {"ada@-\u00fc.example", NULL, "IDNA 2008 does not allow its domain: string start/ends with forbidden hyphen"},
    {"ada@\u0623a.example", NULL, "IDNA 2008 does not allow its domain: string has forbidden bi-directional properties"},
    {"ada@" LABEL_63 "\u00fc.example", NULL, "IDNA 2008 does not allow its domain: "},
    {"ada@\u00fc.example.", NULL, ATOMS},
    {"ada@\u00fc\u3002.example", NULL, "in ASCII it is xn--tda..example"},
    {"ada@\u00fc@example.com", NULL, ATOMS}, {"ada@\u00fc example.com", NULL, ATOMS},
};
/* clang-format on */

START_TEST(an_address_that_is_accepted_can_be_written_to)
{
    const char *text =
        arena_format(arena,
                     "{\"order_id\":\"m-1\",\"customer\":{\"name\":\"Ada\",\"email\":\"%s\"},"
                     "\"currency\":\"GBP\",\"payment_method\":\"pm\","
                     "\"lines\":[{\"sku\":\"1\",\"name\":\"x\",\"quantity\":1,\"unit_price\":1}]}",
                     addresses[_i].address);
    char ascii[ADDRESS_SIZE];
    struct message message;

    ck_assert_int_eq(decode(ORDER_PLACE, text, strlen(text), &message),
                     addresses[_i].ascii != NULL ? STATUS_OK : STATUS_INVALID);
    if (addresses[_i].ascii == NULL) {
        ck_assert_msg(strstr(error.message, addresses[_i].reason) != NULL, "%s", error.message);
        return;
    }
    ck_assert_str_eq(message.order_place.customer.email, addresses[_i].address);
    ck_assert_int_eq(address_to_ascii(message.order_place.customer.email, ascii, &error),
                     STATUS_OK);
    ck_assert_str_eq(ascii, addresses[_i].ascii);
}
END_TEST

START_TEST(an_address_has_254_characters_in_ascii_at_most)
{
    char address[300], ascii[ADDRESS_SIZE];

    memset(address, 'a', sizeof address);
    strcpy(address + 238, "@\u00fc.example");
    ck_assert_int_eq(address_to_ascii(address, ascii, &error), STATUS_OK);
    ck_assert_uint_eq(strlen(ascii), 254);
    address[238] = 'a';
    strcpy(address + 239, "@\u00fc.example");
    ck_assert_int_eq(address_to_ascii(address, ascii, &error), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "it has 255 characters: 3 to 254 are allowed"));
}
END_TEST

START_TEST(an_order_is_placed_in_a_currency_of_today)
{
    const char *placed = message_kinds[ORDER_PLACE].example, *at = strstr(placed, "GBP");
    static const struct {
        const char *code;
        bool place, said;
    } codes[] = {{"XCG", true, true},
                 {"ANG", false, true},
                 {"BGN", false, true},
                 {"EUR", true, true},
                 {"XXX", false, false}};
    struct message message;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const char *place =
            arena_format(arena, "%.*s%s%s", (int)(at - placed), placed, codes[i].code, at + 3);
        const char *said = arena_format(
            arena, "{\"order_id\":\"n-1\",\"amount\":1,\"currency\":\"%s\"}", codes[i].code);

        ck_assert_int_eq(decode(ORDER_PLACE, place, strlen(place), &message),
                         codes[i].place ? STATUS_OK : STATUS_INVALID);
        ck_assert_int_eq(decode(ORDER_CONFIRMED, said, strlen(said), &message),
                         codes[i].said ? STATUS_OK : STATUS_INVALID);
    }
}
END_TEST

Suite *texts_suite(void)
{
    Suite *suite = suite_create("texts");
    TCase *cases = tcase_create("texts");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_loop_test(cases, whatever_is_refused_its_refusal_can_be_read, 0, MESSAGE_TYPES);
    tcase_add_loop_test(cases, whatever_text_a_person_is_to_read_it_can_be_read, 0, MESSAGE_TYPES);
    tcase_add_loop_test(cases, a_message_of_which_anything_may_be_spoilt_is_readable_or_not_written,
                        0, MESSAGE_TYPES);
    tcase_add_test(cases, what_can_still_be_asked_for_is_refused_and_not_cut);
    tcase_add_test(cases, an_address_of_254_characters_can_be_told_in_a_reason);
    tcase_add_test(cases, an_order_without_an_address_has_no_message_id);
    tcase_add_loop_test(cases, sums_of_money_of_any_size_are_written, 0,
                        (int)(sizeof sums / sizeof sums[0]));
    tcase_add_loop_test(cases, money_is_read_from_its_digits, 0,
                        (int)(sizeof numbers / sizeof numbers[0]));
    tcase_add_loop_test(cases, control_characters_and_separators_are_no_text, 0,
                        (int)(sizeof names / sizeof names[0]));
    tcase_add_loop_test(cases, an_address_that_is_accepted_can_be_written_to, 0,
                        (int)(sizeof addresses / sizeof addresses[0]));
    tcase_add_test(cases, an_address_has_254_characters_in_ascii_at_most);
    tcase_add_test(cases, an_order_is_placed_in_a_currency_of_today);
    suite_add_tcase(suite, cases);
    return suite;
}
