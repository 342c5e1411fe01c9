/* What the loop does with records until what they lead to is saved: load, decide, hand over, save,
 * and all of it again where that helps.  An attempt that fails leaves nothing behind.
 *
 * It is made for the services of one database together.  What one of them says is handed over to
 * the others within the attempt, round by round until nobody has anything to say, and then the rows
 * of all of them are saved in one transaction.  So an order never knows a fact whose row is not
 * saved. */
#ifndef QUADRILLE_SERVICES_RUNTIME_ATTEMPT_H
#define QUADRILLE_SERVICES_RUNTIME_ATTEMPT_H

#include "services/runtime/absence.h"
#include "services/runtime/batch.h"
#include "services/runtime/local.h"
#include "services/runtime/loop.h"

struct attempts {
    struct locals *locals;
    struct consumer *consumer; /* stays in its group meanwhile */
    struct producer *producer;
    const struct loop_settings *settings;
    const volatile sig_atomic_t *stop;
    struct decoder *decoder;
    struct arena *arena; /* what one attempt needs; see struct batch */
    struct outages absence;
    struct local **parts; /* who takes part in the attempt */
    size_t part_count;
    struct records answered; /* of it: what leads to something, each behind what led to it */
    bool in_transaction;     /* of the attempt: one that BEGIN opened... */
    bool wants_content;      /* ...and each row is read with what it keeps aside */
};

/* Until what the records lead to is saved, or known never to be: STATUS_INVALID.  They are of
 * services of one database, which all take part, or with `apart` the one service alone.
 * STATUS_UNAVAILABLE only when told to stop while it waited. */
enum status attempt_until_saved(struct attempts *attempts, const struct records *records,
                                bool apart, struct error *error);

#endif
