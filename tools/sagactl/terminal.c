#define _DEFAULT_SOURCE /* struct winsize */
#include "tools/sagactl/terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, REDRAW_US = 100000 };

static struct progress last_progress;

void progress_start(struct progress *progress, const char *what, size_t total)
{
    *progress = (struct progress){.what = what, .total = total, .started_us = clock_us()};
}

static void draw(struct progress *progress, size_t done, int64_t now_us)
{
    int filled = progress->total == 0 ? 0 : (int)(done * BAR_WIDTH / progress->total);
    double seconds = (double)(now_us - progress->started_us) / 1e6, rate = seconds > 0 ? (double)done / seconds : 0;

    fprintf(stderr, "\r%-12s %s", progress->what, progress->total > 0 ? "[" : "");
    for (int i = 0; progress->total > 0 && i < BAR_WIDTH; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fprintf(stderr, "%s%zu", progress->total > 0 ? "] " : "", done);
    if (progress->total > 0)
        fprintf(stderr, "/%zu", progress->total);
    fprintf(stderr, "  %.0f/s", rate);
    if (rate > 0 && progress->total > done)
        fprintf(stderr, "  %.0f s left", (double)(progress->total - done) / rate);
    fputs("\033[K", stderr);
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
        fputs("\r\033[K", stderr);
    progress->drawn = false;
    last_progress = *progress;
}

const struct progress *progress_last(void)
{
    return &last_progress;
}

static const char *colour(const char *sequence)
{
    const char *no_colour = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) != 0 && (no_colour == NULL || *no_colour == '\0') ? sequence : "";
}

const char *colour_good(void) { return colour("\033[32m"); }
const char *colour_bad(void) { return colour("\033[31m"); }
const char *colour_dim(void) { return colour("\033[2m"); }
const char *colour_off(void) { return colour("\033[0m"); }

/* 0: it has none, being no terminal. */
static int width_of_output(void)
{
    struct winsize size;

    if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

/* Escape sequences take no place, nor do the bytes that continue a character. */
static size_t cut(const char *text, int width)
{
    int columns = 0;
    size_t at = 0;

    while (text[at] != '\0') {
        if (text[at] == '\033') {
            at += strcspn(text + at, "m");
            at += text[at] == 'm';
            continue;
        }
        if (((unsigned char)text[at] & 0xc0) != 0x80 && columns++ == width)
            break;
        at++;
    }
    return at;
}

const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

void line_print(const char *format, ...)
{
    char text[4096];
    int width = width_of_output();
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (width <= 0)
        puts(text);
    else
        printf("%.*s%s\n", (int)cut(text, width), text, colour_off());
}
