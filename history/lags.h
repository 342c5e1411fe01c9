/* Consumer lag: how far each service has read, which is what its consumer group has committed.
 *
 *     const char *groups[SERVICES] = {"quadrille-order", "quadrille-payment", ...};
 *     struct lags *lags = lags_new(&broker, groups, &error);
 *
 *     if (lags != NULL && !lags_has_read(lags, SERVICE_PAYMENT, record->topic, record->partition,
 *                                        record->offset))
 *         puts("payment has yet to read it");
 *     lags_free(lags); */
#ifndef QUADRILLE_HISTORY_LAGS_H
#define QUADRILLE_HISTORY_LAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "brokers/broker.h"

struct lags;

/* `groups` are the consumer groups of the services, by number; services of one group share a
 * process.  NULL and `error` when the broker does not tell: STATUS_UNAVAILABLE when it does not
 * answer, STATUS_INVALID when it may not be asked. */
struct lags *lags_new(const struct broker_settings *broker, const char *const *groups,
                      struct error *error);
void lags_free(struct lags *lags); /* NULL is allowed */

/* Has the service finished the message there?  `topic` is a name of the table in brokers/topics.h,
 * by address.  A topic that its group does not read, since one of the process emits there, has
 * nothing unread: what was not yet handed over of it follows from a message that the group
 * has yet to finish. */
bool lags_has_read(const struct lags *lags, int service, const char *topic, int32_t partition,
                   int64_t offset);

/* Are the two of one group? */
bool lags_share(const struct lags *lags, int service, int other);

/* Of each service how many messages of all topics that its group reads for it are yet to be
 * finished; asks the broker for the ends. */
enum status lags_total(const struct broker_settings *broker, const char *const *groups,
                       int64_t totals[], struct error *error);

/* Calls `found` for each partition that an open transaction has held up for a second at least: what
 * lies behind its first message nobody can read. */
enum status lags_held(const struct broker_settings *broker,
                      void (*found)(void *context, const char *topic, int partition, int64_t held),
                      void *context, struct error *error);

#endif
