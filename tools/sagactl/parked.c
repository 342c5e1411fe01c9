/* sagactl parked: what the services could not process, and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/arena.h"
#include "events/buffer.h"
#include "events/envelope.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/log/reading.h"
#include "tools/sagactl/terminal.h"

static const char *const parked_topics[] = {"order.parked", "payment.parked", "inventory.parked", "email.parked"};

enum { TOPICS = 4 };

struct listing {
    struct arena *arena; /* of one message */
    bool json;
    size_t found;
};

static const struct setting settings[] = {{.name = NULL}};

static const char *header(const struct incoming *incoming, const char *name, struct arena *arena)
{
    for (size_t i = 0; i < incoming->header_count; i++)
        if (strcmp(incoming->headers[i].name, name) == 0 && incoming->headers[i].value != NULL)
            return arena_copy(arena, incoming->headers[i].value, incoming->headers[i].length);
    return "";
}

/* What came from outside is shown as JSON shows it: no byte of it reaches a terminal as it is. */
static const char *quoted(const char *text, struct arena *arena)
{
    struct buffer out = {.arena = arena};

    buffer_json(&out, text);
    return out.data;
}

static void print(const struct incoming *incoming, bool json, struct arena *arena)
{
    const char *key = quoted(arena_copy(arena, incoming->key, incoming->key_length), arena), *type = quoted(header(incoming, "ce_type", arena), arena),
               *why = quoted(header(incoming, "parked_error", arena), arena);
    int service = (int)strcspn(incoming->topic, ".");

    if (json) {
        printf("{\"service\":\"%.*s\",\"topic\":%s,\"partition\":%s,\"offset\":%s,\"at\":%s,\"key\":%s,\"type\":%s,\"reason\":%s,\"error\":%s}\n", service, incoming->topic,
               quoted(header(incoming, "parked_topic", arena), arena), header(incoming, "parked_partition", arena), header(incoming, "parked_offset", arena),
               quoted(header(incoming, "parked_at", arena), arena), key, type, quoted(header(incoming, "parked_reason", arena), arena), why);
        return;
    }
    printf("%s by %.*s: %s/%s/%s, key %s, type %s\n  %s%s%s\n", header(incoming, "parked_at", arena), service, incoming->topic, header(incoming, "parked_topic", arena),
           header(incoming, "parked_partition", arena), header(incoming, "parked_offset", arena), key, type, colour_bad(), why, colour_off());
}

static void take(void *context, const struct incoming *incoming)
{
    struct listing *listing = context;

    print(incoming, listing->json, listing->arena);
    arena_reset(listing->arena);
    listing->found++;
}

static enum exit_code run(const struct settings *from)
{
    const struct reading what = {.scope = {.topics = parked_topics, .topic_count = TOPICS}, .once = true, .take = take};
    struct listing listing = {.json = settings_flag(from, "json")};
    enum status status;
    struct error error;
    size_t count;

    settings_arguments(from, &count);
    if (count > 0)
        return command_misused("parked takes no argument");
    listing.arena = arena_new();
    status = messages_read(from, &what, &listing, &error);
    arena_free(listing.arena);
    if (status != STATUS_OK)
        return command_fail(&error);
    if (!listing.json && listing.found == 0)
        printf("nothing is parked\n");
    return listing.found > 0 ? EXIT_FOUND : EXIT_FINE;
}

const struct command parked_command = {
    "parked", "list what the services could not process",
    "[OPTION ...]\n\n"
    "Prints every message that a service has set aside because it can never be processed: where it came\n"
    "from, and what is wrong with it. Everything else went on without it.\n\n"
    "  sagactl parked\n"
    "  sagactl parked --json | grep '\"service\":\"payment\"'\n\n"
    "Exit code 1: there is something.",
    settings, run};
