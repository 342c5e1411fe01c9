#include "history/log_source.h"

void observer_progress(const struct observer *observer, const char *what, size_t done, size_t total)
{
    if (observer->progress != NULL && what != NULL)
        observer->progress(what, done, total);
}

void observer_end(const struct observer *observer, const char *what)
{
    if (observer->progress != NULL && what != NULL)
        observer->progress(NULL, 0, 0);
}

bool observer_interrupted(const struct observer *observer)
{
    return observer->interrupted != NULL && observer->interrupted();
}
