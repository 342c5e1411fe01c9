/* Rows as they were last saved, for up to a second, so that the next message of a saga that is under way needs no load.
 *
 * Nothing rests on what is remembered until the database has agreed: whoever decides on a remembered row saves it, and the
 * version in that save is the fence.  When it does not hold, or when a decision left such a row as it was, so that no save
 * would prove it, everything is forgotten and the work is loaded.  An order that is not remembered counts as new when a message
 * comes that begins one: the insert says whether it was.
 *
 * Only small works are worth it: a large one is loaded in one round trip whatever its size. */
#ifndef QUADRILLE_SERVICES_RUNTIME_MEMORY_H
#define QUADRILLE_SERVICES_RUNTIME_MEMORY_H

#include "services/runtime/rows.h"

struct memory;

struct memory *memory_new(void);
void memory_free(struct memory *memory);

/* Forgets everything: what comes next is loaded whole. */
void memory_clear(struct memory *memory);

/* The same when it was wrong, or of no use: messages come again, so for a second none counts as an order's first. */
void memory_doubt(struct memory *memory);

/* Fills the rows of all entries and now_us, like rows_load, which is called for what is not remembered and does not count as
 * new; the entries that are or do are marked as known. */
enum status memory_load(struct memory *memory, const struct rows *rows, struct decoder *decoder, struct database *database, struct work *work,
                        struct error *error);

/* The rows were saved, and have the versions that are stored now. */
void memory_keep(struct memory *memory, const struct rows *rows, struct saga *const *saved, size_t count);

#endif
