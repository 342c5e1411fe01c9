#include "tools/sagactl/records.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buffer.h"

struct records {
    const char *const *paths;
    bool any_path;
    FILE *file;
    const char *name;
    size_t line, start;
    char *text; /* of getline */
    size_t capacity;
    int why;     /* errno, when it failed */
    bool failed; /* the file could not be read to its end */
    char where[512];
};

struct records *records_new(const char *const *paths)
{
    struct records *records = calloc(1, sizeof *records);

    if (records == NULL)
        abort();
    records->paths = paths;
    records->any_path = *paths != NULL;
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
    free(records->text);
    free(records);
}

/* False when there is no further input. */
static bool open_next(struct records *records, struct error *error)
{
    const char *path = *records->paths;

    if (path == NULL && records->any_path)
        return false;
    records->line = 0;
    records->any_path = true;
    if (path == NULL || strcmp(path, "-") == 0) {
        records->file = stdin;
        records->name = "standard input";
    } else {
        records->file = fopen(path, "r");
        records->name = path;
        if (records->file == NULL)
            error_set(error, STATUS_WRONG, "cannot read %s: %s", path, strerror(errno));
    }
    if (path != NULL)
        records->paths++;
    return records->file != NULL;
}

/* A line without its end; -1 at the end of the file. */
static ssize_t next_line(struct records *records)
{
    ssize_t length = getline(&records->text, &records->capacity, records->file);

    if (length < 0) {
        records->failed = ferror(records->file) != 0;
        records->why = errno;
        return -1;
    }
    records->line++;
    while (length > 0 && strchr("\r\n", records->text[length - 1]) != NULL)
        records->text[--length] = '\0';
    return length;
}

static bool is_open_object(const char *line, size_t length)
{
    while (length > 0 && strchr(" \t", line[length - 1]) != NULL)
        length--;
    return line[strspn(line, " \t")] == '{' && line[length - 1] != '}';
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t")] == '\0';
}

static const char *read_failed(struct records *records, struct error *error)
{
    error_set(error, STATUS_WRONG, "cannot read %s: %s", records->name, strerror(records->why));
    close_file(records);
    return NULL;
}

const char *records_next(struct records *records, struct arena *arena, size_t *length, struct error *error)
{
    struct buffer record = {.arena = arena};
    ssize_t got = -1;

    error->status = STATUS_OK;
    for (;;) {
        if (records->file == NULL && !open_next(records, error))
            return NULL;
        got = next_line(records);
        if (records->failed)
            return read_failed(records, error);
        if (got < 0)
            close_file(records);
        else if (!is_blank(records->text))
            break;
    }
    records->start = records->line;
    snprintf(records->where, sizeof records->where, "%s:%zu", records->name, records->start);
    buffer_bytes(&record, records->text, (size_t)got);
    if (records->start == 1 && is_open_object(records->text, (size_t)got)) {
        while ((got = next_line(records)) >= 0) {
            buffer_char(&record, '\n');
            buffer_bytes(&record, records->text, (size_t)got);
        }
        if (records->failed)
            return read_failed(records, error);
    }
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
