#include "services/payment/service.h"

#include <stdlib.h>

#include "services/payment/decide.h"
#include "services/payment/providers/provider.h"
#include "services/payment/store.h"

struct context {
    struct payment_rules rules;
    struct executor provider;
};

_Static_assert(offsetof(struct context, rules) == 0, "decide is given the context as its rules");

/* clang-format off */
static const struct setting settings[] = {
    {.name = "provider", .kind = SETTING_CHOICE, .fallback = "simulated", .choices = provider_names,
     .meaning = "the payment provider",
     .details = "simulated moves no money: it keeps a ledger in a database, for demos and tests. "
                "Orders that are under way are asked about at the new provider, so change it when "
                "none are."},
    {.name = "provider-timeout-ms", .kind = SETTING_INTEGER, .fallback = "0",
     .min = 0, .max = 60000,
     .meaning = "milliseconds to wait for the provider's answer",
     .details = "0 is 100 for the simulated provider and 3000 for others. After that time "
                "payment.pending is emitted and the call repeated later under the same "
                "idempotency key. Set it above what the provider mostly takes: a longer time delays "
                "the one order alone."},
    {.name = "provider-retry-after-ms", .kind = SETTING_INTEGER, .fallback = "1000",
     .min = 1, .max = 3600000,
     .meaning = "milliseconds after which a call without an answer is repeated",
     .details = "The interval grows with each try. Raise it to spare a provider that is "
                "overloaded; lower it to decide sooner about orders whose answer was late."},
    {.name = NULL},
};
/* clang-format on */

static const struct subscription subscriptions[] = {
    {"orders", FACT(ORDER_CREATED) | FACT(ORDER_CANCELLED), false},
    {"inventory", FACT(INVENTORY_RESERVED), false},
    {"payment.internal", FACT(PAYMENT_RETRY) | FACT(PAYMENT_REPUBLISH), true},
};

static void *open_context(const struct settings *from, struct error *error)
{
    struct context *context = calloc(1, sizeof *context);

    if (context == NULL)
        abort();
    context->rules.timeout_us = provider_timeout_ms(from) * INT64_C(1000);
    context->rules.retry_us = settings_integer(from, "provider-retry-after-ms") * 1000;
    if (provider_kind_find(settings_text(from, "provider"))
            ->open(from, &context->provider, error) != STATUS_OK) {
        free(context);
        return NULL;
    }
    return context;
}

static void close_context(void *opened)
{
    struct context *context = opened;

    context->provider.close(context->provider.state);
    free(context);
}

static const struct executor *executor(const void *opened)
{
    const struct context *context = opened;

    return &context->provider;
}

static void effect_call(const void *opened, struct saga *saga, int64_t now_us,
                        struct effect *effect)
{
    const struct payment_row *row = (const struct payment_row *)(const void *)saga;
    /* a row that was recovered from the log has the id of a charge that was made alone */
    const char *ref = row->provider_ref != NULL ? row->provider_ref : row->payment_id;
    struct provider_call *call = arena_alloc(effect->arena, sizeof *call);

    (void)opened;
    (void)now_us;
    *call = (struct provider_call){
        .request = effect->kind == PAYMENT_EFFECT_CHARGE ? PROVIDER_CHARGE : PROVIDER_SETTLE,
        .order_id = effect->order_id,
        .charge_key = arena_format(effect->arena, "charge:%s", effect->order_id),
        .refund_key = arena_format(effect->arena, "refund:%s", effect->order_id),
        .payment_method = arena_text(effect->arena, row->payment_method),
        .currency = arena_text(effect->arena, row->currency),
        .amount_minor = row->amount_minor,
        .prepared_id = ref == NULL ? NULL : arena_text(effect->arena, ref),
    };
    effect->call = call;
}

/* A provider that prepares a charge anew in place of making it has not answered: it is asked again
 * in a while, not at once and for ever. */
static uint64_t fact_of(const struct provider_call *call)
{
    static const uint64_t facts[] = {
        [PROVIDER_SILENT] = PAYMENT_UNANSWERED,
        [PROVIDER_CHARGED] = PAYMENT_CHARGED,
        [PROVIDER_DECLINED] = PAYMENT_DECLINED,
        [PROVIDER_REFUNDED] = PAYMENT_SETTLED_REFUND,
        [PROVIDER_VOIDED] = PAYMENT_SETTLED_VOID,
        [PROVIDER_REFUND_REFUSED] = PAYMENT_SETTLE_REFUSED,
        [PROVIDER_PREPARED] = PAYMENT_PREPARED,
        [PROVIDER_UNAVAILABLE] = PAYMENT_UNAVAILABLE,
    };

    if (call->answer == PROVIDER_PREPARED && call->prepared_id != NULL)
        return PAYMENT_UNANSWERED;
    return facts[call->answer];
}

static void effect_unavailable(struct effect *effect, int64_t retry_after_us)
{
    struct provider_call *call = effect->call;

    call->answer = PROVIDER_UNAVAILABLE;
    call->retry_after_us = retry_after_us;
}

static struct effect_result effect_result(const struct effect *effect)
{
    const struct provider_call *call = effect->call;
    struct payment_result *result = arena_alloc(effect->arena, sizeof *result);

    *result = (struct payment_result){.payment_id = call->payment_id,
                                      .reason = call->reason,
                                      .provider_ref = call->payment_id,
                                      .retry_after_us = call->retry_after_us,
                                      .was_asked = effect->outcome == EFFECT_FAILED};
    return (struct effect_result){fact_of(call), result};
}

static void event_fill(const struct saga *saga, const struct input *input, enum message_type type,
                       struct arena *arena, struct message *out)
{
    const struct payment_row *row = (const struct payment_row *)(const void *)saga;

    (void)input;
    (void)arena;
    switch (type) {
    case PAYMENT_COMPLETED:
    case PAYMENT_REFUNDED:
        out->payment_made = (struct payment_made){saga->order_id, row->payment_id,
                                                  row->amount_minor, row->currency};
        out->envelope.time_us = type == PAYMENT_REFUNDED ? row->settled_us : row->decided_us;
        break;
    case PAYMENT_PENDING:
        out->outcome = (struct outcome){saga->order_id, (saga->facts & PAYMENT_UNAVAILABLE) != 0
                                                            ? PAYMENT_PENDING_UNASKED
                                                            : PAYMENT_PENDING_SILENT};
        out->envelope.time_us = row->pending_us;
        break;
    case PAYMENT_FAILED:
        out->outcome =
            (struct outcome){saga->order_id, row->reason != NULL ? row->reason : "declined"};
        out->envelope.time_us = row->decided_us;
        break;
    case PAYMENT_REFUND_FAILED:
        out->outcome = (struct outcome){saga->order_id, row->refusal != NULL  ? row->refusal
                                                        : row->reason != NULL ? row->reason
                                                                              : "refund refused"};
        /* the second as an earlier version wrote it */
        out->envelope.time_us = row->refused_us != 0 ? row->refused_us : row->settled_us;
        break;
    default: /* PAYMENT_VOIDED */
        out->outcome = (struct outcome){saga->order_id, NULL};
        out->envelope.time_us = row->settled_us != 0 ? row->settled_us : row->decided_us;
        break;
    }
}

const struct service payment_service = {
    .name = "payment",
    .summary = "The payment service of Quadrille: charges, and refunds what must not stay charged.",
    .settings = settings,
    .outside_settings = provider_settings,
    .subscriptions = subscriptions,
    .subscription_count = sizeof subscriptions / sizeof subscriptions[0],
    .migrations = &payment_migrations,
    .table = &payment_table,
    .open = open_context,
    .close = close_context,
    .waits_for = payment_waits_for,
    .may_be_first = FACT(ORDER_CREATED),
    .rows = &payment_rows,
    .decide = payment_decide,
    .contradicts = payment_contradicts,
    .emits = payment_emits,
    .event_fill = event_fill,
    .executor = executor,
    .effect_call = effect_call,
    .effect_unavailable = effect_unavailable,
    .effect_result = effect_result,
    .due_sql = payment_due_sql,
    .postpone_sql = payment_postpone_sql,
};
