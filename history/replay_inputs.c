#include "history/replay_inputs.h"

enum status replay_inputs_open(struct replay_inputs *inputs, const struct broker_settings *broker,
                               const char *const *groups, const char *const *databases,
                               struct error *error)
{
    *inputs = (struct replay_inputs){.log = histories_new(),
                                     .stored = stored_new(databases),
                                     .lags = lags_new(broker, groups, error)};
    return inputs->lags == NULL ? error->status : STATUS_OK;
}

void replay_inputs_close(struct replay_inputs *inputs)
{
    histories_free(inputs->log);
    stored_free(inputs->stored);
    lags_free(inputs->lags);
}
