/* Making a batch from messages: what the loop does before it loads.  Included by loop.c. */
#ifndef QUADRILLE_SERVICES_RUNTIME_BATCH_H
#define QUADRILLE_SERVICES_RUNTIME_BATCH_H

#include "services/runtime/service.h"

/* Reads one message that was taken, its envelope, then, when the service wants it, its body, and so
 * finds its kind. */
void record_decode(const struct service *service, struct decoder *decoder, struct arena *arena,
                   struct record *record);

/* What the message itself takes, headers and all. */
size_t record_bytes(const struct record *record);

/* A batch over `records`, with an entry for each order that they name, in `kept`.  `arena` is
 * emptied by each attempt. */
struct batch *batch_new(const struct service *service, struct arena *kept, struct arena *arena,
                        struct record **records, size_t count);

/* Forgets what was loaded and decided. */
void batch_restart(const struct service *service, struct batch *batch);

/* Lets decide see all messages and results, in the order of the records. */
void batch_decide_all(const struct service *service, void *context, struct batch *batch);

bool batch_has_effects(const struct batch *batch);
bool batch_has_commands(const struct batch *batch);

/* Is there a cached row that no save will validate? */
bool batch_has_unvalidated(const struct service *service, const struct batch *batch);

/* The rows that are to be saved, in the order of their keys. */
size_t batch_changed(const struct service *service, const struct batch *batch, struct saga ***rows);

/* Cuts the records in two, no order in both unless there is but one.  False when there is only one
 * record. */
bool batch_split(const struct batch *batch, struct record ***left, size_t *left_count,
                 struct record ***right, size_t *right_count);

#endif
