/* Payments by Stripe's API, with PaymentIntents.
 *
 *   charge, no id on record   create one, unconfirmed: PREPARED, nothing is charged; where the key
 *                             may be forgotten, search for the order's id first
 *   charge, the id on record  confirm it; where that does not say what came of it, look it up
 *   settle                    look it up, search for it where no id is on record; cancel it if it
 *                             can still be charged, refund it if it was
 *
 * Nothing is confirmed but by an id that is on record, and a PaymentIntent is charged once at most:
 * so whatever is lost, forgotten or sent twice, its state is the truth.  An Idempotency-Key goes
 * with each POST but a cancellation all the same, for libcurl may send one twice; the form that
 * goes with a key is a function of the row, for Stripe refuses a key with another one.  Stripe
 * keeps what it answered to a key, an error of its own as well: where such an error comes again,
 * the next key is tried.  What is added to a key begins with a slash, which no order's id has, so
 * that it is never the key of another order.
 *
 * docs/providers.md has the outcomes as a table. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/http_client.h"
#include "base/log.h"
#include "base/version.h"
#include "services/payment/providers/provider.h"
#include "services/payment/providers/stripe/api.h"

enum { KEY_MAX = 255, HEADER_MAX = 400, KEYS_MAX = 10, LOOKS_MAX = 4, WARN_EVERY_S = 60 };

/* clang-format off */
const struct setting stripe_provider_settings[] = {
    {.name = "stripe-api-key-file", .kind = SETTING_TEXT, .fallback = "",
     .meaning = "file that holds Stripe's secret key",
     .details = "Without it the key is taken from the environment variable "
                "QUADRILLE_STRIPE_API_KEY. It is read once, as the service starts, and is never "
                "logged. There is no option for the key itself: others could read it in the list "
                "of processes. A restricted key needs the right to write PaymentIntents and "
                "refunds."},
    {.name = "stripe-url", .kind = SETTING_TEXT, .fallback = "https://api.stripe.com",
     .meaning = "URL of Stripe's API",
     .details = "For a server that stands for Stripe in tests. Without TLS only test keys are "
                "sent."},
    {.name = "stripe-version", .kind = SETTING_TEXT, .fallback = "2024-06-20",
     .meaning = "version of Stripe's API",
     .details = "Sent as Stripe-Version with each request, so that the account's own does not "
                "matter. Change it when none are under way: Stripe refuses to repeat a request "
                "that came in another form."},
    {.name = "stripe-ca-file", .kind = SETTING_TEXT, .fallback = "",
     .meaning = "file of the certificates to trust instead of the system's",
     .details = "For a proxy, or a server for tests, that has a certificate of its own."},
    {.name = NULL},
};
/* clang-format on */

struct stripe {
    struct http_client *client;
    char url[200], authorization[HEADER_MAX], version[HEADER_MAX];
    int timeout_ms;
    bool has_answers; /* that nobody collected yet */
    int64_t warned_us;
};

struct asked;

typedef void on_answered(struct asked *asked, const struct http_answer *answer);

/* An effect under way, in its arena. */
struct asked {
    struct stripe *stripe;
    struct effect *effect;
    struct provider_call *call;
    on_answered *then;
    int64_t deadline_us;
    const char *id;          /* of the PaymentIntent, once it is known */
    const char *refused;     /* why nothing will come of the charge, where it was not declined */
    const char *path, *form; /* of the request under way; no form: it is a GET */
    const char *key;         /* NULL: none */
    int keys, looks;         /* tried */
    bool is_sent;            /* something that may have charged, cancelled or refunded was */
};

static on_answered on_charge_looked_up, on_looked_up;
static void create(struct asked *asked);

/* ---- how an effect ends ---- */

static void end(struct asked *asked, enum provider_answer answer, const char *reason)
{
    struct provider_call *call = asked->call;

    call->answer = answer;
    call->payment_id = asked->id;
    call->reason = reason == NULL ? NULL : arena_text(asked->effect->arena, reason);
    if (answer == PROVIDER_DECLINED || answer == PROVIDER_VOIDED || answer == PROVIDER_SILENT ||
        answer == PROVIDER_UNAVAILABLE)
        call->payment_id = NULL;
    asked->effect->outcome = answer == PROVIDER_SILENT || answer == PROVIDER_UNAVAILABLE
                                 ? EFFECT_FAILED
                                 : EFFECT_ANSWERED;
    asked->effect->answered = true;
    asked->stripe->has_answers = true;
}

/* Asked again later.  That nobody answered is another thing than that nothing can have happened. */
static void end_open(struct asked *asked, const struct http_answer *answer)
{
    asked->call->retry_after_us = answer == NULL ? 0 : answer->retry_after_s * INT64_C(1000000);
    end(asked, asked->is_sent ? PROVIDER_SILENT : PROVIDER_UNAVAILABLE, NULL);
}

static const char *advice(const struct http_answer *answer)
{
    if (answer->status == 401 || answer->status == 403)
        return "check the key in --stripe-api-key-file or QUADRILLE_STRIPE_API_KEY, and its rights";
    if (answer->status == 404)
        return "check --stripe-url, and whether the key is of the account that has the charge";
    return "the order is tried again later";
}

/* What is the operator's to know, now and then: a key that is refused, a form that is, a server
 * that is not there. */
static void warn(struct asked *asked, const struct http_answer *answer,
                 const struct stripe_answer *said)
{
    struct stripe *stripe = asked->stripe;
    const int64_t now_us = clock_steady_us();

    if (stripe->warned_us != 0 && now_us < stripe->warned_us + WARN_EVERY_S * INT64_C(1000000))
        return;
    stripe->warned_us = now_us;
    if (answer->status == 0)
        log_write(LOG_WARNING, asked->effect->order_id, NULL,
                  "Stripe does not answer %s: %s: the order is tried again later", asked->path,
                  answer->error);
    else
        log_write(LOG_WARNING, asked->effect->order_id, NULL,
                  "Stripe answers %s with %ld%s%s%s%s: %s", asked->path, answer->status,
                  said->error_type != NULL ? ", " : "",
                  said->error_type != NULL ? said->error_type : "",
                  said->error_message != NULL ? ", " : "",
                  said->error_message != NULL ? said->error_message : "", advice(answer));
}

/* ---- requests ---- */

static void on_answer(void *context, const struct http_answer *answer);

static void request(struct asked *asked)
{
    struct stripe *stripe = asked->stripe;
    const int64_t left_us = asked->deadline_us - clock_steady_us();
    char url[600], key[HEADER_MAX];
    const char *headers[5] = {stripe->authorization, stripe->version};

    if (left_us <= 0) {
        end_open(asked, NULL);
        return;
    }
    snprintf(url, sizeof url, "%s%s", stripe->url, asked->path);
    if (asked->form != NULL)
        headers[2] = "Content-Type: application/x-www-form-urlencoded";
    if (asked->key != NULL) {
        if (asked->keys == 0)
            snprintf(key, sizeof key, "Idempotency-Key: %s", asked->key);
        else
            snprintf(key, sizeof key, "Idempotency-Key: %s/%d", asked->key, asked->keys + 1);
        headers[3] = key;
    }
    http_client_send(stripe->client, &(struct http_request){
                                         .method = asked->form == NULL ? "GET" : "POST",
                                         .url = url,
                                         .headers = headers,
                                         .body = asked->form,
                                         .length = asked->form == NULL ? 0 : strlen(asked->form),
                                         .timeout_ms = (int)((left_us + 999) / 1000),
                                         .done = on_answer,
                                         .context = asked,
                                     });
}

static void post(struct asked *asked, const char *path, const char *form, const char *key,
                 on_answered *then)
{
    asked->path = path;
    asked->form = form;
    asked->key = key;
    asked->keys = 0;
    asked->then = then;
    request(asked);
}

static void get(struct asked *asked, const char *path, on_answered *then)
{
    asked->path = path;
    asked->form = NULL;
    asked->key = NULL;
    asked->then = then;
    request(asked);
}

/* Asks again where the answer is one that Stripe keeps for the key: another key gets past it. */
static bool is_asked_anew(struct asked *asked, const struct http_answer *answer)
{
    if (asked->key == NULL || asked->keys + 1 >= KEYS_MAX ||
        http_answer_header(answer, "Idempotent-Replayed") == NULL)
        return false;
    asked->keys++;
    request(asked);
    return true;
}

static void on_answer(void *context, const struct http_answer *answer)
{
    struct asked *asked = context;

    if (answer->status >= 500 && is_asked_anew(asked, answer))
        return;
    asked->then(asked, answer);
}

static bool is(const char *text, const char *other)
{
    return text != NULL && strcmp(text, other) == 0;
}

/* Nothing that says what holds: a time-out, an overload, another request under way, an error of
 * Stripe's, a refusal that is not the order's fault, or not Stripe's at all. */
static bool is_open(struct asked *asked, const struct http_answer *answer,
                    const struct stripe_answer *said)
{
    const long status = answer->status;
    const bool is_busy = status == 409 || status == 429;
    const bool is_refused = status == 401 || status == 403 ||
                            is(said->error_type, "idempotency_error") ||
                            (status >= 300 && status < 400) ||
                            (status >= 400 && status < 500 && !is_busy && said->error_type == NULL);

    if (is_refused || status == 0)
        warn(asked, answer, said);
    return is_refused || is_busy || status < 200 || status >= 500;
}

/* Of an error that Stripe has none of the other words for, it is the request that is wrong: its
 * URL, its version, its form. */
static bool is_fault_of_order(const struct http_answer *answer, const struct stripe_answer *said)
{
    return answer->status == 402 || is(said->error_type, "card_error") ||
           ((said->error_code != NULL || said->error_param != NULL) &&
            !is(said->error_code, "parameter_unknown"));
}

static struct stripe_answer read_answer(const struct asked *asked, const struct http_answer *answer)
{
    return stripe_answer_read(asked->effect->arena, answer->body, answer->length);
}

/* Of a look-up: it says nothing of the PaymentIntent, which is there.  To another account's key,
 * or a test key, it is not. */
static bool is_not_found(struct asked *asked, const struct http_answer *answer,
                         const struct stripe_answer *said)
{
    if (is_open(asked, answer, said))
        return true;
    if (answer->status < 400 && said->status != NULL)
        return false;
    warn(asked, answer, said);
    return true;
}

static bool may_have_arrived(const struct http_answer *answer)
{
    return answer->was_sent && answer->status != 429;
}

/* ---- what both do ---- */

/* `what` of the PaymentIntent: "", "/confirm", "/cancel".  Its id may come from the log. */
static const char *path_of(const struct asked *asked, const char *what)
{
    struct buffer path = {.arena = asked->effect->arena};

    buffer_text(&path, "/v1/payment_intents/");
    stripe_encode(&path, asked->id);
    buffer_text(&path, what);
    return path.data;
}

static void look(struct asked *asked, on_answered *then)
{
    if (asked->looks++ == LOOKS_MAX)
        end_open(asked, NULL);
    else
        get(asked, path_of(asked, ""), then);
}

/* Without a key: what it comes to depends on what the charge has come to meanwhile. */
static void cancel(struct asked *asked, on_answered *then)
{
    post(asked, path_of(asked, "/cancel"), "", NULL, then);
}

/* ---- create ---- */

/* What was created is only looked at here: it can be charged by its id alone. */
static void on_created(struct asked *asked, const struct http_answer *answer)
{
    const struct stripe_answer said = read_answer(asked, answer);
    const bool charges = asked->call->request == PROVIDER_CHARGE;

    if (is_open(asked, answer, &said)) {
        end_open(asked, answer);
    } else if (answer->status >= 400 && is_fault_of_order(answer, &said)) { /* nothing is there */
        end(asked, charges ? PROVIDER_DECLINED : PROVIDER_VOIDED,
            charges ? said.decline != NULL ? said.decline : "declined" : NULL);
    } else if (said.id == NULL) {
        warn(asked, answer, &said);
        end_open(asked, answer);
    } else {
        asked->id = said.id;
        if (charges)
            end(asked, PROVIDER_PREPARED, NULL);
        else
            look(asked, on_looked_up);
    }
}

/* The same for the same order, always: see the head. */
static void create(struct asked *asked)
{
    const struct provider_call *call = asked->call;
    struct arena *arena = asked->effect->arena;
    struct buffer form = {.arena = arena};
    char *currency = arena_text(arena, call->currency);
    int64_t amount;

    if (!stripe_amount(call->amount_minor, call->currency, &amount)) {
        end(asked, call->request == PROVIDER_CHARGE ? PROVIDER_DECLINED : PROVIDER_VOIDED,
            call->request == PROVIDER_CHARGE ? "amount_not_chargeable" : NULL);
        return;
    }
    for (char *c = currency; *c != '\0'; c++)
        *c = (char)(*c | 0x20);
    stripe_form_add(&form, "amount", arena_format(arena, "%lld", (long long)amount));
    stripe_form_add(&form, "currency", currency);
    stripe_form_add(&form, "payment_method", call->payment_method);
    stripe_form_add(&form, "payment_method_types[]", "card");
    stripe_form_add(&form, "metadata[order_id]", call->order_id);
    post(asked, "/v1/payment_intents", form.data, call->charge_key, on_created);
}

static void on_searched(struct asked *asked, const struct http_answer *answer)
{
    const struct stripe_answer said = read_answer(asked, answer);

    if (is_open(asked, answer, &said) ||
        (answer->status < 300 &&
         !stripe_search_read(asked->effect->arena, answer->body, answer->length,
                             asked->call->order_id, &asked->id))) {
        end_open(asked, answer);
        return;
    }
    if (answer->status >= 400) /* accounts in India cannot search */
        warn(asked, answer, &said);
    if (asked->id == NULL)
        create(asked);
    else if (asked->call->request == PROVIDER_CHARGE)
        end(asked, PROVIDER_PREPARED, NULL);
    else
        look(asked, on_looked_up);
}

/* No id is on record, and the key may be forgotten: of a row that was lost, to an old backup of the
 * database, the charge may be there. */
static void search(struct asked *asked)
{
    struct buffer path = {.arena = asked->effect->arena};

    buffer_text(&path, "/v1/payment_intents/search?limit=100&query=");
    stripe_encode(&path, "metadata['order_id']:'");
    stripe_encode(&path, asked->call->order_id);
    stripe_encode(&path, "'");
    get(asked, path.data, on_searched);
}

/* The key of what is asked for the first time, by a message of today, is kept.  Searches are not
 * for each order: Stripe allows few of them. */
static bool is_key_kept(const struct effect *effect)
{
    const struct provider_call *call = effect->call;

    return call->request == PROVIDER_CHARGE && !effect->is_retry && effect->first != NULL &&
           stripe_keeps_key(effect->first->incoming.timestamp_ms, clock_us() / 1000);
}

/* ---- charge ---- */

/* Cancelled, so that nothing can come of it any more; if it was charged meanwhile, that counts. */
static void on_given_up(struct asked *asked, const struct http_answer *answer)
{
    const struct stripe_answer said = read_answer(asked, answer);

    if (is_open(asked, answer, &said))
        end_open(asked, answer);
    else if (answer->status < 300 && is(said.status, "canceled"))
        end(asked, PROVIDER_DECLINED, asked->refused);
    else
        look(asked, on_charge_looked_up);
}

static void on_charge_looked_up(struct asked *asked, const struct http_answer *answer)
{
    const struct stripe_answer said = read_answer(asked, answer);

    if (is_not_found(asked, answer, &said)) {
        end_open(asked, answer);
        return;
    }
    if (is(said.status, "succeeded")) {
        end(asked, PROVIDER_CHARGED, NULL);
    } else if (is(said.status, "canceled")) {
        end(asked, PROVIDER_DECLINED, asked->refused != NULL ? asked->refused : "canceled");
    } else if (said.last_error != NULL && is(said.status, "requires_payment_method")) {
        end(asked, PROVIDER_DECLINED, said.last_error);
    } else if (is(said.status, "requires_action")) {
        asked->refused = "authentication_required"; /* nobody is there */
        cancel(asked, on_given_up);
    } else if (asked->refused != NULL && !is(said.status, "processing")) {
        cancel(asked, on_given_up);
    } else {
        end_open(asked, answer);
    }
}

/* What is not final is looked up: the answer may be one that was kept for the key, of a state that
 * has moved on. */
static void on_confirmed(struct asked *asked, const struct http_answer *answer)
{
    const struct stripe_answer said = read_answer(asked, answer);

    asked->is_sent = asked->is_sent || may_have_arrived(answer);
    if (is_open(asked, answer, &said)) {
        end_open(asked, answer);
    } else if (answer->status == 402 || is(said.error_type, "card_error")) {
        end(asked, PROVIDER_DECLINED, said.decline != NULL ? said.decline : "declined");
    } else if (answer->status < 300 && is(said.status, "succeeded")) {
        end(asked, PROVIDER_CHARGED, NULL);
    } else {
        if (answer->status < 300 && is(said.status, "requires_action"))
            asked->refused = "authentication_required";
        else if (answer->status >= 400 && is_fault_of_order(answer, &said) &&
                 !is(said.error_code, "payment_intent_unexpected_state"))
            asked->refused = said.decline;
        look(asked, on_charge_looked_up);
    }
}

static void confirm(struct asked *asked)
{
    struct arena *arena = asked->effect->arena;
    struct buffer form = {.arena = arena};

    stripe_form_add(&form, "payment_method", asked->call->payment_method);
    stripe_form_add(&form, "off_session", "true");
    post(asked, path_of(asked, "/confirm"), form.data,
         arena_format(arena, "%s/confirm", asked->call->charge_key), on_confirmed);
}

/* ---- settle ---- */

/* A refusal that is kept is of an earlier try; what it was for may be repaired since. */
static void on_refunded(struct asked *asked, const struct http_answer *answer)
{
    const struct stripe_answer said = read_answer(asked, answer);
    const bool failed =
        answer->status < 400 && (is(said.status, "failed") || is(said.status, "canceled"));

    asked->is_sent = asked->is_sent || may_have_arrived(answer);
    if (is_open(asked, answer, &said) || (answer->status < 400 && said.status == NULL))
        end_open(asked, answer);
    else if (is(said.error_code, "charge_already_refunded") || (answer->status < 400 && !failed))
        end(asked, PROVIDER_REFUNDED, NULL);
    else if (is_asked_anew(asked, answer))
        return;
    else if (failed)
        end(asked, PROVIDER_REFUND_REFUSED, said.failure != NULL ? said.failure : said.status);
    else
        end(asked, PROVIDER_REFUND_REFUSED, said.decline != NULL ? said.decline : "refused");
}

static void refund(struct asked *asked)
{
    struct buffer form = {.arena = asked->effect->arena};

    stripe_form_add(&form, "payment_intent", asked->id);
    post(asked, "/v1/refunds", form.data, asked->call->refund_key, on_refunded);
}

/* Refused where it was charged meanwhile: looked up again. */
static void on_cancelled(struct asked *asked, const struct http_answer *answer)
{
    const struct stripe_answer said = read_answer(asked, answer);

    asked->is_sent = asked->is_sent || may_have_arrived(answer);
    if (is_open(asked, answer, &said))
        end_open(asked, answer);
    else if (answer->status < 300 && is(said.status, "canceled"))
        end(asked, PROVIDER_VOIDED, NULL);
    else
        look(asked, on_looked_up);
}

static void on_looked_up(struct asked *asked, const struct http_answer *answer)
{
    const struct stripe_answer said = read_answer(asked, answer);

    if (is_not_found(asked, answer, &said))
        end_open(asked, answer);
    else if (is(said.status, "succeeded"))
        refund(asked);
    else if (is(said.status, "canceled"))
        end(asked, PROVIDER_VOIDED, NULL);
    else
        cancel(asked, on_cancelled);
}

/* ---- the executor ---- */

static enum status start(void *state, struct effect *const *effects, size_t count,
                         struct error *error)
{
    struct stripe *stripe = state;
    const int64_t deadline_us = clock_steady_us() + stripe->timeout_ms * INT64_C(1000);

    (void)error;
    for (size_t i = 0; i < count; i++) {
        struct provider_call *call = effects[i]->call;
        struct asked *asked = arena_alloc(effects[i]->arena, sizeof *asked);

        *asked = (struct asked){.stripe = stripe,
                                .effect = effects[i],
                                .call = call,
                                .deadline_us = deadline_us,
                                .id = call->prepared_id};
        if (asked->id == NULL && is_key_kept(effects[i]))
            create(asked);
        else if (asked->id == NULL)
            search(asked);
        else if (call->request == PROVIDER_CHARGE)
            confirm(asked);
        else
            look(asked, on_looked_up);
    }
    return STATUS_OK;
}

static void collect(void *state)
{
    struct stripe *stripe = state;

    http_client_run(stripe->client);
    stripe->has_answers = false;
}

static int64_t due_us(const void *state)
{
    const struct stripe *stripe = state;

    return stripe->has_answers ? 0 : http_client_due_us(stripe->client);
}

static void close_provider(void *state)
{
    struct stripe *stripe = state;

    http_client_free(stripe->client);
    explicit_bzero(stripe, sizeof *stripe);
    free(stripe);
}

/* ---- settings ---- */

static enum status key_read(const char *path, char key[KEY_MAX + 2], struct error *error)
{
    FILE *file = fopen(path, "re");
    size_t length;

    if (file == NULL)
        return error_set(error, STATUS_INVALID, "--stripe-api-key-file \"%s\" cannot be read: %s",
                         path, strerror(errno));
    length = fread(key, 1, KEY_MAX + 1, file);
    fclose(file);
    while (length > 0 && strchr("\r\n", key[length - 1]) != NULL)
        length--;
    key[length] = '\0';
    return STATUS_OK;
}

/* The key itself is in no message. */
static enum status key_find(const struct settings *settings, char key[KEY_MAX + 2],
                            struct error *error)
{
    const char *path = settings_text(settings, "stripe-api-key-file");
    const char *from = getenv("QUADRILLE_STRIPE_API_KEY");

    *key = '\0';
    if (*path != '\0') {
        if (key_read(path, key, error) != STATUS_OK)
            return error->status;
    } else if (from != NULL) {
        snprintf(key, KEY_MAX + 2, "%s", from);
    } else {
        return error_set(error, STATUS_INVALID,
                         "--provider stripe needs a secret key: --stripe-api-key-file FILE or the "
                         "environment variable QUADRILLE_STRIPE_API_KEY");
    }
    if (*key == '\0' || strlen(key) > KEY_MAX || text_plain(key, strlen(key)) != strlen(key) ||
        strchr(key, ' ') != NULL)
        return error_set(error, STATUS_INVALID,
                         "%s holds no key of Stripe's: one line like sk_test_... is expected",
                         *path != '\0' ? path : "QUADRILLE_STRIPE_API_KEY");
    return STATUS_OK;
}

static enum status url_find(const struct settings *settings, const char *key, struct stripe *stripe,
                            struct error *error)
{
    const char *url = settings_text(settings, "stripe-url");
    size_t length = strlen(url);

    while (length > 0 && url[length - 1] == '/')
        length--;
    if (http_url_check(url, error) != STATUS_OK || length >= sizeof stripe->url)
        return error_set(error, STATUS_INVALID,
                         "--stripe-url is \"%.200s\": a URL like https://api.stripe.com is "
                         "expected",
                         url);
    if (strncmp(url, "https:", 6) != 0 && strncmp(key, "sk_test_", 8) != 0 &&
        strncmp(key, "rk_test_", 8) != 0)
        return error_set(error, STATUS_INVALID,
                         "--stripe-url is \"%.200s\": without TLS only a test key is sent, one "
                         "that begins with sk_test_ or rk_test_; https is expected",
                         url);
    snprintf(stripe->url, sizeof stripe->url, "%.*s", (int)length, url);
    return STATUS_OK;
}

static enum status version_find(const struct settings *settings, struct stripe *stripe,
                                struct error *error)
{
    const char *version = settings_text(settings, "stripe-version");

    if (strlen(version) < 10 || strlen(version) > 60 ||
        strspn(version, "abcdefghijklmnopqrstuvwxyz0123456789-._=; ") != strlen(version))
        return error_set(error, STATUS_INVALID,
                         "--stripe-version is \"%.60s\": a version like 2024-06-20 is expected",
                         version);
    snprintf(stripe->version, sizeof stripe->version, "Stripe-Version: %s", version);
    return STATUS_OK;
}

static enum status configure(const struct settings *settings, struct stripe *stripe,
                             struct error *error)
{
    const char *ca_file = settings_text(settings, "stripe-ca-file");
    char key[KEY_MAX + 2];
    enum status status = key_find(settings, key, error);

    if (status == STATUS_OK)
        status = url_find(settings, key, stripe, error);
    if (status == STATUS_OK)
        status = version_find(settings, stripe, error);
    if (status == STATUS_OK) {
        snprintf(stripe->authorization, sizeof stripe->authorization, "Authorization: Bearer %s",
                 key);
        stripe->timeout_ms = provider_timeout_ms(settings);
        stripe->client =
            http_client_new(&(struct http_settings){.user_agent = "Quadrille/" QUADRILLE_VERSION,
                                                    .ca_file = *ca_file != '\0' ? ca_file : NULL},
                            error);
        if (stripe->client == NULL)
            status = error->status;
    }
    explicit_bzero(key, sizeof key);
    return status;
}

static enum status open_provider(const struct settings *settings, struct executor *provider,
                                 struct error *error)
{
    struct stripe *stripe = calloc(1, sizeof *stripe);
    enum status status;

    if (stripe == NULL)
        abort();
    status = configure(settings, stripe, error);
    if (status != STATUS_OK) {
        explicit_bzero(stripe, sizeof *stripe);
        free(stripe);
        return status;
    }
    *provider = (struct executor){stripe, start, collect, due_us, close_provider};
    return STATUS_OK;
}

const struct provider_kind stripe_provider = {"stripe", stripe_provider_settings, open_provider};
