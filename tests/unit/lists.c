/* What people hand to sagactl: stock lists as spreadsheets write them, orders in JSON of any
 * layout. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "tests/unit/suites.h"
#include "tools/sagactl/records.h"
#include "tools/sagactl/stock/list.h"

struct text {
    const char *bytes;
    size_t length;
    const char *expected; /* one line each: "LINE JSON", or "LINE !" and part of the reason */
};

#define TEXT(literal) literal, sizeof literal - 1

static const struct text lists[] = {
    {TEXT("22350,100\n22351,7\n"),
     "1 {\"sku\":\"22350\",\"quantity\":100}\n2 {\"sku\":\"22351\",\"quantity\":7}\n"},
    {TEXT("22350,100"), "1 {\"sku\":\"22350\",\"quantity\":100}\n"},
    {TEXT("sku,quantity\r\n22350,-3\r\n"), "2 {\"sku\":\"22350\",\"quantity\":-3}\n"},
    {TEXT("\xef\xbb\xbf"
          "22353,40\n"),
     "1 {\"sku\":\"22353\",\"quantity\":40}\n"},
    {TEXT("\xef\xbb\xbfSKU,Quantity\n22353,40\n"), "2 {\"sku\":\"22353\",\"quantity\":40}\n"},
    {TEXT("sku,name,quantity\n22356,CAT BOWL,40\n"), "2 {\"sku\":\"22356\",\"quantity\":40}\n"},
    {TEXT("name;quantity;sku\n\"a;b\";7;X\n"), "2 {\"sku\":\"X\",\"quantity\":7}\n"},
    {TEXT("sku\tquantity\nX\t7\n"), "2 {\"sku\":\"X\",\"quantity\":7}\n"},
    {TEXT("\"00124\",\"8\"\n"), "1 {\"sku\":\"00124\",\"quantity\":8}\n"},
    {TEXT("\"SHELF 5\"\" OAK\",7\n"), "1 {\"sku\":\"SHELF 5\\\" OAK\",\"quantity\":7}\n"},
    {TEXT(" 22350 , 100 \n"), "1 {\"sku\":\"22350\",\"quantity\":100}\n"},
    {TEXT("\n\nsku,quantity\n\n  \nX,1\n\n"), "6 {\"sku\":\"X\",\"quantity\":1}\n"},
    {TEXT(""), ""},
    {TEXT("\n \n"), ""},
    /* what is refused by its line */
    {TEXT("X,1\n22357,1,200\nY,2\n"), "1 {\"sku\":\"X\",\"quantity\":1}\n2 !3 columns, where the "
                                      "first line has 2\n3 {\"sku\":\"Y\",\"quantity\":2}\n"},
    {TEXT("sku,quantity\nX,\"1,200\"\n"), "2 !quantity is \"1,200\"\n"},
    {TEXT("sku;quantity\nX;12,5\n"), "2 !quantity is \"12,5\"\n"},
    {TEXT("X,1\nX,12.5\nX,+5\nX,\nX,9999999999999999999\n"),
     "1 {\"sku\":\"X\",\"quantity\":1}\n2 !quantity is \"12.5\"\n3 !quantity is \"+5\"\n4 "
     "!quantity is \"\"\n5 !quantity is \"9999999999999999999\"\n"},
    {TEXT("X,1\nSHELF 5\" OAK,7\nY,2\n"),
     "1 {\"sku\":\"X\",\"quantity\":1}\n2 !a quote (\") stands where none may\n3 "
     "{\"sku\":\"Y\",\"quantity\":2}\n"},
    {TEXT("X,1\n\"Y,2\nZ,3\n"),
     "1 {\"sku\":\"X\",\"quantity\":1}\n2 !a quote (\") that opens here has no end\n"},
    {TEXT("X,1\n\"two\nlines\",2\nZ,3\n"),
     "1 {\"sku\":\"X\",\"quantity\":1}\n2 {\"sku\":\"two\\nlines\",\"quantity\":2}\n4 "
     "{\"sku\":\"Z\",\"quantity\":3}\n"},
    {TEXT("X\0Y,1\nZ,2\n"), "1 !it has a byte 0\n2 {\"sku\":\"Z\",\"quantity\":2}\n"},
    /* lists of which nothing is taken */
    {TEXT("article,pieces\nX,1\n"), "1 !begins with a heading\n"},
    {TEXT("22357,1,200\nX,1,2\n"), "1 !begins with a heading\n"},
    {TEXT("22350\n22351\n"), "1 !begins with a heading\n"},
    {TEXT("sku,name\nX,1\n"), "1 !1 columns \"sku\" and 0 \"quantity\"\n"},
    {TEXT("sku,quantity,sku\nX,1,Y\n"), "1 !2 columns \"sku\" and 1 \"quantity\"\n"},
    {TEXT("sku;quantity,x\nX;1,2\n"), "1 !more than one of these stands in the first line\n"},
    {TEXT("\xff\xfe"
          "2\0,\0"
          "4\0"),
     "1 !UTF-16\n"},
    /* JSON */
    {TEXT("{\"sku\":\"X\",\"quantity\":1}\n{\"sku\":\"Y\",\"quantity\":2}\n"),
     "1 {\"sku\":\"X\",\"quantity\":1}\n2 {\"sku\":\"Y\",\"quantity\":2}\n"},
    {TEXT("\xef\xbb\xbf [{\"a\":1},\n{\"b\":2}]\n"), "1 {\"a\":1}\n2 {\"b\":2}\n"},
};

struct seen {
    const struct text *text;
    struct buffer said;
    const char *at; /* in what is expected */
};

static enum status see(void *context, const struct list_line *line, struct error *error)
{
    struct seen *seen = context;
    const char *colon = strrchr(line->where, ':'), *end = strchr(seen->at, '\n'),
               *space = strchr(seen->at, ' ');

    (void)error;
    ck_assert_msg(end != NULL, "nothing more was expected than %s, and there is %s %s",
                  seen->text->expected, line->where, line->json != NULL ? line->json : line->why);
    ck_assert_msg(strncmp(colon + 1, seen->at, (size_t)(space - seen->at)) == 0,
                  "%s: %.*s was expected", line->where, (int)(end - seen->at), seen->at);
    if (space[1] == '!') {
        char part[200];

        snprintf(part, sizeof part, "%.*s", (int)(end - space - 2), space + 2);
        ck_assert_msg(line->json == NULL && strstr(line->why, part) != NULL,
                      "%s: \"%s\" was expected: %s", line->where, part,
                      line->json != NULL ? line->json : line->why);
    } else {
        ck_assert_msg(line->json != NULL, "%s: %s", line->where, line->why);
        ck_assert_msg(strlen(line->json) == (size_t)(end - space - 1) &&
                          strncmp(line->json, space + 1, (size_t)(end - space - 1)) == 0,
                      "%s", line->json);
    }
    seen->at = end + 1;
    return STATUS_OK;
}

/* A file of its own that holds the text. */
static void file_make(char path[32], const char *bytes, size_t length)
{
    int file;

    strcpy(path, "/tmp/quadrille-list-XXXXXX");
    file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, bytes, length), (ssize_t)length);
    close(file);
}

START_TEST(of_a_stock_list_nothing_is_guessed)
{
    struct seen seen = {.text = &lists[_i], .at = lists[_i].expected};
    struct arena *arena = arena_new();
    struct error error = {0};
    char path[32];
    const char *paths[] = {path, NULL};

    file_make(path, lists[_i].bytes, lists[_i].length);
    ck_assert_int_eq(list_read(paths, arena, see, &seen, &error), STATUS_OK);
    unlink(path);
    ck_assert_msg(*seen.at == '\0', "%s was expected too", seen.at);
    arena_free(arena);
}
END_TEST

/* Records of any layout: what is broken costs itself alone. */
static const struct text records[] = {
    {TEXT("{\"a\":1}\n{\"b\":2}\n"), "1 {\"a\":1}\n2 {\"b\":2}\n"},
    {TEXT("{\"a\":1}{\"b\":2}"), "1 {\"a\":1}\n1 {\"b\":2}\n"},
    {TEXT("{\n\"a\": {\n\"b\": \"}\"\n}\n}\n\n{\"c\":3}"),
     "1 {\n\"a\": {\n\"b\": \"}\"\n}\n}\n7 {\"c\":3}\n"},
    {TEXT("{\n\"a\": \"Zo\xc3\xab\"\n}\n{\"c\":3}"),
     "1 {\n\"a\": \"Zo\xc3\xab\"\n}\n4 {\"c\":3}\n"},
    {TEXT("[\n  {\"a\":[1]},\n  {\"b\":2}\n]\n"), "2 {\"a\":[1]}\n3 {\"b\":2}\n"},
    {TEXT("[]\n"), ""},
    {TEXT("{\"broken\",\n{\"b\":2}\n"), "1 {\"broken\",\n2 {\"b\":2}\n"},
    {TEXT("{\"a\":1,\n{\"b\":2}\n"), "1 {\"a\":1,\n2 {\"b\":2}\n"},
    {TEXT("{\"cut\":\"x\n{\"b\":2}\n"), "1 {\"cut\":\"x\n2 {\"b\":2}\n"},
    {TEXT("garbage\n{\"b\":2}\nmore"), "1 garbage\n2 {\"b\":2}\n3 more\n"},
    {TEXT("{\"b\":2}\n{\"end\":"), "1 {\"b\":2}\n2 {\"end\":\n"},
};

START_TEST(a_record_ends_where_its_brackets_do)
{
    const struct text *text = &records[_i];
    struct arena *arena = arena_new();
    struct buffer seen = {.arena = arena};
    struct error error = {0};
    char path[32];
    const char *paths[] = {path, NULL}, *record;
    struct records *reading = records_new(paths);
    size_t length;

    file_make(path, text->bytes, text->length);
    buffer_text(&seen, "");
    while ((record = records_next(reading, arena, &length, &error)) != NULL)
        buffer_format(&seen, "%zu %s\n", records_line(reading), record);
    unlink(path);
    ck_assert_int_eq(error.status, STATUS_OK);
    ck_assert_str_eq(seen.data, text->expected);
    records_free(reading);
    arena_free(arena);
}
END_TEST

START_TEST(an_array_without_an_end_is_an_error)
{
    struct arena *arena = arena_new();
    struct error error = {0};
    char path[32];
    const char *paths[] = {path, NULL};
    struct records *reading = records_new(paths);
    size_t length;

    file_make(path, "[{\"a\":1}", 8);
    ck_assert_ptr_nonnull(records_next(reading, arena, &length, &error));
    ck_assert_ptr_null(records_next(reading, arena, &length, &error));
    unlink(path);
    ck_assert_int_eq(error.status, STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "has no end"));
    records_free(reading);
    arena_free(arena);
}
END_TEST

Suite *lists_suite(void)
{
    Suite *suite = suite_create("lists");
    TCase *lines = tcase_create("lists");

    tcase_add_loop_test(lines, of_a_stock_list_nothing_is_guessed, 0,
                        (int)(sizeof lists / sizeof lists[0]));
    tcase_add_loop_test(lines, a_record_ends_where_its_brackets_do, 0,
                        (int)(sizeof records / sizeof records[0]));
    tcase_add_test(lines, an_array_without_an_end_is_an_error);
    suite_add_tcase(suite, lines);
    return suite;
}
