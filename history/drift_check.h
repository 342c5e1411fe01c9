/* A drift check: what the log holds, what the rows say and what decide would make of it are
 * compared, order by order and service by service.
 *
 *     static void found(void *context, const struct finding *finding)
 *     {
 *         printf("%s %s: %s\n", finding_kinds[finding->kind], finding->order_id, finding->what);
 *     }
 *
 *     struct drift_check check = {.log = inputs.log, .lags = inputs.lags, .stored = inputs.stored,
 *                                 .now_ms = now_ms, .under_way_ms = 10000, .found = found};
 *     enum status status = drift_check_all(&check, &error); */
#ifndef QUADRILLE_HISTORY_DRIFT_CHECK_H
#define QUADRILLE_HISTORY_DRIFT_CHECK_H

#include "history/lags.h"
#include "history/log_source.h"
#include "history/order_history.h"
#include "history/stored_rows.h"
#include "services/catalog.h"

enum finding_kind {
    FINDING_MISSING, /* an event that must have been emitted and is not in the log */
    FINDING_EXTRA,   /* an event in the log that would not have been emitted */
    FINDING_ROW      /* a stored row that is not what the log leads to */
};

extern const char *const finding_kinds[]; /* "missing", "extra", "row" */

struct finding {
    enum finding_kind kind;
    const char *order_id;
    int service;      /* that owes the event, or has emitted it, or keeps the row */
    const char *what; /* the event, or the field of the row with both sides */
    const char *reason;
    int action; /* the type of the command that repairs it, or one of these */
};

/* ACTION_RECOVER: `sagactl recover` of the service brings its row to what the log tells. */
enum { ACTION_NONE = -1, ACTION_RECOVER = -2 };

struct drift_check {
    const struct order_histories *log;
    const struct lags *lags; /* NULL: everything counts as read */
    struct stored *stored;   /* NULL: rows are not looked at */
    int64_t now_ms;
    int64_t under_way_ms; /* an order of which the log learnt less than so long ago is not judged */
    bool unread_is_found; /* what a service has yet to read is missing, too */
    struct observer observer;

    /* Called for each; its texts live until it returns. */
    void (*found)(void *context, const struct finding *finding);
    void *context;

    /* Filled while it goes on. */
    size_t orders;           /* how many were looked at */
    size_t under_way;        /* those of them that were not judged */
    size_t unread[SERVICES]; /* orders of which the service has yet to read something: what it emits
                              * and its row are not judged there */
};

/* At most STORED_BATCH orders, whose histories it sorts.  STATUS_UNAVAILABLE when a database does
 * not answer. */
enum status drift_check_orders(struct drift_check *check, struct order_history *const *orders,
                               size_t count, struct error *error);

/* All of the log, a batch after the other. */
enum status drift_check_all(struct drift_check *check, struct error *error);

#endif
