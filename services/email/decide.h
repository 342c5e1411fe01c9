/* What the email service decides: pure. */
#ifndef QUADRILLE_SERVICES_EMAIL_DECIDE_H
#define QUADRILLE_SERVICES_EMAIL_DECIDE_H

#include "events/saga.h"

enum email_state {
    EMAIL_STATE_NEW,
    EMAIL_STATE_SENDING, /* the mail is announced; it may be out already */
    EMAIL_STATE_SENT,
    EMAIL_STATE_FAILED,
    EMAIL_STATES
};

enum email_content { EMAIL_CONTENT_TEXT, EMAIL_CONTENT_CREATED, EMAIL_CONTENTS };

enum email_effect { EMAIL_EFFECT_SEND = 1 };

/* What the transport said; stored among the facts. */
#define EMAIL_ACCEPTED OWN_FACT(0)
#define EMAIL_REFUSED OWN_FACT(1)
#define EMAIL_UNANSWERED OWN_FACT(2)
#define EMAIL_UNADDRESSED OWN_FACT(3) /* it was not asked: the order has no address */
#define EMAIL_UNAVAILABLE OWN_FACT(4) /* no mail can have left; stored as unanswered */

struct email_result {
    const char *reason;     /* of a refusal */
    int64_t retry_after_us; /* of UNANSWERED and UNAVAILABLE: it is not to be asked before */
    bool was_asked;         /* of UNAVAILABLE: the transport could not be reached */
};

struct email_rules {
    int64_t retry_us; /* until a mail is tried again, the first time */
};

/* What a mail tells of its order, beside the decision. */
struct mail_text {
    const char *recipient; /* "": the order has no address */
    const char *name;
    const char *table; /* the lines and their total, as they are printed */
};

struct email_row {
    struct saga saga;
    const struct order_created *created; /* where it is at hand */
    const struct mail_text *text;        /* else what was kept of it */
    const char *why, *detail;            /* of order.cancelled; NULL without */
    const char *refusal;                 /* why the mail cannot be delivered; NULL: it can */
    int64_t decided_us;                  /* sent or failed; 0: not yet */
    int64_t content_kind;                /* how the stored content is read: an enum email_content */
};

_Static_assert(offsetof(struct email_row, saga) == 0, "a row begins with its saga");
_Static_assert(EMAIL_STATES <= 64, "a set of states has a bit for each");

extern const struct saga_table email_table;

/* `saga` is an email_row's saga.  `rules` is a struct email_rules. */
const struct transition *email_decide(const void *rules, struct saga *saga,
                                      const struct input *input);

/* `why` may be NULL. */
bool email_contradicts(const struct saga *saga, const struct input *input, struct error *why);
uint64_t email_emits(const struct saga *saga, const struct input *input);

/* "confirmed" or "cancelled"; NULL before the decision. */
const char *email_kind(const struct saga *saga);

#endif
