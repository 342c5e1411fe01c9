/* sagactl republish: the services emit again what they emitted about an order. */
#include <stdio.h>

#include "base/arena.h"
#include "events/message.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/send.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

static const struct setting settings[] = {{.name = NULL}};

static enum status send_all(const char *order, const bool chosen[SERVICES],
                            const struct broker_settings *broker, struct error *error)
{
    struct sender sender;
    struct arena *arena = arena_new();
    enum status status = sender_open(&sender, broker, error);

    for (int i = 0; status == STATUS_OK && i < SERVICES; i++)
        if (chosen[i])
            status = sender_send(&sender, arena,
                                 &(struct message){.type = catalog[i].republish, .subject = order},
                                 error);
    if (status == STATUS_OK)
        status = sender_flush(&sender, error);
    sender_close(&sender);
    arena_free(arena);
    return status;
}

static enum exit_code run(const struct settings *from)
{
    struct broker_settings broker = command_broker(from);
    bool chosen[SERVICES] = {false};
    struct error error = {0};
    size_t count;
    const char *const *arguments = settings_arguments(from, &count);

    if (count == 0)
        return command_misused("republish needs an order id");
    if (!order_id_valid(arguments[0]))
        return command_misused("order id \"%s\": 1 to %d of A-Z a-z 0-9 . _ : - are allowed",
                               arguments[0], ORDER_ID_MAX);
    for (size_t i = 1; i < count; i++) {
        int service = catalog_find(arguments[i]);

        if (service < 0)
            return command_misused("unknown service \"%s\": one of %s is expected", arguments[i],
                                   CATALOG_LIST);
        chosen[service] = true;
    }
    for (int i = 0; count == 1 && i < SERVICES; i++)
        chosen[i] = true;
    if (send_all(arguments[0], chosen, &broker, &error) != STATUS_OK)
        return command_fail(&error);
    for (int i = 0; i < SERVICES; i++) {
        if (!chosen[i])
            continue;
        if (settings_flag(from, "json"))
            json_line_print_texts("order", arguments[0], "sent",
                                  message_type_name(catalog[i].republish), NULL);
        else
            line_say(stdout, "%s is asked to emit again what it emitted of order %s",
                     catalog[i].name, arguments[0]);
    }
    return EXIT_FINE;
}

const struct command republish_command = {"republish",
                                          "have services emit again what they emitted of an order",
                                          "ORDER [SERVICE ...]\n\n"
                                          "Asks the services, or those named, to emit again what "
                                          "their rows lead to, and to try again what a\n"
                                          "provider or a mail server refused: a refund that failed "
                                          "is asked for once more, under its key. What\n"
                                          "was done is not done twice. `sagactl trace` shows what "
                                          "came of it; `sagactl replay plan` finds the\n"
                                          "orders that need it.\n\n"
                                          "  sagactl republish 536365 payment",
                                          settings,
                                          run,
                                          CATALOG_WORDS};
