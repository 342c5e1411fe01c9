/* Runs of bytes: are they text, and are they the same? */
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "tests/unit/suites.h"

static const struct {
    const char *bytes;
    size_t length, valid, text;
} runs[] = {
    {"", 0, 0, 0},
    {"plain", 5, 5, 5},
    {"gr\xc3\xbc\xc3\x9f", 6, 6, 6},
    {"\xe2\x82\xac\xf0\x9f\x90\x88", 7, 7, 7}, /* a currency sign, a cat */
    {"a\tb", 3, 3, 1},
    {"a\x7f", 2, 2, 1},
    {"a\xc2\x9b"
     "31m",
     6, 6, 1},                  /* CSI as a C1 control */
    {"a\xe2\x80\xa8", 4, 4, 1}, /* U+2028 */
    {"a\xef\xbf\xbe", 4, 4, 1}, /* U+FFFE, a noncharacter */
    {"a\0b", 3, 1, 1},
    {"a\xff", 2, 1, 1},
    {"a\xc3", 2, 1, 1},     /* ends midway */
    {"a\xc0\xaf", 3, 1, 1}, /* an overlong / */
    {"a\xe0\x80\xaf", 4, 1, 1},
    {"a\xed\xa0\x80", 4, 1, 1},     /* a surrogate */
    {"a\xf4\x90\x80\x80", 5, 1, 1}, /* U+110000 */
    {"a\x80", 2, 1, 1},             /* begins midway */
    {"\xf4\x8f\xbf\xbd", 4, 4, 4},  /* U+10FFFD */
};

START_TEST(text_is_told_from_other_bytes)
{
    ck_assert_uint_eq(utf8_valid(runs[_i].bytes, runs[_i].length), runs[_i].valid);
    ck_assert_uint_eq(utf8_text(runs[_i].bytes, runs[_i].length), runs[_i].text);
}
END_TEST

/* clang-format off */
static const struct {
    const char *bytes, *shown;
} foreign[] = {
    {"", ""},
    {"gr\xc3\xbc\xc3\x9f 5\" \\", "gr\xc3\xbc\xc3\x9f 5\" \\"},
    {"\x1b]0;owned\x07\nforged\r", "\\u001b]0;owned\\u0007\\u000aforged\\u000d"},
    {"a\x7f\xc2\x9b" "31m\xc2\x85", "a\\u007f\\u009b31m\\u0085"},
    {"\xe2\x80\xa8\xe2\x80\xae" "evil\xe2\x81\xa9\xd8\x9c\xe2\x80\x8e", "\\u2028\\u202eevil\\u2069\\u061c\\u200e"},
    {"\xff\xfe" "a\xc3", "\\xff\\xfea\\xc3"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
};
/* clang-format on */

START_TEST(foreign_bytes_are_shown_so_that_no_terminal_obeys_them)
{
    struct arena *arena = arena_new();
    struct buffer out = {.arena = arena};

    buffer_text(&out, "");
    utf8_show(&out, foreign[_i].bytes, strlen(foreign[_i].bytes));
    ck_assert_str_eq(out.data, foreign[_i].shown);
    arena_free(arena);
}
END_TEST

/* FIPS 180-4's own examples, and the lengths at which the padding takes a block more. */
static const struct {
    const char *unit;
    size_t times;
    const char *digest;
} digests[] = {
    {"", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"a", 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
    {"a", 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

START_TEST(a_digest_is_what_sha256sum_prints)
{
    static char bytes[1000000];
    size_t unit = strlen(digests[_i].unit);
    char text[SHA256_TEXT_SIZE];

    for (size_t i = 0; i < digests[_i].times; i++)
        memcpy(bytes + i * unit, digests[_i].unit, unit);
    sha256_text(bytes, unit * digests[_i].times, text);
    ck_assert_str_eq(text, digests[_i].digest);
}
END_TEST

Suite *bytes_suite(void)
{
    Suite *suite = suite_create("bytes");
    TCase *cases = tcase_create("bytes");

    tcase_add_loop_test(cases, text_is_told_from_other_bytes, 0,
                        (int)(sizeof runs / sizeof runs[0]));
    tcase_add_loop_test(cases, foreign_bytes_are_shown_so_that_no_terminal_obeys_them, 0,
                        (int)(sizeof foreign / sizeof foreign[0]));
    tcase_add_loop_test(cases, a_digest_is_what_sha256sum_prints, 0,
                        (int)(sizeof digests / sizeof digests[0]));
    suite_add_tcase(suite, cases);
    return suite;
}
