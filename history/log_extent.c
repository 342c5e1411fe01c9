/* Where the log begins and ends, partition by partition, and what of an order may be gone. */
#include <stdlib.h>
#include <string.h>

#include "history/order_histories.h"

void extent_open(struct order_histories *histories, const struct reader *reader)
{
    const struct position *ends = reader_ends(reader, &histories->end_count);
    const int64_t *starts = reader_starts(reader);

    free(histories->ends);
    free(histories->beginnings);
    histories->ends = calloc(histories->end_count + 1, sizeof *histories->ends);
    histories->beginnings = calloc(histories->end_count + 1, sizeof *histories->beginnings);
    if (histories->ends == NULL || histories->beginnings == NULL)
        abort();
    histories->beginning_count = 0;
    for (size_t i = 0; i < histories->end_count; i++) {
        const char *topic = topic_in_table(ends[i].topic);

        histories->ends[i] = (struct position){topic, ends[i].partition, ends[i].offset};
        if (starts[i] > 0)
            histories->beginnings[histories->beginning_count++] =
                (struct beginning){topic, ends[i].partition, INT64_MAX};
    }
    histories->beginnings_open = histories->beginning_count;
}

/* The first of a partition is the first that is read of it. */
void extent_take(struct order_histories *histories, const struct incoming *incoming)
{
    for (size_t i = 0; histories->beginnings_open > 0 && i < histories->beginning_count; i++) {
        struct beginning *beginning = &histories->beginnings[i];

        if (beginning->first_ms == INT64_MAX && beginning->partition == incoming->partition &&
            strcmp(beginning->topic, incoming->topic) == 0) {
            beginning->first_ms = incoming->timestamp_ms;
            histories->beginnings_open--;
            return;
        }
    }
}

const struct position *histories_ends(const struct order_histories *histories, size_t *count)
{
    *count = histories->end_count;
    return histories->ends;
}

bool histories_truncated(const struct order_histories *histories)
{
    return histories->beginning_count > 0;
}

bool histories_has_all(const struct order_histories *histories, const struct order_history *history)
{
    if (histories->beginning_count == 0)
        return true;
    if ((history->genuine & (FACT(ORDER_PLACE) | FACT(ORDER_CANCEL))) == 0)
        return false;
    for (size_t i = 0; i < histories->beginning_count; i++) {
        const struct beginning *beginning = &histories->beginnings[i];

        if ((history->partition < 0 || history->partition == beginning->partition) &&
            beginning->first_ms > history->first_ms)
            return false;
    }
    return true;
}
