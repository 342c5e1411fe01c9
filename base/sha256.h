/* SHA-256 (FIPS 180-4 §6.2), to tell one run of bytes from another: what `sha256sum` prints. */
#ifndef QUADRILLE_BASE_SHA256_H
#define QUADRILLE_BASE_SHA256_H

#include <stddef.h>

enum { SHA256_TEXT_SIZE = 65 };

/* The digest in hexadecimal digits, NUL-terminated.  `bytes` may be NULL when `length` is 0. */
void sha256_text(const void *bytes, size_t length, char text[SHA256_TEXT_SIZE]);

#endif
