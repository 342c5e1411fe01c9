/* A payment provider to try things out with.  Its ledger is a table in a database of its own, which
 * stands for the outside world: what it says there is what happened, whatever the payment row
 * holds.
 *
 * What it does depends on the means of payment alone:
 *
 *   pm_card_declined    declines
 *   pm_late_approve     approves, and answers only those who ask again after --provider-late-ms
 *   pm_late_decline     declines in the same way
 *   pm_silent_charge    charges and never answers a charge; answers when told to settle
 *   pm_never            neither charges nor answers a charge; answers when told to settle
 *   pm_refund_refused   approves, and refuses to refund
 *   anything else       approves */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "database/database.h"
#include "services/payment/providers/provider.h"

/* clang-format off */
const struct setting simulated_provider_settings[] = {
    {.name = "provider-database", .kind = SETTING_TEXT, .fallback = "",
     .meaning = "PostgreSQL URI of the simulated provider's ledger",
     .details = "It stands for the outside world, so give it a database of its own. sagactl audit "
                "compares it with the payments."},
    {.name = "provider-latency-ms", .kind = SETTING_INTEGER, .fallback = "0", .max = 60000,
     .meaning = "milliseconds that the simulated provider takes to answer",
     .details = "For trying out a slow provider: above --provider-timeout-ms every answer comes "
                "too late."},
    {.name = "provider-late-ms", .kind = SETTING_INTEGER, .fallback = "3000", .max = 3600000,
     .meaning = "milliseconds that the simulated provider's late answers take",
     .details = "Those of the payment methods pm_late_approve and pm_late_decline."},
    {.name = NULL},
};
/* clang-format on */

/* A call that was made, until it is time to answer it. */
struct made {
    struct made *next;
    struct effect *effect;
    int64_t answer_us; /* of the monotonic clock */
};

struct simulated {
    struct database *ledger;
    struct arena *arena; /* of one start */
    struct made *made;
    int latency_ms, late_ms, timeout_ms;
    bool migrated;
};

/* Charges what is not known yet; a key that is known, or blocked, stays as it is. */
static const char charge_sql[] =
    "WITH asked AS (\n"
    "    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], "
    "$6::bigint[], $7::bigint[])\n"
    "        AS a (n, idempotency_key, order_id, payment_method, currency, amount, late_ms)\n"
    "), made AS (\n"
    "    INSERT INTO charge (idempotency_key, order_id, payment_method, currency, amount, status, "
    "reason, answers_from)\n"
    "    SELECT idempotency_key, order_id, payment_method, currency, amount,\n"
    "           CASE WHEN payment_method IN ('pm_card_declined', 'pm_late_decline') THEN "
    "'declined' ELSE 'captured' END,\n"
    "           CASE WHEN payment_method IN ('pm_card_declined', 'pm_late_decline') THEN "
    "'card_declined' END,\n"
    "           CASE WHEN payment_method LIKE 'pm_late_%' THEN now() + late_ms * interval '1 ms' "
    "ELSE now() END\n"
    "    FROM asked WHERE payment_method <> 'pm_never' ORDER BY idempotency_key\n"
    "    ON CONFLICT (idempotency_key) DO NOTHING\n"
    "    RETURNING *\n"
    ")\n"
    "SELECT asked.n, k.status, k.payment_id::text, k.reason\n"
    "FROM asked LEFT JOIN made m USING (idempotency_key)\n"
    "CROSS JOIN LATERAL (SELECT m.*\n"
    "                    WHERE m.idempotency_key IS NOT NULL\n"
    "                    UNION ALL\n"
    "                    (SELECT * FROM charge c WHERE m.idempotency_key IS NULL AND "
    "c.idempotency_key = asked.idempotency_key OFFSET 0)) AS k\n"
    "WHERE k.answers_from <= now() AND (k.payment_method <> 'pm_silent_charge' OR k.status = "
    "'blocked')";

/* Refunds what is charged and blocks what is not; says what holds afterwards. */
static const char settle_sql[] =
    "WITH asked AS (\n"
    "    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], "
    "$6::bigint[], $7::text[])\n"
    "        AS a (n, idempotency_key, order_id, payment_method, currency, amount, refund_key)\n"
    "), settled AS (\n"
    "    INSERT INTO charge AS c (idempotency_key, order_id, payment_method, currency, amount, "
    "status, reason, answers_from)\n"
    "    SELECT idempotency_key, order_id, payment_method, currency, amount, 'blocked', 'settled', "
    "now()\n"
    "    FROM asked ORDER BY idempotency_key\n"
    "    ON CONFLICT (idempotency_key) DO UPDATE\n"
    "    SET status = CASE WHEN c.status = 'captured' AND c.payment_method <> 'pm_refund_refused' "
    "THEN 'refunded' ELSE c.status END\n"
    "    RETURNING *\n"
    "), refunded AS (\n"
    "    INSERT INTO refund (idempotency_key, charge_key, amount)\n"
    "    SELECT asked.refund_key, s.idempotency_key, s.amount\n"
    "    FROM settled s JOIN asked USING (idempotency_key) WHERE s.status = 'refunded'\n"
    "    ON CONFLICT (idempotency_key) DO NOTHING\n"
    ")\n"
    "SELECT asked.n, s.status, s.payment_id::text, s.reason FROM settled s JOIN asked USING "
    "(idempotency_key)";

/* All calls of one kind; the first column is the call's number. */
static struct parameters *parameters_of(const struct simulated *simulated,
                                        struct effect *const *effects, size_t count,
                                        enum provider_request request, size_t *asked)
{
    const enum column_kind kinds[] = {COLUMN_INTEGER,
                                      COLUMN_TEXT,
                                      COLUMN_TEXT,
                                      COLUMN_TEXT,
                                      COLUMN_TEXT,
                                      COLUMN_INTEGER,
                                      request == PROVIDER_CHARGE ? COLUMN_INTEGER : COLUMN_TEXT};
    struct parameters *parameters = parameters_new(simulated->arena, kinds, 7);

    *asked = 0;
    for (size_t i = 0; i < count; i++) {
        const struct provider_call *call = effects[i]->call;

        if (call->request != request)
            continue;
        parameters_integer(parameters, 0, (int64_t)i);
        parameters_text(parameters, 1, call->charge_key);
        parameters_text(parameters, 2, call->order_id);
        parameters_text(parameters, 3, call->payment_method);
        parameters_text(parameters, 4, call->currency);
        parameters_integer(parameters, 5, call->amount_minor);
        if (request == PROVIDER_CHARGE)
            parameters_integer(parameters, 6, simulated->late_ms);
        else
            parameters_text(parameters, 6, call->refund_key);
        (*asked)++;
    }
    return parameters;
}

static enum provider_answer answer_of(enum provider_request request, const char *status)
{
    if (request == PROVIDER_CHARGE)
        return strcmp(status, "captured") == 0 || strcmp(status, "refunded") == 0
                   ? PROVIDER_CHARGED
                   : PROVIDER_DECLINED;
    if (strcmp(status, "captured") == 0)
        return PROVIDER_REFUND_REFUSED;
    return strcmp(status, "refunded") == 0 ? PROVIDER_REFUNDED : PROVIDER_VOIDED;
}

static void answer(struct provider_call *call, const struct result *result, size_t row,
                   struct arena *arena)
{
    const char *status = result_text(result, row, 1);
    bool charged = strcmp(status, "captured") == 0 || strcmp(status, "refunded") == 0;

    call->answer = answer_of(call->request, status);
    call->payment_id = charged ? result_copy(result, row, 2, arena) : NULL;
    call->reason = call->answer == PROVIDER_REFUND_REFUSED ? "account_closed"
                                                           : result_copy(result, row, 3, arena);
}

static enum status ask(struct simulated *simulated, struct effect *const *effects, size_t count,
                       enum provider_request request, struct error *error)
{
    size_t asked;
    struct parameters *parameters = parameters_of(simulated, effects, count, request, &asked);
    struct result *result;
    enum status status;

    if (asked == 0)
        return STATUS_OK;
    status = database_query(simulated->ledger, request == PROVIDER_CHARGE ? charge_sql : settle_sql,
                            parameters, &result, error);
    if (status != STATUS_OK)
        return status;
    for (size_t row = 0; row < result_rows(result); row++) {
        struct effect *effect = effects[result_integer(result, row, 0)];

        answer(effect->call, result, row, effect->arena);
    }
    result_free(result);
    return STATUS_OK;
}

/* The time that the outside world takes.  Silence lasts for as long as the caller waits, and an
 * answer that would come later is none. */
static void made_add(struct simulated *simulated, struct effect *effect, int64_t now_us)
{
    struct provider_call *call = effect->call;
    struct made *made = arena_alloc(effect->arena, sizeof *made);
    int wait_ms = simulated->latency_ms;

    if (call->answer == PROVIDER_SILENT || wait_ms > simulated->timeout_ms) {
        call->answer = PROVIDER_SILENT;
        call->payment_id = call->reason = NULL;
        wait_ms = simulated->timeout_ms;
    }

    effect->outcome = call->answer == PROVIDER_SILENT ? EFFECT_FAILED : EFFECT_ANSWERED;
    *made = (struct made){simulated->made, effect, now_us + wait_ms * INT64_C(1000)};
    simulated->made = made;
}

static enum status start(void *state, struct effect *const *effects, size_t count,
                         struct error *error)
{
    struct simulated *simulated = state;
    const int64_t now_us = clock_steady_us();
    enum status status = STATUS_OK;

    if (!simulated->migrated)
        status = database_migrate(simulated->ledger, &simulated_migrations, error);
    simulated->migrated = status == STATUS_OK;
    if (status == STATUS_INVALID) /* a setting's fault: no payment is to be set aside for it */
        error->status = status = STATUS_BUG;
    if (status == STATUS_OK)
        status = ask(simulated, effects, count, PROVIDER_CHARGE, error);
    if (status == STATUS_OK)
        status = ask(simulated, effects, count, PROVIDER_SETTLE, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        made_add(simulated, effects[i], now_us);
    arena_reset(simulated->arena);
    return status;
}

static void collect(void *state)
{
    struct simulated *simulated = state;
    const int64_t now_us = clock_steady_us();

    for (struct made **at = &simulated->made; *at != NULL;) {
        if ((*at)->answer_us > now_us) {
            at = &(*at)->next;
            continue;
        }
        (*at)->effect->answered = true;
        *at = (*at)->next;
    }
}

static int64_t due_us(const void *state)
{
    const struct simulated *simulated = state;
    int64_t due_us = INT64_MAX;

    for (const struct made *made = simulated->made; made != NULL; made = made->next)
        if (made->answer_us < due_us)
            due_us = made->answer_us;
    return due_us;
}

static void close_provider(void *state)
{
    struct simulated *simulated = state;

    database_free(simulated->ledger);
    arena_free(simulated->arena);
    free(simulated);
}

static enum status open_provider(const struct settings *settings, struct executor *provider,
                                 struct error *error)
{
    struct simulated *simulated = calloc(1, sizeof *simulated);

    if (simulated == NULL)
        abort();
    if (database_check(settings_text(settings, "provider-database"), error) != STATUS_OK) {
        free(simulated);
        return error->status;
    }
    simulated->ledger =
        database_new(settings_text(settings, "provider-database"), "quadrille-provider");
    database_by_key(simulated->ledger);
    database_called(simulated->ledger, "provider's database");
    database_answers_within(simulated->ledger, 30000);
    simulated->arena = arena_new();
    simulated->timeout_ms = provider_timeout_ms(settings);
    simulated->latency_ms = (int)settings_integer(settings, "provider-latency-ms");
    simulated->late_ms = (int)settings_integer(settings, "provider-late-ms");
    *provider = (struct executor){simulated, start, collect, due_us, close_provider};
    return STATUS_OK;
}

const struct provider_kind simulated_provider = {"simulated", simulated_provider_settings,
                                                 open_provider};
