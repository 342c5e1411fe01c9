/* The part of an audit that looks at the log, and at rows beside it. */
#ifndef QUADRILLE_TOOLS_SAGACTL_AUDIT_LOG_H
#define QUADRILLE_TOOLS_SAGACTL_AUDIT_LOG_H

#include "base/settings.h"
#include "tools/sagactl/audit/report.h"

/* CHECK_ENDS to CHECK_LOG_MONEY; with `rows` also CHECK_DRIFT, of those services whose databases
 * are named. */
enum status audit_log(const struct settings *from, bool rows, struct report *report,
                      struct error *error);

#endif
