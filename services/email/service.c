#include "services/email/service.h"

#include <stdlib.h>
#include <string.h>

#include "services/email/mail_text.h"
#include "services/email/store.h"
#include "services/email/transports/transport.h"

struct context {
    struct email_rules rules;
    struct executor transport;
    const char *sender; /* address that mails come from */
};

_Static_assert(offsetof(struct context, rules) == 0, "decide is given the context as its rules");

/* clang-format off */
static const struct setting settings[] = {
    {.name = "transport", .kind = SETTING_CHOICE, .fallback = "maildir", .choices = transport_names,
     .meaning = "how mails leave",
     .details = "maildir delivers them to a folder, from which any mail program or relay takes "
                "them. smtp gives them to a mail server. Mails that are under way leave by the new "
                "one, so change it when none are."},
    {.name = "sender", .kind = SETTING_TEXT, .fallback = "orders@quadrille.example",
     .meaning = "address that mails come from",
     .details = "Set it to one of your own domain that may receive: answers and bounces go there."},
    {.name = "mail-retry-after-ms", .kind = SETTING_INTEGER, .fallback = "5000",
     .min = 1, .max = 3600000,
     .meaning = "milliseconds after which a mail that may not have left is sent again",
     .details = "It has the same Message-ID then, so a recipient sees it once. The interval grows "
                "with each try."},
    {.name = NULL},
};
/* clang-format on */

static const struct subscription subscriptions[] = {
    {"orders", FACT(ORDER_CREATED) | FACT(ORDER_CONFIRMED) | FACT(ORDER_CANCELLED), false},
    {"email.internal", FACT(EMAIL_RETRY) | FACT(EMAIL_REPUBLISH), true},
};

static void *open_context(const struct settings *from, struct error *error)
{
    struct context *context = calloc(1, sizeof *context);

    if (context == NULL)
        abort();
    context->rules.retry_us = settings_integer(from, "mail-retry-after-ms") * 1000;
    context->sender = settings_text(from, "sender");
    if (transport_kind_find(settings_text(from, "transport"))
            ->open(from, &context->transport, error) != STATUS_OK) {
        free(context);
        return NULL;
    }
    return context;
}

static void close_context(void *opened)
{
    struct context *context = opened;

    context->transport.close(context->transport.state);
    free(context);
}

static const struct executor *executor(const void *opened)
{
    const struct context *context = opened;

    return &context->transport;
}

/* A mail, or why there is none. */
struct call {
    struct mail mail; /* what the transport is given */
    uint64_t on;      /* what came of it without being asked; 0: it is asked */
};

_Static_assert(offsetof(struct call, mail) == 0, "a transport is given a call as its mail");

/* An order without an address has no mail, nor one whose address no mail can name. */
static void effect_call(const void *opened, struct saga *saga, int64_t now_us,
                        struct effect *effect)
{
    const struct context *context = opened;
    struct email_row *row = (struct email_row *)(void *)saga;
    struct call *call = arena_alloc(effect->arena, sizeof *call);
    char *id = arena_alloc(effect->arena, MAIL_ID_SIZE);
    struct error why;

    effect->call = call;
    if (row->created != NULL)
        row->text = mail_text_prepare(row->created, effect->arena);
    mail_id(effect->order_id, id);
    call->mail.id = id;
    call->mail.recipient =
        arena_text(effect->arena, mail_text_recipient(row->text, effect->arena, &why));
    if (row->text->recipient[0] == '\0') {
        call->on = EMAIL_UNADDRESSED;
    } else if (call->mail.recipient == NULL) {
        call->on = EMAIL_REFUSED;
        call->mail.reason = arena_format(effect->arena, "no mail can reach %s: %s",
                                         row->text->recipient, why.message);
    } else {
        call->mail.text = mail_text_write(row, context->sender, now_us, effect->arena);
    }
    effect->answered = call->on != 0;
}

static void effect_unavailable(struct effect *effect, int64_t retry_after_us)
{
    struct call *call = effect->call;

    call->mail.answer = TRANSPORT_UNAVAILABLE;
    call->mail.retry_after_us = retry_after_us;
}

static struct effect_result effect_result(const struct effect *effect)
{
    static const uint64_t facts[] = {[TRANSPORT_SILENT] = EMAIL_UNANSWERED,
                                     [TRANSPORT_ACCEPTED] = EMAIL_ACCEPTED,
                                     [TRANSPORT_REFUSED] = EMAIL_REFUSED,
                                     [TRANSPORT_UNAVAILABLE] = EMAIL_UNAVAILABLE};
    const struct call *call = effect->call;
    struct email_result *result = arena_alloc(effect->arena, sizeof *result);

    *result = (struct email_result){.reason = call->mail.reason,
                                    .retry_after_us = call->mail.retry_after_us,
                                    .was_asked = effect->outcome == EFFECT_FAILED};
    return (struct effect_result){call->on != 0 ? call->on : facts[call->mail.answer], result};
}

static void event_fill(const struct saga *saga, const struct input *input, enum message_type type,
                       struct arena *arena, struct message *out)
{
    const struct email_row *row = (const struct email_row *)(const void *)saga;
    char id[MAIL_ID_SIZE];

    (void)input;
    out->envelope.time_us = row->decided_us;
    mail_id(saga->order_id, id);
    if (type == EMAIL_SENT)
        out->email_sent =
            (struct email_sent){saga->order_id, email_kind(saga),
                                (saga->facts & EMAIL_UNADDRESSED) != 0
                                    ? NULL
                                    : arena_format(arena, "%s@quadrille.example", id)};
    else
        out->outcome = (struct outcome){
            saga->order_id, row->refusal != NULL ? row->refusal : "the mail was refused"};
}

const struct service email_service = {
    .name = "email",
    .summary = "The email service of Quadrille: mails the customer the decision, once.",
    .settings = settings,
    .outside_settings = transport_settings,
    .subscriptions = subscriptions,
    .subscription_count = sizeof subscriptions / sizeof subscriptions[0],
    .migrations = &email_migrations,
    .table = &email_table,
    .open = open_context,
    .close = close_context,
    .needs_content =
        FACT(ORDER_CONFIRMED) | FACT(ORDER_CANCELLED) | FACT(EMAIL_RETRY) | FACT(EMAIL_REPUBLISH),
    .may_be_first = FACT(ORDER_CREATED),
    .rows = &mail_rows,
    .decide = email_decide,
    .contradicts = email_contradicts,
    .emits = email_emits,
    .event_fill = event_fill,
    .executor = executor,
    .effect_call = effect_call,
    .effect_unavailable = effect_unavailable,
    .effect_result = effect_result,
    .effects_repeatable = true, /* under one Message-ID */
    .due_sql = email_due_sql,
    .postpone_sql = email_postpone_sql,
};
