/* sagactl watch: messages of all topics as they come, one line each. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "events/arena.h"
#include "events/buffer.h"
#include "events/message.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/log/reading.h"
#include "tools/sagactl/log/telling.h"
#include "tools/sagactl/terminal.h"

static const struct setting settings[] = {
    {.name = "order", .kind = SETTING_LIST, .meaning = "only what is about this order or SKU"},
    {.name = "type", .kind = SETTING_LIST, .meaning = "only messages of this type, as payment.refunded"},
    {.name = "compensations", .kind = SETTING_FLAG, .meaning = "only what undoes: refunds, releases, and what was kept from happening"},
    {.name = "from-beginning", .kind = SETTING_FLAG, .meaning = "first all that is there already"},
    {.name = "once", .kind = SETTING_FLAG, .meaning = "end when all that was there is shown; goes with --from-beginning"},
    {.name = NULL},
};

struct watching {
    const struct settings *from;
    struct decoder *decoder;
    struct arena *arena; /* of one message */
};

static const enum message_type compensations[] = {PAYMENT_REFUNDED, PAYMENT_REFUND_FAILED, PAYMENT_VOIDED, INVENTORY_RELEASED, INVENTORY_VOIDED};

static bool is_compensation(enum message_type type)
{
    for (size_t i = 0; i < sizeof compensations / sizeof compensations[0]; i++)
        if (compensations[i] == type)
            return true;
    return false;
}

/* A list that is empty asks for everything. */
static bool is_asked_for(const char *const *list, const char *text)
{
    if (list == NULL || *list == NULL)
        return true;
    for (; *list != NULL; list++)
        if (strcmp(*list, text) == 0)
            return true;
    return false;
}

static void print(const struct incoming *incoming, const struct message *message, bool readable, struct arena *arena)
{
    time_t second = (time_t)(incoming->timestamp_ms / 1000);
    struct tm tm;
    char at[16], where[96];

    localtime_r(&second, &tm);
    strftime(at, sizeof at, "%H:%M:%S", &tm);
    snprintf(where, sizeof where, "%s/%d/%lld", incoming->topic, incoming->partition, (long long)incoming->offset);
    printf("%s.%03d  %-20s %-9s %s%-22s%s %s%-24s%s %s\n", at, (int)(incoming->timestamp_ms % 1000), order_of(incoming, &message->envelope, arena),
           speaker_of(&message->envelope), is_bad_news(message->type) ? colour_bad() : "", message->envelope.type, colour_off(), colour_dim(), where,
           colour_off(), readable ? facts_of(message, arena) : "(cannot be read)");
}

static void print_json(const struct incoming *incoming, const struct message *message, bool readable, struct arena *arena)
{
    struct buffer line = {.arena = arena};

    buffer_format(&line, "{\"time_ms\":%lld,\"topic\":\"%s\",\"partition\":%d,\"offset\":%lld,\"order\":", (long long)incoming->timestamp_ms, incoming->topic,
                  incoming->partition, (long long)incoming->offset);
    buffer_json(&line, order_of(incoming, &message->envelope, arena));
    buffer_text(&line, ",\"type\":");
    buffer_json(&line, message->envelope.type);
    buffer_text(&line, ",\"speaker\":");
    buffer_json(&line, speaker_of(&message->envelope));
    buffer_format(&line, ",\"body\":%s}", readable ? body_on_one_line(incoming, arena) : "null");
    puts(line.data);
}

/* What is no message of ours is passed over: sagactl parked shows what the services made of it. */
static void show(const struct settings *from, const struct incoming *incoming, struct decoder *decoder, struct arena *arena)
{
    struct message message = {0};
    enum message_type type;
    struct error error;
    bool readable;

    if (envelope_decode(arena, incoming->headers, incoming->header_count, &message.envelope, &error) != STATUS_OK ||
        !message_type_find(message.envelope.type, &type) || strstr(incoming->topic, ".parked") != NULL)
        return;
    if (!is_asked_for(settings_list(from, "order"), order_of(incoming, &message.envelope, arena)) ||
        !is_asked_for(settings_list(from, "type"), message.envelope.type) || (settings_flag(from, "compensations") && !is_compensation(type)))
        return;
    readable = message_decode(decoder, arena, type, incoming->value, incoming->value_length, &message, &error) == STATUS_OK;
    message.type = type;
    if (settings_flag(from, "json"))
        print_json(incoming, &message, readable, arena);
    else
        print(incoming, &message, readable, arena);
    fflush(stdout);
}

static void take(void *context, const struct incoming *incoming)
{
    struct watching *watching = context;

    show(watching->from, incoming, watching->decoder, watching->arena);
    arena_reset(watching->arena);
}

static enum status watch(const struct settings *from, struct error *error)
{
    const struct reading what = {.scope.from = settings_flag(from, "from-beginning") ? READER_BEGINNING : READER_END, .once = settings_flag(from, "once"), .take = take};
    struct watching watching = {.from = from, .decoder = decoder_new(), .arena = arena_new()};
    enum status status = messages_read(from, &what, &watching, error);

    arena_free(watching.arena);
    decoder_free(watching.decoder);
    return status;
}

static enum exit_code run(const struct settings *from)
{
    const char *const *types = settings_list(from, "type");
    enum message_type type;
    struct error error;
    size_t count;

    settings_arguments(from, &count);
    if (count > 0)
        return command_misused("watch takes no argument: --order names an order");
    for (; types != NULL && *types != NULL; types++)
        if (!message_type_find(*types, &type))
            return command_misused("--type is \"%s\", which is no message: docs/messages.md lists them", *types);
    return watch(from, &error) == STATUS_OK ? EXIT_FINE : command_fail(&error);
}

const struct command watch_command = {
    "watch", "show messages as they come",
    "[OPTION ...]\n\n"
    "Prints every message of all topics as it comes: when, of which order, who said what, where it lies,\n"
    "and what matters of it. Ctrl-C ends it.\n\n"
    "  sagactl watch\n"
    "  sagactl watch --order 536365 --from-beginning\n"
    "  sagactl watch --compensations --from-beginning --once",
    settings, run};
