#include "history/drift_check.h"

#include <string.h>

#include "base/arena.h"
#include "history/replay_run.h"
#include "history/routes.h"
#include "history/row_compare.h"
#include "services/catalog.h"

const char *const finding_kinds[] = {"missing", "extra", "row"};

/* What is looked at: one order, one service. */
struct sight {
    struct drift_check *check;
    const struct order_history *history;
    int service;
    struct replayed replayed;
    const struct saga *row; /* NULL: not looked at */
    uint64_t
        forgotten; /* set of FACTs: what the service has emitted, and its row does not lead to */
    struct arena *arena;
};

static void report(const struct sight *sight, enum finding_kind kind, const char *what,
                   const char *reason, int action)
{
    const struct finding finding = {kind,  sight->history->order_id, sight->service, what, reason,
                                    action};

    sight->check->found(sight->check->context, &finding);
}

/* The first message that leads to the word. */
static const struct history_record *cause_of(const struct sight *sight, uint64_t causes)
{
    for (const struct history_record *record = sight->history->records; record != NULL;
         record = record->next)
        if ((causes & FACT(record->type)) != 0 &&
            record_is_for(sight->check->log, sight->history, sight->service, record))
            return record;
    return NULL;
}

static const char *place_text(const struct history_record *record, struct arena *arena)
{
    return arena_format(arena, "%s/%d/%lld", record->topic, record->partition,
                        (long long)record->offset);
}

static const char *row_text(const struct sight *sight)
{
    if (sight->row == NULL)
        return "";
    if (sight->row->version == 0)
        return arena_format(sight->arena, "; %s has no row", catalog[sight->service].name);
    return arena_format(sight->arena, "; its row is %s",
                        saga_state_name(catalog[sight->service].service->table, sight->row->state));
}

/* What mends a word that is missing.  A service that has no row has nothing to emit again, and one
 * that forgot what it emitted would now decide otherwise: its row comes first. */
static int action_missing(const struct sight *sight)
{
    if (sight->forgotten != 0)
        return ACTION_RECOVER;
    return sight->row != NULL && sight->row->version == 0 ? ACTION_NONE
                                                          : (int)catalog[sight->service].republish;
}

/* What mends a row that knows all that the log holds: recover leaves alone whose service has yet to
 * emit something. */
static int action_row(const struct sight *sight, uint64_t said)
{
    const bool unsaid = sight->replayed.waiting_for != 0 ||
                        (sight->replayed.must & ~said & ~FACT(ORDER_REJECTED)) != 0;

    return unsaid ? ACTION_NONE : ACTION_RECOVER;
}

static void missing_find(const struct sight *sight, uint64_t said)
{
    uint64_t missing = sight->replayed.must & ~said & ~FACT(ORDER_REJECTED);

    for (int type = 0; type < MESSAGE_TYPES; type++) {
        const struct history_record *cause;

        if ((missing & FACT(type)) == 0)
            continue;
        cause = cause_of(sight, causes_of((enum message_type)type));
        report(
            sight, FINDING_MISSING, message_type_name((enum message_type)type),
            arena_format(sight->arena, "%s heard %s at %s, which leads to it%s",
                         catalog[sight->service].name,
                         cause == NULL ? "what" : message_type_name((enum message_type)cause->type),
                         cause == NULL ? "?" : place_text(cause, sight->arena), row_text(sight)),
            action_missing(sight));
    }
    if (sight->replayed.waiting_for != 0 && (sight->replayed.waiting_for & said) == 0)
        report(sight, FINDING_MISSING,
               facts_text(sight->replayed.waiting_for, " or ", sight->arena),
               arena_format(sight->arena, "all that %s waits for is there, and it says nothing%s",
                            catalog[sight->service].name, row_text(sight)),
               action_missing(sight));
}

static void strange_find(const struct sight *sight, const struct history_record *record)
{
    static const char *const reasons[] = {
        "its ce_id is not the identity of that fact", "its ce_source is not who says so",
        "such a message does not belong there", "it has the id of one before, and other facts"};

    for (int bit = 0; bit < 4; bit++)
        if ((record->strange & 1 << bit) != 0)
            report(sight, FINDING_EXTRA, message_type_name((enum message_type)record->type),
                   arena_format(sight->arena, "%s: %s", place_text(record, sight->arena),
                                reasons[bit]),
                   ACTION_NONE);
}

static void extra_find(const struct sight *sight, uint64_t own)
{
    uint64_t extra = own & ~sight->replayed.may & ~FACT(ORDER_REJECTED);

    for (const struct history_record *record = sight->history->records; record != NULL;
         record = record->next) {
        if (emitter_number((enum message_type)record->type) != sight->service)
            continue;
        if (record->strange != 0)
            strange_find(sight, record);
        else if ((extra & FACT(record->type)) != 0)
            report(sight, FINDING_EXTRA, message_type_name((enum message_type)record->type),
                   arena_format(sight->arena, "%s: nothing that %s heard leads to it%s",
                                place_text(record, sight->arena), catalog[sight->service].name,
                                row_text(sight)),
                   ACTION_NONE);
    }
}

static const char *reason_lacking(const struct sight *sight, int speaker)
{
    const char *service = catalog[sight->service].name;

    if (sight->forgotten != 0)
        return arena_format(
            sight->arena, "%s has emitted %s, which its row does not know: the log brings it back",
            service, facts_text(sight->forgotten, " and ", sight->arena));
    if (speaker < 0)
        return arena_format(sight->arena, "%s has read it; its sender can send it again", service);
    return arena_format(sight->arena, "%s has read it; %s can say it again", service,
                        catalog[speaker].name);
}

/* What the row does not know can be said to it again, by who said it, unless it would now be
 * decided otherwise. */
static void lacking_find(const struct sight *sight, const struct difference *difference)
{
    if (sight->forgotten != 0 && sight->row->version == 0) {
        report(
            sight, FINDING_ROW,
            arena_format(sight->arena, "row: the log leads to %s, there is none", difference->log),
            reason_lacking(sight, -1), ACTION_RECOVER);
        return;
    }
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        int speaker;

        if ((difference->lacks & FACT(type)) == 0)
            continue;
        speaker = emitter_number((enum message_type)type);
        report(sight, FINDING_ROW,
               arena_format(sight->arena, "%s: the log holds %s, the row does not know it",
                            difference->field, message_type_name((enum message_type)type)),
               reason_lacking(sight, speaker),
               sight->forgotten != 0 ? ACTION_RECOVER
               : speaker >= 0        ? (int)catalog[speaker].republish
                                     : ACTION_NONE);
    }
}

/* A row that lacks a fact differs in what follows from it, too; and one whose outcome was never
 * said knows more than the log. */
static void row_find(const struct sight *sight, uint64_t said)
{
    struct difference differences[DIFFERENCES_MAX];
    size_t count =
        replay_compare(sight->service, &sight->replayed, sight->row, sight->arena, differences);
    bool follows = sight->replayed.waiting_for != 0;

    for (size_t i = 0; i < count; i++)
        follows = follows || differences[i].lacks != 0;
    for (size_t i = 0; i < count; i++) {
        const struct difference *difference = &differences[i];

        if (difference->lacks != 0)
            lacking_find(sight, difference);
        else if (!follows || (strcmp(difference->field, "facts") == 0 && *difference->row != '\0'))
            report(sight, FINDING_ROW,
                   arena_format(sight->arena, "%s: the log leads to %s, the row says %s",
                                difference->field,
                                *difference->log == '\0' ? "nothing" : difference->log,
                                *difference->row == '\0' ? "nothing" : difference->row),
                   "nothing in the log led to that: somebody changed the row, or the log",
                   action_row(sight, said));
    }
}

static bool has_unread(const struct sight *sight)
{
    const struct drift_check *check = sight->check;

    for (const struct history_record *record = sight->history->records;
         check->lags != NULL && record != NULL; record = record->next)
        if (record_is_for(check->log, sight->history, sight->service, record) &&
            !lags_has_read(check->lags, sight->service, record->topic, record->partition,
                           record->offset))
            return true;
    return false;
}

/* `row` NULL: rows are not looked at. */
static void look(struct drift_check *check, const struct order_history *history, int service,
                 const struct stored_row *row, struct arena *arena)
{
    struct sight sight = {.check = check,
                          .history = history,
                          .service = service,
                          .row = row == NULL ? NULL : row->saga,
                          .arena = arena};
    const uint64_t said = history->genuine & own_events(service);

    replay_service(check->log, history, service, 0, arena, &sight.replayed);
    extra_find(&sight, said);
    if (has_unread(&sight)) {
        check->unread[service]++;
        if (check->unread_is_found)
            report(&sight, FINDING_MISSING, "what it has yet to read", "is it running?",
                   ACTION_NONE);
        return;
    }
    if (row != NULL && row->why == NULL)
        sight.forgotten = said & row_events(service, sight.replayed.row, arena) &
                          ~row_events(service, row->saga, arena);
    missing_find(&sight, said);
    if (row != NULL && row->why != NULL)
        report(&sight, FINDING_ROW, arena_format(arena, "the row cannot be read: %s", row->why),
               "nothing in the log led to that: somebody changed the row", ACTION_NONE);
    else if (row != NULL)
        row_find(&sight, said);
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
