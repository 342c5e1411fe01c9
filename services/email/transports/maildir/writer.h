/* Inside transports/maildir/: the executor of a maildir, whose mails a thread of its own delivers.
 *
 * That a file is safe on disk cannot be waited for by poll(2): fsync(2) blocks, and whoever calls
 * it in the loop holds up every order of the process.  io_uring(7) is refused in many containers.
 * So this is the one place of a service that has a thread.  The loop gives it mails, and takes back
 * those that are safe on disk; the descriptor of an event says when (base/wait.h). */
#ifndef QUADRILLE_SERVICES_EMAIL_TRANSPORTS_MAILDIR_WRITER_H
#define QUADRILLE_SERVICES_EMAIL_TRANSPORTS_MAILDIR_WRITER_H

#include "services/email/transports/transport.h"

/* A copy of what is due: its effect may be gone before it is written. */
struct due_mail {
    struct due_mail *next;
    struct effect *effect; /* the loop's */
    bool is_there;         /* it was delivered before */
    const char *text;
    char id[];
};

struct due_mails {
    struct due_mail *first, *last;
    size_t count;
};

struct maildir;

/* All of them, safe on disk.  STATUS_UNAVAILABLE: not all; the maildir cannot be written, or was
 * removed.  It is opened once more the next time. */
enum status maildir_deliver(struct maildir *maildir, const struct due_mails *mails,
                            struct error *error);

void maildir_free(struct maildir *maildir);

/* The maildir is the executor's from here on, also after a failure. */
enum status writer_open(struct maildir *maildir, struct executor *executor, struct error *error);

#endif
