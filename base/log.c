#include "base/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/timestamp.h"

static const char *const level_names[] = {"emerg",   "alert",  "critical", "error",
                                          "warning", "notice", "info",     "debug"};

static struct {
    const char *service;
    bool json;
    int level;
    struct arena *arena; /* of one line */
} log_to = {.service = "quadrille", .level = LOG_INFO};

void log_open(const char *service, bool json, int level)
{
    log_to.service = service;
    log_to.json = json;
    log_to.level = level;
}

bool log_wants(int level)
{
    return level <= log_to.level;
}

static void pair(struct buffer *line, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buffer_char(line, line->length == 0 ? '{' : ',');
    buffer_json(line, name);
    buffer_char(line, ':');
    buffer_json(line, value);
}

/* The whole line in one write, so that lines of several processes do not mix. */
void log_write(int level, const char *order_id, const char *correlation_id, const char *format, ...)
{
    char what[1024], time[TIMESTAMP_SIZE];
    struct buffer line = {0};
    va_list arguments;

    if (!log_wants(level))
        return;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    timestamp_format(clock_us(), time);
    if (log_to.arena == NULL)
        log_to.arena = arena_new();
    line.arena = log_to.arena;
    if (log_to.json) {
        pair(&line, "time", time);
        pair(&line, "level", level_names[level]);
        pair(&line, "service", log_to.service);
        pair(&line, "message", what);
        pair(&line, "order_id", order_id);
        pair(&line, "correlation_id", correlation_id);
        buffer_text(&line, "}\n");
    } else {
        buffer_format(&line, "%.12s %-9s %-7s %s%s%s\n", time + 11, log_to.service,
                      level_names[level], order_id != NULL ? order_id : "",
                      order_id != NULL ? ": " : "", what);
    }
    fwrite(line.data, 1, line.length, stderr);
    arena_reset(log_to.arena);
}
