/* Settings as a table: a row a setting.  The parser, --help, docs/configuration.md and the manual
 * pages all come from it.
 *
 * A value is looked for on the command line (--name VALUE or --name=VALUE), then in the environment
 * (QUADRILLE_NAME, with _ for -; flags are not looked for there), then in the row's default.
 *
 *     struct settings *settings = settings_new("quadrille-order", "the order service", tables, 2);
 *     if (settings_parse(settings, argc, argv, &error) != STATUS_OK) ...
 *     settings_text(settings, "brokers");
 *     settings_free(settings); */
#ifndef QUADRILLE_BASE_SETTINGS_H
#define QUADRILLE_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

enum setting_kind {
    SETTING_TEXT,
    SETTING_INTEGER, /* min to max */
    SETTING_CHOICE,  /* one of `choices` */
    SETTING_LIST,    /* may be given several times; in the environment separated by spaces */
    SETTING_FLAG     /* takes no value */
};

struct setting {
    const char *name;
    enum setting_kind kind;
    const char *fallback; /* NULL: unset */
    int64_t min, max;
    const char *const *choices; /* NULL-terminated */
    const char *meaning;        /* what it is, for --help: a line */
    /* when to change it and what that costs, for the manual; NULL: nothing to add */
    const char *details;
};

/* Rows, ended by one whose name is NULL. */
struct settings;

/* `summary` may start with a usage line of its own: "usage: ...". */
struct settings *settings_new(const char *program, const char *summary,
                              const struct setting *const *tables, size_t count);

void settings_free(struct settings *settings);

/* STATUS_INVALID names the setting, its value and what would be right.  What is left of the
 * arguments is kept in order. */
enum status settings_parse(struct settings *settings, int argc, char **argv, struct error *error);

/* Each aborts when no row has that name and kind: that is a bug of the caller. */
/* NULL: unset; also of a choice */
const char *settings_text(const struct settings *settings, const char *name);
int64_t settings_integer(const struct settings *settings, const char *name);
bool settings_flag(const struct settings *settings, const char *name);
/* NULL-terminated */
const char *const *settings_list(const struct settings *settings, const char *name);

/* What is left of the command line; NULL-terminated. */
const char *const *settings_arguments(const struct settings *settings, size_t *count);

/* The table as text for a terminal. */
void settings_help(const struct settings *settings, FILE *out);

/* Tables in Markdown: all rows in one table, then each row that has details under a heading. */
void settings_markdown(const struct setting *const *tables, size_t count, FILE *out);

#endif
