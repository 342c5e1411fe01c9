#include <stdlib.h>
#include <string.h>

#include "base/manual.h"
#include "base/settings.h"
#include "tests/unit/suites.h"

static const char *const colours[] = {"red", "green", NULL};
/* clang-format off */
static const struct setting table[] = {
    {.name = "name", .kind = SETTING_TEXT, .fallback = "nobody", .meaning = "a name"},
    {.name = "some-size", .kind = SETTING_INTEGER, .fallback = "7", .min = 1, .max = 100, .meaning = "a size", .details = "Larger is heavier."},
    {.name = "colour", .kind = SETTING_CHOICE, .choices = colours, .meaning = "a colour"},
    {.name = "item", .kind = SETTING_LIST, .meaning = "an item"},
    {.name = "quiet", .kind = SETTING_FLAG, .meaning = "say less"},
    {.name = NULL}};
static const struct setting *const tables[] = {table};

static struct settings *settings;
static struct error error;

static void setup(void)
{
    settings = settings_new("program", "what it is", tables, 1);
    unsetenv("QUADRILLE_SOME_SIZE");
}

static void teardown(void)
{
    settings_free(settings);
}

static enum status parse(int argc, const char *const *argv)
{
    return settings_parse(settings, argc, (char **)(uintptr_t)argv, &error);
}

START_TEST(defaults_hold_where_nothing_is_given)
{
    ck_assert_int_eq(parse(1, (const char *[]){"program"}), STATUS_OK);
    ck_assert_str_eq(settings_text(settings, "name"), "nobody");
    ck_assert_int_eq(settings_integer(settings, "some-size"), 7);
    ck_assert_ptr_null(settings_text(settings, "colour"));
    ck_assert(!settings_flag(settings, "quiet"));
}
END_TEST

START_TEST(the_command_line_wins_over_the_environment_over_the_default)
{
    setenv("QUADRILLE_SOME_SIZE", "8", 1);
    setenv("QUADRILLE_NAME", "env", 1);
    ck_assert_int_eq(parse(3, (const char *[]){"program", "--some-size", "9"}), STATUS_OK);
    ck_assert_int_eq(settings_integer(settings, "some-size"), 9);
    ck_assert_str_eq(settings_text(settings, "name"), "env");
}
END_TEST

START_TEST(options_lists_flags_and_arguments_are_told_apart)
{
    size_t count;

    ck_assert_int_eq(parse(8, (const char *[]){"program", "--item=a=1", "first", "--quiet", "--item", "b=2", "--", "--last"}), STATUS_OK);
    ck_assert_str_eq(settings_list(settings, "item")[0], "a=1");
    ck_assert_str_eq(settings_list(settings, "item")[1], "b=2");
    ck_assert_ptr_null(settings_list(settings, "item")[2]);
    ck_assert(settings_flag(settings, "quiet"));
    ck_assert_str_eq(settings_arguments(settings, &count)[0], "first");
    ck_assert_str_eq(settings_arguments(settings, &count)[1], "--last");
    ck_assert_uint_eq(count, 2);
}
END_TEST

static const struct {
    const char *argument, *value, *reason;
} bad[] = {
    {"--some-size", "0", "1 to 100"}, {"--some-size", "101", "1 to 100"}, {"--some-size", "7x", "1 to 100"}, {"--some-size", "", "1 to 100"},
    {"--some-size", "99999999999999999999", "1 to 100"}, {"--colour", "blue", "red, green"}, {"--nonsense", "1", "unknown option --nonsense"}, {"-x", "1", "behind --"},
    {"--quiet=yes", "x", "takes no value"}, {"x", "--name", "needs a value"},
};
/* clang-format on */

START_TEST(a_setting_that_is_wrong_is_named)
{
    ck_assert_int_eq(parse(3, (const char *[]){"program", bad[_i].argument, bad[_i].value}),
                     STATUS_INVALID);
    ck_assert_msg(strstr(error.message, bad[_i].reason) != NULL, "%s", error.message);
}
END_TEST

START_TEST(a_wrong_variable_is_named_too)
{
    setenv("QUADRILLE_SOME_SIZE", "many", 1);
    ck_assert_int_eq(parse(1, (const char *[]){"program"}), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "QUADRILLE_SOME_SIZE"));
}
END_TEST

START_TEST(help_and_markdown_name_every_setting)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    settings_help(settings, out);
    settings_markdown(tables, 1, out);
    fclose(out);
    for (const struct setting *row = table; row->name != NULL; row++)
        ck_assert_ptr_nonnull(strstr(text, row->meaning));
    ck_assert_ptr_nonnull(strstr(text, "QUADRILLE_SOME_SIZE"));
    ck_assert_ptr_nonnull(strstr(text, "### `--some-size`\n\nLarger is heavier.\n"));
    free(text);
}
END_TEST

START_TEST(help_stays_short)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    settings_help(settings, out);
    fclose(out);
    ck_assert_ptr_null(strstr(text, "heavier"));
    free(text);
}
END_TEST

START_TEST(a_manual_has_options_lists_and_examples)
{
    static const struct manual_section section = {
        "THE END", "Two words\nof it.\n\nAnother.\n0 | fine\n1 | not so\n\n    run --it\n.dot"};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    manual_section(&section, out);
    manual_options(table, out);
    fclose(out);
    ck_assert_ptr_nonnull(strstr(text, ".SH THE END\nTwo words\nof it.\n.PP\nAnother.\n"
                                       ".TP\n0\nfine\n.TP\n1\nnot so\n"
                                       ".PP\n.EX\n    run \\-\\-it\n.EE\n.PP\n\\&.dot\n"));
    ck_assert_ptr_nonnull(strstr(text, ".TP\n\\fB\\-\\-some\\-size\\fR \\fINUMBER\\fR\na size.\n"
                                       "Larger is heavier.\nAllowed: 1 to 100.\nDefault: 7.\n"));
    ck_assert_ptr_nonnull(strstr(text, "a colour.\nOne of red, green.\n"));
    free(text);
}
END_TEST

Suite *settings_suite(void)
{
    Suite *suite = suite_create("settings");
    TCase *cases = tcase_create("settings");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, defaults_hold_where_nothing_is_given);
    tcase_add_test(cases, the_command_line_wins_over_the_environment_over_the_default);
    tcase_add_test(cases, options_lists_flags_and_arguments_are_told_apart);
    tcase_add_loop_test(cases, a_setting_that_is_wrong_is_named, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(cases, a_wrong_variable_is_named_too);
    tcase_add_test(cases, help_and_markdown_name_every_setting);
    tcase_add_test(cases, help_stays_short);
    tcase_add_test(cases, a_manual_has_options_lists_and_examples);
    suite_add_tcase(suite, cases);
    return suite;
}
