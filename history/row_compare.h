/* A stored row against the row that the log leads to.
 *
 *     struct difference differences[DIFFERENCES_MAX];
 *     size_t count = replay_compare(service, &replayed, stored, arena, differences);
 *
 *     for (size_t i = 0; i < count; i++)
 *         printf("%s: the log leads to %s, the row says %s\n", differences[i].field,
 *                differences[i].log, differences[i].row); */
#ifndef QUADRILLE_HISTORY_ROW_COMPARE_H
#define QUADRILLE_HISTORY_ROW_COMPARE_H

#include "history/replay_run.h"

/* One thing in which a stored row is not what the log leads to. */
struct difference {
    const char *field;     /* "state", "facts", "amount", ... */
    const char *log, *row; /* both sides */
    uint64_t lacks;        /* "facts": what the log holds and the row does not know */
};

enum { DIFFERENCES_MAX = COLUMNS_MAX };

/* `stored` has version 0 when there is no row.  Times are compared where the log tells them.
 * Returns how many there are. */
size_t replay_compare(int service, const struct replayed *replayed, const struct saga *stored,
                      struct arena *arena, struct difference differences[DIFFERENCES_MAX]);

#endif
