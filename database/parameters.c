#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "database/connection.h"

enum { OID_TEXT = 25, OID_INT8 = 20, OID_TIMESTAMPTZ = 1184 };

struct parameters *parameters_new(struct arena *arena, const enum column_kind *kinds, size_t count)
{
    struct parameters *parameters =
        arena_alloc(arena, sizeof *parameters + count * sizeof parameters->columns[0]);

    assert(count <= COLUMNS_MAX);
    parameters->count = count;
    for (size_t i = 0; i < count; i++) {
        parameters->columns[i].kind = kinds[i];
        parameters->columns[i].bytes = (struct buffer){.arena = arena};
        buffer_bytes(&parameters->columns[i].bytes, (char[ARRAY_HEAD]){0}, ARRAY_HEAD);
    }
    return parameters;
}

static void put_int32(struct buffer *out, int32_t value)
{
    uint32_t bytes = htonl((uint32_t)value);

    buffer_bytes(out, &bytes, sizeof bytes);
}

void parameters_reserve(struct parameters *parameters, size_t column, size_t bytes)
{
    buffer_reserve(&parameters->columns[column].bytes, bytes);
}

void parameters_text(struct parameters *parameters, size_t column, const char *text)
{
    struct column *to = &parameters->columns[column];
    size_t length = text == NULL ? 0 : strlen(text);

    to->count++;
    put_int32(&to->bytes, text == NULL ? -1 : (int32_t)length);
    buffer_bytes(&to->bytes, text, length);
}

void parameters_integer(struct parameters *parameters, size_t column, int64_t value)
{
    struct column *to = &parameters->columns[column];
    uint64_t bits;

    to->count++;
    if (to->kind == COLUMN_TIME && value == 0) {
        put_int32(&to->bytes, -1);
        return;
    }
    bits = (uint64_t)(to->kind == COLUMN_TIME ? value - POSTGRES_EPOCH_US : value);
    put_int32(&to->bytes, 8);
    put_int32(&to->bytes, (int32_t)(bits >> 32));
    put_int32(&to->bytes, (int32_t)(bits & 0xffffffffu));
}

void column_head_write(struct column *column)
{
    static const uint32_t oids[] = {OID_TEXT, OID_INT8, OID_TIMESTAMPTZ};
    const uint32_t head[] = {htonl(column->count > 0), htonl(1), htonl(oids[column->kind]),
                             htonl((uint32_t)column->count), htonl(1)};

    memcpy(column->bytes.data, head, sizeof head);
}
