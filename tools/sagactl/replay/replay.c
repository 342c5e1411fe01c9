/* sagactl replay: what would the shipped decide functions do with this log? */
#include <string.h>

#include "history/memory_bound.h"
#include "tools/sagactl/replay/plan.h"

/* clang-format off */
static const struct setting settings[] = {
    {.name = "all", .kind = SETTING_FLAG, .meaning = "plan: all orders of the log"},
    {.name = "since", .kind = SETTING_TEXT,
     .meaning = "plan: orders that somebody spoke of since then: a time, or how long ago, as 2h"},
    {.name = "until", .kind = SETTING_TEXT, .meaning = "plan: and before then"},
    {.name = "out", .kind = SETTING_TEXT,
     .meaning = "plan: a file to write the plan to, for apply"},
    {.name = "under-way-ms", .kind = SETTING_INTEGER, .fallback = "10000",
     .min = 0, .max = 86400000,
     .meaning = "an order of which something was emitted so short a time ago is under way, and not "
                "judged"},
    {.name = "memory-mib", .kind = SETTING_INTEGER, .min = MEMORY_MIB_MIN, .max = 1048576,
     .meaning = "plan, rebuild: a log that needs more is read in several passes, each for a "
                "share of the orders; unless set a quarter of what the machine has, at most 2048"},
    CATALOG_DATABASES
    CATALOG_GROUPS
    {.name = "rate", .kind = SETTING_INTEGER, .fallback = "100", .min = 1, .max = 100000,
     .meaning = "apply: commands a second"},
    {.name = "yes", .kind = SETTING_FLAG, .meaning = "apply: do not ask"},
    {.name = "resume", .kind = SETTING_TEXT,
     .meaning = "apply: the file that notes what was published; PLANFILE.applied unless set"},
    {.name = "timeout", .kind = SETTING_INTEGER, .fallback = "30", .min = 0, .max = 3600,
     .meaning = "apply: seconds to wait for what changes"},
    {.name = "partial", .kind = SETTING_FLAG,
     .meaning = "rebuild: from a log that has lost its beginning, the orders of which it has all"},
    {.name = "into", .kind = SETTING_TEXT,
     .meaning = "rebuild: PostgreSQL URI of an empty database"},
    {.name = NULL},
};
/* clang-format on */

static const struct {
    const char *name;
    enum exit_code (*run)(const struct settings *from, const char *const *arguments, size_t count);
} verbs[] = {{"plan", replay_plan}, {"apply", replay_apply}, {"rebuild", replay_rebuild}};

static enum exit_code run(const struct settings *from)
{
    size_t count;
    const char *const *arguments = settings_arguments(from, &count);

    for (size_t i = 0; count > 0 && i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(arguments[0], verbs[i].name) == 0)
            return verbs[i].run(from, arguments + 1, count - 1);
    return command_misused("replay needs plan, apply or rebuild: see sagactl replay --help");
}

const struct command replay_command = {
    "replay",
    "compare the log with what decide would emit, and fix it",
    "plan [ORDER ...] [OPTION ...]\n       sagactl replay apply PLANFILE [OPTION ...]\n       "
    "sagactl replay rebuild SERVICE --into URL [OPTION ...]\n\n"
    "plan leads each service's shipped decide functions through the facts that the log holds of an "
    "order, with\n"
    "what the log says of provider, stock and transport standing in for them, and lists what "
    "differs: words\n"
    "that are missing or that nothing leads to, and, where databases are named, rows that are not "
    "what the log\n"
    "leads to; each with the reason, and with the command that fixes it where one does. It writes "
    "nothing.\n\n"
    "apply publishes the commands of a plan, and nothing else: republish commands to the owning "
    "services' internal topics,\n"
    "marked with the plan's id (ce_replayof). A plan is refused when something new was emitted of "
    "its "
    "orders since\n"
    "it was made. What was published already is not published again. It then waits, and says what "
    "changed.\n\n"
    "rebuild makes a service's database anew, from the log alone, in an empty database, and "
    "compares it with\n"
    "the service's own where --SERVICE-database names it.\n\n"
    "  sagactl replay plan 536365\n"
    "  sagactl replay plan --since 2h --out plan.ndjson && sagactl replay apply plan.ndjson --yes\n"
    "  sagactl replay rebuild payment --into postgresql:///payment_again\n\n"
    "Exit code 1: something differs.",
    settings,
    run,
    "plan apply rebuild"};
