#include "base/timestamp.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, by counting from 1 March of
 * year 0. */
static int64_t days_from_date(int year, int month, int day)
{
    int64_t y = (month <= 2 ? year - 1 : year) + 400; /* never negative */
    int64_t era = y / 400 - 1, year_of_era = y % 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
    int64_t z = days + 719468 + 146097; /* never negative from year 0 on */
    int64_t era = z / 146097 - 1, day_of_era = z % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;

    *day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2 ? 1 : 0));
}

static char *digits_put(char *at, int value, int count)
{
    for (int i = count - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + count;
}

/* `count` digits and what stands behind them. */
static char *part_put(char *at, int value, int count, char behind)
{
    at = digits_put(at, value, count);
    *at++ = behind;
    return at;
}

bool timestamp_is_valid(int64_t time_us)
{
    return time_us >= TIMESTAMP_FIRST_US && time_us <= TIMESTAMP_LAST_US;
}

void timestamp_format(int64_t time_us, char text[TIMESTAMP_SIZE])
{
    const int64_t day_us = INT64_C(86400000000);
    int64_t days = time_us / day_us, rest = time_us % day_us;
    int year, month, day, seconds;
    char *at = text;

    assert(timestamp_is_valid(time_us));
    if (rest < 0) {
        rest += day_us;
        days--;
    }
    date_from_days(days, &year, &month, &day);
    seconds = (int)(rest / 1000000);
    at = part_put(at, year, 4, '-');
    at = part_put(at, month, 2, '-');
    at = part_put(at, day, 2, 'T');
    at = part_put(at, seconds / 3600, 2, ':');
    at = part_put(at, seconds / 60 % 60, 2, ':');
    at = part_put(at, seconds % 60, 2, rest % 1000000 != 0 ? '.' : 'Z');
    if (rest % 1000000 != 0)
        at = part_put(at, (int)(rest % 1000000), 6, 'Z');
    *at = '\0';
}

/* Reads exactly `count` digits and moves on; false when there are fewer or the value is out of
 * range. */
static bool digits(const char **text, int count, int least, int most, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (!isdigit((unsigned char)**text))
            return false;
        *value = *value * 10 + (**text - '0');
    }
    return *value >= least && *value <= most;
}

/* Either case of a letter is allowed (RFC 3339 §5.6). */
static bool literal(const char **text, char c)
{
    if (toupper((unsigned char)**text) != c)
        return false;
    (*text)++;
    return true;
}

static bool fraction(const char **text, int *micros)
{
    int scale = 100000, count = 0;

    *micros = 0;
    if (**text != '.')
        return true;
    for ((*text)++; isdigit((unsigned char)**text); (*text)++, scale /= 10, count++)
        *micros += (**text - '0') * scale;
    return count >= 1;
}

static bool zone(const char **text, int64_t *offset_s)
{
    int hours, minutes, sign = **text == '-' ? -1 : 1;

    *offset_s = 0;
    if (literal(text, 'Z'))
        return true;
    if (!literal(text, '+') && !literal(text, '-'))
        return false;
    if (!digits(text, 2, 0, 23, &hours) || !literal(text, ':') || !digits(text, 2, 0, 59, &minutes))
        return false;
    *offset_s = (int64_t)sign * (hours * 3600 + minutes * 60);
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool timestamp_parse(const char *text, int64_t *time_us)
{
    const int64_t minute_s = 60, day_s = 86400;
    int year, month, day, hour, minute, second, micros;
    int64_t offset_s, time_s;

    if (!digits(&text, 4, 0, 9999, &year) || !literal(&text, '-') ||
        !digits(&text, 2, 1, 12, &month) || !literal(&text, '-') ||
        !digits(&text, 2, 1, days_in_month(year, month), &day) || !literal(&text, 'T') ||
        !digits(&text, 2, 0, 23, &hour) || !literal(&text, ':') ||
        !digits(&text, 2, 0, 59, &minute) || !literal(&text, ':') ||
        !digits(&text, 2, 0, 60, &second) || !fraction(&text, &micros) || !zone(&text, &offset_s) ||
        *text != '\0')
        return false;
    time_s = ((days_from_date(year, month, day) * 24 + hour) * 60 + minute) * minute_s - offset_s;
    if (second == 60 && (time_s + minute_s) % day_s != 0) /* a leap second ends a day of UTC */
        return false;
    time_s += second;
    *time_us = time_s * 1000000 + micros;
    return timestamp_is_valid(*time_us);
}
