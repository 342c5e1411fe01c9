/* Is a stranger's run of bytes text?  UTF-8 as RFC 3629 has it: no overlong form, no surrogate,
 * nothing beyond U+10FFFF. */
#ifndef QUADRILLE_BASE_UTF8_H
#define QUADRILLE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes at the beginning are well-formed UTF-8 without NUL, so that a C string may hold
 * them. */
size_t utf8_valid(const void *bytes, size_t length);

/* How many are text besides: no control character (U+0000 to U+001F, U+007F to U+009F), no line or
 * paragraph separator (U+2028, U+2029), no noncharacter: what CloudEvents 1.0 §2.4 allows in a
 * String, and one line of it. */
size_t utf8_text(const void *bytes, size_t length);

/* The code points of one line of text, for which UTF-8 must be valid; -1 where a control character
 * or a separator stands in it. */
int64_t utf8_text_length(const char *text, size_t bytes);

struct buffer;

/* Appends foreign bytes so that they are fit for a terminal, a log and a reason: a control
 * character (C0, DEL, C1), a line or paragraph separator, a noncharacter and what turns the
 * direction of writing around (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069) become
 * \u and four digits as in JSON, a byte that is no UTF-8 becomes \x and two.  All else stays as it
 * is. */
void utf8_show(struct buffer *out, const void *bytes, size_t length);

/* Appends at most `most` characters of a text as a field of ours may hold it: U+FFFD in place of
 * each that is none, and an ellipsis last where something was cut off. */
void utf8_fit(struct buffer *out, const char *text, size_t most);

#endif
