/* How a log is read that is larger than memory: in passes, each for a share of the orders.
 *
 *     unsigned passes;
 *     enum status status = histories_passes(&source, 512, &passes, &error);
 *
 *     for (unsigned share = 0; status == STATUS_OK && share < passes; share++)
 *         status = histories_read(
 *             log, &source, &(struct history_scope){.share = share, .shares = passes}, &error); */
#ifndef QUADRILLE_HISTORY_MEMORY_BOUND_H
#define QUADRILLE_HISTORY_MEMORY_BOUND_H

#include <stdint.h>

#include "history/log_source.h"

/* What a process may be bounded to at least: so much takes who reads the log for the smallest share
 * of its orders. */
enum { MEMORY_MIB_MIN = 48 };

/* How many passes keep the process's memory below `most_mib`, as far as the lengths of the topics
 * tell.  0: below a quarter of what the machine has, at most 2 GiB.  STATUS_UNAVAILABLE when the
 * broker does not answer. */
enum status histories_passes(const struct log_source *source, int64_t most_mib, unsigned *passes,
                             struct error *error);

#endif
