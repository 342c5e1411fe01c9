/* Records: what a service makes of a message before anything is loaded. */
#ifndef QUADRILLE_SERVICES_RUNTIME_RECORD_H
#define QUADRILLE_SERVICES_RUNTIME_RECORD_H

#include "services/runtime/service.h"

/* Reads one message that was taken, its envelope, then, when the service wants it, its body, and so
 * finds its kind. */
void record_decode(const struct service *service, struct decoder *decoder, struct arena *arena,
                   struct record *record);

/* What the message itself takes, headers and all. */
size_t incoming_bytes(const struct incoming *incoming);

/* All that it points to copied into the arena; to release the copy is not needed. */
struct incoming incoming_copy(const struct incoming *from, struct arena *arena);

#endif
