/* sagactl man and completion: the table of commands as a manual page, and as completions for a shell. */
#include <stdio.h>
#include <string.h>

#include "tools/sagactl/command.h"

static const struct setting settings[] = {{.name = NULL}};

/* ---- the manual page: man(7) ---- */

/* A hyphen that is typed is a minus sign; a backslash is escaped; a line does not start with a dot. */
static void roff_put(const char *text, size_t length)
{
    if (length > 0 && (*text == '.' || *text == '\''))
        fputs("\\&", stdout);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\')
            fputs("\\e", stdout);
        else if (text[i] == '-')
            fputs("\\-", stdout);
        else
            putchar(text[i]);
    }
}

static void roff_line(const char *text)
{
    roff_put(text, strlen(text));
    putchar('\n');
}

/* Lines that are indented are examples, and stay as they are; the others are filled. */
static void text_put(const char *text)
{
    bool example = false;

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        bool indented = length > 0 && *text == ' ';

        if (length == 0 && !example)
            puts(".PP");
        if (indented != example && length > 0)
            puts(indented ? ".PP\n.EX" : ".EE\n.PP");
        if (length > 0) {
            example = indented;
            roff_put(text, length);
            putchar('\n');
        }
        text += length + (text[length] == '\n');
    }
    if (example)
        puts(".EE");
}

static void options_put(const struct setting *rows)
{
    for (; rows->name != NULL; rows++) {
        puts(".TP");
        printf("\\fB\\-\\-");
        roff_put(rows->name, strlen(rows->name));
        printf(rows->kind == SETTING_FLAG ? "\\fR\n" : "\\fR \\fI%s\\fR\n", rows->kind == SETTING_INTEGER ? "NUMBER" : "VALUE");
        roff_put(rows->meaning, strlen(rows->meaning));
        puts(".");
        if (rows->kind == SETTING_CHOICE) {
            fputs("One of", stdout);
            for (const char *const *choice = rows->choices; *choice != NULL; choice++) {
                putchar(' ');
                roff_put(*choice, strlen(*choice));
                putchar(choice[1] != NULL ? ',' : '.');
            }
            putchar('\n');
        }
        if (rows->fallback != NULL) {
            fputs("Default: ", stdout);
            roff_put(rows->fallback, strlen(rows->fallback));
            puts(".");
        }
    }
}

static void command_put(const struct command *command)
{
    const char *text = strstr(command->usage, "\n\n");

    printf(".SS %s\n", command->name);
    roff_line(command->summary);
    puts(".PP\n.nf");
    fputs("\\fBsagactl ", stdout);
    printf("%s\\fR ", command->name);
    roff_put(command->usage, text == NULL ? strlen(command->usage) : (size_t)(text - command->usage));
    puts("\n.fi\n.PP");
    if (text != NULL)
        text_put(text + 2);
    options_put(command->settings);
}

static enum exit_code man(const struct settings *from)
{
    (void)from;
    puts(".TH SAGACTL 1 \"\" Quadrille \"User Commands\"\n.SH NAME\nsagactl \\- place orders, and see, prove, replay and mend sagas\n.SH SYNOPSIS\n"
         ".B sagactl\n.I COMMAND\n[\\fIOPTION\\fR ...] [\\fIARGUMENT\\fR ...]\n.SH DESCRIPTION\n"
         "Works on the sagas of Quadrille through Kafka, and through PostgreSQL where a database is named.\n"
         "Nothing is written but by place, cancel, stock, replay apply, replay rebuild, parked redrive, parked drop, topics create, recover and rewind.\n"
         ".PP\nOutput is made for a person: in colour on a terminal unless NO_COLOR is set, and cut to its width. With \\-\\-json each line is a JSON object.\n"
         ".SH COMMANDS");
    for (const struct command *const *command = commands; *command != NULL; command++)
        command_put(*command);
    puts(".SH OPTIONS OF ALL COMMANDS");
    options_put(common_settings);
    puts(".SH ENVIRONMENT\nWhat takes a value can also stand in the environment: \\-\\-some\\-name as QUADRILLE_SOME_NAME. The command line wins.\n"
         "NO_COLOR, when not empty, turns colours off.\n"
         ".SH EXIT STATUS\n.TP\n0\nfine\n.TP\n1\nsomething was found, or did not come to its end\n.TP\n2\nwrong usage\n.TP\n3\nthe broker or a database is away");
    return EXIT_FINE;
}

const struct command man_command = {
    "man", "print the manual page",
    "\n\nPrints sagactl(1) for man. make install puts it where man finds it.\n\n"
    "  sagactl man | man -l -",
    settings, man, NULL};

/* ---- completion ---- */

static void words_of(const struct setting *rows)
{
    for (; rows->name != NULL; rows++)
        printf(" --%s", rows->name);
}

static void bash(void)
{
    puts("# bash completion for sagactl; made by sagactl completion bash\n_sagactl() {\n    local words='' now=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "    if [ \"$COMP_CWORD\" = 1 ]; then");
    fputs("        words='", stdout);
    for (const struct command *const *command = commands; *command != NULL; command++)
        printf("%s%s", command == commands ? "" : " ", (*command)->name);
    puts("'\n    else\n        case ${COMP_WORDS[1]} in");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        printf("        %s) words='%s", (*command)->name, (*command)->verbs == NULL ? "" : (*command)->verbs);
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
    puts("        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$now\"))\n}\ncomplete -o default -F _sagactl sagactl");
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
        printf("            '%s--%s%s[", rows->kind == SETTING_LIST ? "*" : "", rows->name, rows->kind == SETTING_FLAG ? "" : "=");
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
    puts("#compdef sagactl\n# zsh completion for sagactl; made by sagactl completion zsh\n_sagactl() {\n    local -a commands=(");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        printf("        '%s:", (*command)->name);
        zsh_put((*command)->summary);
        puts("'");
    }
    puts("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in");
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
    "completion", "print completions for a shell",
    "bash|zsh\n\n"
    "Prints what completes commands, options and their values. make install puts both where the shells look.\n\n"
    "  source <(sagactl completion bash)",
    settings, completion, "bash zsh"};
