/* Is a stranger's run of bytes text?  UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing beyond U+10FFFF. */
#ifndef QUADRILLE_EVENTS_UTF8_H
#define QUADRILLE_EVENTS_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes at the beginning are well-formed UTF-8 without NUL, so that a C string may hold them. */
size_t utf8_valid(const void *bytes, size_t length);

/* How many are text besides: no control character (U+0000 to U+001F, U+007F to U+009F), no line or paragraph separator (U+2028,
 * U+2029), no noncharacter: what CloudEvents 1.0 §2.4 allows in a String, and one line of it. */
size_t utf8_text(const void *bytes, size_t length);

#endif
