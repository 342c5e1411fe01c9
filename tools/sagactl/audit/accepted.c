#include "tools/sagactl/audit/accepted.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "tools/sagactl/terminal/terminal.h"

struct line {
    const char *finding; /* its own */
    size_t number;
    bool met;
};

struct accepted {
    const char *path;
    struct line *lines; /* by finding */
    size_t count, capacity;
};

static int by_finding(const void *a, const void *b)
{
    return strcmp(((const struct line *)a)->finding, ((const struct line *)b)->finding);
}

static void add(struct accepted *accepted, const char *finding, size_t number)
{
    accepted->lines =
        array_grow(accepted->lines, accepted->count, &accepted->capacity, sizeof *accepted->lines);
    accepted->lines[accepted->count++] = (struct line){.finding = finding, .number = number};
}

/* The last "  # " counts: a finding may hold one. */
static char *reason_find(char *line)
{
    char *found = NULL;

    for (char *at = strstr(line, "  # "); at != NULL; at = strstr(at + 1, "  # "))
        found = at;
    return found == NULL || found[4 + strspn(found + 4, " \t")] == '\0' ? NULL : found;
}

static enum status line_take(struct accepted *accepted, char *line, size_t number,
                             struct error *error)
{
    char *text = line + strspn(line, " \t"), *reason;

    line[strcspn(line, "\r\n")] = '\0';
    if (*text == '\0' || *text == '#')
        return STATUS_OK;
    reason = reason_find(text);
    if (reason == NULL)
        return error_set(
            error, STATUS_INVALID,
            "%s:%zu: a finding as it was printed, then \"  # \" and the reason is expected",
            accepted->path, number);
    *reason = '\0';
    text = strdup(text);
    if (text == NULL)
        abort();
    add(accepted, text, number);
    return STATUS_OK;
}

struct accepted *accepted_read(const char *path, struct error *error)
{
    FILE *file = fopen(path, "r");
    struct accepted *accepted = calloc(1, sizeof *accepted);
    enum status status = STATUS_OK;
    char *line = NULL;
    size_t capacity = 0;

    if (accepted == NULL)
        abort();
    accepted->path = path;
    for (size_t number = 1;
         status == STATUS_OK && file != NULL && getline(&line, &capacity, file) >= 0; number++)
        status = line_take(accepted, line, number, error);
    if (status == STATUS_OK && (file == NULL || ferror(file)))
        status = error_set(error, STATUS_INVALID, "cannot read %s: %s", path, strerror(errno));
    free(line);
    if (file != NULL)
        fclose(file);
    if (status != STATUS_OK) {
        accepted_free(accepted);
        return NULL;
    }
    if (accepted->count > 0)
        qsort(accepted->lines, accepted->count, sizeof *accepted->lines, by_finding);
    return accepted;
}

void accepted_free(struct accepted *accepted)
{
    if (accepted == NULL)
        return;
    for (size_t i = 0; i < accepted->count; i++)
        free((void *)(uintptr_t)accepted->lines[i].finding);
    free(accepted->lines);
    free(accepted);
}

bool accepted_has(struct accepted *accepted, const char *finding)
{
    const struct line key = {.finding = finding};
    struct line *line = accepted->count == 0 ? NULL
                                             : bsearch(&key, accepted->lines, accepted->count,
                                                       sizeof *accepted->lines, by_finding);

    if (line != NULL)
        line->met = true;
    return line != NULL;
}

void accepted_tell_unmet(const struct accepted *accepted)
{
    for (size_t i = 0; i < accepted->count; i++)
        if (!accepted->lines[i].met)
            line_say(stderr, "%s:%zu: not found any more: %s", accepted->path,
                     accepted->lines[i].number, accepted->lines[i].finding);
}
