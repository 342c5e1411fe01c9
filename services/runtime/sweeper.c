#include "services/runtime/sweeper.h"

#include <string.h>

#include "base/log.h"
#include "services/runtime/absence.h"
#include "services/runtime/effects.h"
#include "services/runtime/publish.h"

enum { ASK_BROKER_MS = 2000 };

static struct parameters *orders_new(struct arena *arena)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT};

    return parameters_new(arena, kinds, 1);
}

/* They are due again, and cannot be processed again. */
static enum status postpone(struct sweeper *sweeper, struct parameters *orders, size_t count,
                            struct error *error)
{
    if (count == 0 || sweeper->service->postpone_sql == NULL)
        return STATUS_OK;
    return database_query(sweeper->database, sweeper->service->postpone_sql, orders, NULL, error) ==
                   STATUS_BUG
               ? STATUS_BUG
               : STATUS_OK;
}

static enum status publish_due(struct sweeper *sweeper, const struct result *due,
                               struct arena *arena, struct error *error)
{
    struct parameters *unnamed = orders_new(arena);
    enum status status = STATUS_OK;
    enum message_type type;
    size_t unnamed_count = 0, swept = 0;

    for (size_t i = 0; status == STATUS_OK && i < result_rows(due); i++) {
        const char *name = result_text(due, i, 1);

        if (!message_type_find(name, &type))
            return error_set(error, STATUS_BUG, "due_sql says \"%s\", which is no message", name);
        if (effects_know(sweeper->effects, result_text(due, i, 0)))
            continue;
        swept++;
        status = publish_command(sweeper->service, sweeper->producer, arena, type,
                                 result_text(due, i, 0), &sweeper->delivery, error);
        if (status == STATUS_INVALID) { /* a row that no message can name: the others are swept */
            log_warning("not swept: %s", error->message);
            parameters_text(unnamed, 0, result_text(due, i, 0));
            unnamed_count++;
            status = STATUS_OK;
        }
    }
    if (status == STATUS_OK)
        status = postpone(sweeper, unnamed, unnamed_count, error);
    if (status == STATUS_OK && swept > 0)
        log_info("swept: %zu overdue rows, the first is %s of order %s", swept,
                 result_text(due, 0, 1), result_text(due, 0, 0));
    return status;
}

/* How many of its own commands are unread.  Who may not look is as one whom nobody answers. */
static enum status lag_of(struct sweeper *sweeper, struct arena *arena, int64_t *lag,
                          struct error *error)
{
    const char *topic = arena_format(arena, "%s.internal", sweeper->service->name);
    enum status status =
        consumer_lag(sweeper->consumer, sweeper->producer, topic, ASK_BROKER_MS, lag, error);

    if (status == STATUS_OK)
        absence_end(&sweeper->absence);
    else if (status == STATUS_INVALID)
        absence_begin(&sweeper->absence, error->message);
    return status == STATUS_OK ? STATUS_OK : STATUS_UNAVAILABLE;
}

enum status sweeper_run(struct sweeper *sweeper, int64_t now_ms, struct error *error)
{
    struct result *due = NULL;
    enum status status;
    int64_t lag;

    if (sweeper->service->due_sql == NULL || now_ms < sweeper->next_ms ||
        sweeper->delivery.pending > 0)
        return STATUS_OK;
    sweeper->next_ms = now_ms + sweeper->interval_ms;
    status = database_query(sweeper->database, sweeper->service->due_sql, NULL, &due, error);
    if (status == STATUS_OK && result_rows(due) > 0) {
        struct arena *arena = arena_new();

        status = lag_of(sweeper, arena, &lag, error);
        if (status == STATUS_OK && lag == 0)
            status = publish_due(sweeper, due, arena, error);
        arena_free(arena);
    }
    result_free(due);
    return status == STATUS_UNAVAILABLE ? STATUS_OK : status;
}

enum status sweeper_postpone(struct sweeper *sweeper, const struct record *record,
                             struct arena *arena, struct error *error)
{
    const char *internal = arena_format(arena, "%s.internal", sweeper->service->name);
    const struct incoming *in = &record->incoming;
    struct parameters *orders;

    if (record->kind != RECORD_DEAD_LETTER || strcmp(in->topic, internal) != 0 || in->key == NULL ||
        memchr(in->key, '\0', in->key_length) != NULL)
        return STATUS_OK;
    orders = orders_new(arena);
    parameters_text(orders, 0, arena_copy(arena, in->key, in->key_length));
    return postpone(sweeper, orders, 1, error);
}
