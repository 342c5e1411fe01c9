/* Topics read: what is there, or what comes.
 *
 *     static void take(void *context, const struct incoming *incoming)
 *     {
 *         ++*(size_t *)context;
 *     }
 *
 *     const struct reading reading = {.once = true, .progress = "log", .take = take};
 *     size_t count = 0;
 *     enum status status = messages_read(&source, &reading, &count, &error); */
#ifndef QUADRILLE_HISTORY_READING_H
#define QUADRILLE_HISTORY_READING_H

#include <stdbool.h>

#include "brokers/broker.h"
#include "history/log_source.h"
#include "history/read_ahead.h"

struct reading {
    struct reader_scope scope; /* `topics` NULL: all topics of the saga */
    bool once;                 /* ends when all that was there has been taken; else goes on */
    const char *progress;      /* what the observer is told it reads; NULL: nothing */

    /* What is done with a message; it is gone when this returns. */
    void (*take)(void *context, const struct incoming *incoming);

    /* NULL, or what other threads make of a message first; `take_made` is then called instead of
     * `take`. */
    prepare_message *prepare;
    void (*take_made)(void *context, const struct incoming *incoming, void *made);

    /* NULL, or called once before the first message. */
    void (*opened)(void *context, const struct reader *reader);

    /* NULL, or called several times a second, whether anything comes or not; true ends the
     * reading. */
    bool (*tick)(void *context);
};

/* Until it ends or its observer interrupts it.  STATUS_UNAVAILABLE when the broker does not answer,
 * or falls silent before that; STATUS_INVALID when a topic may not be read. */
enum status messages_read(const struct log_source *source, const struct reading *reading,
                          void *context, struct error *error);

#endif
