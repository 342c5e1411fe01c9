/* What a drift check compares: the log, what services have read of it, and the rows they keep.
 *
 *     struct replay_inputs inputs;
 *     enum status status = replay_inputs_open(&inputs, &source.broker, groups, databases, &error);
 *
 *     if (status == STATUS_OK)
 *         status = histories_read(inputs.log, &source, &scope, &error);
 *     ...
 *     replay_inputs_close(&inputs); */
#ifndef QUADRILLE_HISTORY_REPLAY_INPUTS_H
#define QUADRILLE_HISTORY_REPLAY_INPUTS_H

#include "history/lags.h"
#include "history/order_history.h"
#include "history/stored_rows.h"

struct replay_inputs {
    struct order_histories *log; /* empty at first */
    struct lags *lags;
    struct stored *stored;
};

/* `groups` as lags_new takes them, `databases` as stored_new does.  On failure, too, it is to be
 * closed. */
enum status replay_inputs_open(struct replay_inputs *inputs, const struct broker_settings *broker,
                               const char *const *groups, const char *const *databases,
                               struct error *error);
void replay_inputs_close(struct replay_inputs *inputs);

#endif
