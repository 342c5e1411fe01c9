/* sagactl man and completion: the table of commands as a manual page, and as completions for a
 * shell. */
#include <stdio.h>
#include <string.h>

#include "base/manual.h"
#include "tools/sagactl/command.h"

static const struct setting settings[] = {{.name = NULL}};

/* ---- the manual page: man(7) ---- */

static void command_put(const struct command *command)
{
    const char *text = strstr(command->usage, "\n\n");

    printf(".SS %s\n", command->name);
    manual_text(command->summary, stdout);
    puts(".PP\n.nf");
    printf("\\fBsagactl %s\\fR ", command->name);
    manual_escape(command->usage,
                  text == NULL ? strlen(command->usage) : (size_t)(text - command->usage), stdout);
    puts("\n.fi\n.PP");
    if (text != NULL)
        manual_text(text + 2, stdout);
    manual_options(command->settings, stdout);
}

static const struct manual_section description = {
    "DESCRIPTION",
    "Works on the sagas of Quadrille through Kafka, and through PostgreSQL where a database is "
    "named.\n"
    "Nothing is written but by place, cancel, republish, stock, replay apply, replay rebuild, "
    "dlq redrive, dlq drop, topics create, recover, rewind and regroup.\n\n"
    "Output is made for a person: in colour on a terminal unless NO_COLOR is set, and fitted to "
    "its "
    "width. With --json each line is a JSON object."};

static const struct manual_section sections[] = {
    {"ENVIRONMENT",
     "QUADRILLE_NAME | What takes a value can also stand in the environment: --some-name as "
     "QUADRILLE_SOME_NAME. The command line wins.\n"
     "NO_COLOR | Turns colours off when it is not empty."},
    {"EXIT STATUS", "0 | fine\n"
                    "1 | something was found, or did not come to its end\n"
                    "2 | wrong usage\n"
                    "3 | the broker or a database is unavailable\n"
                    "130 | interrupted"},
    {NULL, NULL},
};

static enum exit_code man(const struct settings *from)
{
    (void)from;
    manual_head("sagactl", "place orders, and see, prove, replay and repair sagas", stdout);
    puts(".SH SYNOPSIS\n.B sagactl\n.I COMMAND\n[\\fIOPTION\\fR ...] [\\fIARGUMENT\\fR ...]");
    manual_section(&description, stdout);
    puts(".SH COMMANDS");
    for (const struct command *const *command = commands; *command != NULL; command++)
        command_put(*command);
    puts(".SH OPTIONS OF ALL COMMANDS");
    manual_options(common_settings, stdout);
    for (const struct manual_section *section = sections; section->heading != NULL; section++)
        manual_section(section, stdout);
    puts(".SH SEE ALSO\n.BR quadrille\\-order (1),\n.BR quadrille\\-payment (1),\n"
         ".BR quadrille\\-inventory (1),\n.BR quadrille\\-email (1),\n.BR kcat (1)");
    return EXIT_FINE;
}

const struct command man_command = {
    "man",
    "print the manual page",
    "\n\nPrints sagactl(1) for man. make install puts it where man finds it.\n\n"
    "  sagactl man | man -l -",
    settings,
    man,
    NULL};

/* ---- completion ---- */

static void words_of(const struct setting *rows)
{
    for (; rows->name != NULL; rows++)
        printf(" --%s", rows->name);
}

static void bash(void)
{
    puts("# bash completion for sagactl; made by sagactl completion bash\n_sagactl() {\n    local "
         "words='' now=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "    if [ \"$COMP_CWORD\" = 1 ]; then");
    fputs("        words='", stdout);
    for (const struct command *const *command = commands; *command != NULL; command++)
        printf("%s%s", command == commands ? "" : " ", (*command)->name);
    puts("'\n    else\n        case ${COMP_WORDS[1]} in");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        printf("        %s) words='%s", (*command)->name,
               (*command)->verbs == NULL ? "" : (*command)->verbs);
        words_of((*command)->settings);
        words_of(common_settings);
        puts("' ;;");
    }
    puts("        esac\n        case \"${COMP_WORDS[1]} $before\" in");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        for (const struct setting *row = (*command)->settings; row->name != NULL; row++) {
            if (row->kind != SETTING_CHOICE)
                continue;
            printf("        '%s --%s') words='", (*command)->name, row->name);
            for (const char *const *choice = row->choices; *choice != NULL; choice++)
                printf("%s%s", choice == row->choices ? "" : " ", *choice);
            puts("' ;;");
        }
    }
    puts("        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$now\"))\n}\ncomplete "
         "-o default -F _sagactl sagactl");
}

/* In a quoted word of _arguments. */
static void zsh_put(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (*text == '[' || *text == ']' || *text == ':')
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh_options(const struct setting *rows)
{
    for (; rows->name != NULL; rows++) {
        printf("            '%s--%s%s[", rows->kind == SETTING_LIST ? "*" : "", rows->name,
               rows->kind == SETTING_FLAG ? "" : "=");
        zsh_put(rows->meaning);
        putchar(']');
        if (rows->kind == SETTING_CHOICE) {
            printf(":%s:(", rows->name);
            for (const char *const *choice = rows->choices; *choice != NULL; choice++)
                printf("%s%s", choice == rows->choices ? "" : " ", *choice);
            putchar(')');
        } else if (rows->kind != SETTING_FLAG) {
            printf(":%s: ", rows->name);
        }
        puts("' \\");
    }
}

static void zsh(void)
{
    puts("#compdef sagactl\n# zsh completion for sagactl; made by sagactl completion "
         "zsh\n_sagactl() {\n    local -a commands=(");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        printf("        '%s:", (*command)->name);
        zsh_put((*command)->summary);
        puts("'");
    }
    puts("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        "
         "return\n    fi\n    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    "
         "case $command in");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        printf("    %s)\n        _arguments \\\n", (*command)->name);
        zsh_options((*command)->settings);
        zsh_options(common_settings);
        if ((*command)->verbs != NULL)
            printf("            '1:what:(%s)' \\\n", (*command)->verbs);
        puts("            '*:argument:_files' ;;");
    }
    puts("    esac\n}\n_sagactl \"$@\"");
}

static enum exit_code completion(const struct settings *from)
{
    size_t count;
    const char *const *arguments = settings_arguments(from, &count);

    if (count == 1 && strcmp(arguments[0], "bash") == 0)
        bash();
    else if (count == 1 && strcmp(arguments[0], "zsh") == 0)
        zsh();
    else
        return command_misused("completion needs a shell: bash or zsh");
    return EXIT_FINE;
}

const struct command completion_command = {
    "completion",
    "print completions for a shell",
    "bash|zsh\n\n"
    "Prints what completes commands, options and their values. make install puts both where the "
    "shells look.\n\n"
    "  source <(sagactl completion bash)",
    settings,
    completion,
    "bash zsh"};
