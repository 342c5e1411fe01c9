/* The headers of a message: CloudEvents 1.0, Kafka protocol binding 1.0.2, binary content mode (its
 * §3.2): each attribute is a header "ce_NAME", the body is the value, "content-type" its media
 * type.
 *
 * Texts are NUL-terminated and live in the arena they were read into, or wherever their maker keeps
 * them; an attribute that is not there is NULL. */
#ifndef QUADRILLE_EVENTS_ENVELOPE_H
#define QUADRILLE_EVENTS_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;

struct header {
    const char *name;
    const void *value; /* NULL: a header without a value */
    size_t length;
};

struct envelope {
    const char *id;             /* CloudEvents §3.1.1 id */
    const char *type;           /* "order.created"; message_type_find knows ours */
    const char *source;         /* "/quadrille/order" */
    const char *subject;        /* the order id or SKU */
    const char *flow;           /* extension: the order's flow */
    const char *causation_id;   /* extension: the ce_id of what this answers */
    const char *correlation_id; /* extension: what the first sender chose; else the order id */
    const char *replay_of;      /* extension: set by a replay */
    const char *trace_parent;   /* W3C Trace Context §3.2 */
    int64_t time_us;            /* 0: not given */
};

enum { ENVELOPE_HEADERS_MAX = 16, HEADER_VALUE_MAX = 256 };

/* Reads the headers it knows; the table in envelope.c says which are needed, and what rests on
 * them.  Values are UTF-8 without control characters, 1 to HEADER_VALUE_MAX bytes.  STATUS_INVALID
 * when one that is needed is given twice or is none of that, when ce_specversion is there and is
 * not 1.0, or when ce_type is missing.  Of the others such a one counts as not given, as does a
 * ce_time that is no RFC 3339 time and a traceparent that is none of W3C Trace Context. */
enum status envelope_decode(struct arena *arena, const struct header *headers, size_t count,
                            struct envelope *out, struct error *error);

/* Writes the headers of an envelope into `headers`, which has room for ENVELOPE_HEADERS_MAX, and
 * returns their number. Values point into the envelope and `arena`. */
size_t envelope_encode(struct arena *arena, const struct envelope *envelope,
                       struct header *headers);

#endif
