/* sagactl cancel: the customer wants an order no more. */
#include <stdio.h>

#include "base/arena.h"
#include "events/message.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/send.h"
#include "tools/sagactl/terminal.h"

static const struct setting settings[] = {
    {.name = "reason", .kind = SETTING_TEXT, .meaning = "why, in the customer's words"},
    {.name = NULL},
};

static enum exit_code run(const struct settings *from)
{
    struct broker_settings broker = command_broker(from);
    struct arena *arena;
    struct sender sender;
    struct error error = {0};
    const char *const *orders;
    size_t count;
    enum status status;

    orders = settings_arguments(from, &count);
    if (count == 0)
        return command_misused("cancel needs at least one order id");
    for (size_t i = 0; i < count; i++)
        if (!order_id_valid(orders[i]))
            return command_misused("order id \"%s\": 1 to %d of A-Z a-z 0-9 . _ : - are allowed", orders[i], ORDER_ID_MAX);
    if (sender_open(&sender, &broker, &error) != STATUS_OK)
        return command_fail(&error);
    arena = arena_new();
    status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        struct message command = {.type = ORDER_CANCEL, .order_cancel = {orders[i], settings_text(from, "reason")}};

        status = sender_send(&sender, arena, &command, &error);
    }
    if (status == STATUS_OK)
        status = sender_flush(&sender, &error);
    sender_close(&sender);
    arena_free(arena);
    if (status != STATUS_OK)
        return command_fail(&error);
    if (settings_flag(from, "json"))
        printf("{\"cancel_sent\":%zu}\n", count);
    else
        printf("%zu cancellation%s sent\n", count, plural(count));
    return EXIT_FINE;
}

const struct command cancel_command = {
    "cancel", "cancel orders",
    "[--reason TEXT] ORDER ...\n\n"
    "Asks for the cancellation of orders. It is heeded until the verdict, also when it comes before the\n"
    "order itself; after the verdict it is answered with order.cancel_rejected. `sagactl trace` shows\n"
    "which.\n\n"
    "  sagactl cancel 536365 --reason 'ordered twice'",
    settings, run, NULL};
