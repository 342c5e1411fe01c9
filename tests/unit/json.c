#include <string.h>

#include "events/document.h"
#include "events/json_check.h"
#include "tests/unit/suites.h"

/* clang-format off */
static const char *const good[] = {
    "{}", " { } \n", "{\"a\":1}", "{\"a\":-0}", "{\"a\":9223372036854775807}",
    "{\"a\":-9223372036854775808}", "{\"a\":1.5e+10}", "{\"a\":0.5}", "{\"a\":1E400}",
    "{\"a\":[true,false,null,[],{}]}", "{\"a\":{\"a\":{\"a\":1}}}",
    "{\"a\":\"\\u0041\\ud83d\\ude00\\n\\/\"}", "{\"\xc3\xa9\":\"\xe2\x82\xac\xf0\x9f\x98\x80\"}",
    "{\"a\":1,\"A\":2,\"\":3}", "{\"x\":[{\"a\":1},{\"a\":2}]}",
    "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":0,\"k\":1,\"l\":2,\"m\":3,\"n\":4,\"o\":5,\"p\":6,\"q\":7}",
    "{\"a\":[[[[[[[[[[[[[[]]]]]]]]]]]]]]}",
};
/* clang-format on */

/* clang-format off */
static const struct {
    const char *text, *reason;
} bad[] = {
    {"", "nothing"}, {"  ", "nothing"}, {"[]", "other than an object"},
    {"1", "other than an object"}, {"{} {}", "behind"}, {"{", "missing key"}, {"{\"a\"}", "colon"},
    {"{\"a\":}", "no value"}, {"{\"a\":1,}", "missing key"}, {"{\"a\":1", "without its end"},
    {"{\"a\":[1,]}", "no value"}, {"{\"a\":[1", "without its end"}, {"{'a':1}", "missing key"},
    {"{\"a\":01}", "leading zero"}, {"{\"a\":1.}", "cut short"}, {"{\"a\":1e}", "cut short"},
    {"{\"a\":+1}", "no value"}, {"{\"a\":-}", "no value"}, {"{\"a\":NaN}", "no value"},
    {"{\"a\":nul}", "no value"}, {"{\"a\":tru}", "no value"}, {"{\"a\":\"x}", "without its end"},
    {"{\"a\":\"\\x\"}", "escape"}, {"{\"a\":\"\\u12g4\"}", "hexadecimal"},
    {"{\"a\":\"\\u0000\"}", "U+0000"}, {"{\"a\":\"\\ud800\"}", "surrogate"},
    {"{\"a\":\"\\udc00\"}", "surrogate"}, {"{\"a\":\"\\ud800\\u0041\"}", "surrogate"},
    {"{\"a\":\"\t\"}", "control character"}, {"{\"a\":\"\xff\"}", "UTF-8"},
    {"{\"a\":\"\xc0\xaf\"}", "UTF-8"}, {"{\"a\":\"\xed\xa0\x80\"}", "UTF-8"},
    {"{\"a\":\"\xf4\x90\x80\x80\"}", "UTF-8"}, {"{\"a\":\"\xe2\x82\"}", "UTF-8"},
    {"{\"a\":9223372036854775808}", "64-bit"}, {"{\"a\":-9223372036854775809}", "64-bit"},
    {"{\"a\":99999999999999999999}", "64-bit"}, {"{\"a\":1,\"a\":2}", "given twice"},
    {"{\"a\":1,\"\\u0061\":2}", "given twice"}, {"{\"\\u00e9\":1,\"\xc3\xa9\":2}", "given twice"},
    {"{\"x\":{\"a\":1,\"b\":2,\"a\":3}}", "given twice"},
    {"{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":0,\"k\":1,\"l\":2,\"m\":3,\"n\":4,\"o\":5,\"p\":6,\"a\":7}", "given twice"},
    {"{\"a\":[1,{\"b\":9223372036854775808}]}", "64-bit"},
    {"{\"a\":[{\"b\\n\\u0000\":1}]}", "U+0000"},
    {"{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", "deeper"},
    {"{\"a\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", "deeper"},
};
/* clang-format on */

/* What is laid out is as strict as the check alone, and refuses in its words. */
static enum status status_of(const char *text, size_t length, struct error *error)
{
    struct error check = {0};
    yyjson_doc *document = document_read(text, length, DOCUMENT_FLAGS, NULL, error);
    enum status checked = json_check(text, length, &check),
                read = document != NULL ? STATUS_OK : error->status;

    yyjson_doc_free(document);
    ck_assert_msg(checked == read, "%.*s: status %d when checked, %d when laid out", (int)length,
                  text, checked, read);
    if (checked != STATUS_OK)
        ck_assert_str_eq(check.message, error->message);
    return checked;
}

START_TEST(good_json_passes)
{
    struct error error;

    ck_assert_msg(status_of(good[_i], strlen(good[_i]), &error) == STATUS_OK, "%s: %s", good[_i],
                  error.message);
}
END_TEST

START_TEST(bad_json_is_refused_with_its_reason)
{
    struct error error = {0};

    ck_assert_msg(status_of(bad[_i].text, strlen(bad[_i].text), &error) == STATUS_INVALID,
                  "%s passes", bad[_i].text);
    ck_assert_msg(strstr(error.message, bad[_i].reason) != NULL, "%s: \"%s\" does not say \"%s\"",
                  bad[_i].text, error.message, bad[_i].reason);
}
END_TEST

START_TEST(json_may_be_cut_anywhere)
{
    struct error error;

    for (size_t length = 0; length < strlen(good[_i]); length++)
        status_of(good[_i], length, &error); /* a checker of memory watches */
}
END_TEST

Suite *json_suite(void)
{
    Suite *suite = suite_create("strict JSON");
    TCase *cases = tcase_create("json");

    tcase_add_loop_test(cases, good_json_passes, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(cases, bad_json_is_refused_with_its_reason, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_loop_test(cases, json_may_be_cut_anywhere, 0, (int)(sizeof good / sizeof good[0]));
    suite_add_tcase(suite, cases);
    return suite;
}
