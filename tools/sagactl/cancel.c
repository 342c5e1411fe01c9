/* sagactl cancel: the customer wants an order no more. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "brokers/broker.h"
#include "events/message.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/send.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

/* clang-format off */
static const struct setting settings[] = {
    {.name = "reason", .kind = SETTING_TEXT, .meaning = "why, as the customer puts it"},
    {.name = "wait", .kind = SETTING_FLAG, .meaning = "wait for the answer to each, and print it"},
    {.name = "timeout", .kind = SETTING_INTEGER, .fallback = "10", .min = 1, .max = 86400,
     .meaning = "seconds to wait before giving up"},
    {.name = NULL},
};
/* clang-format on */

struct cancelling {
    const struct settings *from;
    struct sender sender;
    struct reader *reader; /* of the answers; NULL: nobody waits */
    struct arena *arena;
    const char *const *orders;
    /* ORDER_CANCELLED or ORDER_CANCEL_REJECTED; ORDER_CANCEL while there is none */
    enum message_type *answers;
    size_t count, unanswered, refused;
};

static enum status send_all(struct cancelling *cancelling, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < cancelling->count; i++) {
        struct message command = {
            .type = ORDER_CANCEL,
            .order_cancel = {cancelling->orders[i], settings_text(cancelling->from, "reason")}};

        status = sender_send(&cancelling->sender, cancelling->arena, &command, error);
    }
    return status == STATUS_OK ? sender_flush(&cancelling->sender, error) : status;
}

/* ---- the answers ---- */

static void tell(struct cancelling *cancelling, const char *order, enum message_type answer)
{
    if (settings_flag(cancelling->from, "json"))
        json_line_print_texts("order", order, "answer", message_type_name(answer), NULL);
    else if (answer == ORDER_CANCELLED)
        line_say(stdout, "order %s is cancelled", order);
    else
        line_say(stdout,
                 "order %s cannot be cancelled any more: sagactl trace %s shows what it came to",
                 order, order);
}

static void take(struct cancelling *cancelling, const struct incoming *incoming)
{
    struct envelope envelope;
    struct error ignored;
    enum message_type type;

    if (envelope_decode(cancelling->arena, incoming->headers, incoming->header_count, &envelope,
                        &ignored) != STATUS_OK ||
        envelope.subject == NULL || !message_type_find(envelope.type, &type) ||
        (type != ORDER_CANCELLED && type != ORDER_CANCEL_REJECTED))
        return;
    for (size_t i = 0; i < cancelling->count; i++) {
        if (cancelling->answers[i] != ORDER_CANCEL ||
            strcmp(cancelling->orders[i], envelope.subject) != 0)
            continue;
        cancelling->answers[i] = type;
        cancelling->unanswered--;
        cancelling->refused += type == ORDER_CANCEL_REJECTED;
        tell(cancelling, cancelling->orders[i], type);
    }
}

/* An order that nobody placed yet has no answer: the cancellation is kept for it. */
static enum exit_code wait_answered(struct cancelling *cancelling)
{
    int64_t until_us = clock_us() + settings_integer(cancelling->from, "timeout") * 1000000;
    struct incoming incoming;

    while (cancelling->unanswered > 0 && clock_us() < until_us && !command_interrupted()) {
        if (!reader_take(cancelling->reader, 100, &incoming))
            continue;
        take(cancelling, &incoming);
        incoming_release(&incoming);
    }
    if (command_interrupted())
        return command_stopped("the cancellations were sent; not all were answered yet");
    for (size_t i = 0; i < cancelling->count; i++)
        if (cancelling->answers[i] == ORDER_CANCEL)
            line_say(stderr,
                     "order %s: no answer within %lld s. Is there an order of this id? Until it is "
                     "placed the cancellation is kept for it. Else: does "
                     "the order service run?",
                     cancelling->orders[i],
                     (long long)settings_integer(cancelling->from, "timeout"));
    return cancelling->unanswered + cancelling->refused > 0 ? EXIT_FOUND : EXIT_FINE;
}

static enum status begin(struct cancelling *cancelling, const struct broker_settings *broker,
                         struct error *error)
{
    static const char *const topics[] = {"orders"};

    cancelling->answers =
        arena_array(cancelling->arena, cancelling->count, sizeof *cancelling->answers);
    for (size_t i = 0; i < cancelling->count; i++)
        cancelling->answers[i] = ORDER_CANCEL;
    cancelling->unanswered = cancelling->count;
    if (sender_open(&cancelling->sender, broker, error) != STATUS_OK)
        return error->status;
    if (!settings_flag(cancelling->from, "wait"))
        return STATUS_OK;
    cancelling->reader = reader_new(
        broker, &(struct reader_scope){.topics = topics, .topic_count = 1, .from = READER_END},
        error);
    return cancelling->reader == NULL ? error->status : STATUS_OK;
}

static enum exit_code run(const struct settings *from)
{
    struct broker_settings broker = command_broker(from);
    struct cancelling cancelling = {.from = from};
    struct error error = {0};
    enum exit_code code = EXIT_FINE;

    cancelling.orders = settings_arguments(from, &cancelling.count);
    if (cancelling.count == 0)
        return command_misused("cancel needs at least one order id");
    for (size_t i = 0; i < cancelling.count; i++)
        if (!order_id_valid(cancelling.orders[i]))
            return command_misused("order id \"%s\": 1 to %d of A-Z a-z 0-9 . _ : - are allowed",
                                   cancelling.orders[i], ORDER_ID_MAX);
    cancelling.arena = arena_new();
    error.status = begin(&cancelling, &broker, &error);
    if (error.status == STATUS_OK)
        error.status = send_all(&cancelling, &error);
    if (error.status != STATUS_OK)
        code = command_fail(&error);
    else if (cancelling.reader != NULL)
        code = wait_answered(&cancelling);
    else if (settings_flag(from, "json"))
        json_line_print_counts("cancel_sent", cancelling.count, NULL, 0);
    else
        printf("%zu cancellation%s sent\n", cancelling.count, plural(cancelling.count));
    sender_close(&cancelling.sender);
    reader_free(cancelling.reader);
    arena_free(cancelling.arena);
    return code;
}

const struct command cancel_command = {
    "cancel",
    "cancel orders",
    "[--reason TEXT] [--wait] ORDER ...\n\n"
    "Asks for the cancellation of orders. It is heeded until the decision, also when it comes "
    "before the\n"
    "order itself; after the decision it is answered with order.cancel_rejected. With --wait the "
    "answers\n"
    "are printed; an order that nobody knows has none.\n\n"
    "  sagactl cancel 536365 --reason 'ordered twice' --wait\n\n"
    "Exit code 1, with --wait: one could not be cancelled, or was not answered.",
    settings,
    run,
    NULL};
