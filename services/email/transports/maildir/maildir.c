#define _GNU_SOURCE /* syncfs */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/email/transports/transport.h"

enum { ALONE_MAX = 8 }; /* so few mails are synced one by one */

struct maildir {
    char *path;
    int tmp, new; /* its folders */
};

/* The reason names no mail: it is the same for all of them. */
static enum status unavailable(struct error *error, const char *what, const struct maildir *maildir)
{
    return error_set(error, STATUS_UNAVAILABLE, "maildir: cannot %s %s: %s", what, maildir->path,
                     strerror(errno));
}

/* Domains have no case (RFC 4343). */
static bool is_invalid(const char *recipient)
{
    size_t length = strlen(recipient);

    return length > 8 && strcasecmp(recipient + length - 8, ".invalid") == 0;
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

static enum status write_all(const struct maildir *maildir, int file, const char *text,
                             struct error *error)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t written = write(file, text, left);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return unavailable(error, "write a mail to", maildir);
        text += written;
        left -= (size_t)written;
    }
    return STATUS_OK;
}

static enum status write_mail(const struct maildir *maildir, const struct mail *mail, bool alone,
                              struct error *error)
{
    int file = openat(maildir->tmp, mail->id, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    enum status status;

    if (file < 0)
        return unavailable(error, "make a mail in", maildir);
    status = write_all(maildir, file, mail->text, error);
    if (alone && status == STATUS_OK && fsync(file) != 0)
        status = unavailable(error, "sync", maildir);
    if (close(file) != 0 && status == STATUS_OK)
        status = unavailable(error, "write a mail to", maildir);
    return status;
}

/* One wait for all mails of a batch, instead of one for each.  It waits for what others wrote to
 * the same disk too, which a few mails are not worth. */
static enum status sync_all(const struct maildir *maildir, struct error *error)
{
#ifdef __linux__
    return syncfs(maildir->tmp) == 0 ? STATUS_OK : unavailable(error, "sync", maildir);
#else
    (void)error;
    sync();
    return STATUS_OK;
#endif
}

static void answer(const struct maildir *maildir, struct mail *mail, struct arena *arena)
{
    mail->answer = TRANSPORT_ACCEPTED;
    if (is_invalid(mail->recipient)) {
        mail->answer = TRANSPORT_REFUSED;
        mail->reason = arena_format(arena, "no mail can reach %s", mail->recipient);
    } else if (mail->repeated && was_read(maildir, mail->id, arena)) {
        mail->text = NULL; /* nothing left to do */
    }
}

static bool is_due(const struct mail *mail)
{
    return mail->answer == TRANSPORT_ACCEPTED && mail->text != NULL;
}

/* Into tmp/, safe on disk, then moved to new/ in one step each: a reader never sees half a mail,
 * and a repeated one takes the place of the first, unless that one was read already. */
static enum status send_all(const struct maildir *maildir, struct mail *mails, size_t count,
                            struct arena *arena, struct error *error)
{
    const bool alone = count <= ALONE_MAX;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < count; i++)
        answer(maildir, &mails[i], arena);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        if (is_due(&mails[i]))
            status = write_mail(maildir, &mails[i], alone, error);
    if (status == STATUS_OK && !alone)
        status = sync_all(maildir, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        if (is_due(&mails[i]) &&
            renameat(maildir->tmp, mails[i].id, maildir->new, mails[i].id) != 0)
            status = unavailable(error, "move a mail in", maildir);
    if (status == STATUS_OK && fsync(maildir->new) != 0)
        status = unavailable(error, "sync", maildir);
    return status;
}

/* Makes a folder of the maildir when it is not there, and opens it. */
static int folder_open(const struct maildir *maildir, const char *name, struct error *error)
{
    char path[4096];
    int folder = -1;

    snprintf(path, sizeof path, "%s%s", maildir->path, name);
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        error_set(error, STATUS_INVALID, "maildir is \"%s\": cannot make %s: %s", maildir->path,
                  path, strerror(errno));
    return folder;
}

static void folders_close(struct maildir *maildir)
{
    if (maildir->tmp >= 0)
        close(maildir->tmp);
    if (maildir->new >= 0)
        close(maildir->new);
    maildir->tmp = maildir->new = -1;
}

/* Somebody may have made the maildir anew: the folders that were opened are then others than those
 * that bear their names. */
static enum status folders_open(struct maildir *maildir, struct error *error)
{
    int top = folder_open(maildir, "", error),
        cur = top < 0 ? -1 : folder_open(maildir, "/cur", error);

    if (cur >= 0)
        maildir->tmp = folder_open(maildir, "/tmp", error);
    if (maildir->tmp >= 0)
        maildir->new = folder_open(maildir, "/new", error);
    if (top >= 0)
        close(top);
    if (cur >= 0)
        close(cur);
    if (maildir->tmp >= 0 && maildir->new >= 0)
        return STATUS_OK;
    folders_close(maildir);
    return STATUS_INVALID; /* as folder_open has it */
}

/* A maildir that cannot be written, or was removed, is unavailable; after that its folders are
 * opened once more. */
static enum status send_mails(void *state, struct mail *mails, size_t count, struct arena *arena,
                              struct error *error)
{
    struct maildir *maildir = state;
    enum status status = STATUS_OK;

    if (maildir->tmp < 0 && folders_open(maildir, error) != STATUS_OK)
        return unavailable(error, "open", maildir);
    status = send_all(maildir, mails, count, arena, error);
    if (status != STATUS_OK)
        folders_close(maildir);
    return status;
}

static void close_maildir(void *state)
{
    struct maildir *maildir = state;

    folders_close(maildir);
    free(maildir->path);
    free(maildir);
}

static enum status open_maildir(const struct settings *settings, struct transport *transport,
                                struct error *error)
{
    struct maildir *maildir = calloc(1, sizeof *maildir);

    if (maildir == NULL || (maildir->path = strdup(settings_text(settings, "maildir"))) == NULL)
        abort();
    maildir->tmp = maildir->new = -1;
    if (folders_open(maildir, error) != STATUS_OK) {
        close_maildir(maildir);
        return error->status;
    }
    *transport = (struct transport){maildir, send_mails, close_maildir};
    return STATUS_OK;
}

/* clang-format off */
const struct setting maildir_settings[] = {
    {.name = "maildir", .kind = SETTING_TEXT, .fallback = "quadrille-mail",
     .meaning = "folder that the maildir transport delivers to, a file a mail",
     .details = "It is made where it is not there. Its file system must be one: a mail is written "
                "to tmp and renamed to new."},
    {.name = NULL},
};
/* clang-format on */

const struct transport_kind maildir_transport = {"maildir", maildir_settings, open_maildir};
