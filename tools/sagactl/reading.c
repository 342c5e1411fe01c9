#include "tools/sagactl/reading.h"

#include "brokers/topics.h"
#include "tools/sagactl/command.h"

enum { TOPICS_MAX = 32, WAIT_MS = 200, PATIENCE_MS = 10000 };

static struct reader *open_reader(const struct settings *from, const struct reading *what, struct error *error)
{
    struct broker_settings broker = command_broker(from);
    const char *all[TOPICS_MAX];

    for (size_t i = 0; i < topic_count; i++)
        all[i] = topics[i].name;
    return reader_new(&broker, what->topics != NULL ? what->topics : all, what->topics != NULL ? what->topic_count : topic_count, what->from_beginning, error);
}

enum status messages_read(const struct settings *from, const struct reading *what, taking *take, void *context, struct error *error)
{
    struct reader *reader = open_reader(from, what, error);
    enum status status = STATUS_OK;
    struct incoming incoming;

    if (reader == NULL)
        return error->status;
    while (status == STATUS_OK && !command_interrupted() && !(what->once && reader_caught_up(reader))) {
        if (reader_take(reader, what->once ? PATIENCE_MS : WAIT_MS, &incoming)) {
            take(context, &incoming);
            incoming_release(&incoming);
        } else if (what->once && !reader_caught_up(reader)) {
            status = error_set(error, STATUS_AWAY, "the broker says nothing for %d s", PATIENCE_MS / 1000);
        }
    }
    reader_free(reader);
    return status;
}
