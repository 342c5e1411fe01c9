/* Messages that a service would never read are handed to it by its internal topic, as dead letters
 * are that are redriven.
 *
 *     const struct copy copies[] = {{SERVICE_PAYMENT, "orders", 0, 17, 23}};
 *     size_t copied;
 *     enum status status = messages_copy(settings, copies, 1, &copied, &error); */
#ifndef QUADRILLE_TOOLS_SAGACTL_COPY_H
#define QUADRILLE_TOOLS_SAGACTL_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct settings;

/* Of a partition what the service consumes from there, from an offset on and before another. */
struct copy {
    int service;
    const char *topic;
    int32_t partition;
    int64_t from, to;
};

/* With key, value and headers as they came; `copied` is how many.  STATUS_OK once all of them are
 * safe, or when the command was interrupted.  A batch that cannot be unpacked is named on standard
 * error, and not copied.  What is copied twice does no harm. */
enum status messages_copy(const struct settings *settings, const struct copy *copies, size_t count,
                          size_t *copied, struct error *error);

#endif
