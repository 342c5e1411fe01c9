/* Manual pages in the macros of man(7), from texts and tables of settings.
 *
 * A text is written as it would be typed: a blank line ends a paragraph, lines that are indented
 * are examples and stay as they are, and a line "TERM | TEXT" is an item of a list. */
#ifndef QUADRILLE_BASE_MANUAL_H
#define QUADRILLE_BASE_MANUAL_H

#include <stddef.h>
#include <stdio.h>

#include "base/settings.h"

struct manual_section {
    const char *heading; /* "EXIT STATUS" */
    const char *text;
};

/* The head of a page of section 1: its name in upper case, `about` what it is in a few words. */
void manual_head(const char *program, const char *about, FILE *out);

/* A section, its text filled. */
void manual_section(const struct manual_section *section, FILE *out);
void manual_text(const char *text, FILE *out);

/* The rows of a table as a list of options: what each is, when to change it, what is allowed, and
 * its default. */
void manual_options(const struct setting *rows, FILE *out);

/* So many characters of a line, escaped. */
void manual_escape(const char *text, size_t length, FILE *out);

#endif
