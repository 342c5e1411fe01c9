#include "tools/sagactl/records.h"

#include <errno.h>
#include <json-c/json_tokener.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buffer.h"

/* Longer than any message may be: what has not ended by then is read no further. */
enum { RECORD_MAX = 4 * 1024 * 1024 };

struct records {
    const char *const *paths;
    bool any_path;
    FILE *file;
    const char *name;
    json_tokener *tokener;
    size_t line, start;
    char *text; /* of getline: the line */
    size_t capacity, length, at;
    bool begun;    /* something of the file was taken */
    bool in_array; /* the file is one array of records */
    char where[512];
};

/* Not at its strictest, where json-c 0.18 takes ASCII alone: the decoder judges the record. */
static struct records *records_make(void)
{
    struct records *records = calloc(1, sizeof *records);

    if (records == NULL || (records->tokener = json_tokener_new()) == NULL)
        abort();
    return records;
}

struct records *records_new(const char *const *paths)
{
    struct records *records = records_make();

    records->paths = paths;
    records->any_path = *paths != NULL;
    return records;
}

static void file_begin(struct records *records, FILE *file, const char *name)
{
    records->file = file;
    records->name = name;
    records->line = records->length = records->at = 0;
    records->begun = records->in_array = false;
}

struct records *records_of(FILE *file, const char *name)
{
    static const char *const none[] = {NULL};
    struct records *records = records_make();

    records->paths = none;
    records->any_path = true;
    file_begin(records, file, name);
    return records;
}

static void close_file(struct records *records)
{
    if (records->file != NULL && records->file != stdin)
        fclose(records->file);
    records->file = NULL;
}

void records_free(struct records *records)
{
    close_file(records);
    json_tokener_free(records->tokener);
    free(records->text);
    free(records);
}

/* False when there is no further input. */
static bool open_next(struct records *records, struct error *error)
{
    const char *path = *records->paths;
    FILE *file;

    if (path == NULL && records->any_path)
        return false;
    records->any_path = true;
    if (path != NULL)
        records->paths++;
    if (path == NULL || strcmp(path, "-") == 0) {
        file_begin(records, stdin, "standard input");
        return true;
    }
    file = fopen(path, "r");
    if (file == NULL)
        error_set(error, STATUS_INVALID, "cannot read %s: %s", path, strerror(errno));
    else
        file_begin(records, file, path);
    return file != NULL;
}

/* False at the end of the file, and when it cannot be read, which `error` says. */
static bool line_next(struct records *records, struct error *error)
{
    ssize_t length = getline(&records->text, &records->capacity, records->file);

    records->at = 0;
    records->length = length < 0 ? 0 : (size_t)length;
    records->line += length >= 0;
    if (length < 0 && ferror(records->file))
        error_set(error, STATUS_INVALID, "cannot read %s: %s", records->name, strerror(errno));
    return length >= 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Past a byte order mark, what stands between the records of an array, and blanks. */
static void skip(struct records *records)
{
    if (records->line == 1 && records->at == 0 && records->length >= 3 &&
        memcmp(records->text, "\xef\xbb\xbf", 3) == 0)
        records->at = 3;
    for (; records->at < records->length; records->at++) {
        char c = records->text[records->at];

        if (c == '[' && !records->begun)
            records->in_array = true;
        else if (c == ']' && records->in_array)
            records->in_array = false;
        else if (!is_blank(c) && !(c == ',' && records->in_array))
            return;
        records->begun = records->begun || !is_blank(c);
    }
}

/* To where a record begins; false at the end of all input, and on failure. */
static bool begin(struct records *records, struct error *error)
{
    for (;;) {
        if (records->file == NULL && !open_next(records, error))
            return false;
        skip(records);
        if (records->at < records->length)
            return true;
        if (line_next(records, error))
            continue;
        if (error->status == STATUS_OK && records->in_array)
            error_set(error, STATUS_INVALID, "%s: the array that it begins with has no end",
                      records->name);
        close_file(records);
        if (error->status != STATUS_OK)
            return false;
    }
}

static void take(struct records *records, struct buffer *record, size_t count)
{
    buffer_bytes(record, records->text + records->at, count);
    records->at += count;
}

/* An object ends where its brackets do, over however many lines.  One that is broken ends with its
 * line; where a line begins another, before that. */
static void object_take(struct records *records, struct buffer *record, struct error *error)
{
    json_tokener_reset(records->tokener);
    for (;;) {
        const char *rest = records->text + records->at;
        int length = (int)(records->length - records->at);
        struct json_object *object = json_tokener_parse_ex(records->tokener, rest, length);
        enum json_tokener_error outcome = json_tokener_get_error(records->tokener);

        json_object_put(object);
        if (outcome == json_tokener_success) {
            take(records, record, json_tokener_get_parse_end(records->tokener));
            return;
        }
        if (outcome != json_tokener_continue && records->line > records->start && *rest == '{')
            return;
        take(records, record, records->length - records->at);
        if (outcome != json_tokener_continue || record->length > RECORD_MAX ||
            !line_next(records, error))
            return;
    }
}

const char *records_next(struct records *records, struct arena *arena, size_t *length,
                         struct error *error)
{
    struct buffer record = {.arena = arena};

    error->status = STATUS_OK;
    if (!begin(records, error))
        return NULL;
    records->begun = true;
    records->start = records->line;
    snprintf(records->where, sizeof records->where, "%s:%zu", records->name, records->start);
    if (records->text[records->at] == '{')
        object_take(records, &record, error);
    else
        take(records, &record, records->length - records->at);
    if (error->status != STATUS_OK) {
        close_file(records);
        return NULL;
    }
    while (record.length > 0 && is_blank(record.data[record.length - 1]))
        record.data[--record.length] = '\0';
    *length = record.length;
    return record.data;
}

const char *records_where(const struct records *records)
{
    return records->where;
}

size_t records_line(const struct records *records)
{
    return records->start;
}
