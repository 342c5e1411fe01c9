/* Is this strictly one JSON object?
 *
 * Parsers are lenient where a contract must not be: of a key given twice they keep both or the
 * last, a number outside int64 they clamp or make a floating point number of, and a string may hold
 * U+0000.  This check goes over the bytes once and refuses
 *   - what is not RFC 8259 JSON, or not UTF-8 (RFC 3629: no overlong form, no surrogate),
 *   - a value that is no object, or anything behind it,
 *   - a key that an object gives twice, also when one of them is written with escapes,
 *   - an integer outside int64, in whatever field,
 *   - U+0000 in a string, a lone surrogate, and nesting deeper than JSON_DEPTH_MAX. */
#ifndef QUADRILLE_EVENTS_JSON_CHECK_H
#define QUADRILLE_EVENTS_JSON_CHECK_H

#include <stddef.h>

#include "base/error.h"

enum { JSON_DEPTH_MAX = 16, JSON_KEYS_MAX = 256 };

/* STATUS_OK, or STATUS_INVALID with the reason and the byte at which it shows. */
enum status json_check(const char *text, size_t length, struct error *error);

#endif
