#include "services/email/service.h"

#include <stdlib.h>
#include <string.h>

#include "services/email/mail_text.h"
#include "services/email/store.h"
#include "services/email/transports/transport.h"

struct context {
    struct email_rules rules;
    struct transport transport;
    const char *sender; /* address that mails come from */
};

_Static_assert(offsetof(struct context, rules) == 0, "decide is given the context as its rules");

/* clang-format off */
static const struct setting settings[] = {
    {.name = "transport", .kind = SETTING_CHOICE, .fallback = "maildir", .choices = transport_names,
     .meaning = "how mails leave",
     .details = "maildir delivers them to a folder, from which any mail program or relay takes "
                "them."},
    {.name = "sender", .kind = SETTING_TEXT, .fallback = "orders@quadrille.example",
     .meaning = "address that mails come from",
     .details = "Set it to one of your own domain that may receive: answers and bounces go there."},
    {.name = "retry-after-ms", .kind = SETTING_INTEGER, .fallback = "5000",
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
    context->rules.retry_us = settings_integer(from, "retry-after-ms") * 1000;
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

static void refuse(struct batch *batch, struct batch_order *order, const char *recipient,
                   const struct error *why)
{
    struct email_result *result = arena_alloc(batch->kept, sizeof *result);

    result->reason = arena_format(batch->kept, "no mail can reach %s: %s", recipient, why->message);
    batch_add_result(batch, order, EMAIL_REFUSED, result);
}

/* All effects of the batch as mails; `orders` tells which is whose.  An order without an address
 * has none, nor one whose address no mail can name. */
static size_t mails_of(const struct context *context, struct batch *batch, struct mail *mails,
                       struct batch_order **orders)
{
    static const struct email_result none = {NULL};
    size_t count = 0;

    for (size_t i = 0; i < batch->order_count; i++) {
        struct batch_order *order = &batch->orders[i];
        struct email_row *row = (struct email_row *)(void *)order->row;
        const char *recipient;
        struct error why;
        char *id;

        if (order->effect == EFFECT_NONE)
            continue;
        id = arena_alloc(batch->arena, MAIL_ID_SIZE);
        mail_id(order->order_id, id);
        if (row->created != NULL)
            row->text = mail_text_prepare(row->created, batch->arena);
        if (row->text->recipient[0] == '\0') {
            batch_add_result(batch, order, EMAIL_UNADDRESSED, &none);
            continue;
        }
        recipient = mail_text_recipient(row->text, batch->arena, &why);
        if (recipient == NULL) {
            refuse(batch, order, row->text->recipient, &why);
            continue;
        }
        orders[count] = order;
        mails[count++] = (struct mail){
            .id = id,
            .recipient = recipient,
            .text = mail_text_write(row, context->sender, batch->now_us, batch->arena),
            .repeated = row->saga.stored_state == EMAIL_STATE_SENDING};
    }
    return count;
}

/* A transport that is unavailable leaves the mails as they are announced: the sweeper has them
 * tried again. */
static enum status run_effects(void *opened, struct batch *batch, struct error *error)
{
    static const uint64_t facts[] = {[TRANSPORT_SILENT] = EMAIL_UNANSWERED,
                                     [TRANSPORT_ACCEPTED] = EMAIL_ACCEPTED,
                                     [TRANSPORT_REFUSED] = EMAIL_REFUSED};
    struct context *context = opened;
    struct mail *mails = arena_array(batch->arena, batch->order_count, sizeof *mails);
    struct batch_order **orders =
        arena_array(batch->arena, batch->order_count, sizeof(struct batch_order *));
    size_t count = mails_of(context, batch, mails, orders);
    enum status status =
        context->transport.send(context->transport.state, mails, count, batch->arena, error);

    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        struct email_result *result = arena_alloc(batch->kept, sizeof *result);

        if (mails[i].reason != NULL)
            result->reason = arena_copy(batch->kept, mails[i].reason, strlen(mails[i].reason));
        batch_add_result(batch, orders[i], facts[mails[i].answer], result);
    }
    return status;
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
    .run_effects = run_effects,
    .due_sql = email_due_sql,
    .postpone_sql = email_postpone_sql,
};
