/* Everything there is in the world of one order: the logs and who has read how far, four rows, the provider's truth, and what
 * may still go wrong.  States are compared byte by byte, so unused bytes are zero. */
#ifndef QUADRILLE_TESTS_EXPLORER_STATE_H
#define QUADRILLE_TESTS_EXPLORER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "events/message.h"

enum who { ORDER, PAYMENT, INVENTORY, EMAIL, SERVICES };
enum where { COMMANDS, ORDER_INTERNAL, PAYMENT_INTERNAL, EMAIL_INTERNAL, ORDERS, PAYMENTS, RESERVATIONS, MAILS, TOPICS };
enum truth { TRUTH_NONE, TRUTH_CHARGED, TRUTH_DECLINED, TRUTH_REFUNDED, TRUTH_BLOCKED };

enum { LOG_MAX = 14 };

struct world {
    uint64_t facts[SERVICES];
    uint8_t state[SERVICES];
    uint8_t log[TOPICS][LOG_MAX]; /* message types; what all readers have read is cut off */
    uint8_t length[TOPICS];
    uint8_t position[SERVICES][TOPICS];
    uint8_t reason, decided_by;   /* of the order's row: message types, MESSAGE_TYPES for none */
    uint8_t truth;                /* what the provider did */
    uint8_t call;                 /* a charge of a dead process is still on its way */
    uint8_t crashes, losses;      /* left */
    uint8_t redrives;             /* left to the sweepers */
    uint8_t silence;              /* the provider may leave a call unanswered */
    uint8_t unused[2];
};

/* How a state was come to, for the path in words. */
struct action {
    uint8_t who;            /* SERVICES: nobody of them */
    uint8_t heard[2];       /* message types; MESSAGE_TYPES: none */
    uint8_t what;           /* enum event */
    uint8_t said;           /* how many answers went out */
    uint8_t on;             /* bit of the last outcome, 0: none */
};

enum event {
    EVENT_DONE,
    EVENT_LOST,             /* one answer was lost by the broker */
    EVENT_CRASH_INTENT,     /* died after the intent was saved */
    EVENT_CRASH_CALL,       /* died then, with the call on its way */
    EVENT_CRASH_RESOLVED,   /* died after the outside acted */
    EVENT_CRASH_PUBLISH,    /* died after the commit, with some answers out */
    EVENT_CALL_LANDS,
    EVENT_CALL_VANISHES,
    EVENT_SWEEP
};

#endif
