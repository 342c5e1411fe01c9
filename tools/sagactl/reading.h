/* Reading topics for a person: what is there, or what comes; shared by the commands that show messages. */
#ifndef QUADRILLE_TOOLS_SAGACTL_READING_H
#define QUADRILLE_TOOLS_SAGACTL_READING_H

#include <stdbool.h>

#include "brokers/broker.h"
#include "services/runtime/settings.h"

/* What is done with a message; it is gone when this returns. */
typedef void taking(void *context, const struct incoming *incoming);

struct reading {
    const char *const *topics; /* NULL: all topics of the saga */
    size_t topic_count;
    bool from_beginning;       /* else from what comes from now on */
    bool once;                 /* ends when all that was there has been taken; else goes on */
};

/* Until it ends or the command is interrupted.  STATUS_AWAY when the broker does not answer, or falls silent before that. */
enum status messages_read(const struct settings *from, const struct reading *what, taking *take, void *context, struct error *error);

#endif
