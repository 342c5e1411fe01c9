#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"

enum status error_set(struct error *error, enum status status, const char *format, ...)
{
    /* what is cut is cut between two characters; an argument may stand in error->message */
    char whole[sizeof error->message + 4];
    va_list arguments;
    size_t kept;

    error->status = status;
    va_start(arguments, format);
    vsnprintf(whole, sizeof whole, format, arguments);
    va_end(arguments);
    kept = utf8_prefix(whole, sizeof error->message - 1);
    memcpy(error->message, whole, kept);
    error->message[kept] = '\0';
    return status;
}
