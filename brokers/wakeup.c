#include "brokers/wakeup.h"

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/wait.h"

static const uint64_t one = 1; /* what an eventfd counts up by */

struct wakeup wakeup_open(rd_kafka_queue_t *queue)
{
    struct wakeup wakeup = {queue, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};

    if (wakeup.descriptor < 0)
        abort();
    rd_kafka_queue_io_event_enable(queue, wakeup.descriptor, &one, sizeof one);
    return wakeup;
}

void wakeup_close(struct wakeup *wakeup)
{
    rd_kafka_queue_io_event_enable(wakeup->queue, -1, NULL, 0);
    wait_unwatch(wakeup->descriptor);
    close(wakeup->descriptor);
}

static void take_in(int descriptor)
{
    uint64_t count;

    if (read(descriptor, &count, sizeof count) < 0)
        return; /* somebody took it already: it only says to look */
}

bool wakeup_wait(const struct wakeup *wakeup, int timeout_ms)
{
    if (wait_for(wakeup->descriptor, POLLIN, timeout_ms) != WAIT_READY)
        return false;
    take_in(wakeup->descriptor);
    return true;
}

void wakeup_take(const struct wakeup *wakeup)
{
    take_in(wakeup->descriptor);
}

static void on_ready(void *context, short events)
{
    (void)events;
    take_in(*(const int *)context);
}

void wakeup_watch(const struct wakeup *wakeup)
{
    wait_watch(wakeup->descriptor, POLLIN, on_ready, (void *)&wakeup->descriptor);
}
