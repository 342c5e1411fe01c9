/* What a statement gave, in PostgreSQL's binary form. */
#include "base/arena.h"
#include "database/connection.h"

static const PGresult *pg(const struct result *result)
{
    return (const PGresult *)result;
}

size_t result_rows(const struct result *result)
{
    return (size_t)PQntuples(pg(result));
}

const char *result_column(const struct result *result, size_t column)
{
    return PQfname(pg(result), (int)column);
}

bool result_is_null(const struct result *result, size_t row, size_t column)
{
    return PQgetisnull(pg(result), (int)row, (int)column) == 1;
}

const char *result_text(const struct result *result, size_t row, size_t column)
{
    return result_is_null(result, row, column) ? NULL
                                               : PQgetvalue(pg(result), (int)row, (int)column);
}

char *result_copy(const struct result *result, size_t row, size_t column, struct arena *arena)
{
    const char *text = result_text(result, row, column);

    return text == NULL
               ? NULL
               : arena_copy(arena, text, (size_t)PQgetlength(pg(result), (int)row, (int)column));
}

int64_t result_integer(const struct result *result, size_t row, size_t column)
{
    const unsigned char *bytes =
        (const unsigned char *)PQgetvalue(pg(result), (int)row, (int)column);
    int length = PQgetlength(pg(result), (int)row, (int)column);
    uint64_t value = length > 0 && (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0;

    for (int i = 0; i < length; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

int64_t result_time_us(const struct result *result, size_t row, size_t column)
{
    int64_t time_us = result_integer(result, row, column);

    if (result_is_null(result, row, column))
        return 0;
    return time_us > INT64_MAX - POSTGRES_EPOCH_US
               ? INT64_MAX
               : time_us + POSTGRES_EPOCH_US; /* "infinity" is INT64_MAX */
}

void result_free(struct result *result)
{
    PQclear((PGresult *)result);
}
