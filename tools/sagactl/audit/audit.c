/* sagactl audit: does everything add up, in the log, in the databases, and between them? */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "history/assemble.h"
#include "history/memory_bound.h"
#include "history/order_history.h"
#include "tools/sagactl/audit/accepted.h"
#include "tools/sagactl/audit/commands.h"
#include "tools/sagactl/audit/databases.h"
#include "tools/sagactl/audit/log.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/when.h"

enum { LOOKS_MAX = 4 };

/* clang-format off */
static const struct setting settings[] = {
    {.name = "from-log", .kind = SETTING_FLAG, .meaning = "look at the log alone"},
    {.name = "from-databases", .kind = SETTING_FLAG,
     .meaning = "look at the databases, the ledger and the mails alone"},
    CATALOG_DATABASES
    CATALOG_GROUPS
    {.name = "provider-database", .kind = SETTING_TEXT,
     .meaning = "PostgreSQL URI of the simulated provider's ledger"},
    {.name = "maildir", .kind = SETTING_TEXT, .meaning = "folder of the mails"},
    {.name = "since", .kind = SETTING_TEXT,
     .meaning = "tell only what is found about orders of which something was emitted since then: a "
                "time, or how long ago"},
    {.name = "under-way-ms", .kind = SETTING_INTEGER, .fallback = "10000",
     .min = 0, .max = 86400000,
     .meaning = "what was emitted so short a time ago may still be answered: nothing is missing yet"},
    {.name = "memory-mib", .kind = SETTING_INTEGER, .min = MEMORY_MIB_MIN, .max = 1048576,
     .meaning = "a log that needs more is read in several passes, each for a share of the "
                "orders; unless set a quarter of what the machine has, at most 2048"},
    {.name = "accepted", .kind = SETTING_TEXT,
     .meaning = "file of findings that are accepted: one a line, as it is printed, then \"  # \" "
                "and the reason"},
    {.name = "show", .kind = SETTING_INTEGER, .fallback = "20", .min = 0, .max = 1000,
     .meaning = "findings of each check that are printed"},
    {.name = NULL},
};
/* clang-format on */

/* One look at everything.  The databases first: what cannot be reached should be told before a long
 * log is read. */
static enum status look(const struct settings *from, struct report *report, struct error *error)
{
    const bool log_only = settings_flag(from, "from-log"),
               databases_only = settings_flag(from, "from-databases");
    const bool databases =
        !log_only && (databases_only || settings_text(from, "order-database") != NULL);
    enum status status = databases ? audit_databases(from, report, error) : STATUS_OK;

    if (status == STATUS_OK && !databases_only && !command_interrupted())
        status = audit_log(from, databases, report, error);
    if (status == STATUS_OK && databases && !databases_only && !command_interrupted())
        status = audit_commands(from, report, error);
    return status;
}

/* Sources are read one after the other while orders go on: what is found is looked at again, until
 * it stays. */
static enum status look_again(const struct settings *from, struct report **report,
                              struct error *error)
{
    enum status status = look(from, *report, error);

    for (int i = 1; status == STATUS_OK && i < LOOKS_MAX && report_findings(*report) > 0 &&
                    !command_interrupted();
         i++) {
        struct report *before = *report;
        size_t found = report_findings(before);

        *report = report_new();
        status = look(from, *report, error);
        report_agree(*report, before);
        report_free(before);
        if (report_findings(*report) == found)
            break;
    }
    return status;
}

static bool is_asked_for(void *context, const char *subject, const char *text)
{
    (void)text;
    for (const char *const *asked = context; *asked != NULL; asked++)
        if (strcmp(*asked, subject) == 0)
            return true;
    return false;
}

/* The orders of which something was emitted since then. */
struct window {
    struct order_histories *log;
    int64_t since_ms;
};

static bool is_in_window(void *context, const char *subject, const char *text)
{
    const struct window *window = context;
    const struct order_history *order = histories_find(window->log, subject);
    size_t count;
    const struct astray *astray = histories_astray(window->log, &count);

    (void)text;
    /* not every broker can begin at a time */
    if (order != NULL && order->last_ms >= window->since_ms)
        return true;
    for (size_t i = 0; i < count; i++)
        if (astray[i].timestamp_ms >= window->since_ms && strcmp(astray[i].order_id, subject) == 0)
            return true;
    return false;
}

/* All is looked at, whenever it was emitted: what is found is asked for its order. */
static enum status leave_out_before(const struct settings *from, struct report *report,
                                    int64_t since_ms, struct error *error)
{
    const struct log_source source = command_source(from);
    const struct history_scope scope = {.since_ms = since_ms, .progress = "window"};
    struct window window = {.log = histories_new(), .since_ms = since_ms};
    enum status status = histories_read(window.log, &source, &scope, error);

    if (status == STATUS_OK)
        report_filter(report, is_in_window, &window, false);
    histories_free(window.log);
    return status;
}

static bool is_new(void *context, const char *subject, const char *text)
{
    (void)subject;
    return !accepted_has(context, text);
}

/* Of whom nobody asked, and what is accepted. */
static enum status leave_out(const struct settings *from, struct report *report,
                             const char *const *asked, int64_t since_ms, struct accepted *accepted,
                             struct error *error)
{
    enum status status = STATUS_OK;

    if (*asked != NULL)
        report_filter(report, is_asked_for, (void *)(uintptr_t)asked, false);
    if (since_ms != 0 && report_findings(report) > 0)
        status = leave_out_before(from, report, since_ms, error);
    if (status != STATUS_OK || accepted == NULL)
        return status;
    report_filter(report, is_new, accepted, true);
    if (*asked == NULL && since_ms == 0)
        accepted_tell_unmet(accepted);
    return STATUS_OK;
}

static enum exit_code run(const struct settings *from)
{
    const char *path = settings_text(from, "accepted");
    struct accepted *accepted = NULL;
    struct report *report;
    struct error error = {0};
    enum exit_code code = EXIT_FINE;
    enum status status;
    size_t count;
    const char *const *asked = settings_arguments(from, &count);
    int64_t since_ms;

    if (settings_flag(from, "from-log") && settings_flag(from, "from-databases"))
        return command_misused("--from-log and --from-databases exclude each other; without either "
                               "both are looked at");
    if (when_setting(from, "since", &since_ms, &error) != STATUS_OK)
        return command_fail(&error);
    if (path != NULL && (accepted = accepted_read(path, &error)) == NULL)
        return command_fail(&error);
    report = report_new();
    status = look_again(from, &report, &error);
    if (status == STATUS_OK && !command_interrupted())
        status = leave_out(from, report, asked, since_ms, accepted, &error);
    if (status != STATUS_OK)
        code = command_fail(&error);
    else if (command_interrupted())
        code = command_stopped("nothing is judged");
    else if (report_print(report, settings_flag(from, "json"),
                          (size_t)settings_integer(from, "show")) > 0)
        code = EXIT_FOUND;
    report_free(report);
    accepted_free(accepted);
    return code;
}

const struct command audit_command = {
    "audit",
    "prove that everything adds up",
    "[OPTION ...] [ORDER ...]\n\n"
    "From the log alone: every order that was created got its decision and its mail, or is within "
    "its deadline;\n"
    "decisions follow from what was emitted; each compensation belongs to one action; each event "
    "has the cause, the id,\n"
    "the emitter and the topic that it must have; captured - refunded is what confirmed orders are "
    "worth.\n"
    "Where databases are named: the rows are what the log leads to, the stock on hand is what the "
    "stock\n"
    "commands lead to, and the databases, the provider's ledger\n"
    "and the mails agree with each other, order by order and SKU by SKU; so do lines, mail texts "
    "and "
    "mails with\n"
    "what was placed. It writes nothing.\n\n"
    "It may run while orders go on: an order that is under way is counted, not judged, and what is "
    "found is\n"
    "looked at again before it is told. Interrupted, it judges nothing and ends with 130.\n\n"
    "Named orders or SKUs: all is looked at, and only what is found about these is told; with "
    "--since what is\n"
    "found about orders of which something was emitted since then. What was looked into\n"
    "and is accepted stands in a file, --accepted, with the reason: it makes no later audit "
    "red.\n\n"
    "The memory it takes is bounded by --memory-mib, whatever the number of orders, but for the "
    "names of all\n"
    "mails and stock commands.\n\n"
    "  sagactl audit --from-log\n"
    "  sagactl audit --since 2h\n"
    "  . build/stack/env; sagactl audit\n\n"
    "Exit code 1: something does not hold.",
    settings,
    run,
    NULL};
