#include "base/utf8.h"

#include <string.h>

#include "base/buffer.h"

/* The bytes that the character at `at` has, 0 when it is none; its code point. */
static size_t character(const unsigned char *at, size_t left, uint32_t *point)
{
    /* of so many bytes: less is an overlong form */
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t bytes = *at < 0x80   ? 1
                   : *at < 0xc0 ? 0
                   : *at < 0xe0 ? 2
                   : *at < 0xf0 ? 3
                   : *at < 0xf8 ? 4
                                : 0;

    if (bytes == 0 || bytes > left)
        return 0;
    *point = bytes == 1 ? *at : *at & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (at[i] & 0x3f);
    }
    return *point < least[bytes] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff)
               ? 0
               : bytes;
}

/* Unicode's Cc, Zl and Zp. */
static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x2028 || point == 0x2029;
}

/* Unicode's Bidi_Control. */
static bool is_bidi_control(uint32_t point)
{
    return point == 0x61c || point == 0x200e || point == 0x200f ||
           (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

static bool is_noncharacter(uint32_t point)
{
    return (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe;
}

static bool is_in_text(uint32_t point)
{
    return !is_control(point) && !is_noncharacter(point);
}

static size_t prefix(const void *bytes, size_t length, bool text)
{
    const unsigned char *at = bytes;
    size_t done = text_plain(bytes, length), more;
    uint32_t point = 0;

    for (; done < length; done += more) {
        more = character(at + done, length - done, &point);
        if (more == 0 || point == 0 || (text && !is_in_text(point)))
            break;
    }
    return done;
}

size_t utf8_valid(const void *bytes, size_t length)
{
    return prefix(bytes, length, false);
}

size_t utf8_text(const void *bytes, size_t length)
{
    return prefix(bytes, length, true);
}

/* In well-formed UTF-8 the first bytes of a character tell; text ends in NUL, so that looking two
 * ahead is safe. */
int64_t utf8_text_length(const char *text, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t plain = text_plain(text, bytes);
    int64_t count = (int64_t)plain;

    for (size_t i = plain; i < bytes; i++) {
        bool c1 = at[i] == 0xc2 && at[i + 1] < 0xa0,
             separator = at[i] == 0xe2 && at[i + 1] == 0x80 && (at[i + 2] & 0xfe) == 0xa8;

        if (at[i] < 0x20 || at[i] == 0x7f || c1 || separator)
            return -1;
        count += (at[i] & 0xc0) != 0x80;
    }
    return count;
}

void utf8_show(struct buffer *out, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    size_t more;

    for (size_t done = 0; done < length; done += more) {
        size_t plain = text_plain((const char *)at + done, length - done);
        uint32_t point = 0;

        buffer_bytes(out, at + done, plain);
        done += plain;
        if (done == length)
            break;
        more = character(at + done, length - done, &point);
        if (more == 0)
            buffer_format(out, "\\x%02x", at[done]);
        else if (point > 0xffff && is_noncharacter(point))
            buffer_format(out, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (point >> 10)),
                          (unsigned)(0xdc00 | (point & 0x3ff)));
        else if (!is_in_text(point) || is_bidi_control(point))
            buffer_format(out, "\\u%04x", (unsigned)point);
        else
            buffer_bytes(out, at + done, more);
        more += more == 0;
    }
}

void utf8_fit(struct buffer *out, const char *text, size_t most)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text), last = out->length, more;

    for (size_t count = 0; left > 0; count++, at += more, left -= more) {
        uint32_t point = 0;

        if (count == most) { /* the last one makes room for the sign that there were more */
            out->length = last;
            buffer_text(out, "\xe2\x80\xa6");
            return;
        }
        last = out->length;
        more = character(at, left, &point);
        if (more == 0 || is_control(point))
            buffer_text(out, "\xef\xbf\xbd");
        else
            buffer_bytes(out, at, more);
        more += more == 0;
    }
}
