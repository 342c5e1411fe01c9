#include "history/memory_bound.h"

#include <unistd.h>

#include "history/assemble.h"
#include "history/reading.h"

enum {
    BYTES_A_MESSAGE =
        200, /* what a record takes with its texts and its share of the order, measured */
    OTHERWISE_MIB =
        32, /* what a pass takes besides: the program, messages read ahead, rows; measured */
    USUAL_MIB_MAX = 2048
};

static void total_take(void *context, const struct reader *reader)
{
    *(int64_t *)context = reader_total(reader);
}

static void ignore(void *context, const struct incoming *incoming)
{
    (void)context;
    (void)incoming;
}

static bool end_at_once(void *context)
{
    (void)context;
    return true;
}

static int64_t usual_mib(void)
{
    int64_t quarter_mib =
        (int64_t)sysconf(_SC_PHYS_PAGES) / 4 * sysconf(_SC_PAGESIZE) / INT64_C(1048576);

    return quarter_mib < USUAL_MIB_MAX ? quarter_mib : USUAL_MIB_MAX;
}

enum status histories_passes(const struct log_source *source, int64_t most_mib, unsigned *passes,
                             struct error *error)
{
    const char *chosen[TOPICS_MAX];
    const struct reading reading = {
        .scope = {.topics = chosen, .topic_count = history_topics(chosen)},
        .once = true,
        .take = ignore,
        .opened = total_take,
        .tick = end_at_once};
    int64_t total = 0;
    enum status status = messages_read(source, &reading, &total, error);

    if (most_mib == 0)
        most_mib = usual_mib();
    most_mib =
        most_mib < MEMORY_MIB_MIN ? MEMORY_MIB_MIN - OTHERWISE_MIB : most_mib - OTHERWISE_MIB;
    *passes = (unsigned)(total * BYTES_A_MESSAGE / (most_mib * 1024 * 1024)) + 1;
    return status;
}
