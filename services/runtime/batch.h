/* Batches: what is made of messages, what is decided on them, and what that leads to. */
#ifndef QUADRILLE_SERVICES_RUNTIME_BATCH_H
#define QUADRILLE_SERVICES_RUNTIME_BATCH_H

#include "services/runtime/record.h"

/* The array lives in the arena. */
void records_add(struct records *records, struct arena *arena, struct record *record);

/* An empty batch, which takes records of at most so many orders; all that it needs lives in the
 * arena.  `wants_content`: each row is read with what it keeps aside. */
void batch_begin(struct batch *batch, struct arena *arena, size_t order_room, bool wants_content);

/* One more record, with an entry for its order where it is the first to name it. */
void batch_add(struct batch *batch, const struct service *service, struct record *record);

/* Is there a record that is not decided on? */
bool batch_is_undecided(const struct batch *batch);

/* Lets decide see all messages and results from batch->first on, in the order of the records. */
void batch_decide_round(const struct service *service, void *context, struct batch *batch);

/* What the records lead to, in the rows' present state: fills in their `emits`.  Those of an order
 * that wants an effect wait for what it comes to. */
void batch_find_events(const struct service *service, struct batch *batch);

/* What a record brings, but for what it may bring that is the content of an order. */
struct input record_input(const struct batch *batch, const struct record *record);

bool batch_has_effects(const struct batch *batch);

/* Among the records from batch->first on. */
bool batch_has_commands(const struct batch *batch);

/* Is there a cached row that no save will validate? */
bool batch_has_unvalidated(const struct service *service, const struct batch *batch);

/* The rows that are to be saved, in the order of their keys. */
size_t batch_changed(const struct service *service, const struct batch *batch, struct saga ***rows);

/* Cuts records in two, no order in both unless there is but one; arrays in the arena.  False when
 * there is only one record. */
bool records_split(const struct records *records, struct arena *arena, struct records *left,
                   struct records *right);

#endif
