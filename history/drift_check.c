#include "history/drift_check.h"

#include <string.h>

#include "base/arena.h"
#include "history/replay_run.h"
#include "history/routes.h"
#include "history/row_compare.h"
#include "services/catalog.h"

const char *const finding_kinds[] = {"missing", "extra", "row"};

/* What is looked at: one order at one service. */
struct view {
    struct drift_check *check;
    const struct order_history *history;
    int service;
    struct replayed replayed;
    const struct saga *row; /* NULL: not looked at */
    uint64_t forgotten;     /* events that the service has emitted, and its row does not lead to */
    struct arena *arena;
};

static void report(const struct view *view, enum finding_kind kind, const char *what,
                   const char *reason, int action)
{
    const struct finding finding = {kind,  view->history->order_id, view->service, what, reason,
                                    action};

    view->check->found(view->check->context, &finding);
}

/* The first message that leads to the event. */
static const struct history_record *cause_of(const struct view *view, uint64_t causes)
{
    for (const struct history_record *record = view->history->records; record != NULL;
         record = record->next)
        if ((causes & FACT(record->type)) != 0 &&
            record_is_for(view->check->log, view->history, view->service, record))
            return record;
    return NULL;
}

static const char *place_text(const struct history_record *record, struct arena *arena)
{
    return arena_format(arena, "%s/%d/%lld", record->topic, record->partition,
                        (long long)record->offset);
}

static const char *row_text(const struct view *view)
{
    if (view->row == NULL)
        return "";
    if (view->row->version == 0)
        return arena_format(view->arena, "; %s has no row", catalog[view->service].name);
    return arena_format(view->arena, "; its row is %s",
                        saga_state_name(catalog[view->service].service->table, view->row->state));
}

/* What repairs a missing event.  A service that has no row has nothing to emit again, and one
 * that forgot what it emitted would now decide otherwise: its row comes first. */
static int action_missing(const struct view *view)
{
    if (view->forgotten != 0)
        return ACTION_RECOVER;
    return view->row != NULL && view->row->version == 0 ? ACTION_NONE
                                                        : (int)catalog[view->service].republish;
}

/* What repairs a row that knows all that the log holds: recover leaves alone whose service has yet
 * to emit something. */
static int action_row(const struct view *view, uint64_t emitted)
{
    const bool owes = view->replayed.waiting_for != 0 ||
                      (view->replayed.must & ~emitted & ~FACT(ORDER_REJECTED)) != 0;

    return owes ? ACTION_NONE : ACTION_RECOVER;
}

static void missing_find(const struct view *view, uint64_t emitted)
{
    uint64_t missing = view->replayed.must & ~emitted & ~FACT(ORDER_REJECTED);

    for (int type = 0; type < MESSAGE_TYPES; type++) {
        const struct history_record *cause;

        if ((missing & FACT(type)) == 0)
            continue;
        cause = cause_of(view, causes_of((enum message_type)type));
        report(
            view, FINDING_MISSING, message_type_name((enum message_type)type),
            arena_format(view->arena, "%s consumed %s at %s, which leads to it%s",
                         catalog[view->service].name,
                         cause == NULL ? "what" : message_type_name((enum message_type)cause->type),
                         cause == NULL ? "?" : place_text(cause, view->arena), row_text(view)),
            action_missing(view));
    }
    if (view->replayed.waiting_for != 0 && (view->replayed.waiting_for & emitted) == 0)
        report(view, FINDING_MISSING, facts_text(view->replayed.waiting_for, " or ", view->arena),
               arena_format(view->arena, "all that %s waits for is there, and it emits nothing%s",
                            catalog[view->service].name, row_text(view)),
               action_missing(view));
}

static void strange_find(const struct view *view, const struct history_record *record)
{
    static const char *const reasons[] = {"its ce_id is not the identity of that fact",
                                          "its ce_source is not the emitter of such events",
                                          "such a message does not belong there",
                                          "it has the id of one before, and other facts"};

    for (int bit = 0; bit < 4; bit++)
        if ((record->strange & 1 << bit) != 0)
            report(
                view, FINDING_EXTRA, message_type_name((enum message_type)record->type),
                arena_format(view->arena, "%s: %s", place_text(record, view->arena), reasons[bit]),
                ACTION_NONE);
}

static void extra_find(const struct view *view, uint64_t own)
{
    uint64_t extra = own & ~view->replayed.may & ~FACT(ORDER_REJECTED);

    for (const struct history_record *record = view->history->records; record != NULL;
         record = record->next) {
        if (emitter_number((enum message_type)record->type) != view->service)
            continue;
        if (record->strange != 0)
            strange_find(view, record);
        else if ((extra & FACT(record->type)) != 0)
            report(view, FINDING_EXTRA, message_type_name((enum message_type)record->type),
                   arena_format(view->arena, "%s: nothing that %s consumed leads to it%s",
                                place_text(record, view->arena), catalog[view->service].name,
                                row_text(view)),
                   ACTION_NONE);
    }
}

static const char *reason_lacking(const struct view *view, int emitter)
{
    const char *service = catalog[view->service].name;

    if (view->forgotten != 0)
        return arena_format(
            view->arena, "%s has emitted %s, which its row does not know: the log brings it back",
            service, facts_text(view->forgotten, " and ", view->arena));
    if (emitter < 0)
        return arena_format(view->arena, "%s has read it; its sender can send it again", service);
    return arena_format(view->arena, "%s has read it; %s can emit it again", service,
                        catalog[emitter].name);
}

/* What the row does not know can be emitted again by the service that emitted it, unless it would
 * now be decided otherwise. */
static void lacking_find(const struct view *view, const struct difference *difference)
{
    if (view->forgotten != 0 && view->row->version == 0) {
        report(
            view, FINDING_ROW,
            arena_format(view->arena, "row: the log leads to %s, there is none", difference->log),
            reason_lacking(view, -1), ACTION_RECOVER);
        return;
    }
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        int emitter;

        if ((difference->lacks & FACT(type)) == 0)
            continue;
        emitter = emitter_number((enum message_type)type);
        report(view, FINDING_ROW,
               arena_format(view->arena, "%s: the log holds %s, the row does not know it",
                            difference->field, message_type_name((enum message_type)type)),
               reason_lacking(view, emitter),
               view->forgotten != 0 ? ACTION_RECOVER
               : emitter >= 0       ? (int)catalog[emitter].republish
                                    : ACTION_NONE);
    }
}

/* A row that lacks a fact differs in what follows from it, too; and one whose outcome was never
 * emitted knows more than the log. */
static void row_find(const struct view *view, uint64_t emitted)
{
    struct difference differences[DIFFERENCES_MAX];
    size_t count =
        replay_compare(view->service, &view->replayed, view->row, view->arena, differences);
    bool follows = view->replayed.waiting_for != 0;

    for (size_t i = 0; i < count; i++)
        follows = follows || differences[i].lacks != 0;
    for (size_t i = 0; i < count; i++) {
        const struct difference *difference = &differences[i];

        if (difference->lacks != 0)
            lacking_find(view, difference);
        else if (!follows || (strcmp(difference->field, "facts") == 0 && *difference->row != '\0'))
            report(view, FINDING_ROW,
                   arena_format(view->arena, "%s: the log leads to %s, the row says %s",
                                difference->field,
                                *difference->log == '\0' ? "nothing" : difference->log,
                                *difference->row == '\0' ? "nothing" : difference->row),
                   "nothing in the log led to that: somebody changed the row, or the log",
                   action_row(view, emitted));
    }
}

/* What the process of the service has yet to finish may give it more to learn. */
static bool has_unread(const struct view *view)
{
    const struct drift_check *check = view->check;

    for (const struct history_record *record = view->history->records;
         check->lags != NULL && record != NULL; record = record->next)
        for (int service = 0; service < SERVICES; service++)
            if (lags_share(check->lags, view->service, service) &&
                record_is_for(check->log, view->history, service, record) &&
                !lags_has_read(check->lags, service, record->topic, record->partition,
                               record->offset))
                return true;
    return false;
}

/* `row` NULL: rows are not looked at. */
static void look(struct drift_check *check, const struct order_history *history, int service,
                 const struct stored_row *row, struct arena *arena)
{
    struct view view = {.check = check,
                        .history = history,
                        .service = service,
                        .row = row == NULL ? NULL : row->saga,
                        .arena = arena};
    const uint64_t emitted = history->genuine & own_events(service);

    replay_service(check->log, history, service, 0, arena, &view.replayed);
    extra_find(&view, emitted);
    if (has_unread(&view)) {
        check->unread[service]++;
        if (check->unread_is_found)
            report(&view, FINDING_MISSING, "what it has yet to read", "is it running?",
                   ACTION_NONE);
        return;
    }
    if (row != NULL && row->why == NULL)
        view.forgotten = emitted & row_events(service, view.replayed.row, arena) &
                         ~row_events(service, row->saga, arena);
    missing_find(&view, emitted);
    if (row != NULL && row->why != NULL)
        report(&view, FINDING_ROW, arena_format(arena, "the row cannot be read: %s", row->why),
               "nothing in the log led to that: somebody changed the row", ACTION_NONE);
    else if (row != NULL)
        row_find(&view, emitted);
}

static bool is_judged(const struct drift_check *check, const struct order_history *history)
{
    return history->last_ms <= check->now_ms - check->under_way_ms &&
           histories_has_all(check->log, history);
}

enum status drift_check_orders(struct drift_check *check, struct order_history *const *orders,
                               size_t count, struct error *error)
{
    struct arena *arena = arena_new(), *ids = arena_new();
    const char **names = arena_array(ids, count, sizeof(const char *));
    struct stored_row *rows = arena_array(ids, count, sizeof *rows);
    enum status status = STATUS_OK;

    for (size_t i = 0; i < count; i++) {
        history_sort(orders[i]);
        names[i] = orders[i]->order_id;
        check->orders++;
        check->under_way += !is_judged(check, orders[i]);
    }
    for (int service = 0; status == STATUS_OK && service < SERVICES; service++) {
        bool stored = check->stored != NULL && stored_has(check->stored, service);

        if (stored)
            status = stored_load(check->stored, service, names, count, rows, error);
        for (size_t i = 0; status == STATUS_OK && i < count; i++) {
            if (is_judged(check, orders[i]))
                look(check, orders[i], service, stored ? &rows[i] : NULL, arena);
            arena_reset(arena);
        }
    }
    arena_free(ids);
    arena_free(arena);
    return status;
}

enum status drift_check_all(struct drift_check *check, struct error *error)
{
    struct order_history *batch[STORED_BATCH];
    size_t total = histories_count(check->log), count = 0;
    enum status status = STATUS_OK;

    observer_progress(&check->observer, "orders", 0, total);
    for (size_t i = 0; status == STATUS_OK && i < total && !observer_interrupted(&check->observer);
         i++) {
        batch[count++] = histories_at(check->log, i);
        if (count == STORED_BATCH || i + 1 == total) {
            status = drift_check_orders(check, batch, count, error);
            observer_progress(&check->observer, "orders", i + 1, total);
            count = 0;
        }
    }
    observer_end(&check->observer, "orders");
    return status;
}
