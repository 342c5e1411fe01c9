/* What the log says, what the rows say, and what decide would say: where the three differ. */
#ifndef QUADRILLE_HISTORY_DRIFT_CHECK_H
#define QUADRILLE_HISTORY_DRIFT_CHECK_H

#include "history/lags.h"
#include "history/log_source.h"
#include "history/order_history.h"
#include "history/stored_rows.h"

enum finding_kind {
    FINDING_MISSING, /* a word that must have been said and is not in the log */
    FINDING_EXTRA,   /* a word in the log that would not have been said */
    FINDING_ROW      /* a stored row that is not what the log leads to */
};

extern const char *const finding_kinds[]; /* "missing", "extra", "row" */

struct finding {
    enum finding_kind kind;
    const char *order_id;
    int service;      /* that owes it, or has said it, or keeps the row */
    const char *what; /* the word, or the field of the row with both sides */
    const char *reason;
    int action; /* the type of the command that mends it, or one of these */
};

enum {
    ACTION_NONE = -1,
    ACTION_RECOVER =
        -2 /* `sagactl recover` of its service: its row is brought to what the log tells */
};

struct drift_check {
    const struct order_histories *log;
    const struct lags *lags; /* NULL: everything counts as read */
    struct stored *stored;   /* NULL: rows are not looked at */
    int64_t now_ms,
        under_way_ms;     /* of what was said less than so long before now nothing is missing yet */
    bool unread_is_found; /* what a service has yet to read is missing, too */
    struct observer observer;

    void (*found)(void *context, const struct finding *finding);
    void *context;

    /* Filled while it goes on. */
    size_t orders,
        under_way; /* how many were looked at, and were passed over as they are under way */
    size_t unread
        [8]; /* orders of which a service has yet to read something: nothing of its own is judged */
};

/* At most STORED_BATCH orders. */
enum status drift_check_orders(struct drift_check *check, struct order_history *const *orders,
                               size_t count, struct error *error);

/* All of the log, a batch after the other. */
enum status drift_check_all(struct drift_check *check, struct error *error);

#endif
