/* Where order histories are read from, and who is kept informed meanwhile.
 *
 *     static bool is_stopped(void) { return stopped != 0; }
 *
 *     const struct log_source source = {.broker = {.brokers = "127.0.0.1:9092"},
 *                                       .observer = {.interrupted = is_stopped}};
 *     struct order_histories *log = histories_new();
 *     enum status status = histories_read(log, &source, &(struct history_scope){0}, &error); */
#ifndef QUADRILLE_HISTORY_LOG_SOURCE_H
#define QUADRILLE_HISTORY_LOG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "brokers/broker.h"

/* Who waits for long work. */
struct observer {
    /* NULL, or told how much of `total` (0: not known) is done: first 0 of it, then now and then
     * more.  `what` names the work, and is NULL once it is over. */
    void (*progress)(const char *what, size_t done, size_t total);

    /* NULL, or asked often: true ends the work early, with STATUS_OK and what there is so far. */
    bool (*interrupted)(void);
};

/* Its texts must outlive what is read from it. */
struct log_source {
    struct broker_settings broker;
    struct observer observer;
};

/* `what` NULL: nobody is told. */
void observer_progress(const struct observer *observer, const char *what, size_t done,
                       size_t total);
void observer_end(const struct observer *observer, const char *what);
bool observer_interrupted(const struct observer *observer);

#endif
