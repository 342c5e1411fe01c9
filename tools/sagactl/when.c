#include "tools/sagactl/when.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/timestamp.h"
#include "tools/sagactl/terminal/terminal.h"

enum { COUNT_MAX = 1000000000 };

static int64_t unit_ms(const char *unit, size_t length)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i].name) == length && strncmp(units[i].name, unit, length) == 0)
            return units[i].ms;
    return 0;
}

/* "90s", "1h30m"; false when it is neither. */
static bool span_parse(const char *text, int64_t *span_ms)
{
    *span_ms = 0;
    do {
        const char *unit = text + strspn(text, "0123456789");
        size_t length = strspn(unit, "mshd");
        int64_t count = strtoll(text, NULL, 10), each_ms = unit_ms(unit, length);

        if (unit == text || count > COUNT_MAX || each_ms == 0)
            return false;
        *span_ms += count * each_ms;
        text = unit + length;
    } while (*text != '\0');
    return true;
}

/* A time as everywhere, or a shorter one of UTC: a date, a minute, a second, with a blank for the
 * T. */
static bool time_parse(const char *text, int64_t *time_us)
{
    static const char whole[] = "0000-00-00T00:00:00Z";
    char full[2 * sizeof whole];
    size_t length = strlen(text);

    if (timestamp_parse(text, time_us))
        return true;
    if (length != 10 && length != 16 && length != 19)
        return false;
    snprintf(full, sizeof full, "%s%s", text, whole + length);
    if (full[10] == ' ')
        full[10] = 'T';
    return timestamp_parse(full, time_us);
}

enum status when_setting(const struct settings *from, const char *name, int64_t *at_ms,
                         struct error *error)
{
    const char *text = settings_text(from, name);
    int64_t time_us, span_ms;

    *at_ms = 0;
    if (text == NULL)
        return STATUS_OK;
    if (time_parse(text, &time_us)) {
        *at_ms = time_us / 1000;
        return STATUS_OK;
    }
    if (!span_parse(text, &span_ms))
        return error_set(error, STATUS_INVALID, "--%s is \"%s\": " WHEN_EXPECTED " is expected",
                         name, text);
    *at_ms = clock_us() / 1000 - span_ms;
    if (*at_ms < 1)
        *at_ms = 1;
    return STATUS_OK;
}

void time_of_day_format(int64_t at_ms, char text[16])
{
    time_t second = (time_t)(at_ms / 1000);
    struct tm tm;
    size_t length;

    localtime_r(&second, &tm);
    length = strftime(text, 16, "%H:%M:%S", &tm);
    snprintf(text + length, 16 - length, ".%03d", (int)(at_ms % 1000));
}

void span_format(int64_t span_ms, char text[16])
{
    if (span_ms < 1000)
        snprintf(text, 16, "%d ms", (int)span_ms);
    else if (span_ms < 120000)
        snprintf(text, 16, "%.1f s", (double)span_ms / 1000);
    else if (span_ms < 7200000)
        snprintf(text, 16, "%lld min", (long long)(span_ms / 60000));
    else if (span_ms < 172800000)
        snprintf(text, 16, "%lld h", (long long)(span_ms / 3600000));
    else
        snprintf(text, 16, "%lld d", (long long)(span_ms / 86400000));
}
