#include "base/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { SETTINGS_MAX = 64, VALUES_MAX = 64, ARGUMENTS_MAX = 4096 };

struct value {
    const struct setting *setting;
    const char *values[VALUES_MAX + 1];
    size_t count;
    int64_t integer;
};

struct settings {
    struct arena *arena;
    const char *program, *summary;
    struct value *values;
    size_t count;
    const char **arguments;
    size_t argument_count;
};

static void add(struct settings *settings, const struct setting *table)
{
    for (const struct setting *row = table; row->name != NULL; row++) {
        if (settings->count == SETTINGS_MAX)
            abort();
        settings->values[settings->count++].setting = row;
    }
}

struct settings *settings_new(const char *program, const char *summary,
                              const struct setting *const *tables, size_t count)
{
    struct arena *arena = arena_new();
    struct settings *settings = arena_alloc(arena, sizeof *settings);

    settings->arena = arena;
    settings->program = program;
    settings->summary = summary;
    settings->values = arena_array(arena, SETTINGS_MAX, sizeof *settings->values);
    settings->arguments = arena_array(arena, ARGUMENTS_MAX + 1, sizeof *settings->arguments);
    for (size_t i = 0; i < count; i++)
        add(settings, tables[i]);
    return settings;
}

void settings_free(struct settings *settings)
{
    if (settings != NULL)
        arena_free(settings->arena);
}

static struct value *value_find(const struct settings *settings, const char *name, size_t length)
{
    for (size_t i = 0; i < settings->count; i++)
        if (strlen(settings->values[i].setting->name) == length &&
            memcmp(settings->values[i].setting->name, name, length) == 0)
            return &settings->values[i];
    return NULL;
}

static bool is_choice(const struct setting *setting, const char *text)
{
    for (const char *const *choice = setting->choices; *choice != NULL; choice++)
        if (strcmp(*choice, text) == 0)
            return true;
    return false;
}

static enum status choice_refused(const struct setting *setting, const char *text,
                                  const char *where, struct error *error)
{
    char all[200] = "";

    for (const char *const *choice = setting->choices; *choice != NULL; choice++) {
        strncat(all, choice == setting->choices ? "" : ", ", sizeof all - strlen(all) - 1);
        strncat(all, *choice, sizeof all - strlen(all) - 1);
    }
    return error_set(error, STATUS_INVALID, "%s is \"%s\": one of %s is expected", where, text,
                     all);
}

/* `where` is the option or variable the text comes from, for the error. */
static enum status value_set(struct value *value, const char *text, const char *where,
                             struct error *error)
{
    const struct setting *setting = value->setting;
    char *end;

    if (setting->kind == SETTING_INTEGER) {
        errno = 0;
        value->integer = strtoll(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || value->integer < setting->min ||
            value->integer > setting->max)
            return error_set(error, STATUS_INVALID,
                             "%s is \"%s\": an integer from %lld to %lld is expected", where, text,
                             (long long)setting->min, (long long)setting->max);
    }
    if (setting->kind == SETTING_CHOICE && !is_choice(setting, text))
        return choice_refused(setting, text, where, error);
    if (setting->kind != SETTING_LIST)
        value->count = 0;
    if (value->count == VALUES_MAX)
        return error_set(error, STATUS_INVALID, "%s is given more than %d times", where,
                         VALUES_MAX);
    value->values[value->count++] = text;
    value->values[value->count] = NULL;
    return STATUS_OK;
}

static const char *variable_name(const struct setting *setting, char name[80])
{
    char *c = name + snprintf(name, 80, "QUADRILLE_");

    for (const char *from = setting->name; *from != '\0' && c < name + 79; from++)
        *c++ = (char)(*from == '-' ? '_' : toupper((unsigned char)*from));
    *c = '\0';
    return name;
}

/* An environment variable, if there is one; a list's is split at spaces. */
static enum status from_environment(struct settings *settings, struct value *value,
                                    struct error *error)
{
    char name[80];
    const char *text = getenv(variable_name(value->setting, name));
    enum status status = STATUS_OK;
    char *copy, *rest = NULL;

    if (text == NULL || *text == '\0' || value->setting->kind == SETTING_FLAG)
        return STATUS_OK;
    copy = arena_copy(settings->arena, text, strlen(text));
    if (value->setting->kind != SETTING_LIST)
        return value_set(value, copy, name, error);
    for (char *part = strtok_r(copy, " ", &rest); part != NULL && status == STATUS_OK;
         part = strtok_r(NULL, " ", &rest))
        status = value_set(value, part, name, error);
    return status;
}

/* One option at argv[*at]; moves on behind its value. */
static enum status from_option(struct settings *settings, int argc, char **argv, int *at,
                               struct error *error)
{
    const char *option = argv[*at], *equals = strchr(option, '=');
    size_t length = (equals != NULL ? (size_t)(equals - option) : strlen(option)) - 2;
    struct value *value = value_find(settings, option + 2, length);
    char where[80];

    snprintf(where, sizeof where, "--%.*s", (int)length, option + 2);
    if (value == NULL)
        return error_set(error, STATUS_INVALID, "unknown option %s: see %s --help", where,
                         settings->program);
    if (value->setting->kind == SETTING_FLAG) {
        if (equals != NULL)
            return error_set(error, STATUS_INVALID, "%s takes no value", where);
        return value_set(value, "yes", where, error);
    }
    if (equals != NULL)
        return value_set(value, equals + 1, where, error);
    if (*at + 1 >= argc)
        return error_set(error, STATUS_INVALID, "%s needs a value", where);
    return value_set(value, argv[++*at], where, error);
}

/* "-h" asks for help; "-" and "-12" are arguments; anything else that begins so would be taken for
 * what it is not. */
static enum status from_dash(struct settings *settings, const char *argument, struct error *error)
{
    struct value *help = value_find(settings, "help", 4);

    if (strcmp(argument, "-h") == 0 && help != NULL)
        return value_set(help, "yes", argument, error);
    return error_set(
        error, STATUS_INVALID,
        "unknown option %s: see %s --help; an argument that begins with - stands behind --",
        argument, settings->program);
}

static bool is_dashed(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0' && (argument[1] < '0' || argument[1] > '9');
}

enum status settings_parse(struct settings *settings, int argc, char **argv, struct error *error)
{
    enum status status = STATUS_OK;
    bool options = true;

    for (int i = 1; status == STATUS_OK && i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && strncmp(argv[i], "--", 2) == 0)
            status = from_option(settings, argc, argv, &i, error);
        else if (options && is_dashed(argv[i]))
            status = from_dash(settings, argv[i], error);
        else if (settings->argument_count == ARGUMENTS_MAX)
            return error_set(error, STATUS_INVALID, "more than %d arguments", ARGUMENTS_MAX);
        else
            settings->arguments[settings->argument_count++] = argv[i];
    }
    for (size_t i = 0; status == STATUS_OK && i < settings->count; i++) {
        struct value *value = &settings->values[i];

        if (value->count == 0)
            status = from_environment(settings, value, error);
        if (status == STATUS_OK && value->count == 0 && value->setting->fallback != NULL)
            status = value_set(value, value->setting->fallback, value->setting->name, error);
    }
    return status;
}

static const struct value *value_of(const struct settings *settings, const char *name)
{
    const struct value *value = value_find(settings, name, strlen(name));

    if (value == NULL) {
        fprintf(stderr, "no setting is named %s\n", name);
        abort();
    }
    return value;
}

const char *settings_text(const struct settings *settings, const char *name)
{
    return value_of(settings, name)->values[0];
}

int64_t settings_integer(const struct settings *settings, const char *name)
{
    return value_of(settings, name)->integer;
}

bool settings_flag(const struct settings *settings, const char *name)
{
    return value_of(settings, name)->count > 0;
}

const char *const *settings_list(const struct settings *settings, const char *name)
{
    return value_of(settings, name)->values;
}

const char *const *settings_arguments(const struct settings *settings, size_t *count)
{
    *count = settings->argument_count;
    return settings->arguments;
}

/* "1 to 100", "a, b or c", "" */
static void allowed_print(const struct setting *setting, FILE *out)
{
    if (setting->kind == SETTING_INTEGER)
        fprintf(out, "%lld to %lld", (long long)setting->min, (long long)setting->max);
    for (size_t i = 0; setting->kind == SETTING_CHOICE && setting->choices[i] != NULL; i++)
        fprintf(out, "%s%s", i == 0 ? "" : ", ", setting->choices[i]);
}

void settings_help(const struct settings *settings, FILE *out)
{
    if (strncmp(settings->summary, "usage:", 6) != 0)
        fprintf(out, "usage: %s [--NAME VALUE ...]\n\n", settings->program);
    fprintf(out, "%s\n\n", settings->summary);
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *setting = settings->values[i].setting;

        fprintf(out, "  --%-24s %s", setting->name, setting->meaning);
        if (setting->kind == SETTING_INTEGER || setting->kind == SETTING_CHOICE) {
            fprintf(out, "\n%29s", "");
            allowed_print(setting, out);
        }
        if (setting->kind == SETTING_LIST)
            fprintf(out, " (can be repeated)");
        if (setting->fallback != NULL)
            fprintf(out, " [%s]", setting->fallback);
        fprintf(out, "\n");
    }
    fprintf(out, "\nWhat takes a value can also stand in the environment: --some-name as "
                 "QUADRILLE_SOME_NAME. The command line wins.\n");
}

static void row_put(const struct setting *row, FILE *out)
{
    char name[80];

    if (row->kind == SETTING_FLAG)
        fprintf(out, "| `--%s` | | ", row->name);
    else
        fprintf(out, "| `--%s` | `%s` | ", row->name, variable_name(row, name));
    allowed_print(row, out);
    if (row->fallback != NULL && *row->fallback != '\0')
        fprintf(out, " | `%s`", row->fallback);
    else
        fprintf(out, " | ");
    fprintf(out, " | %s |\n", row->meaning);
}

void settings_markdown(const struct setting *const *tables, size_t count, FILE *out)
{
    fputs(
        "| option | environment | allowed | default | meaning |\n| --- | --- | --- | --- | --- |\n",
        out);
    for (size_t i = 0; i < count; i++)
        for (const struct setting *row = tables[i]; row->name != NULL; row++)
            row_put(row, out);
    for (size_t i = 0; i < count; i++)
        for (const struct setting *row = tables[i]; row->name != NULL; row++)
            if (row->details != NULL)
                fprintf(out, "\n### `--%s`\n\n%s\n", row->name, row->details);
    putc('\n', out);
}
