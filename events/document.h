/* JSON text laid out by yyjson, and strictly: what json_check refuses is refused.
 *
 * json_check goes over each byte and knows where it went wrong.  yyjson has to go over each byte
 * too, and refuses nearly all of the same; so it goes first, and what it lets through unseen is
 * looked for in what it has laid out, of which there is far less.  Only in doubt json_check is
 * asked.  For events/ and its tests. */
#ifndef QUADRILLE_EVENTS_DOCUMENT_H
#define QUADRILLE_EVENTS_DOCUMENT_H

#include <stddef.h>
#include <yyjson.h>

#include "base/error.h"

/* A number that no double holds is kept as it was written: it is no integer of ours, and may stand
 * in a field that is ignored. */
static const yyjson_read_flag DOCUMENT_FLAGS = YYJSON_READ_BIGNUM_AS_RAW;

/* Each number as it was written. */
static const yyjson_read_flag DOCUMENT_DIGITS = YYJSON_READ_NUMBER_AS_RAW;

/* One JSON object, in the allocator's room.  NULL with STATUS_INVALID and the reason of json_check,
 * or with STATUS_BUG when yyjson refuses what json_check passes. */
yyjson_doc *document_read(const char *text, size_t length, yyjson_read_flag flags,
                          const yyjson_alc *room, struct error *error);

#endif
