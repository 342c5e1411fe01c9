/* Records that people hand to sagactl: JSON objects, one a line or one over many lines, or CSV; from files or standard input. */
#ifndef QUADRILLE_TOOLS_SAGACTL_RECORDS_H
#define QUADRILLE_TOOLS_SAGACTL_RECORDS_H

#include <stddef.h>

#include "base/error.h"

struct arena;
struct records;

/* `paths` is NULL-terminated; an empty list, or "-", is standard input.  Nothing is opened yet. */
struct records *records_new(const char *const *paths);

/* The next record, in `arena`: NULL at the end, or on failure, when `error` is filled (its status is STATUS_OK at the end).
 * An input whose first line does not end in } is one JSON object over many lines.  Empty lines are passed over. */
const char *records_next(struct records *records, struct arena *arena, size_t *length, struct error *error);

/* "orders.ndjson:7", for messages about the record that records_next gave last. */
const char *records_where(const struct records *records);

/* Number of the line at which that record starts. */
size_t records_line(const struct records *records);

void records_free(struct records *records);

#endif
