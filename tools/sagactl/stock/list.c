#include "tools/sagactl/stock/list.h"

#include <csv.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "tools/sagactl/records.h"
#include "tools/sagactl/terminal/json_line.h"

enum { COLUMNS_MAX = 64, DIGITS_MAX = 18 };

struct list {
    const char *name;
    struct arena *arena;
    enum status (*take)(void *context, const struct list_line *line, struct error *error);
    void *context;
    struct error *error;
    enum status status;

    struct csv_parser parser;
    size_t line, row_line;            /* the one that is read, and where its row began */
    bool open;                        /* the row goes on in the next line: a quote is open */
    const char *columns[COLUMNS_MAX]; /* of the row */
    size_t count;
    bool has_zero;               /* a byte 0 in it */
    size_t width, sku, quantity; /* as the first row says; width 0: it is not read yet */
    bool hopeless;               /* nothing of the rest can be read */
};

/* ---- a row ---- */

static struct list_line refused(const char *why)
{
    return (struct list_line){.why = why};
}

static bool is_integer(const char *text)
{
    size_t digits;

    text += *text == '-';
    digits = strspn(text, "0123456789");
    return digits > 0 && digits <= DIGITS_MAX && text[digits] == '\0';
}

static const char *trimmed(const char *text, struct arena *arena)
{
    const char *end;

    text += strspn(text, " \t");
    end = text + strlen(text);
    while (end > text && strchr(" \t", end[-1]) != NULL)
        end--;
    return arena_copy(arena, text, (size_t)(end - text));
}

struct list_line list_line_of(const char *sku, const char *quantity, struct arena *arena)
{
    struct json_object *json;
    struct list_line line = {0};

    quantity = trimmed(quantity, arena);
    if (!is_integer(quantity))
        return refused(arena_format(
            arena, "quantity is \"%s\": an integer is expected, written as 1200 or -5", quantity));
    json = json_object_new_object();
    json_add_text(json, "sku", sku);
    json_add_integer(json, "quantity", strtoll(quantity, NULL, 10));
    line.length = strlen(json_line(json));
    line.json = arena_copy(arena, json_line(json), line.length);
    json_object_put(json);
    return line;
}

static void give(struct list *list, struct list_line line)
{
    line.where = arena_format(list->arena, "%s:%zu", list->name, list->row_line);
    if (list->status == STATUS_OK)
        list->status = list->take(list->context, &line, list->error);
}

/* Of the whole file: who guesses at its columns sets the stock of other goods. */
static void give_up(struct list *list, const char *why)
{
    give(list, refused(why));
    list->hopeless = true;
}

/* Where the heading has the column; COLUMNS_MAX when it has none, or more than one. */
static size_t column_find(const struct list *list, const char *name, size_t *times)
{
    size_t found = COLUMNS_MAX;

    *times = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (strcasecmp(trimmed(list->columns[i], list->arena), name) == 0) {
            found = i;
            ++*times;
        }
    }
    return *times == 1 ? found : COLUMNS_MAX;
}

static void row_take(struct list *list)
{
    if (list->has_zero)
        give(list, refused("it has a byte 0, which is no text"));
    else if (list->count != list->width)
        give(list, refused(arena_format(list->arena,
                                        "%zu columns, where the first line has %zu: a quantity is "
                                        "written as 1200, a column that holds what "
                                        "stands between columns in quotes",
                                        list->count, list->width)));
    else
        give(list,
             list_line_of(list->columns[list->sku], list->columns[list->quantity], list->arena));
}

static void first_row_take(struct list *list)
{
    size_t skus, quantities;

    list->width = list->count;
    list->sku = column_find(list, "sku", &skus);
    list->quantity = column_find(list, "quantity", &quantities);
    if (skus == 1 && quantities == 1)
        return;
    if (skus + quantities > 0) {
        give_up(
            list,
            arena_format(
                list->arena,
                "the heading has %zu columns \"sku\" and %zu \"quantity\": one of each is expected",
                skus, quantities));
    } else if (list->count == 2 && is_integer(trimmed(list->columns[1], list->arena))) {
        list->sku = 0;
        list->quantity = 1;
        row_take(list);
    } else {
        give_up(list, "a list of other columns than SKU and quantity begins with a heading, in "
                      "which these are called \"sku\" and \"quantity\"");
    }
}

static void on_column(void *text, size_t length, void *context)
{
    struct list *list = context;

    if (list->count < COLUMNS_MAX)
        list->columns[list->count] = text == NULL ? "" : arena_copy(list->arena, text, length);
    list->has_zero = list->has_zero || (text != NULL && memchr(text, '\0', length) != NULL);
    list->count++;
}

static void on_row(int end, void *context)
{
    struct list *list = context;

    (void)end;
    if (list->count > COLUMNS_MAX)
        give_up(list, arena_format(list->arena, "%zu columns: %d are the most", list->count,
                                   COLUMNS_MAX));
    else if (list->hopeless || (list->count == 1 && *list->columns[0] == '\0'))
        ; /* a line of blanks */
    else if (list->width == 0)
        first_row_take(list);
    else
        row_take(list);
    list->count = 0;
    list->has_zero = false;
}

/* ---- CSV ---- */

/* What stands between the columns: one of the three, the only one in the first line outside quotes.
 * '\0' when it is not clear. */
static char delimiter_of(const char *text, size_t length)
{
    static const char delimiters[] = ",;\t";
    bool quoted = false;
    char found = ',';
    size_t kinds = 0;
    bool seen[sizeof delimiters] = {false};

    for (size_t i = 0; i < length && (quoted || text[i] != '\n' || kinds == 0); i++) {
        const char *at = text[i] == '\0' ? NULL : strchr(delimiters, text[i]);

        if (text[i] == '"')
            quoted = !quoted;
        if (quoted || at == NULL || seen[at - delimiters])
            continue;
        seen[at - delimiters] = true;
        found = text[i];
        kinds++;
    }
    if (kinds > 1)
        found = '\0';
    return found;
}

static void parser_begin(struct list *list, char delimiter)
{
    if (csv_init(&list->parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        abort();
    csv_set_delim(&list->parser, (unsigned char)delimiter);
    list->count = 0;
    list->open = list->has_zero = false;
}

/* A line at a time, so that each row knows where it began. */
static void csv_read(struct list *list, const char *text, size_t length)
{
    const char delimiter = delimiter_of(text, length);

    list->row_line = 1;
    if (delimiter == '\0') {
        give_up(list, "comma, semicolon and tab: more than one of these stands in the first line, "
                      "so it is not clear which parts the columns");
        return;
    }
    parser_begin(list, delimiter);
    while (length > 0 && !list->hopeless && list->status == STATUS_OK) {
        const char *end = memchr(text, '\n', length);
        size_t bytes = end == NULL ? length : (size_t)(end - text) + 1;

        list->line++;
        if (!list->open)
            list->row_line = list->line;
        for (size_t i = 0; i < bytes; i++)
            list->open = list->open != (text[i] == '"');
        if (csv_parse(&list->parser, text, bytes, on_column, on_row, list) != bytes) {
            give(list, refused("a quote (\") stands where none may: a column that holds one is "
                               "quoted whole, and each \" in it doubled"));
            csv_free(&list->parser);
            parser_begin(list, delimiter);
        }
        text += bytes;
        length -= bytes;
    }
    if (!list->hopeless && list->status == STATUS_OK &&
        csv_fini(&list->parser, on_column, on_row, list) != 0)
        give(list, refused("a quote (\") that opens here has no end"));
    csv_free(&list->parser);
}

/* ---- files ---- */

static void json_read(struct list *list, const char *text, size_t length)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, length, "r");
    struct records *records;
    struct list_line line = {0};

    if (file == NULL)
        abort();
    records = records_of(file, list->name);
    while (list->status == STATUS_OK &&
           (line.json = records_next(records, list->arena, &line.length, list->error)) != NULL) {
        line.where = records_where(records);
        list->status = list->take(list->context, &line, list->error);
    }
    if (list->status == STATUS_OK)
        list->status = list->error->status;
    records_free(records);
}

static void text_read(struct list *list, const char *text, size_t length)
{
    size_t blank = 0;

    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        text += 3;
        length -= 3;
    }
    if (length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        list->row_line = 1;
        give_up(list, "the file is UTF-16: save it as CSV in UTF-8");
        return;
    }
    while (blank < length && isspace((unsigned char)text[blank]))
        blank++;
    if (blank < length && strchr("{[", text[blank]) != NULL)
        json_read(list, text, length);
    else
        csv_read(list, text, length);
}

static enum status file_read(const char *path, struct arena *arena, struct buffer *text,
                             struct error *error)
{
    const bool from_stdin = path == NULL || strcmp(path, "-") == 0;
    FILE *file = from_stdin ? stdin : fopen(path, "r");
    char part[65536];

    *text = (struct buffer){.arena = arena};
    error->status = STATUS_OK;
    while (file != NULL && feof(file) == 0 && ferror(file) == 0)
        buffer_bytes(text, part, fread(part, 1, sizeof part, file));
    if (file == NULL || ferror(file))
        error_set(error, STATUS_INVALID, "cannot read %s: %s", from_stdin ? "standard input" : path,
                  strerror(errno));
    if (file != NULL && !from_stdin)
        fclose(file);
    return error->status;
}

enum status list_read(const char *const *paths, struct arena *arena,
                      enum status (*take)(void *context, const struct list_line *line,
                                          struct error *error),
                      void *context, struct error *error)
{
    enum status status;

    do {
        struct list *list = arena_alloc(arena, sizeof *list);
        struct buffer text;

        *list = (struct list){.name = *paths == NULL || strcmp(*paths, "-") == 0 ? "standard input"
                                                                                 : *paths,
                              .arena = arena,
                              .take = take,
                              .context = context,
                              .error = error};
        status = file_read(*paths, arena, &text, error);
        if (status == STATUS_OK && text.length > 0) {
            text_read(list, text.data, text.length);
            status = list->status;
        }
        if (*paths == NULL)
            break;
        paths++;
    } while (status == STATUS_OK && *paths != NULL);
    return status;
}
