/* The log: one line a thing that happened, on standard error.
 *
 * A terminal gets readable text; anything else one JSON object a line with time, level, service,
 * message and, where they are known, order_id and correlation_id.  Levels are those of syslog(3),
 * LOG_DEBUG to LOG_CRIT.  One log a process. */
#ifndef QUADRILLE_BASE_LOG_H
#define QUADRILLE_BASE_LOG_H

#include <stdbool.h>
#include <syslog.h>

/* `service` is kept by reference. */
void log_open(const char *service, bool json, int level);

/* Is a line of this level written?  For where making it costs something. */
bool log_wants(int level);

/* `order_id` and `correlation_id` may be NULL. */
void log_write(int level, const char *order_id, const char *correlation_id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define log_info(...) log_write(LOG_INFO, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, NULL, NULL, __VA_ARGS__)

#endif
