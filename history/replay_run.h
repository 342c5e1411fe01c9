/* What the shipped decide functions make of a history.
 *
 * Each service's row is led through the facts that the log holds for it; what was asked of the outside (the provider, the stock,
 * the transport) is answered by what the log says came of it.  Nothing is read or written but memory.
 *
 * The log tells the order of two messages of one partition, and only nearly that of others.  Decisions hardly depend on it, but a
 * verdict is given to the first that asks for it: so the verdict that the log holds decides which of them came first. */
#ifndef QUADRILLE_HISTORY_REPLAY_RUN_H
#define QUADRILLE_HISTORY_REPLAY_RUN_H

#include "history/order_history.h"
#include "services/catalog.h"
#include "services/runtime/service.h"

struct replayed {
    struct saga *row; /* as decide leaves it; facts 0 when it heard nothing */
    uint64_t must;    /* set of FACTs: what is said however the messages were batched */
    uint64_t
        may; /* what is said in some order of batches and redeliveries; holds `must`, and is that where the log has no more */
    uint64_t
        awaits; /* set of FACTs: words of its own, one of which would tell what came of its last ask; 0: no ask is open */
};

/* `history` is sorted; everything lives in `arena`.  The content that services keep aside is not there: amounts stand for it.
 * `unsaid_us` is the time of what the log does not tell; 0: such times stay 0. */
void replay_service(const struct order_histories *log, const struct order_history *history,
                    int service, int64_t unsaid_us, struct arena *arena, struct replayed *out);

/* What the service emits when it is asked to emit again what this row leads to: a set of FACTs. */
uint64_t replay_words(int service, const struct saga *row, struct arena *arena);

/* The message that a record was made of, as far as decisions look at it. */
void record_message(const struct history_record *record, const struct order_history *history,
                    struct arena *arena, struct message *out);

/* What may lead to the word: the set of FACTs that the tables of its speaker answer with it; 0 for a command. */
uint64_t causes_of(enum message_type says);

/* The service that says it, -1 for the commands that anyone may send. */
int speaker_number(enum message_type type);

/* All that the service says: a set of FACTs. */
uint64_t own_words(int service);

/* Does the service act upon the record: is it for it, under the flow of its order, and not parked? */
bool record_is_for(const struct order_histories *log, const struct order_history *history,
                   int service, const struct history_record *record);

/* "order.created, payment.completed" */
const char *facts_text(uint64_t facts, const char *between, struct arena *arena);

#endif
