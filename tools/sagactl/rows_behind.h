/* Has a service lost rows that the log tells of?
 *
 *     size_t behind;
 *     enum status status = rows_behind(settings, SERVICE_PAYMENT, url, &behind, &error); */
#ifndef QUADRILLE_TOOLS_SAGACTL_ROWS_BEHIND_H
#define QUADRILLE_TOOLS_SAGACTL_ROWS_BEHIND_H

#include <stddef.h>

#include "base/error.h"

struct settings;

/* How many rows in its database are missing or older than the log; nothing is written.  The command
 * has a setting memory-mib. */
enum status rows_behind(const struct settings *from, int service, const char *url, size_t *behind,
                        struct error *error);

#endif
