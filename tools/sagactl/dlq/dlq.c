/* sagactl dlq: what the services could not process, why, and what is to become of it. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/dlq/redrive.h"
#include "tools/sagactl/dlq/entries.h"
#include "tools/sagactl/dlq/show.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

/* clang-format off */
static const struct setting settings[] = {
    {.name = "service", .kind = SETTING_CHOICE, .choices = catalog_names,
     .meaning = "only dead letters of this service"},
    {.name = "order", .kind = SETTING_TEXT,
     .meaning = "only what has this key: an order id or a SKU"},
    {.name = "reason", .kind = SETTING_TEXT,
     .meaning = "only where this stands in what is wrong; or envelope, or message"},
    {.name = "older-than", .kind = SETTING_TEXT,
     .meaning = "only dead letters before: a time, or how long ago, as 2h"},
    {.name = "all", .kind = SETTING_FLAG, .meaning = "also what was redriven or dropped already"},
    {.name = "with", .kind = SETTING_TEXT,
     .meaning = "redrive: a file with the corrected value, for one message"},
    {.name = "header", .kind = SETTING_LIST,
     .meaning = "redrive: NAME=VALUE, a header that is set, in place of all of that name"},
    {.name = "without-header", .kind = SETTING_LIST,
     .meaning = "redrive: a header that is left out"},
    {.name = "rate", .kind = SETTING_INTEGER, .fallback = "100", .min = 1, .max = 100000,
     .meaning = "redrive: messages a second"},
    {.name = "because", .kind = SETTING_TEXT,
     .meaning = "drop: why; it is asked for on a terminal, and kept"},
    {.name = "yes", .kind = SETTING_FLAG, .meaning = "redrive, drop: do not ask"},
    {.name = NULL},
};
/* clang-format on */

/* What came from outside is shown as JSON shows it: no byte of it reaches a terminal as it is. */
static void print(const struct dlq_entry *dead_letters, struct arena *arena)
{
    line_wrap(2, "%s by %s: %s%s, key %s, type %s", dead_letters->dead_letter.at,
              catalog[dead_letters->service].name, dlq_place(dead_letters, arena),
              dlq_origin(dead_letters), json_quoted(dlq_key(dead_letters, arena), arena),
              json_quoted(dead_letters->type, arena));
    line_wrap(4, "  %s%s%s", colour_bad(), json_quoted(dead_letters->dead_letter.error, arena),
              colour_off());
    if (dead_letters->resolution != NULL)
        line_wrap(4, "  %s%s %s%s%s%s", colour_good(), dead_letters->resolution,
                  dead_letters->settled_at, *dead_letters->note != '\0' ? ": " : "",
                  *dead_letters->note != '\0' ? json_quoted(dead_letters->note, arena) : "",
                  colour_off());
}

static enum exit_code list(const struct settings *from, struct dlq_list *dead_letters)
{
    struct arena *arena = arena_new();
    size_t open = 0;

    for (size_t i = 0; i < dlq_count(dead_letters); i++) {
        open += dlq_at(dead_letters, i)->resolution == NULL;
        if (settings_flag(from, "json"))
            json_line_print(dlq_json(dlq_at(dead_letters, i), false, arena));
        else
            print(dlq_at(dead_letters, i), arena);
        arena_reset(arena);
    }
    if (dlq_count(dead_letters) == 0 && !settings_flag(from, "json"))
        printf("there are no dead letters\n");
    arena_free(arena);
    return open > 0 ? EXIT_FOUND : EXIT_FINE;
}

static enum exit_code export_json(const struct settings *from, struct dlq_list *dead_letters)
{
    struct arena *arena = arena_new();
    enum status status = STATUS_OK;
    struct error error;

    for (size_t i = 0; i < dlq_count(dead_letters) &&
                       (status = dlq_value(from, dead_letters, i, &error)) == STATUS_OK;
         i++) {
        json_line_print(dlq_json(dlq_at(dead_letters, i), true, arena));
        arena_reset(arena);
    }
    arena_free(arena);
    return status == STATUS_OK ? EXIT_FINE : command_fail(&error);
}

static const struct {
    const char *name;
    enum exit_code (*run)(const struct settings *from, struct dlq_list *dead_letters);
    bool selects; /* something must be chosen, lest all of it be meant by accident */
} verbs[] = {{"list", list, false},
             {"show", dlq_show, false},
             {"redrive", dlq_redrive, true},
             {"drop", dlq_drop, true},
             {"export", export_json, false}};

static bool is_chosen(const struct settings *from, size_t places)
{
    return places > 0 || settings_text(from, "service") != NULL ||
           settings_text(from, "order") != NULL || settings_text(from, "reason") != NULL ||
           settings_text(from, "older-than") != NULL;
}

static enum exit_code run(const struct settings *from)
{
    size_t count, verb = 0;
    const char *const *arguments = settings_arguments(from, &count);
    struct dlq_list *dead_letters;
    struct error error;
    enum exit_code code;

    while (count > 0 && verb < sizeof verbs / sizeof verbs[0] &&
           strcmp(arguments[0], verbs[verb].name) != 0)
        verb++;
    if (verb == sizeof verbs / sizeof verbs[0])
        return command_misused("\"%s\" is nothing to be done with dead letters: list, show, "
                               "redrive, drop and export are",
                               arguments[0]);
    if (count > 0) {
        arguments++;
        count--;
    }
    if (verbs[verb].selects && !is_chosen(from, count))
        return command_misused("dlq %s needs places (as dlq list prints them), or --service, "
                               "--order, --reason or --older-than",
                               verbs[verb].name);
    dead_letters = dlq_read(from, arguments, count, &error);
    if (dead_letters == NULL)
        return command_fail(&error);
    if (count > 0 && dlq_count(dead_letters) == 0)
        code = command_misused(
            "there are no dead letters from %s; --all also knows what was settled", arguments[0]);
    else
        code = verbs[verb].run(from, dead_letters);
    dlq_free(dead_letters);
    return code;
}

const struct command dlq_command = {
    "dlq",
    "list, show, redrive or drop what the services could not process",
    "[list|show|redrive|drop|export] [PLACE ...] [OPTION ...]\n\n"
    "A service dead-letters each message that it can never process, and goes on without it.\n"
    "A PLACE is where the message came from, TOPIC/PARTITION/OFFSET, as list prints it; without "
    "one the options choose.\n"
    "An event that a service of the same process handed over has -1 as PARTITION, and a number of "
    "its key and type as OFFSET.\n\n"
    "list prints a line each, with what is wrong. show prints headers and value, and points at "
    "what is wrong.\n"
    "export prints all of it as JSON. redrive sends messages again to the service that "
    "dead-lettered them, and to no\n"
    "other, in the order of their offsets; a message that would only be dead-lettered again is "
    "refused, unless --with,\n"
    "--header or --without-header fix it. One too large to be kept lies only where it came from: "
    "list has its\n"
    "length and SHA-256, and redrive needs --with. drop says that nothing is to be done, and why. "
    "The record stays: --all shows it.\n\n"
    "  sagactl dlq\n"
    "  sagactl dlq show orders.commands/3/17\n"
    "  sagactl dlq redrive orders.commands/3/17 --with corrected.json\n"
    "  sagactl dlq drop --service payment --older-than 7d --because 'test data'\n\n"
    "Exit code 1: something is dead-lettered, or was not redriven.",
    settings,
    run,
    "list show redrive drop export"};
