/* The shipped decisions, over rows that are known by small numbers.
 *
 * 0 is the row that nothing is stored of; what else a number stands for is found out when the row
 * is first saved.  A row has all that is stored, times too, so that events are compared whole:
 * whatever is decided, a time, reason or id that a row has stays, an event that it said before it
 * says with the same bytes, and behind a compensation result it says nothing new. */
#ifndef QUADRILLE_TESTS_EXPLORER_SHIPPED_H
#define QUADRILLE_TESTS_EXPLORER_SHIPPED_H

#include "events/flow.h"
#include "services/email/decide.h"
#include "services/inventory/decide.h"
#include "services/order/decide.h"
#include "services/payment/decide.h"

/* What is emitted: message types, and one that is none of the order's service. */
enum {
    NO_KIND = MESSAGE_TYPES,
    FORGED_COMPLETED /* payment.completed over another amount */,
    KINDS
};

enum message_type type_of(int kind);
const char *kind_name(int kind);

enum who { ORDER, PAYMENT, INVENTORY, EMAIL, SERVICES };

/* What the provider did for an order. */
enum truth { TRUTH_NONE, TRUTH_CHARGED, TRUTH_DECLINED, TRUTH_REFUNDED, TRUTH_BLOCKED };

union row {
    struct saga saga;
    struct order_row order;
    struct payment_row payment;
    struct inventory_row inventory;
    struct email_row email;
};

/* Forgets all rows; from now on orders are of that flow, over that amount.  A provider that
 * prepares a charge before it makes it may also be known to be unavailable. */
void shipped_start(const struct flow *flow, int64_t amount_minor, bool prepares);

/* From now on decisions have that time, 0 or 1: those of two processes have different ones. */
void shipped_at(int clock);

/* What some decision since the start did and must not do; NULL: nothing. */
const char *shipped_wrong(void);

/* Does the service consume that type, or skip it by its header? */
bool shipped_consumes(enum who who, enum message_type type);

/* A message of that type, as decide is given it. */
struct input shipped_input(int kind);

union row row_load(enum who who, uint16_t number);
uint16_t row_save(enum who who, const union row *row);
int row_state(enum who who, uint16_t number);
uint64_t row_facts(enum who who, uint16_t number);

/* What the outside answers to an ask of the service, an own fact, as decide is given it. */
struct input shipped_result(enum who who, uint64_t on);

/* A way in which the provider can answer one call, and what it has done then. */
struct provider_way {
    uint64_t on;
    enum truth truth;
    bool silent;  /* it leaves the call unanswered */
    bool refused; /* it wants a person to look */
};

enum { PROVIDER_WAYS_MAX = 6 };

/* A charge of which the row knows the provider's id, as the explorers' kind of effect. */
enum { EFFECT_CONFIRM = PAYMENT_EFFECT_SETTLE + 1 };

/* The explorers' kind of an effect that the service's row wants. */
int effect_kind(enum who who, uint16_t row, int effect);

/* Does who wants the one wait for the other? */
bool is_same_effect(enum who who, int one, int other);

/* Can a call of that kind charge, if it lands late? */
bool may_charge(int kind);

/* All ways for an effect of payment's, given what the provider did before, and whether it may be
 * silent or refuse a refund; how many there are. */
int provider_ways(int effect, enum truth truth, bool may_be_silent, bool may_refuse,
                  struct provider_way ways[PROVIDER_WAYS_MAX]);

const struct transition *shipped_decide(enum who who, union row *row, const struct input *input);
uint64_t shipped_emits(enum who who, const union row *row, const struct input *input);

/* A number for the event as the row says it, whole: the same number, the same bytes. */
uint8_t shipped_event(enum who who, const union row *row, enum message_type type);

#endif
