#include "services/runtime/crash.h"

#include <signal.h>
#include <string.h>

const char *const crash_points[] = {"after-intent", "after-effects", "after-save",
                                    "mid-publish",  "after-publish", NULL};

bool crash_wanted(const char *chosen, const char *point)
{
    return chosen != NULL && strcmp(chosen, point) == 0;
}

void crash_point(const char *chosen, const char *point)
{
    if (crash_wanted(chosen, point))
        raise(SIGKILL);
}
