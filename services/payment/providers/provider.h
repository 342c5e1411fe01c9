/* Who moves the money: the small interface behind which a payment provider stands.
 *
 * A call carries an idempotency key: the same key is the same charge, however often it is sent and
 * whatever became of the caller.  To settle is to look the charge up, and to refund it when it was
 * made or to block its key when it was not, so that no late call can charge any more. */
#ifndef QUADRILLE_SERVICES_PAYMENT_PROVIDERS_PROVIDER_H
#define QUADRILLE_SERVICES_PAYMENT_PROVIDERS_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"
#include "services/runtime/executor.h"

enum provider_request { PROVIDER_CHARGE, PROVIDER_SETTLE };

enum provider_answer {
    PROVIDER_SILENT, /* none within the time given: anything may have happened */
    PROVIDER_CHARGED,
    PROVIDER_DECLINED,
    PROVIDER_REFUNDED,
    PROVIDER_VOIDED, /* nothing stands, nothing can be charged under this key any more */
    PROVIDER_REFUND_REFUSED,
    /* of CHARGE without a prepared_id: a charge is there, which payment_id names, and nothing is
     * charged yet; asked again with that id once it is on record */
    PROVIDER_PREPARED,
    PROVIDER_UNAVAILABLE /* nobody was asked, or nothing can have come of it: asked again later */
};

/* The call of an effect (services/runtime/executor.h). */
struct provider_call {
    enum provider_request request;
    const char *order_id;
    const char *charge_key, *refund_key; /* idempotency keys */
    const char *payment_method, *currency;
    int64_t amount_minor;
    /* what PREPARED told of the charge before, or CHARGED; NULL: nothing */
    const char *prepared_id;
    /* filled by the provider, as are the following; texts in the effect's arena */
    enum provider_answer answer;
    const char *payment_id; /* NULL when nothing was charged or prepared */
    const char *reason;     /* of DECLINED and REFUND_REFUSED */
    int64_t retry_after_us; /* of SILENT and UNAVAILABLE: not to be asked before; 0: at will */
};

/* A kind of provider, found by its name: --provider chooses one, and each has settings of its
 * own. */
struct provider_kind {
    const char *name;
    const struct setting *settings;
    /* Makes one from its own settings. */
    enum status (*open)(const struct settings *settings, struct executor *provider,
                        struct error *error);
};

/* All there are.  Whoever adds one adds it to these three lists, which kinds.c holds and which end
 * in NULL. */
extern const struct provider_kind *const provider_kinds[];
extern const char *const provider_names[];
extern const struct setting *const provider_settings[];

/* The one of that name, which must be one of provider_names. */
const struct provider_kind *provider_kind_find(const char *name);

/* How long a call may take: provider-timeout-ms, or what its 0 stands for. */
int provider_timeout_ms(const struct settings *settings);

/* stands for the outside world here; see simulated/simulated.c */
extern const struct provider_kind simulated_provider;
extern const struct setting simulated_provider_settings[];
extern const struct migrations simulated_migrations; /* of its ledger: simulated/sql/ */

/* Stripe's API; see stripe/stripe.c */
extern const struct provider_kind stripe_provider;
extern const struct setting stripe_provider_settings[];

#endif
