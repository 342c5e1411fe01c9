#define _GNU_SOURCE /* syncfs */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/index.h"
#include "services/email/transports/maildir/writer.h"

enum { ALONE_MAX = 8 }; /* so few mails are synced one by one */

/* What lay in cur/ when it was last listed. */
struct read_mails {
    struct arena *arena;
    struct index index;
    char **names;
    size_t count, room;
    struct timespec changed; /* that is how old the folder was then; 0: it is to be listed again */
};

struct maildir {
    char *path;
    int tmp, new, cur; /* its folders */
    struct read_mails read;
};

/* The reason names no mail: it is the same for all of them. */
static enum status unavailable(struct error *error, const char *what, const struct maildir *maildir)
{
    return error_set(error, STATUS_UNAVAILABLE, "maildir: cannot %s %s: %s", what, maildir->path,
                     strerror(errno));
}

/* ---- mails that somebody has read ---- */

static bool is_read_name(const void *names, size_t number, const void *id)
{
    return strcmp(((char *const *)names)[number], id) == 0;
}

static void read_forget(struct read_mails *mails)
{
    index_free(&mails->index);
    arena_reset(mails->arena);
    mails->names = NULL;
    mails->count = mails->room = 0;
    mails->changed = (struct timespec){0};
}

/* "ID:2,S": the flags behind the name are the reader's. */
static void read_add(struct read_mails *mails, const char *file)
{
    if (mails->count == mails->room) {
        const size_t room = mails->room == 0 ? 64 : mails->room * 2;
        char **names = arena_array(mails->arena, room, sizeof *names);

        if (mails->count > 0)
            memcpy(names, mails->names, mails->count * sizeof *names);
        mails->names = names;
        mails->room = room;
    }
    mails->names[mails->count] = arena_copy(mails->arena, file, strcspn(file, ":"));
    index_add(&mails->index, text_hash(mails->names[mails->count]), mails->count);
    mails->count++;
}

/* Whoever reads a mail moves it to cur/.  The folder is listed again when it has changed: a time of
 * change that is still new may stand for a later change too. */
static enum status read_list(struct maildir *maildir, struct error *error)
{
    struct read_mails *mails = &maildir->read;
    struct stat now;
    int folder;
    DIR *files;

    if (fstat(maildir->cur, &now) != 0)
        return unavailable(error, "look at", maildir);
    if (now.st_mtim.tv_sec == mails->changed.tv_sec &&
        now.st_mtim.tv_nsec == mails->changed.tv_nsec)
        return STATUS_OK;
    read_forget(mails);
    folder = openat(maildir->cur, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    files = folder < 0 ? NULL : fdopendir(folder);
    if (files == NULL) {
        const enum status status = unavailable(error, "list", maildir);

        if (folder >= 0)
            close(folder);
        return status;
    }
    for (const struct dirent *file; (file = readdir(files)) != NULL;)
        read_add(mails, file->d_name);
    closedir(files);
    if (clock_us() / 1000000 - now.st_mtim.tv_sec > 1)
        mails->changed = now.st_mtim;
    return STATUS_OK;
}

static bool was_read(const struct maildir *maildir, const char *id)
{
    return index_find(&maildir->read.index, text_hash(id), is_read_name, maildir->read.names, id) !=
           INDEX_NONE;
}

/* ---- mails that are due ---- */

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

static enum status write_mail(const struct maildir *maildir, const struct due_mail *mail,
                              bool alone, struct error *error)
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

/* Into tmp/, safe on disk, then moved to new/ in one step each: a reader never sees half a mail,
 * and a repeated one takes the place of the first, unless that one was read already. */
static enum status deliver(struct maildir *maildir, const struct due_mails *mails,
                           struct error *error)
{
    const bool alone = mails->count <= ALONE_MAX;
    enum status status = read_list(maildir, error);

    for (struct due_mail *mail = mails->first; mail != NULL; mail = mail->next)
        mail->is_there = was_read(maildir, mail->id);
    for (struct due_mail *mail = mails->first; status == STATUS_OK && mail != NULL;
         mail = mail->next)
        if (!mail->is_there)
            status = write_mail(maildir, mail, alone, error);
    if (status == STATUS_OK && !alone)
        status = sync_all(maildir, error);
    for (struct due_mail *mail = mails->first; status == STATUS_OK && mail != NULL;
         mail = mail->next)
        if (!mail->is_there && renameat(maildir->tmp, mail->id, maildir->new, mail->id) != 0)
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
    if (maildir->cur >= 0)
        close(maildir->cur);
    maildir->tmp = maildir->new = maildir->cur = -1;
    read_forget(&maildir->read);
}

/* Somebody may have made the maildir anew: the folders that were opened are then others than those
 * that bear their names. */
static enum status folders_open(struct maildir *maildir, struct error *error)
{
    const int top = folder_open(maildir, "", error);

    if (top >= 0)
        maildir->cur = folder_open(maildir, "/cur", error);
    if (maildir->cur >= 0)
        maildir->tmp = folder_open(maildir, "/tmp", error);
    if (maildir->tmp >= 0)
        maildir->new = folder_open(maildir, "/new", error);
    if (top >= 0)
        close(top);
    if (maildir->tmp >= 0 && maildir->new >= 0)
        return STATUS_OK;
    folders_close(maildir);
    return STATUS_INVALID; /* as folder_open has it */
}

enum status maildir_deliver(struct maildir *maildir, const struct due_mails *mails,
                            struct error *error)
{
    enum status status;

    if (maildir->tmp < 0 && folders_open(maildir, error) != STATUS_OK)
        return unavailable(error, "open", maildir);
    status = deliver(maildir, mails, error);
    if (status != STATUS_OK)
        folders_close(maildir);
    return status;
}

void maildir_free(struct maildir *maildir)
{
    folders_close(maildir);
    arena_free(maildir->read.arena);
    free(maildir->path);
    free(maildir);
}

static enum status open_maildir(const struct settings *settings, struct executor *transport,
                                struct error *error)
{
    struct maildir *maildir = calloc(1, sizeof *maildir);

    if (maildir == NULL || (maildir->path = strdup(settings_text(settings, "maildir"))) == NULL)
        abort();
    maildir->tmp = maildir->new = maildir->cur = -1;
    maildir->read.arena = arena_new_small();
    if (folders_open(maildir, error) != STATUS_OK) {
        maildir_free(maildir);
        return error->status;
    }
    return writer_open(maildir, transport, error);
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
