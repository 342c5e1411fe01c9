#include "events/utf8.h"

#include <stdint.h>

/* The bytes that the character at `at` has, 0 when it is none; its code point. */
static size_t character(const unsigned char *at, size_t left, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* of so many bytes: less is an overlong form */
    size_t bytes = *at < 0x80 ? 1 : *at < 0xc0 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf8 ? 4 : 0;

    if (bytes == 0 || bytes > left)
        return 0;
    *point = bytes == 1 ? *at : *at & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (at[i] & 0x3f);
    }
    return *point < least[bytes] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff) ? 0 : bytes;
}

static bool is_in_text(uint32_t point)
{
    bool control = point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x2028 || point == 0x2029;
    bool noncharacter = (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe;

    return !control && !noncharacter;
}

static size_t prefix(const void *bytes, size_t length, bool text)
{
    const unsigned char *at = bytes;
    size_t done = 0, more;
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
