/* What the payment service decides: pure. */
#ifndef QUADRILLE_SERVICES_PAYMENT_DECIDE_H
#define QUADRILLE_SERVICES_PAYMENT_DECIDE_H

#include "events/flow.h"
#include "events/saga.h"

enum payment_state {
    PAYMENT_STATE_NEW,
    /* the charge is announced; only the provider knows whether it was made */
    PAYMENT_STATE_CHARGING,
    PAYMENT_STATE_COMPLETED,
    PAYMENT_STATE_FAILED,
    PAYMENT_STATE_SETTLING, /* the settlement is announced: look up, then refund or block */
    PAYMENT_STATE_REFUNDED,
    PAYMENT_STATE_VOID, /* nothing is charged and nothing will be */
    PAYMENT_STATE_REFUND_FAILED,
    PAYMENT_STATES
};

enum payment_effect { PAYMENT_EFFECT_CHARGE = 1, PAYMENT_EFFECT_SETTLE };

/* What the provider said; stored among the facts. */
#define PAYMENT_CHARGED OWN_FACT(0)
#define PAYMENT_DECLINED OWN_FACT(1)
#define PAYMENT_UNANSWERED OWN_FACT(2)
#define PAYMENT_SETTLED_VOID OWN_FACT(3)
#define PAYMENT_SETTLED_REFUND OWN_FACT(4)
#define PAYMENT_SETTLE_REFUSED OWN_FACT(5)
#define PAYMENT_PREPARED OWN_FACT(6) /* there is a charge at the provider, and nothing is charged */
#define PAYMENT_UNAVAILABLE \
    OWN_FACT(7) /* nothing can have come of it; stored when payment.pending says so */

/* The text of payment.pending where nobody was asked, and where nobody answered. */
#define PAYMENT_PENDING_UNASKED "payment will be processed shortly"
#define PAYMENT_PENDING_SILENT "no answer from the provider"

struct payment_result {
    const char *payment_id;   /* NULL when nothing was charged */
    const char *reason;       /* NULL when there is none */
    const char *provider_ref; /* what PREPARED says; of no account otherwise */
    int64_t retry_after_us;   /* of UNANSWERED and UNAVAILABLE: it is not to be asked before */
    bool was_asked;           /* of UNAVAILABLE: the provider said so, or could not be reached */
};

struct payment_rules {
    int64_t timeout_us; /* of one call of the provider */
    int64_t retry_us;   /* until it is asked again, the first time */
};

struct payment_row {
    struct saga saga;
    const char *payment_method, *currency; /* NULL before order.created */
    int64_t amount_minor;
    const char *provider_ref; /* of the charge at the provider, made or not; NULL: not known */
    const char *payment_id;   /* NULL: never charged */
    const char *reason;       /* why the provider declined; NULL: it did not */
    const char *refusal;      /* why it refused the refund the first time; NULL: it did not */
    int64_t decided_us;       /* of the first result of a charge; 0: not yet, as below */
    int64_t pending_us;       /* of the first silence */
    int64_t settled_us;       /* of the first void or refund */
    int64_t refused_us;       /* of the first refusal of a refund */
};

_Static_assert(offsetof(struct payment_row, saga) == 0, "a row begins with its saga");
_Static_assert(PAYMENT_STATES <= 64, "a set of states has a bit for each");

extern const struct saga_table payment_table;

/* By flow alone: does payment need to consume this? */
bool payment_waits_for(const struct flow *flow, enum message_type type);

/* `saga` is a payment_row's saga.  `rules` is a struct payment_rules. */
const struct transition *payment_decide(const void *rules, struct saga *saga,
                                        const struct input *input);

/* `why` may be NULL. */
bool payment_contradicts(const struct saga *saga, const struct input *input, struct error *why);
uint64_t payment_emits(const struct saga *saga, const struct input *input);

#endif
