#include "base/backoff.h"

int backoff_next_ms(int wait_ms, int least_ms, int most_ms)
{
    if (wait_ms == 0)
        return least_ms;
    return wait_ms * 2 < most_ms ? wait_ms * 2 : most_ms;
}
