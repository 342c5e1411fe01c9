/* Stock lists as people have them: CSV as RFC 4180 and spreadsheets write it, or JSON objects.
 *
 * CSV has comma, semicolon or tab between its columns.  A heading says which columns are "sku" and
 * "quantity", others are passed over; without one there are these two, in this order.  What does
 * not fit is refused by its line: no quantity and no SKU is ever guessed. */
#ifndef QUADRILLE_TOOLS_SAGACTL_STOCK_LIST_H
#define QUADRILLE_TOOLS_SAGACTL_STOCK_LIST_H

#include <stddef.h>

#include "base/error.h"

struct arena;

/* One line of a list: `json` is an object for the decoder; NULL when the line is refused, then
 * `why` says it. */
struct list_line {
    const char *where; /* "delivery.csv:7" */
    const char *json;
    size_t length;
    const char *why;
};

/* Gives each line of the files to `take`, until that fails.  `paths` as in records.h.
 * STATUS_INVALID when a file cannot be read. */
enum status list_read(const char *const *paths, struct arena *arena,
                      enum status (*take)(void *context, const struct list_line *line,
                                          struct error *error),
                      void *context, struct error *error);

/* One line that was given as two words. */
struct list_line list_line_of(const char *sku, const char *quantity, struct arena *arena);

#endif
