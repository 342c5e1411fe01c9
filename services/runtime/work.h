/* Making a work from messages: what the loop does before it loads.  Included by loop.c. */
#ifndef QUADRILLE_SERVICES_RUNTIME_WORK_H
#define QUADRILLE_SERVICES_RUNTIME_WORK_H

#include "services/runtime/service.h"

/* Reads one message that was taken, its envelope, then, when the service wants it, its body, and so finds its kind. */
void item_decode(const struct service *service, struct decoder *decoder, struct arena *arena, struct item *item);

/* What the message itself takes, headers and all. */
size_t item_bytes(const struct item *item);

/* A work over `items`, with an entry for each order that they name, in `kept`.  `arena` is emptied by each attempt. */
struct work *work_new(const struct service *service, struct arena *kept, struct arena *arena, struct item **items, size_t count);

/* Forgets what was loaded and decided, and keeps the outcomes of asks. */
void work_restart(const struct service *service, struct work *work);

/* Lets decide see all messages, then all outcomes that are known. */
void work_decide_all(const struct service *service, void *context, struct work *work);

/* Lets decide see the outcomes from number `first` on. */
void work_decide_outcomes(const struct service *service, void *context, struct work *work, size_t first);

bool work_asks(const struct work *work);
bool work_commands(const struct work *work);

/* Is there a row that was known without being loaded, and that no save will prove? */
bool work_unproven(const struct work *work);

/* The rows that changed, in the order of their keys. */
size_t work_changed(const struct work *work, struct saga ***rows);

/* Cuts the items in two, no order in both unless there is but one.  False when there is only one item. */
bool work_split(const struct work *work, struct item ***left, size_t *left_count, struct item ***right, size_t *right_count);

#endif
