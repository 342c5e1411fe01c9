/* Which properties of librdkafka a user may set: one table of all of them, each with the reason. */
#ifndef QUADRILLE_BROKERS_PROPERTIES_H
#define QUADRILLE_BROKERS_PROPERTIES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct property_rule {
    const char *name; /* "ssl.*", "*_cb": all that begin, or end, so */
    bool is_free;     /* a user may set it */
    const char *why;  /* not free: what would no longer hold; free: what it is good for */
};

extern const struct property_rule property_rules[];
extern const size_t property_rule_count;

/* STATUS_INVALID, with the reason, unless a user may set it.  One that stands in no row is refused
 * too: what it does to the guarantees nobody has thought through. */
enum status property_allowed(const char *name, const char *value, struct error *error);

/* The value as it may be printed: "..." where it may be a secret. */
const char *property_shown(const char *name, const char *value);

/* Calls `each` with the name of every property that the librdkafka in use knows and that can be set
 * by a text. */
void properties_each(void (*each)(void *context, const char *name), void *context);

#endif
