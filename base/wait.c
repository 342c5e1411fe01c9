#include "base/wait.h"

#include <assert.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum { WATCHES_MAX = 1024 };

struct watch {
    wait_ready *ready;
    void *context;
};

/* The first is that of who waits. */
static _Thread_local struct pollfd descriptors[1 + WATCHES_MAX];
static _Thread_local struct watch watches[1 + WATCHES_MAX];
static _Thread_local size_t count = 1;
static _Thread_local bool is_serving;

static size_t find(int descriptor)
{
    size_t i = 1;

    while (i < count && descriptors[i].fd != descriptor)
        i++;
    return i;
}

void wait_watch(int descriptor, short events, wait_ready *ready, void *context)
{
    size_t i = find(descriptor);

    assert(i <= WATCHES_MAX);
    count += i == count;
    descriptors[i] = (struct pollfd){.fd = descriptor, .events = events};
    watches[i] = (struct watch){ready, context};
}

void wait_unwatch(int descriptor)
{
    size_t i = find(descriptor);

    if (i == count)
        return;
    count--;
    descriptors[i] = descriptors[count];
    watches[i] = watches[count];
}

/* From the last to the first: one that is unwatched meanwhile has its place taken by one that was
 * served, and one that is watched anew was not polled. */
static bool serve(void)
{
    bool served = false;

    is_serving = true;
    for (size_t i = count; i-- > 1;) {
        const struct pollfd ready = descriptors[i];

        if (i >= count || ready.revents == 0)
            continue;
        descriptors[i].revents = 0;
        watches[i].ready(watches[i].context, ready.revents);
        served = true;
    }
    is_serving = false;
    return served;
}

enum wait_end wait_for(int descriptor, short events, int timeout_ms)
{
    bool served;

    assert(!is_serving);
    descriptors[0] = (struct pollfd){.fd = descriptor, .events = events};
    if (poll(descriptors, count, timeout_ms) <= 0)
        return WAIT_LATE;
    served = serve();
    return descriptors[0].revents != 0 ? WAIT_READY : served ? WAIT_SERVED : WAIT_LATE;
}
