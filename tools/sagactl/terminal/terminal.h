/* What a person at a terminal sees: a progress bar, colour where it helps, numbers that are easy to
 * read. */
#ifndef QUADRILLE_TOOLS_SAGACTL_TERMINAL_TERMINAL_H
#define QUADRILLE_TOOLS_SAGACTL_TERMINAL_TERMINAL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"

/* A bar on standard error: drawn when that is a terminal, at most ten times a second. */
struct progress {
    const char *what;
    size_t total, done; /* total 0: not known */
    int64_t started_us, drawn_us;
    bool drawn;
};

void progress_start(struct progress *progress, const char *what, size_t total);
void progress_show(struct progress *progress, size_t done);
void progress_end(struct progress *progress); /* wipes the bar */

/* The same of one bar, as an observer of history/ is told. */
void progress_follow(const char *what, size_t done, size_t total);

/* The one that ended last: how far it came, for who was interrupted. */
const struct progress *progress_last(void);

/* What makes standard output coloured (marks, see output.h), "" when that is no terminal or
 * NO_COLOR is set. */
const char *colour_good(void);
const char *colour_bad(void);
const char *colour_dim(void);
const char *colour_off(void);

/* The end of a noun: "" of one, else "s". */
const char *plural(size_t count);

/* A line on either stream, as fprintf, without a newline in it, however long: one that foreign text
 * brings is escaped. */
void line_say(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void line_vsay(FILE *out, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* How many columns a line on standard output may take: COLUMNS, else what the terminal has; 0: as
 * many as it likes, since that is no terminal, or output_widen was called. */
int output_width(void);
void output_widen(void);

/* A line of a table on standard output, as printf, without a newline in it.  What is wider than
 * output_width, in columns of which wide characters take two, goes on below, indented by so many:
 * broken before its last column, which two blanks set apart, if that stands there whole; else at a
 * blank, if there is one. */
void line_wrap(int indent, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
