/* sagactl: produce order commands, follow sagas, prove that everything adds up. */
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/streams.h"
#include "base/version.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/output.h"
#include "tools/sagactl/terminal/terminal.h"

const struct command *const commands[] = {
    &place_command,    &cancel_command,  &republish_command,    &stock_command,
    &trace_command,    &watch_command,   &list_command,         &audit_command,
    &replay_command,   &dlq_command,     &choreography_command, &topics_command,
    &doctor_command,   &recover_command, &rewind_command,       &regroup_command,
    &services_command, &man_command,     &completion_command,   NULL};

/* clang-format off */
const struct setting common_settings[] = {
    {.name = "brokers", .kind = SETTING_TEXT, .fallback = "127.0.0.1:9092",
     .meaning = "Kafka brokers to start from, host:port,..."},
    {.name = "kafka", .kind = SETTING_LIST, .meaning = "name=value, a property of librdkafka"},
    {.name = "json", .kind = SETTING_FLAG, .meaning = "print one JSON object a line, for programs"},
    {.name = "wide", .kind = SETTING_FLAG,
     .meaning = "on a terminal: lines as long as they are, not fitted to its width"},
    {.name = "help", .kind = SETTING_FLAG, .meaning = "print this text"},
    {.name = "version", .kind = SETTING_FLAG, .meaning = "print the version"},
    {.name = NULL},
};
/* clang-format on */

enum { SILENT_MS = 2000 };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

bool command_interrupted(void)
{
    return interrupted != 0;
}

static const char *waiting; /* the brokers that were named last */

bool command_waits(int64_t waited_ms)
{
    static bool told;

    if (waited_ms >= SILENT_MS && !told && isatty(STDERR_FILENO) != 0) {
        line_say(stderr, "sagactl: the broker at %s does not answer: waiting for it", waiting);
        told = true;
    }
    return !command_interrupted();
}

struct broker_settings command_broker(const struct settings *settings)
{
    waiting = settings_text(settings, "brokers");
    return (struct broker_settings){.brokers = settings_text(settings, "brokers"),
                                    .properties = settings_list(settings, "kafka")};
}

struct log_source command_source(const struct settings *settings)
{
    return (struct log_source){command_broker(settings), {progress_follow, command_interrupted}};
}

const char *command_group(const struct settings *settings, int service)
{
    char name[64];

    snprintf(name, sizeof name, "%s-group", catalog[service].name);
    return settings_text(settings, name);
}

void command_groups(const struct settings *settings, const char *groups[SERVICES])
{
    for (int i = 0; i < SERVICES; i++)
        groups[i] = command_group(settings, i);
}

void command_databases(const struct settings *settings, const char *databases[SERVICES])
{
    char name[64];

    for (int i = 0; i < SERVICES; i++) {
        snprintf(name, sizeof name, "%s-database", catalog[i].name);
        databases[i] = settings_text(settings, name);
    }
}

enum exit_code command_fail(const struct error *error)
{
    line_say(stderr, "sagactl: %s", error->message);
    return error->status == STATUS_UNAVAILABLE ? EXIT_UNAVAILABLE
           : error->status == STATUS_INVALID   ? EXIT_USAGE
                                               : EXIT_FOUND;
}

enum exit_code command_misused(const char *format, ...)
{
    va_list arguments;

    fputs("sagactl: ", stderr);
    va_start(arguments, format);
    line_vsay(stderr, format, arguments);
    va_end(arguments);
    return EXIT_USAGE;
}

enum exit_code command_stopped(const char *what)
{
    const struct progress *last = progress_last();

    if (last->total > 0)
        fprintf(stderr, "sagactl: interrupted after %zu of %zu (%s): %s\n", last->done, last->total,
                last->what, what);
    else
        fprintf(stderr, "sagactl: interrupted: %s\n", what);
    return EXIT_INTERRUPTED;
}

enum status command_ask(const struct settings *settings, struct error *error, const char *format,
                        ...)
{
    char answer[8];
    va_list arguments;

    if (settings_flag(settings, "yes"))
        return STATUS_OK;
    if (isatty(STDIN_FILENO) == 0)
        return error_set(error, STATUS_INVALID,
                         "this asks on a terminal; elsewhere it needs --yes");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs(" Go on? [y/N] ", stderr);
    if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return STATUS_OK;
    return error_set(error, STATUS_CONFLICT, "nothing was done");
}

static void help(FILE *out)
{
    fputs("usage: sagactl COMMAND [OPTION ...] [ARGUMENT ...]\n\nProduces order commands for "
          "Quadrille, follows sagas, audits, replays and fixes them.\n\n",
          out);
    for (const struct command *const *command = commands; *command != NULL; command++)
        fprintf(out, "  %-13s %s\n", (*command)->name, (*command)->summary);
    fputs("\nsagactl COMMAND --help tells more, and shows examples. Exit codes: 0 fine, 1 found "
          "something,\n"
          "2 wrong usage, 3 broker or database unavailable, 130 interrupted.\n",
          out);
}

static enum exit_code version(void)
{
    puts("sagactl " QUADRILLE_VERSION);
    return EXIT_FINE;
}

static enum exit_code run(const struct command *command, int argc, char **argv)
{
    const struct setting *const tables[] = {command->settings, common_settings};
    char program[64], summary[4096];
    struct settings *settings;
    struct error error;
    enum exit_code code;

    snprintf(program, sizeof program, "sagactl %s", command->name);
    snprintf(summary, sizeof summary, "usage: sagactl %s %s", command->name, command->usage);
    settings = settings_new(program, summary, tables, 2);
    if (settings_parse(settings, argc, argv, &error) != STATUS_OK) {
        code = command_fail(&error);
    } else if (settings_flag(settings, "help")) {
        settings_help(settings, stdout);
        code = EXIT_FINE;
    } else if (settings_flag(settings, "version")) {
        code = version();
    } else {
        if (settings_flag(settings, "wide"))
            output_widen();
        code = command->run(settings);
    }
    settings_free(settings);
    return code;
}

static enum exit_code chosen(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_FINE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0)
        return version();
    for (const struct command *const *command = commands; *command != NULL; command++)
        if (strcmp(argv[1], (*command)->name) == 0)
            return run(*command, argc - 1, argv + 1);
    return command_misused("unknown command \"%s\": see sagactl --help", argv[1]);
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    enum exit_code code;

    /* how wide a character is; all that is read and written is UTF-8 */
    setlocale(LC_CTYPE, "C.UTF-8");
    streams_open();
    output_open();
    log_open("sagactl", false, LOG_ERR);
    broker_while_waiting(command_waits);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    code = chosen(argc, argv);
    if (command_interrupted() && code != EXIT_INTERRUPTED) /* what was printed may not be all */
        code = EXIT_INTERRUPTED;
    return (int)(!output_close() && code == EXIT_FINE ? EXIT_FOUND : code);
}
