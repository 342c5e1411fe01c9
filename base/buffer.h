/* A growing run of bytes in an arena.
 *
 *     struct buffer out = {.arena = arena};
 *     buffer_text(&out, "hello ");
 *     buffer_format(&out, "%d", 42);
 *     // out.data holds out.length bytes, and a NUL behind them
 *
 * A grown buffer leaves its older, smaller self in the arena: start with buffer_reserve where the
 * size is known. */
#ifndef QUADRILLE_BASE_BUFFER_H
#define QUADRILLE_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct arena;

struct buffer {
    struct arena *arena;
    char *data;
    size_t length, capacity;
};

/* room for so many bytes more, and no other */
void buffer_reserve(struct buffer *buffer, size_t more);
void buffer_bytes(struct buffer *buffer, const void *bytes, size_t length);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_char(struct buffer *buffer, char c);
void buffer_integer(struct buffer *buffer, int64_t value); /* in decimal */
void buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The most bytes of UTF-8 `text`, at most `most`, that end between two characters. */
size_t utf8_prefix(const char *text, size_t most);

/* How many bytes at its beginning are printable ASCII, U+0020 to U+007E. */
size_t text_plain(const char *text, size_t bytes);

/* FNV-1a of 64 bits; never 0, which may stand for nothing. */
uint64_t text_hash(const char *text);
uint64_t bytes_hash(const void *bytes, size_t length);

/* `text` as a JSON string, quotes included (RFC 8259 §7: what must be escaped is, nothing else). */
void buffer_json(struct buffer *buffer, const char *text);

#endif
