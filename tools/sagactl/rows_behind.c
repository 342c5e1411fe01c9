#include "tools/sagactl/rows_behind.h"

#include <stdio.h>

#include "history/restore.h"
#include "tools/sagactl/command.h"

static void unreadable_tell(const char *why)
{
    fprintf(stderr, "sagactl: %s\n", why);
}

enum status rows_behind(const struct settings *from, int service, const char *url, size_t *behind,
                        struct error *error)
{
    const struct log_source source = command_source(from);
    const struct restore_scope scope = {.service = service,
                                        .memory_mib = settings_integer(from, "memory-mib"),
                                        .partial = true,
                                        .unreadable = unreadable_tell};
    struct restored restored = {0};
    struct database *database = database_new(url, "sagactl");
    enum status status = database_execute(database, "BEGIN", error);

    if (status == STATUS_OK)
        status = rows_restore(&source, &scope, database, &restored, error);
    database_rollback(database);
    database_free(database);
    *behind = restored.made + restored.brought_up;
    restored_free(&restored);
    return status;
}
