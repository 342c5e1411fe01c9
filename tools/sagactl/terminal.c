#define _DEFAULT_SOURCE /* struct winsize, wcwidth */
#include "tools/sagactl/terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "tools/sagactl/output.h"

enum { BAR_WIDTH = 30, REDRAW_US = 100000 };

static struct progress last_progress;

void progress_start(struct progress *progress, const char *what, size_t total)
{
    *progress = (struct progress){.what = what, .total = total, .started_us = clock_us()};
}

/* Our own cursor movements: in one write, past what is made of foreign text. */
static void draw(struct progress *progress, size_t done, int64_t now_us)
{
    int filled = progress->total == 0 ? 0 : (int)(done * BAR_WIDTH / progress->total);
    double seconds = (double)(now_us - progress->started_us) / 1e6, rate = seconds > 0 ? (double)done / seconds : 0;
    char bar[BAR_WIDTH + 1] = "", left[64] = "";

    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)filled);
    if (rate > 0 && progress->total > done)
        snprintf(left, sizeof left, "  %.0f s left", (double)(progress->total - done) / rate);
    if (progress->total > 0)
        dprintf(STDERR_FILENO, "\r%-12s [%s] %zu/%zu  %.0f/s%s\033[K", progress->what, bar, done, progress->total, rate, left);
    else
        dprintf(STDERR_FILENO, "\r%-12s %zu  %.0f/s\033[K", progress->what, done, rate);
}

void progress_show(struct progress *progress, size_t done)
{
    int64_t now_us = clock_us();
    bool complete = progress->total > 0 && done == progress->total;

    progress->done = done;
    if (isatty(STDERR_FILENO) == 0 || (progress->drawn && now_us - progress->drawn_us < REDRAW_US && !complete))
        return;
    progress->drawn = true;
    progress->drawn_us = now_us;
    draw(progress, done, now_us);
}

void progress_end(struct progress *progress)
{
    if (progress->drawn)
        dprintf(STDERR_FILENO, "\r\033[K");
    progress->drawn = false;
    last_progress = *progress;
}

const struct progress *progress_last(void)
{
    return &last_progress;
}

static const char *colour(const char *mark)
{
    const char *no_colour = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) != 0 && (no_colour == NULL || *no_colour == '\0') ? mark : "";
}

const char *colour_good(void) { return colour(MARK_GOOD); }
const char *colour_bad(void) { return colour(MARK_BAD); }
const char *colour_dim(void) { return colour(MARK_DIM); }
const char *colour_off(void) { return colour(MARK_OFF); }

/* 0: it has none, being no terminal. */
static int width_of_output(void)
{
    struct winsize size;

    if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

/* The columns that the character at `text` takes, and its bytes.  Marks of colours take none. */
static int columns_of(const char *text, size_t *bytes)
{
    wchar_t wide;
    mbstate_t state = {0};
    size_t length = *text == MARK[0] && text[1] != '\0' ? 0 : mbrtowc(&wide, text, strlen(text), &state);

    if (length == 0)
        *bytes = 2;
    else
        *bytes = length > 4 ? 1 : length;
    if (length == 0 || length > 4)
        return length == 0 ? 0 : 1;
    return wcwidth(wide) < 0 ? (int)sizeof "\\u0000" - 1 : wcwidth(wide); /* it comes out escaped */
}

/* The bytes of what fits. */
static size_t cut(const char *text, int width)
{
    size_t at = 0, bytes;
    int columns = 0;

    for (; text[at] != '\0'; at += bytes) {
        columns += columns_of(text + at, &bytes);
        if (columns > width)
            break;
    }
    return at;
}

const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* A newline that foreign text brings makes no second line. */
static void line_put(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\n')
            fputs("\\u000a", out);
        else
            putc(text[i], out);
}

void line_print(const char *format, ...)
{
    char text[4096];
    int width = width_of_output();
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    line_put(stdout, text, width <= 0 ? strlen(text) : cut(text, width));
    if (width > 0)
        fputs(colour_off(), stdout);
    putchar('\n');
}

void line_vsay(FILE *out, const char *format, va_list arguments)
{
    char text[4096];

    vsnprintf(text, sizeof text, format, arguments);
    line_put(out, text, strlen(text));
    putc('\n', out);
}

void line_say(FILE *out, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line_vsay(out, format, arguments);
    va_end(arguments);
}
