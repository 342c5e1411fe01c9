/* A descriptor that is ready once a queue of librdkafka has got something, so that who waits for it
 * can wait for others too (base/wait.h).  It stays ready, whoever serves the queue, until it is
 * waited for or taken.  Inside brokers/. */
#ifndef QUADRILLE_BROKERS_WAKEUP_H
#define QUADRILLE_BROKERS_WAKEUP_H

#include <stdbool.h>

#include <librdkafka/rdkafka.h>

struct wakeup {
    rd_kafka_queue_t *queue;
    int descriptor;
};

/* The queue is the caller's, and outlives it. */
struct wakeup wakeup_open(rd_kafka_queue_t *queue);
void wakeup_close(struct wakeup *wakeup);

/* To be called only once the queue was found empty, for it tells of what comes after that.  False
 * when nothing came in time, or somebody else who watches was served. */
bool wakeup_wait(const struct wakeup *wakeup, int timeout_ms);

/* The queue is served next: nobody needs to be woken up for what is in it. */
void wakeup_take(const struct wakeup *wakeup);

/* Whoever waits for something else goes on meanwhile when something comes. */
void wakeup_watch(const struct wakeup *wakeup);

#endif
