/* Does the stock on hand follow from the stock commands? */
#ifndef QUADRILLE_TOOLS_SAGACTL_AUDIT_COMMANDS_H
#define QUADRILLE_TOOLS_SAGACTL_AUDIT_COMMANDS_H

#include "base/settings.h"
#include "tools/sagactl/audit/report.h"

/* Compares SKU by SKU.  What the database has decided is read first, in one snapshot, and only that
 * is expected of it: right at any moment, whatever commands are under way. */
enum status audit_commands(const struct settings *from, struct report *report, struct error *error);

#endif
