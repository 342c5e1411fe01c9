/* The part of an audit that looks at the four databases, the provider's ledger and the mails. */
#ifndef QUADRILLE_TOOLS_SAGACTL_AUDIT_DATABASES_H
#define QUADRILLE_TOOLS_SAGACTL_AUDIT_DATABASES_H

#include "base/settings.h"
#include "tools/sagactl/audit/report.h"

/* CHECK_ORDERS to CHECK_LEDGER.  Best when nothing is under way: open sagas are named. */
enum status audit_databases(const struct settings *from, struct report *report,
                            struct error *error);

#endif
