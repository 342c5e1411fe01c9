/* The contract as a table: for each message its fields, in the order of the wire.  Decoding,
 * encoding, the JSON Schemas and the documentation all follow it.  For events/ and the generator of
 * schemas/ only. */
#ifndef QUADRILLE_EVENTS_SHAPE_H
#define QUADRILLE_EVENTS_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "events/message.h"

enum field_kind {
    FIELD_TEXT,    /* const char * */
    FIELD_INTEGER, /* int64_t */
    FIELD_TIME,    /* int64_t microseconds; RFC 3339 on the wire */
    FIELD_OBJECT,  /* a struct in place, described by `shape` */
    FIELD_LINES    /* struct line * at `offset`, its size_t count and struct lines_text at theirs */
};

/* What a text may be, beyond free of control characters. */
struct text_format {
    const char *name;               /* "a currency of ISO 4217" */
    int64_t length_min, length_max; /* in Unicode code points */
    const char *pattern;            /* ECMA 262, for the schema; NULL: any */
    bool (*valid)(const char *text);
    const char *const *values; /* NULL-terminated list of all that is allowed; NULL: any */
    /* for people to read: what we emit of it may be cut and have its control characters replaced */
    bool prose;
    /* more than the name does of a text that is not allowed, where it knows more; NULL: never */
    void (*explain)(const char *text, struct error *why);
};

/* What a text of any format has none of: C0, DEL, C1, U+2028 and U+2029. */
#define TEXT_PATTERN "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$"

/* May the field hold these bytes of UTF-8, behind which NUL stands? */
bool text_format_allows(const struct text_format *format, const char *text, size_t bytes);

/* What would be allowed in place of a text that is not. */
void text_format_tell(const struct text_format *format, const char *text, struct error *why);

struct field {
    const char *name;
    size_t name_length;
    enum field_kind kind;
    bool required;
    bool nullable; /* null is allowed, and means the same as absent */
    size_t offset;
    const struct text_format *format; /* FIELD_TEXT */
    int64_t min, max;                 /* FIELD_INTEGER */
    const struct shape *shape;        /* FIELD_OBJECT, FIELD_LINES */
    size_t count_offset, text_offset; /* FIELD_LINES: of the count, of struct lines_text */
    const char *meaning;              /* for the documentation */
};

struct shape {
    const struct field *fields;
    size_t count;
};

struct message_kind {
    const char *name;
    const char *topic;
    const char *emitter; /* NULL: anyone */
    const struct shape *shape;
    const char *meaning;
    const char *example;
};

extern const struct message_kind message_kinds[MESSAGE_TYPES];
extern const struct shape line_shape;

#endif
