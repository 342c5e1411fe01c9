/* The mails of a maildir, by the orders that they name. */
#ifndef QUADRILLE_TOOLS_SAGACTL_AUDIT_MAILS_H
#define QUADRILLE_TOOLS_SAGACTL_AUDIT_MAILS_H

#include <stddef.h>

#include "base/error.h"

struct arena;

struct mail_file {
    const char *order_id; /* "(none: PATH)" when it names no order */
    const char *path;
};

struct mail_files {
    struct mail_file *all; /* in the order of their orders' ids */
    size_t count;
};

/* Lists new/ and cur/; what a mail program moves meanwhile is listed once.  Lives in `arena` until
 * mail_files_free.  STATUS_INVALID names the folder that cannot be read. */
enum status mail_files_list(const char *maildir, struct arena *arena, struct mail_files *out,
                            struct error *error);
void mail_files_free(struct mail_files *files);

/* How a mail that lies there differs from what it should be, but for when it was written and from
 * whom it comes: NULL when it does not, else in words.  In `arena`. */
const char *mail_difference(const struct mail_file *file, const char *expected,
                            struct arena *arena);

#endif
