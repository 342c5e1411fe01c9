#include "services/runtime/sweeper.h"

#include <string.h>

#include "base/log.h"
#include "services/runtime/publish.h"

enum { ASK_BROKER_MS = 2000 };

static struct parameters *orders_new(struct arena *arena)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT};

    return parameters_new(arena, kinds, 1);
}

/* They are due again, and cannot be processed again: no more than that comes of a failure. */
static enum status postpone(struct sweeper *sweeper, struct parameters *orders, size_t count, struct error *error)
{
    if (count == 0 || sweeper->service->postpone_sql == NULL)
        return STATUS_OK;
    return database_query(sweeper->database, sweeper->service->postpone_sql, orders, NULL, error) == STATUS_BUG ? STATUS_BUG : STATUS_OK;
}

static enum status publish_due(struct sweeper *sweeper, const struct result *due, struct arena *arena, struct error *error)
{
    struct parameters *unnamed = orders_new(arena);
    enum status status = STATUS_OK;
    enum message_type type;
    size_t unnamed_count = 0;

    for (size_t i = 0; status == STATUS_OK && i < result_rows(due); i++) {
        const char *name = result_text(due, i, 1);

        if (!message_type_find(name, &type))
            return error_set(error, STATUS_BUG, "due_sql says \"%s\", which is no message", name);
        status = publish_command(sweeper->service, sweeper->producer, arena, type, result_text(due, i, 0),
                                 &sweeper->delivery, error);
        if (status == STATUS_WRONG) { /* a row that no message can name: the others are swept */
            log_warning("not swept: %s", error->message);
            parameters_text(unnamed, 0, result_text(due, i, 0));
            unnamed_count++;
            status = STATUS_OK;
        }
    }
    if (status == STATUS_OK)
        status = postpone(sweeper, unnamed, unnamed_count, error);
    if (status == STATUS_OK)
        log_info("swept: %zu overdue rows, the first is %s of order %s", result_rows(due), result_text(due, 0, 1),
                 result_text(due, 0, 0));
    return status;
}

/* How many of its own commands are unread; what keeps it from knowing is said once, and once when it is over. */
static enum status lag_of(struct sweeper *sweeper, const char *internal, int64_t *lag, struct error *error)
{
    enum status status = consumer_lag(sweeper->consumer, sweeper->producer, internal, ASK_BROKER_MS, lag, error);

    if (status == STATUS_AWAY && outage_begin(&sweeper->outages, internal, error->message))
        log_warning("nothing is swept until it is known what is unread: %s", error->message);
    if (status == STATUS_OK && outage_end(&sweeper->outages, internal))
        log_write(LOG_NOTICE, NULL, NULL, "what is unread is known again: swept as ever");
    return status;
}

static enum status sweep(struct sweeper *sweeper, struct arena *arena, struct error *error)
{
    const char *internal = arena_format(arena, "%s.internal", sweeper->service->name);
    struct result *due = NULL;
    enum status status = database_query(sweeper->database, sweeper->service->due_sql, NULL, &due, error);
    int64_t lag = 0;

    if (status == STATUS_OK && result_rows(due) > 0)
        status = lag_of(sweeper, internal, &lag, error);
    if (status == STATUS_OK && result_rows(due) > 0 && lag == 0)
        status = publish_due(sweeper, due, arena, error);
    result_free(due);
    return status;
}

enum status sweeper_run(struct sweeper *sweeper, int64_t now_ms, struct error *error)
{
    struct arena *arena;
    enum status status;

    if (sweeper->service->due_sql == NULL || now_ms < sweeper->next_ms || sweeper->delivery.pending > 0)
        return STATUS_OK;
    sweeper->next_ms = now_ms + sweeper->interval_ms;
    arena = arena_new();
    status = sweep(sweeper, arena, error);
    arena_free(arena);
    return status == STATUS_AWAY ? STATUS_OK : status;
}

enum status sweeper_postpone(struct sweeper *sweeper, struct item *const *items, size_t count, struct arena *arena, struct error *error)
{
    const char *internal = arena_format(arena, "%s.internal", sweeper->service->name);
    struct parameters *orders = orders_new(arena);
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        const struct incoming *in = &items[i]->incoming;

        if (items[i]->kind != ITEM_PARK || strcmp(in->topic, internal) != 0 || in->key == NULL || memchr(in->key, '\0', in->key_length) != NULL)
            continue;
        parameters_text(orders, 0, arena_copy(arena, in->key, in->key_length));
        found++;
    }
    return postpone(sweeper, orders, found, error);
}
