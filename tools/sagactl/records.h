/* Records that people hand to sagactl: JSON objects, one a line or over many lines, one after the
 * other or in one array. */
#ifndef QUADRILLE_TOOLS_SAGACTL_RECORDS_H
#define QUADRILLE_TOOLS_SAGACTL_RECORDS_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

struct arena;
struct records;

/* `paths` is NULL-terminated; an empty list, or "-", is standard input.  Nothing is opened yet. */
struct records *records_new(const char *const *paths);

/* Of one file that is open, which it closes; `name` is for messages. */
struct records *records_of(FILE *file, const char *name);

/* The text of the next record, in `arena`, not yet looked at: what is no object is one record a
 * line.  NULL at the end, or on failure, when `error` is filled (its status is STATUS_OK at the
 * end).  Empty lines and a byte order mark are passed over. */
const char *records_next(struct records *records, struct arena *arena, size_t *length,
                         struct error *error);

/* "orders.ndjson:7", for messages about the record that records_next gave last. */
const char *records_where(const struct records *records);

/* Number of the line at which that record starts. */
size_t records_line(const struct records *records);

void records_free(struct records *records);

#endif
