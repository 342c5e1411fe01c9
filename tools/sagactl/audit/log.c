#include "tools/sagactl/audit/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "history/assemble.h"
#include "history/drift_check.h"
#include "history/lags.h"
#include "history/memory_bound.h"
#include "history/order_history.h"
#include "history/routes.h"
#include "history/waiting_for.h"
#include "services/order/decide.h"
#include "tools/sagactl/audit/totals.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/terminal.h"

enum {
    HOW_LATE_MS = 60000, /* a deadline is looked at by a sweeper, which may be late */
    /* for so many times --under-way-ms it may lie unread: a service is restarted, its partitions
     * move */
    UNREAD_TIMES = 6
};

struct audit {
    struct report *report;
    const struct order_histories *log; /* of this pass */
    const struct lags *lags;           /* what services have read; NULL: all of it */
    int64_t now_ms, under_way_ms;
    /* something about the order in hand does not hold, but it was spoken of just now */
    bool moving;
    struct totals totals;
    size_t orders, confirmed, cancelled, open, moved, unread, events, repeats, compensations,
        unjudged, messages;
};

/* Topics are read one after the other: of what was emitted just now one may be there and the other
 * not yet. */
__attribute__((format(printf, 4, 5))) static void found(struct audit *audit,
                                                        const struct order_history *order,
                                                        enum check check, const char *format, ...)
{
    char text[1000];
    va_list arguments;

    if (audit->now_ms - order->last_ms < audit->under_way_ms) {
        audit->moving = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    finding(audit->report, check, order->order_id, "order %s: %s", order->order_id, text);
}

static bool emitted(const struct order_history *order, enum message_type type)
{
    return (order->genuine & FACT(type)) != 0;
}

/* ---- ends ---- */

static bool is_dead_lettered_place(const struct audit *audit, const struct order_history *order)
{
    for (const struct history_record *record = order->records; record != NULL;
         record = record->next)
        if (record->type == ORDER_PLACE &&
            !histories_is_dead_letter(audit->log, 0, order->order_id, record))
            return false;
    return true;
}

/* Has whom it waits for yet to read something about it? */
static bool is_unread(const struct audit *audit, const struct order_history *order)
{
    for (const struct history_record *record = order->records;
         audit->lags != NULL && record != NULL; record = record->next)
        for (int service = 0; service < SERVICES; service++)
            if (record_is_for(audit->log, order, service, record) &&
                !lags_has_read(audit->lags, service, record->topic, record->partition,
                               record->offset))
                return true;
    return false;
}

/* Open is an order that waits for something that should have come by now. */
static void check_end(struct audit *audit, const struct order_history *order, struct arena *arena)
{
    int state = order_state_emitted(order->genuine);
    bool pending = state == ORDER_STATE_PENDING,
         within = pending && audit->now_ms < order->deadline_us / 1000 + HOW_LATE_MS;

    if (order_closed(state, order->genuine) ||
        (state == ORDER_STATE_NEW &&
         (!emitted(order, ORDER_PLACE) || emitted(order, ORDER_REJECTED) ||
          is_dead_lettered_place(audit, order))))
        return;
    audit->open++;
    if (within)
        return;
    if (audit->now_ms - order->last_ms < UNREAD_TIMES * audit->under_way_ms &&
        is_unread(audit, order)) {
        audit->unread++;
        return;
    }
    found(audit, order, CHECK_ENDS, "%s, and waits for %s",
          state == ORDER_STATE_NEW ? "placed" : order_table.state_names[state],
          waiting_for_text(order->genuine, " and ", arena));
}

/* ---- decisions ---- */

static void check_decision(struct audit *audit, const struct order_history *order)
{
    const struct history_record *confirmed = record_find(order, ORDER_CONFIRMED),
                                *cancelled = record_find(order, ORDER_CANCELLED),
                                *created = record_find(order, ORDER_CREATED);
    enum message_type reason;

    if (confirmed != NULL && cancelled != NULL)
        found(audit, order, CHECK_DECISIONS, "confirmed and cancelled");
    if ((confirmed != NULL || cancelled != NULL) && created == NULL)
        found(audit, order, CHECK_DECISIONS, "%s, but never created",
              confirmed != NULL ? "confirmed" : "cancelled");
    if (confirmed != NULL &&
        (!emitted(order, PAYMENT_COMPLETED) || !emitted(order, INVENTORY_RESERVED)))
        found(audit, order, CHECK_DECISIONS, "confirmed without %s",
              !emitted(order, PAYMENT_COMPLETED) ? "payment.completed" : "inventory.reserved");
    if (cancelled != NULL &&
        (!message_type_find(cancelled->text, &reason) || !emitted(order, reason)))
        found(audit, order, CHECK_DECISIONS, "cancelled for %s, which was not emitted",
              cancelled->text);
    if (created != NULL && confirmed != NULL && confirmed->number != created->number)
        found(audit, order, CHECK_DECISIONS, "created with %lld, confirmed with %lld",
              (long long)created->number, (long long)confirmed->number);
}

/* ---- compensations ---- */

/* An action, its compensation, and what says that there was nothing to be compensated. */
static const struct pair {
    enum message_type done, compensated, voided;
} pairs[] = {{PAYMENT_COMPLETED, PAYMENT_REFUNDED, PAYMENT_VOIDED},
             {INVENTORY_RESERVED, INVENTORY_RELEASED, INVENTORY_VOIDED}};

static void check_pair(struct audit *audit, const struct order_history *order,
                       const struct pair *pair)
{
    const char *done = message_type_name(pair->done),
               *compensated = message_type_name(pair->compensated),
               *voided = message_type_name(pair->voided);
    /* it may be charged, and refunded before that could be told */
    bool untold = pair->done == PAYMENT_COMPLETED;

    audit->compensations += emitted(order, pair->compensated) || emitted(order, pair->voided);
    if ((emitted(order, pair->compensated) || emitted(order, pair->voided)) &&
        !emitted(order, ORDER_CANCELLED))
        found(audit, order, CHECK_COMPENSATIONS, "%s, but the order is not cancelled",
              emitted(order, pair->compensated) ? compensated : voided);
    if (emitted(order, pair->compensated) && emitted(order, pair->voided))
        found(audit, order, CHECK_COMPENSATIONS, "both %s and %s", compensated, voided);
    if (emitted(order, pair->compensated) && !emitted(order, pair->done) && !untold)
        found(audit, order, CHECK_COMPENSATIONS, "%s without %s", compensated, done);
    if (emitted(order, pair->voided) && emitted(order, pair->done))
        found(audit, order, CHECK_COMPENSATIONS, "%s after %s, which stands", voided, done);
}

static void check_compensations(struct audit *audit, const struct order_history *order)
{
    const struct history_record *completed = record_find(order, PAYMENT_COMPLETED),
                                *refunded = record_find(order, PAYMENT_REFUNDED),
                                *created = record_find(order, ORDER_CREATED);

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        check_pair(audit, order, &pairs[i]);
    if (completed != NULL && created != NULL && completed->number != created->number)
        found(audit, order, CHECK_COMPENSATIONS, "worth %lld, charged %lld",
              (long long)created->number, (long long)completed->number);
    if (completed != NULL && refunded != NULL &&
        (completed->number != refunded->number || strcmp(completed->text, refunded->text) != 0))
        found(audit, order, CHECK_COMPENSATIONS, "charged %lld as %s, refunded %lld as %s",
              (long long)completed->number, completed->text, (long long)refunded->number,
              refunded->text);
}

/* ---- each message ---- */

/* A producer may give its commands no id: what they cause then names no cause. */
static bool has_cause(const struct order_history *order, const struct history_record *record)
{
    uint64_t causes = causes_of((enum message_type)record->type);

    for (const struct history_record *other = order->records; other != NULL; other = other->next)
        if ((causes & FACT(other->type)) != 0 && other->id == record->cause)
            return true;
    return false;
}

static void check_messages(struct audit *audit, const struct order_history *order)
{
    for (const struct history_record *record = order->records; record != NULL;
         record = record->next) {
        const char *type = message_type_name((enum message_type)record->type);
        bool event = emitter_number((enum message_type)record->type) >= 0;

        if (!event)
            continue;
        audit->events++;
        audit->repeats += record->repeats;
        if ((record->strange & RECORD_STRANGE_ID) != 0)
            found(audit, order, CHECK_IDENTITIES, "%s at %s/%d/%lld has an id that is not its own",
                  type, record->topic, record->partition, (long long)record->offset);
        if ((record->strange & RECORD_CHANGED) != 0)
            found(audit, order, CHECK_IDENTITIES,
                  "%s at %s/%d/%lld has other facts under the same id", type, record->topic,
                  record->partition, (long long)record->offset);
        if ((record->strange & RECORD_STRANGE_EMITTER) != 0)
            found(audit, order, CHECK_EMITTERS, "%s at %s/%d/%lld is not emitted by %s", type,
                  record->topic, record->partition, (long long)record->offset,
                  message_emitter((enum message_type)record->type));
        if ((record->strange & RECORD_STRANGE_TOPIC) != 0)
            found(audit, order, CHECK_EMITTERS, "%s at %s/%d/%lld, a topic of other messages", type,
                  record->topic, record->partition, (long long)record->offset);
        /* what is rejected may be unreadable, and is no record then */
        if (record->type != ORDER_REJECTED && !has_cause(order, record))
            found(audit, order, CHECK_CAUSES,
                  "%s at %s/%d/%lld: its cause is nothing that may cause it", type, record->topic,
                  record->partition, (long long)record->offset);
    }
}

static void add_money(struct audit *audit, const struct order_history *order)
{
    const struct history_record *confirmed = record_find(order, ORDER_CONFIRMED),
                                *completed = record_find(order, PAYMENT_COMPLETED),
                                *refunded = record_find(order, PAYMENT_REFUNDED);

    if (confirmed != NULL)
        total_of(&audit->totals, confirmed->text)->confirmed_minor += confirmed->number;
    if (completed != NULL)
        total_of(&audit->totals, completed->detail)->captured_minor += completed->number;
    if (completed == NULL && refunded != NULL) /* charged without a word, then refunded */
        total_of(&audit->totals, refunded->detail)->captured_minor += refunded->number;
    if (refunded != NULL)
        total_of(&audit->totals, refunded->detail)->refunded_minor += refunded->number;
    /* under way, or found by CHECK_ENDS */
    if (completed != NULL && refunded == NULL && confirmed == NULL)
        total_of(&audit->totals, completed->detail)->captured_minor -= completed->number;
}

static void check_order(struct audit *audit, const struct order_history *order, struct arena *arena)
{
    if (order->records == NULL)
        return;
    if (!histories_has_all(audit->log, order)) {
        audit->unjudged++;
        return;
    }
    audit->orders += emitted(order, ORDER_CREATED);
    audit->confirmed += emitted(order, ORDER_CONFIRMED);
    audit->cancelled += emitted(order, ORDER_CANCELLED);
    audit->moving = false;
    check_end(audit, order, arena);
    check_decision(audit, order);
    check_compensations(audit, order);
    check_messages(audit, order);
    audit->moved += audit->moving;
    if (!audit->moving)
        add_money(audit, order);
}

/* ---- all of it ---- */

static void details(struct audit *audit)
{
    const struct {
        size_t count;
        const char *what;
    } besides[] = {{audit->unread, "wait to be read"},
                   {audit->moved, "under way"},
                   {audit->unjudged, "whose beginning is gone"}};
    struct arena *arena = arena_new();
    struct buffer rest = {.arena = arena};

    buffer_text(&rest, "");
    for (size_t i = 0; i < sizeof besides / sizeof besides[0]; i++)
        if (besides[i].count > 0)
            buffer_format(&rest, "; %zu %s", besides[i].count, besides[i].what);
    report_detail(audit->report, CHECK_ENDS, "%zu orders: %zu confirmed, %zu cancelled, %zu open%s",
                  audit->orders, audit->confirmed, audit->cancelled, audit->open, rest.data);
    arena_free(arena);
    report_detail(audit->report, CHECK_COMPENSATIONS, "%zu compensation results",
                  audit->compensations);
    report_detail(audit->report, CHECK_CAUSES, "%zu events", audit->events);
    report_detail(audit->report, CHECK_IDENTITIES, "%zu repeats", audit->repeats);
    report_detail(audit->report, CHECK_EMITTERS, "%zu messages read", audit->messages);
}

struct drift {
    struct report *report;
    size_t rows;
};

/* Words that are missing or extra are told by the other checks: here it is about rows. */
static void drift_found(void *context, const struct finding *found)
{
    struct drift *drift = context;

    if (found->kind == FINDING_ROW)
        finding(drift->report, CHECK_DRIFT, found->order_id, "order %s: %s: %s", found->order_id,
                catalog[found->service].name, found->what);
}

struct strangers {
    const struct order_histories *log;
    struct report *report;
    int service;
    size_t rows;
};

static void row_seen(void *context, const char *order_id)
{
    struct strangers *strangers = context;

    if (!histories_is_shared(strangers->log, order_id))
        return;
    strangers->rows++;
    if (histories_find(strangers->log, order_id) == NULL)
        finding(strangers->report, CHECK_DRIFT, order_id,
                "order %s: %s has a row, the log has nothing", order_id,
                catalog[strangers->service].name);
}

static enum status check_drift(struct audit *audit, const struct settings *from, size_t *rows,
                               struct error *error)
{
    struct drift drift = {.report = audit->report};
    struct drift_check check = {.log = audit->log,
                                .lags = audit->lags,
                                .now_ms = audit->now_ms,
                                .under_way_ms = audit->under_way_ms,
                                .observer = command_source(from).observer,
                                .found = drift_found,
                                .context = &drift};
    const char *databases[SERVICES];
    enum status status;

    command_databases(from, databases);
    check.stored = stored_new(databases);
    status = drift_check_all(&check, error);
    for (int i = 0; status == STATUS_OK && i < SERVICES; i++) {
        struct strangers strangers = {.log = audit->log, .report = audit->report, .service = i};

        if (stored_has(check.stored, i) && !histories_truncated(audit->log))
            status = stored_walk(check.stored, i, row_seen, &strangers, error);
        *rows += strangers.rows;
    }
    stored_free(check.stored);
    return status;
}

/* What a service could not read it has dead-lettered, where somebody looks at it. */
static bool is_set_aside(const struct order_histories *log, const struct astray *astray)
{
    const struct history_record record = {
        .topic = astray->topic, .partition = astray->partition, .offset = astray->offset};

    for (int service = 0; service < SERVICES; service++)
        if (histories_is_dead_letter(log, service, NULL, &record))
            return true;
    return false;
}

static void check_astray(struct audit *audit)
{
    size_t count;
    const struct astray *all = histories_astray(audit->log, &count);

    for (size_t i = 0; i < count; i++)
        if (!is_set_aside(audit->log, &all[i]))
            finding(audit->report, CHECK_IDENTITIES, all[i].order_id,
                    "order %s: the message at %s/%d/%lld cannot be read, or is about another order "
                    "than its key and headers say",
                    all[i].order_id, all[i].topic, all[i].partition, (long long)all[i].offset);
}

static enum status pass(struct audit *audit, const struct settings *from, unsigned share,
                        unsigned shares, bool rows, size_t *row_count, struct error *error)
{
    const struct log_source source = command_source(from);
    const struct history_scope scope = {
        .share = share, .shares = shares, .contents = rows, .progress = "log"};
    struct order_histories *log = histories_new();
    struct arena *arena = arena_new();
    enum status status = histories_read(log, &source, &scope, error);
    const char *groups[SERVICES];
    struct lags *lags;

    command_groups(from, groups);
    lags = status == STATUS_OK && !command_interrupted() ? lags_new(&source.broker, groups, error)
                                                         : NULL;
    if (status == STATUS_OK && lags == NULL && !command_interrupted())
        status = error->status;
    audit->log = log;
    audit->lags = lags;
    if (share == 0)
        audit->messages = histories_messages(log);
    for (size_t i = 0; status == STATUS_OK && !command_interrupted() && i < histories_count(log);
         i++) {
        check_order(audit, histories_at(log, i), arena);
        arena_reset(arena);
    }
    check_astray(audit);
    if (status == STATUS_OK && rows && !command_interrupted())
        status = check_drift(audit, from, row_count, error);
    arena_free(arena);
    lags_free(lags);
    histories_free(log);
    return status;
}

enum status audit_log(const struct settings *from, bool rows, struct report *report,
                      struct error *error)
{
    const struct log_source source = command_source(from);
    struct audit audit = {.report = report,
                          .now_ms = clock_us() / 1000,
                          .under_way_ms = settings_integer(from, "under-way-ms")};
    size_t row_count = 0;
    unsigned shares = 1;
    enum status status =
        histories_passes(&source, settings_integer(from, "memory-mib"), &shares, error);

    for (int check = CHECK_ENDS; check <= (rows ? CHECK_DRIFT : CHECK_LOG_MONEY); check++)
        report_begin(report, (enum check)check);
    for (unsigned share = 0; status == STATUS_OK && share < shares && !command_interrupted();
         share++)
        status = pass(&audit, from, share, shares, rows, &row_count, error);
    details(&audit);
    totals_check(&audit.totals, report, CHECK_LOG_MONEY);
    if (rows)
        report_detail(report, CHECK_DRIFT, "%zu rows", row_count);
    return status;
}
