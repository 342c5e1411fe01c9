#include "history/recorded_outcome.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "services/catalog.h"
#include "services/email/decide.h"
#include "services/inventory/decide.h"
#include "services/payment/decide.h"

static bool provider_told(const struct order_history *history, enum message_type event, uint64_t on,
                          struct arena *arena, struct recorded_outcome *out)
{
    const struct history_record *record = record_find(history, event);
    struct payment_result *result = arena_alloc(arena, sizeof *result);
    bool moved = event == PAYMENT_COMPLETED || event == PAYMENT_REFUNDED;
    bool refused = event == PAYMENT_FAILED || event == PAYMENT_REFUND_FAILED;

    if (record == NULL)
        return false;
    result->payment_id = moved ? record->text : NULL;
    result->reason = refused ? record->text : NULL;
    *out = (struct recorded_outcome){on, record->time_us, result};
    return true;
}

bool recorded_silence_find(const struct order_history *history, struct arena *arena,
                           struct recorded_outcome *out)
{
    const struct history_record *record = record_find(history, PAYMENT_PENDING);
    const bool unasked = record != NULL && record->text != NULL &&
                         strcmp(record->text, PAYMENT_PENDING_UNASKED) == 0;

    return provider_told(history, PAYMENT_PENDING,
                         unasked ? PAYMENT_UNAVAILABLE : PAYMENT_UNANSWERED, arena, out);
}

static bool charge_told(const struct order_history *history, struct arena *arena,
                        struct recorded_outcome *out)
{
    return provider_told(history, PAYMENT_COMPLETED, PAYMENT_CHARGED, arena, out) ||
           provider_told(history, PAYMENT_FAILED, PAYMENT_DECLINED, arena, out);
}

/* A refund that was refused, then made, was asked for twice. */
static bool settle_told(const struct order_history *history, int settled, struct arena *arena,
                        struct recorded_outcome *out)
{
    return (settled == 0 &&
            provider_told(history, PAYMENT_REFUND_FAILED, PAYMENT_SETTLE_REFUSED, arena, out)) ||
           provider_told(history, PAYMENT_REFUNDED, PAYMENT_SETTLED_REFUND, arena, out) ||
           provider_told(history, PAYMENT_VOIDED, PAYMENT_SETTLED_VOID, arena, out);
}

static bool reserve_told(const struct order_history *history, struct arena *arena,
                         struct recorded_outcome *out)
{
    const struct history_record *taken = record_find(history, INVENTORY_RESERVED),
                                *failed = record_find(history, INVENTORY_FAILED);
    struct inventory_result *result = arena_alloc(arena, sizeof *result);

    if (taken != NULL) {
        *out = (struct recorded_outcome){INVENTORY_TAKEN, taken->time_us, result};
    } else if (failed != NULL) {
        *result = (struct inventory_result){failed->text, failed->number,
                                            strtoll(failed->detail, NULL, 10)};
        *out = (struct recorded_outcome){INVENTORY_SHORT, failed->time_us, result};
    }
    return taken != NULL || failed != NULL;
}

static bool send_told(const struct order_history *history, struct arena *arena,
                      struct recorded_outcome *out)
{
    const struct history_record *sent = record_find(history, EMAIL_SENT),
                                *failed = record_find(history, EMAIL_FAILED);
    struct email_result *result = arena_alloc(arena, sizeof *result);

    if (sent != NULL) {
        *out = (struct recorded_outcome){sent->detail == NULL ? EMAIL_UNADDRESSED : EMAIL_ACCEPTED,
                                         sent->time_us, result};
    } else if (failed != NULL) {
        result->reason = failed->text;
        *out = (struct recorded_outcome){EMAIL_REFUSED, failed->time_us, result};
    }
    return sent != NULL || failed != NULL;
}

bool recorded_outcome_find(const struct order_history *history, int service, int effect,
                           int settled, struct arena *arena, struct recorded_outcome *out)
{
    if (service == SERVICE_PAYMENT)
        return effect == PAYMENT_EFFECT_CHARGE ? charge_told(history, arena, out)
                                               : settle_told(history, settled, arena, out);
    if (service == SERVICE_INVENTORY)
        return effect == INVENTORY_EFFECT_RESERVE && reserve_told(history, arena, out);
    return send_told(history, arena, out);
}

uint64_t effect_events(int service, int effect)
{
    if (service == SERVICE_PAYMENT)
        return effect == PAYMENT_EFFECT_CHARGE ? FACT(PAYMENT_COMPLETED) | FACT(PAYMENT_FAILED)
                                               : FACT(PAYMENT_REFUNDED) | FACT(PAYMENT_VOIDED);
    if (service == SERVICE_INVENTORY)
        return effect == INVENTORY_EFFECT_RESERVE
                   ? FACT(INVENTORY_RESERVED) | FACT(INVENTORY_FAILED)
                   : 0;
    return FACT(EMAIL_SENT) | FACT(EMAIL_FAILED);
}
