#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/email/transports/transport.h"

struct maildir {
    char *path;
};

static enum status away(struct error *error, const char *what, const char *path)
{
    return error_set(error, STATUS_AWAY, "maildir: cannot %s %s: %s", what, path, strerror(errno));
}

static char *path_of(const struct maildir *maildir, const char *folder, const char *name, struct arena *arena)
{
    return arena_format(arena, "%s/%s/%s", maildir->path, folder, name);
}

static bool is_invalid(const char *recipient)
{
    size_t length = strlen(recipient);

    return length > 8 && strcmp(recipient + length - 8, ".invalid") == 0;
}

/* Somebody may have read the mail meanwhile: it is then in cur/, with flags behind its name. */
static bool was_read(const struct maildir *maildir, const char *id, struct arena *arena)
{
    DIR *folder = opendir(arena_format(arena, "%s/cur", maildir->path));
    bool found = false;

    if (folder == NULL)
        return false;
    for (const struct dirent *file; !found && (file = readdir(folder)) != NULL;)
        found = strncmp(file->d_name, id, strlen(id)) == 0;
    closedir(folder);
    return found;
}

static enum status write_all(int file, const char *text, const char *path, struct error *error)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t written = write(file, text, left);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return away(error, "write", path);
        text += written;
        left -= (size_t)written;
    }
    return fsync(file) == 0 ? STATUS_OK : away(error, "sync", path);
}

/* Into tmp/, safe on disk, then moved to new/ in one step: a reader never sees half a mail, and a repeated one takes the place
 * of the first. */
static enum status deliver(const struct maildir *maildir, const struct mail *mail, struct arena *arena, struct error *error)
{
    char *temporary = path_of(maildir, "tmp", mail->id, arena), *final = path_of(maildir, "new", mail->id, arena);
    int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    enum status status;

    if (file < 0)
        return away(error, "make", temporary);
    status = write_all(file, mail->text, temporary, error);
    if (close(file) != 0 && status == STATUS_OK)
        status = away(error, "close", temporary);
    if (status == STATUS_OK && rename(temporary, final) != 0)
        status = away(error, "rename", temporary);
    return status;
}

static enum status folder_sync(const struct maildir *maildir, struct arena *arena, struct error *error)
{
    char *path = arena_format(arena, "%s/new", maildir->path);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status status = STATUS_OK;

    if (folder < 0)
        return away(error, "open", path);
    if (fsync(folder) != 0)
        status = away(error, "sync", path);
    close(folder);
    return status;
}

static enum status send_all(void *state, struct mail *mails, size_t count, struct arena *arena, struct error *error)
{
    const struct maildir *maildir = state;
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        struct mail *mail = &mails[i];

        if (is_invalid(mail->recipient)) {
            mail->answer = TRANSPORT_REFUSED;
            mail->reason = arena_format(arena, "no mail can reach %s", mail->recipient);
            continue;
        }
        if (!mail->repeated || !was_read(maildir, mail->id, arena))
            status = deliver(maildir, mail, arena, error);
        mail->answer = TRANSPORT_ACCEPTED;
    }
    return status == STATUS_OK ? folder_sync(maildir, arena, error) : status;
}

static void close_maildir(void *state)
{
    struct maildir *maildir = state;

    free(maildir->path);
    free(maildir);
}

enum status maildir_open(const char *path, struct transport *transport, struct error *error)
{
    static const char *const folders[] = {"", "/tmp", "/new", "/cur"};
    struct maildir *maildir = calloc(1, sizeof *maildir);
    char folder[4096];

    if (maildir == NULL || (maildir->path = strdup(path)) == NULL)
        abort();
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(folder, sizeof folder, "%s%s", path, folders[i]);
        if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
            error_set(error, STATUS_WRONG, "maildir is \"%s\": cannot make %s: %s", path, folder, strerror(errno));
            close_maildir(maildir);
            return error->status;
        }
    }
    *transport = (struct transport){maildir, send_all, close_maildir};
    return STATUS_OK;
}
