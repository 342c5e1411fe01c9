#include "tools/sagactl/audit/mails.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buffer.h"

enum { LINE_BYTES = 1100, MAIL_BYTES_MAX = 4 * 1024 * 1024 };

static const char order_header[] = "X-Order-ID: ";

static const char *order_of(const char *path, struct arena *arena)
{
    FILE *file = fopen(path, "r");
    const char *order_id = NULL;
    char line[LINE_BYTES];

    while (file != NULL && order_id == NULL && fgets(line, sizeof line, file) != NULL &&
           line[0] != '\n' && line[0] != '\r')
        if (strncmp(line, order_header, sizeof order_header - 1) == 0)
            order_id = arena_copy(arena, line + sizeof order_header - 1,
                                  strcspn(line + sizeof order_header - 1, "\r\n"));
    if (file != NULL)
        fclose(file);
    return order_id != NULL ? order_id : arena_format(arena, "(none: %s)", path);
}

static void add(struct mail_files *files, size_t *capacity, struct mail_file file)
{
    files->all = array_grow(files->all, files->count, capacity, sizeof *files->all);
    files->all[files->count++] = file;
}

static enum status folder_list(const char *maildir, const char *name, struct arena *arena,
                               struct mail_files *out, size_t *capacity, struct error *error)
{
    const char *path = arena_format(arena, "%s/%s", maildir, name);
    DIR *folder = opendir(path);

    if (folder == NULL)
        return error_set(error, STATUS_INVALID, "maildir is \"%s\": cannot read %s: %s", maildir,
                         path, strerror(errno));
    for (const struct dirent *file; (file = readdir(folder)) != NULL;)
        if (file->d_name[0] != '.')
            add(out, capacity,
                (struct mail_file){.path = arena_format(arena, "%s/%s", path, file->d_name)});
    closedir(folder);
    return STATUS_OK;
}

static int by_order(const void *a, const void *b)
{
    const struct mail_file *left = a, *right = b;
    int order = strcmp(left->order_id, right->order_id);

    return order != 0 ? order : strcmp(left->path, right->path);
}

/* What was moved from new/ to cur/ after it was listed there is listed in both. */
enum status mail_files_list(const char *maildir, struct arena *arena, struct mail_files *out,
                            struct error *error)
{
    size_t capacity = 0, fresh, kept = 0;
    enum status status;

    *out = (struct mail_files){0};
    status = folder_list(maildir, "new", arena, out, &capacity, error);
    fresh = out->count;
    if (status == STATUS_OK)
        status = folder_list(maildir, "cur", arena, out, &capacity, error);
    for (size_t i = 0; status == STATUS_OK && i < out->count; i++)
        if (i >= fresh || access(out->all[i].path, F_OK) == 0)
            out->all[kept++] =
                (struct mail_file){order_of(out->all[i].path, arena), out->all[i].path};
    out->count = kept;
    if (kept > 0)
        qsort(out->all, kept, sizeof *out->all, by_order);
    return status;
}

void mail_files_free(struct mail_files *files)
{
    free(files->all);
    *files = (struct mail_files){0};
}

/* The next line of a text, without those that no audit can know. */
static bool next_line(const char **at, const char **line, size_t *length)
{
    do {
        if (**at == '\0')
            return false;
        *line = *at;
        *length = strcspn(*at, "\n");
        *at += *length + ((*at)[*length] == '\n');
    } while (strncmp(*line, "Date: ", 6) == 0 || strncmp(*line, "From: ", 6) == 0);
    return true;
}

static const char *content_of(const char *path, struct arena *arena)
{
    FILE *file = fopen(path, "r");
    struct buffer text = {.arena = arena};
    char bytes[8192];
    size_t count;

    buffer_text(&text, "");
    while (file != NULL && !feof(file) && !ferror(file) && text.length < MAIL_BYTES_MAX) {
        count = fread(bytes, 1, sizeof bytes, file);
        buffer_bytes(&text, bytes, count);
    }
    if (file != NULL)
        fclose(file);
    return text.data;
}

const char *mail_difference(const struct mail_file *file, const char *expected, struct arena *arena)
{
    const char *is = content_of(file->path, arena), *line = "", *right = "";

    for (;;) {
        size_t length = 0, right_length = 0;
        bool more = next_line(&is, &line, &length),
             expects = next_line(&expected, &right, &right_length);

        if (!more && !expects)
            return NULL;
        if (!more || !expects || length != right_length || memcmp(line, right, length) != 0)
            return arena_format(arena, "says \"%.*s\", \"%.*s\" is expected",
                                (int)(more ? length : 0), more ? line : "",
                                (int)(expects ? right_length : 0), expects ? right : "");
    }
}
