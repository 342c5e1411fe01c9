#include "base/manual.h"

#include <ctype.h>
#include <string.h>

#include "base/version.h"

/* A hyphen that is typed is a minus sign, a backslash is escaped, no line starts with a dot. */
void manual_escape(const char *text, size_t length, FILE *out)
{
    if (length > 0 && (*text == '.' || *text == '\''))
        fputs("\\&", out);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            putc(text[i], out);
    }
}

static void escape_line(const char *text, FILE *out)
{
    manual_escape(text, strlen(text), out);
    putc('\n', out);
}

void manual_head(const char *program, const char *about, FILE *out)
{
    fputs(".TH ", out);
    for (const char *c = program; *c != '\0'; c++)
        fprintf(out, *c == '-' ? "\\-" : "%c", toupper((unsigned char)*c));
    fputs(" 1 \"\" \"Quadrille " QUADRILLE_VERSION "\" \"User Commands\"\n.SH NAME\n", out);
    manual_escape(program, strlen(program), out);
    fputs(" \\- ", out);
    escape_line(about, out);
}

/* "TERM | TEXT": how long is the term?  0: it is no item. */
static size_t term_of(const char *line, size_t length)
{
    const char *bar = length > 0 && *line != ' ' ? strstr(line, " | ") : NULL;

    return bar == NULL || bar >= line + length ? 0 : (size_t)(bar - line);
}

enum form { FILLED, LISTED, EXAMPLE };

static void form_change(enum form from, enum form to, bool first, FILE *out)
{
    if (from == EXAMPLE && to != EXAMPLE)
        fputs(".EE\n", out);
    if (from != to && to != LISTED && !first)
        fputs(".PP\n", out);
    if (to == EXAMPLE && from != EXAMPLE)
        fputs(".EX\n", out);
}

void manual_text(const char *text, FILE *out)
{
    enum form form = FILLED;
    bool first = true, ended = false; /* a blank line came before */

    while (*text != '\0') {
        size_t length = strcspn(text, "\n"), term = term_of(text, length);
        enum form now = term > 0 ? LISTED : length > 0 && *text == ' ' ? EXAMPLE : FILLED;

        if (length > 0) {
            form_change(form, now, first, out);
            if (now == FILLED && form == FILLED && ended)
                fputs(".PP\n", out);
            if (now == EXAMPLE && form == EXAMPLE && ended)
                putc('\n', out);
            if (term > 0) {
                fputs(".TP\n", out);
                manual_escape(text, term, out);
                putc('\n', out);
                manual_escape(text + term + 3, length - term - 3, out);
            } else {
                manual_escape(text, length, out);
            }
            putc('\n', out);
            form = now;
            first = false;
        }
        ended = length == 0;
        text += length + (text[length] == '\n');
    }
    form_change(form, FILLED, true, out);
}

void manual_section(const struct manual_section *section, FILE *out)
{
    fprintf(out, ".SH %s\n", section->heading);
    manual_text(section->text, out);
}

static void allowed_put(const struct setting *row, FILE *out)
{
    if (row->kind == SETTING_INTEGER)
        fprintf(out, "Allowed: %lld to %lld.\n", (long long)row->min, (long long)row->max);
    if (row->kind == SETTING_LIST)
        fputs("It can be repeated.\n", out);
    if (row->kind != SETTING_CHOICE)
        return;
    fputs("One of", out);
    for (const char *const *choice = row->choices; *choice != NULL; choice++) {
        putc(' ', out);
        manual_escape(*choice, strlen(*choice), out);
        putc(choice[1] != NULL ? ',' : '.', out);
    }
    putc('\n', out);
}

void manual_options(const struct setting *rows, FILE *out)
{
    for (; rows->name != NULL; rows++) {
        fputs(".TP\n\\fB\\-\\-", out);
        manual_escape(rows->name, strlen(rows->name), out);
        fputs(rows->kind == SETTING_FLAG      ? "\\fR\n"
              : rows->kind == SETTING_INTEGER ? "\\fR \\fINUMBER\\fR\n"
                                              : "\\fR \\fIVALUE\\fR\n",
              out);
        manual_escape(rows->meaning, strlen(rows->meaning), out);
        fputs(".\n", out);
        if (rows->details != NULL)
            escape_line(rows->details, out);
        allowed_put(rows, out);
        if (rows->fallback != NULL && *rows->fallback != '\0') {
            fputs("Default: ", out);
            manual_escape(rows->fallback, strlen(rows->fallback), out);
            fputs(".\n", out);
        }
    }
}
