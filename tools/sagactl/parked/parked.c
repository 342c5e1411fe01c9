/* sagactl parked: what the services could not process, why, and what is to become of it. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/parked/mend.h"
#include "tools/sagactl/parked/record.h"
#include "tools/sagactl/parked/show.h"
#include "tools/sagactl/terminal/terminal.h"

/* clang-format off */
static const struct setting settings[] = {
    {.name = "service", .kind = SETTING_CHOICE, .choices = catalog_names,
     .meaning = "only what this service parked"},
    {.name = "order", .kind = SETTING_TEXT,
     .meaning = "only what has this key: an order id or a SKU"},
    {.name = "reason", .kind = SETTING_TEXT,
     .meaning = "only where this stands in what is wrong; or envelope, or message"},
    {.name = "older-than", .kind = SETTING_TEXT,
     .meaning = "only what was parked before: a time, or how long ago, as 2h"},
    {.name = "all", .kind = SETTING_FLAG, .meaning = "also what was given back or dropped already"},
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
static void print(const struct parked *parked, struct arena *arena)
{
    struct buffer key = {.arena = arena}, type = {.arena = arena}, why = {.arena = arena};

    buffer_json(&key, parked_key(parked, arena));
    buffer_json(&type, parked->type);
    buffer_json(&why, parked->letter.error);
    line_wrap(2, "%s by %s: %s, key %s, type %s", parked->letter.at, catalog[parked->service].name, parked_place(parked, arena), key.data, type.data);
    line_wrap(4, "  %s%s%s", colour_bad(), why.data, colour_off());
    if (parked->resolution != NULL) {
        struct buffer note = {.arena = arena};

        buffer_json(&note, parked->note);
        line_wrap(4, "  %s%s %s%s%s%s", colour_good(), parked->resolution, parked->settled_at, *parked->note != '\0' ? ": " : "", *parked->note != '\0' ? note.data : "", colour_off());
    }
}

static enum exit_code list(const struct settings *from, struct parked_list *parked)
{
    struct arena *arena = arena_new();
    size_t open = 0;

    for (size_t i = 0; i < parked_count(parked); i++) {
        struct buffer line = {.arena = arena};

        open += parked_at(parked, i)->resolution == NULL;
        if (settings_flag(from, "json")) {
            parked_encode(parked_at(parked, i), false, &line);
            puts(line.data);
        } else {
            print(parked_at(parked, i), arena);
        }
        arena_reset(arena);
    }
    if (parked_count(parked) == 0 && !settings_flag(from, "json"))
        printf("nothing is parked\n");
    arena_free(arena);
    return open > 0 ? EXIT_FOUND : EXIT_FINE;
}

static enum exit_code export_json(const struct settings *from, struct parked_list *parked)
{
    struct arena *arena = arena_new();
    enum status status = STATUS_OK;
    struct error error;

    for (size_t i = 0; i < parked_count(parked) && (status = parked_value(from, parked, i, &error)) == STATUS_OK; i++) {
        struct buffer line = {.arena = arena};

        parked_encode(parked_at(parked, i), true, &line);
        puts(line.data);
        arena_reset(arena);
    }
    arena_free(arena);
    return status == STATUS_OK ? EXIT_FINE : command_fail(&error);
}

static const struct {
    const char *name;
    enum exit_code (*run)(const struct settings *from, struct parked_list *parked);
    bool selects; /* something must be chosen, lest all of it be meant by accident */
} verbs[] = {{"list", list, false}, {"show", parked_show, false}, {"redrive", parked_redrive, true}, {"drop", parked_drop, true}, {"export", export_json, false}};

static bool is_chosen(const struct settings *from, size_t places)
{
    return places > 0 || settings_text(from, "service") != NULL || settings_text(from, "order") != NULL || settings_text(from, "reason") != NULL ||
           settings_text(from, "older-than") != NULL;
}

static enum exit_code run(const struct settings *from)
{
    size_t count, verb = 0;
    const char *const *arguments = settings_arguments(from, &count);
    struct parked_list *parked;
    struct error error;
    enum exit_code code;

    while (count > 0 && verb < sizeof verbs / sizeof verbs[0] && strcmp(arguments[0], verbs[verb].name) != 0)
        verb++;
    if (verb == sizeof verbs / sizeof verbs[0])
        return command_misused("\"%s\" is nothing to be done with what is parked: list, show, redrive, drop and export are", arguments[0]);
    if (count > 0) {
        arguments++;
        count--;
    }
    if (verbs[verb].selects && !is_chosen(from, count))
        return command_misused("parked %s needs places (as parked list prints them), or --service, --order, --reason or --older-than", verbs[verb].name);
    parked = parked_read(from, arguments, count, &error);
    if (parked == NULL)
        return command_fail(&error);
    if (count > 0 && parked_count(parked) == 0)
        code = command_misused("nothing is parked from %s; --all also knows what was settled", arguments[0]);
    else
        code = verbs[verb].run(from, parked);
    parked_free(parked);
    return code;
}

const struct command parked_command = {
    "parked", "list, show, give back or drop what the services could not process",
    "[list|show|redrive|drop|export] [PLACE ...] [OPTION ...]\n\n"
    "A service sets aside each message that it can never process, and goes on without it. A PLACE is where the\n"
    "message came from, TOPIC/PARTITION/OFFSET, as list prints it; without one the options choose.\n\n"
    "list prints a line each, with what is wrong. show prints headers and value, and points at what is wrong.\n"
    "export prints all of it as JSON. redrive gives messages back to the service that parked them, and to no\n"
    "other, in the order of their offsets; a message that would only be parked again is refused, unless --with,\n"
    "--header or --without-header mend it. One too large to be kept lies only where it came from: list has its\n"
    "length and SHA-256, and redrive needs --with. drop says that nothing is to be done, and why. The record stays: --all shows it.\n\n"
    "  sagactl parked\n"
    "  sagactl parked show orders.commands/3/17\n"
    "  sagactl parked redrive orders.commands/3/17 --with corrected.json\n"
    "  sagactl parked drop --service payment --older-than 7d --because 'test data'\n\n"
    "Exit code 1: something is parked, or was not given back.",
    settings, run, "list show redrive drop export"};
