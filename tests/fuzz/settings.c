/* Fuzzes the command line: the input's lines are its arguments. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/settings.h"

enum { ARGUMENTS_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const choices[] = {"pay-first", "parallel", NULL};
/* clang-format off */
static const struct setting table[] = {
    {.name = "brokers", .kind = SETTING_TEXT, .meaning = "a text"},
    {.name = "batch", .kind = SETTING_INTEGER, .fallback = "5", .min = 1, .max = 1000,
     .meaning = "an integer"},
    {.name = "flow", .kind = SETTING_CHOICE, .fallback = "parallel", .choices = choices,
     .meaning = "a choice"},
    {.name = "kafka", .kind = SETTING_LIST, .meaning = "a list"},
    {.name = "once", .kind = SETTING_FLAG, .meaning = "a flag"},
    {0},
};
/* clang-format on */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct setting *const tables[] = {table};
    struct arena *arena = arena_new();
    struct settings *settings = settings_new("fuzz", "a program", tables, 1);
    char *text = arena_copy(arena, data, size), *arguments[ARGUMENTS_MAX + 2] = {text};
    struct error error;
    int count = 1;
    size_t rest;

    for (char *line = strtok(text, "\n"); line != NULL && count <= ARGUMENTS_MAX;
         line = strtok(NULL, "\n"))
        arguments[count++] = line;
    if (settings_parse(settings, count, arguments, &error) == STATUS_OK) {
        int64_t batch = settings_integer(settings, "batch");

        if (batch < 1 || batch > 1000 || settings_text(settings, "flow") == NULL ||
            settings_list(settings, "kafka") == NULL ||
            settings_arguments(settings, &rest) == NULL) {
            fprintf(stderr, "fuzz: a value outside its range was taken\n");
            abort();
        }
    } else if (error.message[0] == '\0') {
        abort();
    }
    settings_free(settings);
    arena_free(arena);
    return 0;
}
