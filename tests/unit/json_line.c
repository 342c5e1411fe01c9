/* The JSON that sagactl prints and reads. */
#include <string.h>

#include "base/arena.h"
#include "tests/unit/suites.h"
#include "tools/sagactl/terminal/json_line.h"

START_TEST(members_come_out_in_order_with_their_types)
{
    static const char expected[] =
        "{\"text\":\"a\",\"nothing\":null,\"least\":-9223372036854775808,"
        "\"most\":18446744073709551615,\"flag\":true,\"whole\":12.0,\"decimal\":0.4,"
        "\"object\":{\"p50\":9223372036854775807},\"array\":[\"a\",{\"b\":\"c\",\"d\":null}]}";
    struct json_object *line = json_object_new_object(), *array, *inner = json_object_new_object();

    json_add_text(line, "text", "a");
    json_add_text(line, "nothing", NULL);
    json_add_integer(line, "least", INT64_MIN);
    json_add_count(line, "most", SIZE_MAX);
    json_add_flag(line, "flag", true);
    json_add_decimal(line, "whole", 12);
    json_add_decimal(line, "decimal", 0.44);
    json_add_integer(json_add_object(line, "object"), "p50", INT64_MAX);
    array = json_add_array(line, "array");
    json_add_texts(inner, "b", "c", "d", NULL, NULL);
    json_append(array, json_object_new_string("a"));
    json_append(array, inner);
    ck_assert_str_eq(json_line(line), expected);
    json_object_put(line);
}
END_TEST

/* The number is one that a double would round. */
START_TEST(a_body_stands_as_it_is)
{
    static const char body[] = "{\"z\": 9007199254740993, \"a\":1e3}";
    struct json_object *line = json_object_new_object();

    json_add_as_is(line, "body", body);
    ck_assert_str_eq(json_line(line), "{\"body\":{\"z\": 9007199254740993, \"a\":1e3}}");
    json_object_put(line);
}
END_TEST

/* RFC 8259 §7.  What is no UTF-8 passes, to be escaped where all output is. */
START_TEST(only_what_must_be_is_escaped)
{
    struct arena *arena = arena_new();

    ck_assert_str_eq(json_quoted("", arena), "\"\"");
    ck_assert_str_eq(json_quoted("\b\t\n\v\f\r\x01\x1f\"\\/", arena),
                     "\"\\b\\t\\n\\u000b\\f\\r\\u0001\\u001f\\\"\\\\/\"");
    ck_assert_str_eq(json_quoted("gr\xc3\xbc\xc3\x9f\x7f", arena), "\"gr\xc3\xbc\xc3\x9f\x7f\"");
    ck_assert_str_eq(json_quoted("a\xff\"", arena), "\"a\xff\\\"\"");
    arena_free(arena);
}
END_TEST

START_TEST(members_are_read_by_name)
{
    static const char text[] =
        "{\"id\":\"a\\u00e9\",\"count\":-7,\"more\":[{\"id\":1}],\"ratio\":1.50}";
    struct error error;
    struct json_object *json = json_line_read(text, strlen(text), &error);

    ck_assert_ptr_nonnull(json);
    ck_assert_str_eq(json_text(json, "id"), "a\xc3\xa9");
    ck_assert_ptr_null(json_text(json, "count"));
    ck_assert_ptr_null(json_text(json, "nothing"));
    ck_assert_str_eq(json_laid_out(json),
                     "{\n  \"id\": \"a\xc3\xa9\",\n  \"count\": -7,\n  \"more\": [\n    {\n"
                     "      \"id\": 1\n    }\n  ],\n  \"ratio\": 1.50\n}");
    json_object_put(json);
}
END_TEST

/* Each of these json-c alone would take. */
START_TEST(only_strict_json_is_read)
{
    static const char *const texts[] = {"[]",
                                        "{'a':1}",
                                        "{\"a\":1,}",
                                        "{\"a\":1} {}",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"a\":9223372036854775808}",
                                        "{\"a\":\"\\u0000\"}",
                                        "{\"a\":NaN}",
                                        "{\"a\":\"\xff\"}"};
    struct error error;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(json_line_read(texts[i], strlen(texts[i]), &error) == NULL, "%s", texts[i]);
        ck_assert_int_eq(error.status, STATUS_INVALID);
    }
}
END_TEST

Suite *json_line_suite(void)
{
    Suite *suite = suite_create("JSON lines");
    TCase *cases = tcase_create("json_line");

    tcase_add_test(cases, members_come_out_in_order_with_their_types);
    tcase_add_test(cases, a_body_stands_as_it_is);
    tcase_add_test(cases, only_what_must_be_is_escaped);
    tcase_add_test(cases, members_are_read_by_name);
    tcase_add_test(cases, only_strict_json_is_read);
    suite_add_tcase(suite, cases);
    return suite;
}
