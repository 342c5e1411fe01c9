/* Findings that somebody looked into, and accepts with a reason: they make no later audit red.
 *
 * One a line, as the audit prints it, then "  # " and the reason.  Empty lines, and those that
 * begin with #, say nothing. */
#ifndef QUADRILLE_TOOLS_SAGACTL_AUDIT_ACCEPTED_H
#define QUADRILLE_TOOLS_SAGACTL_AUDIT_ACCEPTED_H

#include <stdbool.h>

#include "base/error.h"

struct accepted;

/* STATUS_INVALID, and NULL, names the file and the line without a reason. */
struct accepted *accepted_read(const char *path, struct error *error);
void accepted_free(struct accepted *accepted); /* NULL is allowed */

/* Is this finding accepted?  It is met, then. */
bool accepted_has(struct accepted *accepted, const char *finding);

/* Says on standard error which are met no more: their lines can go. */
void accepted_tell_unmet(const struct accepted *accepted);

#endif
