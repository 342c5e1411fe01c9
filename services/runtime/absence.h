/* Who cannot be reached, in the log: a warning with the reason, another for each new reason, a
 * notice when it is over. */
#ifndef QUADRILLE_SERVICES_RUNTIME_ABSENCE_H
#define QUADRILLE_SERVICES_RUNTIME_ABSENCE_H

#include "brokers/outages.h"

/* What was tried failed.  Whoever is unavailable names itself at the beginning of the reason, as
 * "maildir: cannot write ...". */
void absence_begin(struct outages *absence, const char *reason);

/* What was tried was done: whoever was unavailable is back. */
void absence_end(struct outages *absence);

#endif
