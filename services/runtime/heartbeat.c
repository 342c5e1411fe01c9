#include "services/runtime/heartbeat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static struct {
    const char *path; /* NULL: none */
    int64_t second;   /* of the last beat, monotonic */
} heartbeat;

static bool touch(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    bool done = file >= 0 && futimens(file, NULL) == 0;

    if (file >= 0)
        close(file);
    return done;
}

enum status heartbeat_open(const char *path, struct error *error)
{
    if (path != NULL && !touch(path))
        return error_set(error, STATUS_INVALID,
                         "--heartbeat-file is \"%s\", which cannot be written: %s", path,
                         strerror(errno));
    heartbeat.path = path;
    return STATUS_OK;
}

void heartbeat_beat(void)
{
    const int64_t second = clock_steady_us() / 1000000;

    if (heartbeat.path == NULL || second == heartbeat.second)
        return;
    heartbeat.second = second;
    if (!touch(heartbeat.path))
        log_write(LOG_WARNING, NULL, NULL, "the heartbeat file %s cannot be written: %s",
                  heartbeat.path, strerror(errno));
}

bool heartbeat_is_fresh(const char *path, int64_t max_age_ms, struct error *error)
{
    struct stat file;
    int64_t age_ms;

    if (stat(path, &file) != 0) {
        error_set(error, STATUS_UNAVAILABLE, "no heartbeat: %s: %s", path, strerror(errno));
        return false;
    }
    age_ms =
        clock_us() / 1000 - (int64_t)file.st_mtim.tv_sec * 1000 - file.st_mtim.tv_nsec / 1000000;
    if (age_ms > max_age_ms)
        error_set(error, STATUS_UNAVAILABLE,
                  "no heartbeat for %lld ms: the service is stuck, or gone", (long long)age_ms);
    return age_ms <= max_age_ms;
}
