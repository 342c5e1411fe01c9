/* What Stripe's API takes and says, as far as charging needs it: pure. */
#ifndef QUADRILLE_SERVICES_PAYMENT_PROVIDERS_STRIPE_API_H
#define QUADRILLE_SERVICES_PAYMENT_PROVIDERS_STRIPE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"

/* An amount in the minor unit that ISO 4217 gives its currency, in Stripe's.  They differ: ISK and
 * UGX have two decimals here that are always 0, MGA has none, and the third decimal of BHD, JOD,
 * KWD, OMR and TND is to be 0.  False: it cannot be charged exactly. */
bool stripe_amount(int64_t amount_minor, const char *currency, int64_t *amount);

/* Adds text, percent-encoded. */
void stripe_encode(struct buffer *out, const char *text);

/* Adds NAME=VALUE to a form, both percent-encoded (application/x-www-form-urlencoded). */
void stripe_form_add(struct buffer *form, const char *name, const char *value);

/* What an answer says.  NULL where it says nothing, or what no such text can be. */
struct stripe_answer {
    const char *id;         /* of a PaymentIntent, a refund */
    const char *status;     /* of it, or of the one that an error is about */
    const char *last_error; /* why its last try failed: the decline code, else the code */
    const char *failure;    /* of a refund that failed */
    const char *error_type, *error_code, *error_param;
    const char *decline;       /* why: the decline code, else the code, else the type */
    const char *error_message; /* for a person */
};

/* `body` may be anything. */
struct stripe_answer stripe_answer_read(struct arena *arena, const char *body, size_t length);

/* Of what a search found the PaymentIntent of that order that matters most: one that was charged,
 * or else may be; NULL: none, or cancelled ones alone.  False: it is no search's answer. */
bool stripe_search_read(struct arena *arena, const char *body, size_t length, const char *order_id,
                        const char **id);

/* Is a key that was first used after `since_ms` still kept?  Stripe says for a day. */
bool stripe_keeps_key(int64_t since_ms, int64_t now_ms);

#endif
