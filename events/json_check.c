#include "events/json_check.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/utf8.h"

struct key {
    const char *text; /* as written, between its quotes */
    size_t length;
    bool escaped;
};

struct scan {
    const char *start, *at, *end;
    struct error *error;
    size_t keys; /* of all objects that are open now; each object's are the last ones */
    struct key seen[JSON_KEYS_MAX];
};

static enum status value_check(struct scan *scan, int depth);

static enum status refuse(struct scan *scan, const char *why)
{
    return error_set(scan->error, STATUS_INVALID, "not valid JSON: %s at byte %zu", why,
                     (size_t)(scan->at - scan->start));
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

static bool next_is(struct scan *scan, char c)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The four digits behind \u, or -1. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t value = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The length of the well-formed UTF-8 sequence at `at` (RFC 3629 §4), 0 when there is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    size_t length = at[0] < 0x80                     ? 1
                    : at[0] >= 0xc2 && at[0] <= 0xdf ? 2
                    : (at[0] & 0xf0) == 0xe0         ? 3
                    : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4
                                                     : 0;

    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

/* Behind a backslash. */
static enum status escape_check(struct scan *scan)
{
    int32_t unit, low;

    if (scan->at == scan->end)
        return refuse(scan, "a string without its end");
    if (*scan->at != 'u') {
        if (strchr("\"\\/bfnrt", *scan->at) == NULL || *scan->at == '\0')
            return refuse(scan, "an unknown escape");
        scan->at++;
        return STATUS_OK;
    }
    unit = hex4(scan->at + 1, scan->end);
    if (unit < 0)
        return refuse(scan, "\\u without four hexadecimal digits");
    if (unit == 0)
        return refuse(scan, "U+0000 in a string");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return refuse(scan, "a lone low surrogate");
    scan->at += 5;
    if (unit < 0xd800 || unit > 0xdbff)
        return STATUS_OK;
    low = scan->end - scan->at >= 6 && scan->at[0] == '\\' && scan->at[1] == 'u'
              ? hex4(scan->at + 2, scan->end)
              : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return refuse(scan, "a lone high surrogate");
    scan->at += 6;
    return STATUS_OK;
}

/* Most of a document.  In registers: for all the compiler knows, the bytes that are read are the
 * scan itself. */
static void skip_plain(struct scan *scan)
{
    const char *at = scan->at, *end = scan->end;

    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
           *at != '\\')
        at++;
    scan->at = at;
}

/* Behind the opening quote; ends behind the closing one. */
static enum status string_check(struct scan *scan, struct key *key)
{
    key->text = scan->at;
    key->escaped = false;
    for (skip_plain(scan); scan->at < scan->end && *scan->at != '"'; skip_plain(scan)) {
        unsigned char c = (unsigned char)*scan->at;
        enum status status;

        if (c < 0x20)
            return refuse(scan, "a control character in a string");
        if (c == '\\') {
            scan->at++;
            key->escaped = true;
            status = escape_check(scan);
            if (status != STATUS_OK)
                return status;
        } else {
            size_t length =
                utf8_length((const unsigned char *)scan->at, (size_t)(scan->end - scan->at));

            if (length == 0)
                return refuse(scan, "bytes that are not UTF-8");
            scan->at += length;
        }
    }
    if (scan->at == scan->end)
        return refuse(scan, "a string without its end");
    key->length = (size_t)(scan->at - key->text);
    scan->at++;
    return STATUS_OK;
}

static bool is_digit(const struct scan *scan)
{
    return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

static bool skip_digits(struct scan *scan)
{
    const char *from = scan->at;

    while (is_digit(scan))
        scan->at++;
    return scan->at > from;
}

/* Is a run of digits, without leading zeros, at most `most`, which has 19 of them? */
static bool digits_at_most(const char *digits, size_t count, const char *most)
{
    return count < 19 || (count == 19 && memcmp(digits, most, 19) <= 0);
}

static enum status number_check(struct scan *scan)
{
    const char *digits;
    bool negative = *scan->at == '-', integer = true;

    if (negative)
        scan->at++;
    digits = scan->at;
    if (!skip_digits(scan))
        return refuse(scan, "something that is no value");
    if (*digits == '0' && scan->at - digits > 1)
        return refuse(scan, "a number with a leading zero");
    if (!(scan->at < scan->end && (*scan->at == '.' || *scan->at == 'e' || *scan->at == 'E')) &&
        !digits_at_most(digits, (size_t)(scan->at - digits),
                        negative ? "9223372036854775808" : "9223372036854775807"))
        return refuse(scan, "an integer outside the 64-bit range");
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        integer = skip_digits(scan);
    }
    if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
            scan->at++;
        integer = skip_digits(scan) && integer;
    }
    return integer ? STATUS_OK : refuse(scan, "a number cut short");
}

static enum status literal_check(struct scan *scan, const char *literal)
{
    size_t length = strlen(literal);

    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, literal, length) != 0)
        return refuse(scan, "something that is no value");
    scan->at += length;
    return STATUS_OK;
}

/* The next byte of a checked string as its reader will see it, escapes undone; -1 at its end.
 * `pending` holds the UTF-8 bytes of an escape that are still to come. */
struct unescape {
    const char *at, *end;
    unsigned char pending[4];
    int count, next;
};

static void unescape_unicode(struct unescape *u)
{
    uint32_t code = (uint32_t)hex4(u->at, u->end);

    u->at += 4;
    if (code >= 0xd800 && code <= 0xdbff) {
        code = 0x10000 + ((code - 0xd800) << 10) + ((uint32_t)hex4(u->at + 2, u->end) - 0xdc00);
        u->at += 6;
    }
    u->next = 0;
    if (code < 0x80) {
        u->pending[0] = (unsigned char)code;
        u->count = 1;
    } else if (code < 0x800) {
        u->pending[0] = (unsigned char)(0xc0 | code >> 6);
        u->pending[1] = (unsigned char)(0x80 | (code & 0x3f));
        u->count = 2;
    } else if (code < 0x10000) {
        u->pending[0] = (unsigned char)(0xe0 | code >> 12);
        u->pending[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
        u->pending[2] = (unsigned char)(0x80 | (code & 0x3f));
        u->count = 3;
    } else {
        u->pending[0] = (unsigned char)(0xf0 | code >> 18);
        u->pending[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
        u->pending[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
        u->pending[3] = (unsigned char)(0x80 | (code & 0x3f));
        u->count = 4;
    }
}

static int unescape_next(struct unescape *u)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *found;

    if (u->next < u->count)
        return u->pending[u->next++];
    if (u->at == u->end)
        return -1;
    if (*u->at != '\\')
        return (unsigned char)*u->at++;
    u->at++;
    if (*u->at == 'u') {
        u->at++;
        unescape_unicode(u);
        return u->pending[u->next++];
    }
    found = strchr(from, *u->at);
    u->at++;
    return found != NULL ? (unsigned char)to[found - from] : (unsigned char)u->at[-1];
}

static bool same_key(const struct key *a, const struct key *b)
{
    struct unescape left = {.at = a->text, .end = a->text + a->length};
    struct unescape right = {.at = b->text, .end = b->text + b->length};
    int c;

    if (!a->escaped && !b->escaped)
        return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
    do {
        c = unescape_next(&left);
        if (c != unescape_next(&right))
            return false;
    } while (c >= 0);
    return true;
}

static enum status refuse_twice(struct scan *scan, const struct key *key)
{
    struct arena *arena = arena_new();
    struct buffer shown = {.arena = arena};

    buffer_text(&shown, "");
    utf8_show(&shown, key->text, utf8_prefix(key->text, key->length < 80 ? key->length : 80));
    error_set(scan->error, STATUS_INVALID, "%s: this key is given twice, again at byte %zu",
              shown.data, (size_t)(key->text - scan->start));
    arena_free(arena);
    return STATUS_INVALID;
}

/* A key, its colon; the object's own keys start at `first`. */
static enum status key_check(struct scan *scan, size_t first)
{
    struct key key = {0};
    enum status status;

    if (!next_is(scan, '"'))
        return refuse(scan, "a missing key");
    status = string_check(scan, &key);
    if (status != STATUS_OK)
        return status;
    for (size_t i = first; i < scan->keys; i++)
        if (same_key(&scan->seen[i], &key))
            return refuse_twice(scan, &key);
    if (scan->keys == JSON_KEYS_MAX)
        return refuse(scan, "more than 256 keys in objects that are open at once");
    scan->seen[scan->keys++] = key;
    return next_is(scan, ':') ? STATUS_OK : refuse(scan, "a missing colon");
}

static enum status object_check(struct scan *scan, int depth)
{
    size_t first = scan->keys;
    enum status status;

    if (next_is(scan, '}'))
        return STATUS_OK;
    do {
        status = key_check(scan, first);
        if (status == STATUS_OK)
            status = value_check(scan, depth);
        if (status != STATUS_OK)
            return status;
    } while (next_is(scan, ','));
    scan->keys = first;
    return next_is(scan, '}') ? STATUS_OK : refuse(scan, "an object without its end");
}

static enum status array_check(struct scan *scan, int depth)
{
    enum status status;

    if (next_is(scan, ']'))
        return STATUS_OK;
    do {
        status = value_check(scan, depth);
        if (status != STATUS_OK)
            return status;
    } while (next_is(scan, ','));
    return next_is(scan, ']') ? STATUS_OK : refuse(scan, "an array without its end");
}

static enum status value_check(struct scan *scan, int depth)
{
    struct key ignored;

    skip_space(scan);
    if (scan->at == scan->end)
        return refuse(scan, "a missing value");
    if (depth == JSON_DEPTH_MAX)
        return refuse(scan, "nesting deeper than 16");
    switch (*scan->at) {
    case '{':
        scan->at++;
        return object_check(scan, depth + 1);
    case '[':
        scan->at++;
        return array_check(scan, depth + 1);
    case '"':
        scan->at++;
        return string_check(scan, &ignored);
    case 't':
        return literal_check(scan, "true");
    case 'f':
        return literal_check(scan, "false");
    case 'n':
        return literal_check(scan, "null");
    default:
        return number_check(scan);
    }
}

enum status json_check(const char *text, size_t length, struct error *error)
{
    struct scan scan = {.start = text, .at = text, .end = text + length, .error = error};
    enum status status;

    skip_space(&scan);
    if (scan.at == scan.end)
        return refuse(&scan, "nothing but white space");
    if (*scan.at != '{')
        return refuse(&scan, "something other than an object");
    status = value_check(&scan, 0);
    if (status != STATUS_OK)
        return status;
    skip_space(&scan);
    return scan.at == scan.end ? STATUS_OK : refuse(&scan, "something behind the object");
}
