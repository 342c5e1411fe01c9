#include "base/buffer.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"

static void move(struct buffer *buffer, size_t capacity)
{
    char *moved = arena_room(buffer->arena, capacity);

    if (buffer->length > 0)
        memcpy(moved, buffer->data, buffer->length);
    buffer->data = moved;
    buffer->capacity = capacity;
}

void buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->capacity - buffer->length <= more)
        move(buffer, buffer->length + more + 1);
}

/* By doubling, so that a run of small additions copies nothing more than twice. */
static void grow(struct buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;

    if (buffer->capacity - buffer->length > more)
        return;
    while (capacity - buffer->length <= more)
        capacity *= 2;
    move(buffer, capacity);
}

void buffer_bytes(struct buffer *buffer, const void *bytes, size_t length)
{
    grow(buffer, length);
    if (length > 0)
        memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_bytes(buffer, text, strlen(text));
}

void buffer_char(struct buffer *buffer, char c)
{
    grow(buffer, 1);
    buffer->data[buffer->length++] = c;
    buffer->data[buffer->length] = '\0';
}

void buffer_integer(struct buffer *buffer, int64_t value)
{
    char digits[20], *first = digits + sizeof digits;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;

    do {
        *--first = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        buffer_char(buffer, '-');
    buffer_bytes(buffer, first, (size_t)(digits + sizeof digits - first));
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    grow(buffer, (size_t)length);
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
}

size_t utf8_prefix(const char *text, size_t most)
{
    size_t length = strnlen(text, most + 1);

    if (length <= most)
        return length;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

/* Are these eight bytes printable ASCII?  Each byte's high bit tells whether it is not. */
static bool are_plain(const char *text)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t bytes, high;

    memcpy(&bytes, text, sizeof bytes);
    high = bytes ^ each * 0x7f;
    return ((bytes | (bytes - each * 0x20) | (high - each)) & each * 0x80) == 0;
}

size_t text_plain(const char *text, size_t bytes)
{
    size_t plain = 0;

    while (bytes - plain >= 8 && are_plain(text + plain))
        plain += 8;
    while (plain < bytes && (unsigned char)text[plain] >= 0x20 && (unsigned char)text[plain] < 0x7f)
        plain++;
    return plain;
}

static const uint64_t hash_start = UINT64_C(14695981039346656037),
                      hash_prime = UINT64_C(1099511628211);

uint64_t text_hash(const char *text)
{
    uint64_t hash = hash_start;

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * hash_prime;
    return hash == 0 ? 1 : hash;
}

uint64_t bytes_hash(const void *bytes, size_t length)
{
    uint64_t hash = hash_start;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * hash_prime;
    return hash == 0 ? 1 : hash;
}

static void json_escape(struct buffer *buffer, unsigned char c)
{
    static const char names[] = "btnvfr"; /* U+0008 .. U+000D; \v is no JSON escape */

    if (c == '"' || c == '\\')
        buffer_format(buffer, "\\%c", c);
    else if (c >= 0x08 && c <= 0x0d && c != 0x0b)
        buffer_format(buffer, "\\%c", names[c - 0x08]);
    else
        buffer_format(buffer, "\\u%04x", c);
}

void buffer_json(struct buffer *buffer, const char *text)
{
    size_t length = strlen(text);
    const char *plain = text, *end = text + length;

    grow(buffer, length + 2);
    buffer_char(buffer, '"');
    for (; text < end; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buffer_bytes(buffer, plain, (size_t)(text - plain));
        json_escape(buffer, c);
        plain = text + 1;
    }
    buffer_bytes(buffer, plain, (size_t)(end - plain));
    buffer_char(buffer, '"');
}
