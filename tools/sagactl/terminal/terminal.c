#define _DEFAULT_SOURCE /* struct winsize, wcwidth */
#include "tools/sagactl/terminal/terminal.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/utf8.h"
#include "tools/sagactl/terminal/output.h"

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
    double seconds = (double)(now_us - progress->started_us) / 1e6,
           rate = seconds > 0 ? (double)done / seconds : 0;
    char bar[BAR_WIDTH + 1] = "", left[64] = "";

    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)filled);
    if (rate > 0 && progress->total > done)
        snprintf(left, sizeof left, "  %.0f s left", (double)(progress->total - done) / rate);
    if (progress->total > 0)
        dprintf(STDERR_FILENO, "\r%-12s [%s] %zu/%zu  %.0f/s%s\033[K", progress->what, bar, done,
                progress->total, rate, left);
    else
        dprintf(STDERR_FILENO, "\r%-12s %zu  %.0f/s\033[K", progress->what, done, rate);
}

void progress_show(struct progress *progress, size_t done)
{
    int64_t now_us = clock_us();
    bool complete = progress->total > 0 && done == progress->total;

    progress->done = done;
    if (isatty(STDERR_FILENO) == 0 ||
        (progress->drawn && now_us - progress->drawn_us < REDRAW_US && !complete))
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

void progress_follow(const char *what, size_t done, size_t total)
{
    static struct progress followed;
    static bool begun;

    if (what == NULL)
        progress_end(&followed);
    else if (!begun)
        progress_start(&followed, what, total);
    else
        progress_show(&followed, done);
    begun = what != NULL;
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

const char *colour_good(void)
{
    return colour(MARK_GOOD);
}
const char *colour_bad(void)
{
    return colour(MARK_BAD);
}
const char *colour_dim(void)
{
    return colour(MARK_DIM);
}
const char *colour_off(void)
{
    return colour(MARK_OFF);
}

static bool is_wide;

void output_widen(void)
{
    is_wide = true;
}

/* COLUMNS, where it is set, is what a person prefers (POSIX.1-2017 XBD 8.3). */
int output_width(void)
{
    const char *preferred = getenv("COLUMNS");
    struct winsize size;
    long columns = preferred == NULL ? 0 : strtol(preferred, NULL, 10);

    if (is_wide || isatty(STDOUT_FILENO) == 0)
        return 0;
    if (columns > 0 && columns <= USHRT_MAX)
        return (int)columns;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* ---- how wide a text is ---- */

static bool is_mark(const char *text)
{
    return text[0] == MARK[0] && text[1] != '\0';
}

/* A text as it comes out, but for the marks of colours. */
static void shown_put(struct buffer *out, const char *text)
{
    while (*text != '\0') {
        size_t plain = 0;

        while (text[plain] != '\0' && !is_mark(text + plain))
            plain++;
        utf8_show(out, text, plain);
        text += plain;
        if (*text != '\0') {
            buffer_bytes(out, text, 2);
            text += 2;
        }
    }
}

/* The columns that the character at `text`, which is not its end, takes, and its bytes.  Marks of
 * colours take none. */
static int columns_of(const char *text, size_t *bytes)
{
    wchar_t wide = L'?';
    mbstate_t state = {0};

    if (is_mark(text)) {
        *bytes = 2;
        return 0;
    }
    *bytes = mbrtowc(&wide, text, strlen(text), &state);
    if (*bytes > 4) /* the locale is no UTF-8 */
        *bytes = 1;
    return wcwidth(wide) < 0 ? 1 : wcwidth(wide);
}

/* The bytes of what fits into so many columns. */
static size_t fitting(const char *text, int width)
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

/* Are there only blanks, and marks? */
static bool is_blank(const char *text)
{
    while (*text == ' ' || is_mark(text))
        text += *text == ' ' ? 1 : 2;
    return *text == '\0';
}

static size_t without_blanks(const char *text, size_t length)
{
    while (length > 0 && text[length - 1] == ' ')
        length--;
    return length;
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

static const char *formatted(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    char *text;
    int length;

    va_copy(again, arguments);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

/* How much of a text stands in a line where not all of it fits: up to the last column that may go
 * on below whole, or up to a blank. */
static size_t line_of(const char *text, size_t fits, int width_below)
{
    size_t start = strspn(text, " "), at;

    for (at = fits; at > start + 1; at--)
        if (text[at] != ' ' && text[at - 1] == ' ' && text[at - 2] == ' ')
            break;
    if (at > start + 1 && is_blank(text + at + fitting(text + at, width_below)))
        return at;
    for (at = fits; at > start; at--)
        if (text[at] == ' ')
            return at;
    return fits;
}

static void wrapped_put(const char *text, int width, int indent)
{
    int room = width, below = width - indent;
    size_t fits;

    while (!is_blank(text + (fits = fitting(text, room)))) {
        size_t length = line_of(text, fits, below);

        if (length == 0) /* not even one character fits */
            columns_of(text, &length);
        line_put(stdout, text, without_blanks(text, length));
        text += length;
        text += strspn(text, " ");
        printf("\n%*s", indent, "");
        room = below;
    }
    line_put(stdout, text, without_blanks(text, fits));
    fputs(colour_off(), stdout);
}

void line_wrap(int indent, const char *format, ...)
{
    struct arena *arena = arena_new();
    int width = output_width();
    const char *text;
    struct buffer shown = {.arena = arena};
    va_list arguments;

    va_start(arguments, format);
    text = formatted(arena, format, arguments);
    va_end(arguments);
    if (width == 0) {
        line_put(stdout, text, strlen(text));
    } else {
        buffer_text(&shown, "");
        shown_put(&shown, text);
        wrapped_put(shown.data, width, indent > width / 2 ? width / 2 : indent);
    }
    putchar('\n');
    arena_free(arena);
}

void line_vsay(FILE *out, const char *format, va_list arguments)
{
    struct arena *arena = arena_new();
    const char *text = formatted(arena, format, arguments);

    line_put(out, text, strlen(text));
    putc('\n', out);
    arena_free(arena);
}

void line_say(FILE *out, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line_vsay(out, format, arguments);
    va_end(arguments);
}
