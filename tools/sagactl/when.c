#include "tools/sagactl/when.h"

#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "tools/sagactl/terminal.h"

static int64_t unit_ms(const char *unit)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i].name, unit) == 0)
            return units[i].ms;
    return 0;
}

enum status when_setting(const struct settings *from, const char *name, int64_t *at_ms, struct error *error)
{
    const char *text = settings_text(from, name);
    int64_t time_us, count;
    char *unit;

    *at_ms = 0;
    if (text == NULL)
        return STATUS_OK;
    if (timestamp_parse(text, &time_us)) {
        *at_ms = time_us / 1000;
        return STATUS_OK;
    }
    count = strtoll(text, &unit, 10);
    if (unit == text || count < 0 || count > 1000000000 || unit_ms(unit) == 0)
        return error_set(error, STATUS_WRONG, "--%s is \"%s\": " WHEN_EXPECTED " is expected", name, text);
    *at_ms = clock_us() / 1000 - count * unit_ms(unit);
    if (*at_ms < 1)
        *at_ms = 1;
    return STATUS_OK;
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
