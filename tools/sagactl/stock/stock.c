/* sagactl stock: what is on hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "database/database.h"
#include "events/message.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/send.h"
#include "tools/sagactl/stock/list.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

/* clang-format off */
static const struct setting settings[] = {
    {.name = "inventory-database", .kind = SETTING_TEXT,
     .meaning = "PostgreSQL URI of inventory, for show and --wait"},
    {.name = "wait", .kind = SETTING_FLAG,
     .meaning = "set, add: wait until inventory has applied all of it"},
    {.name = "timeout", .kind = SETTING_INTEGER, .fallback = "60", .min = 1, .max = 86400,
     .meaning = "seconds to wait before giving up"},
    {.name = NULL},
};
/* clang-format on */

enum { ID_SIZE = 40, IDS_A_QUERY = 10000 };

struct stocking {
    const struct settings *settings;
    enum message_type type;
    struct sender sender;
    struct decoder *decoder;
    struct arena *arena; /* of the whole run: the ids are kept for --wait */
    const char **ids;
    size_t sent, capacity, refused;
};

static enum status send(struct stocking *stocking, struct message *command, struct error *error)
{
    enum status status = sender_send(&stocking->sender, stocking->arena, command, error);

    if (status != STATUS_OK)
        return status;
    stocking->ids =
        array_grow(stocking->ids, stocking->sent, &stocking->capacity, sizeof *stocking->ids);
    stocking->ids[stocking->sent++] = command->envelope.id;
    return STATUS_OK;
}

static enum status send_line(void *context, const struct list_line *line, struct error *error)
{
    struct stocking *stocking = context;
    struct message command = {0};
    const char *why = line->why;

    if (why == NULL && message_decode(stocking->decoder, stocking->arena, stocking->type,
                                      line->json, line->length, &command, error) == STATUS_OK)
        return send(stocking, &command, error);
    line_say(stderr, "refused: %s: %s", line->where, why == NULL ? error->message : why);
    stocking->refused++;
    return error->status = STATUS_OK;
}

/* set SKU QUANTITY from the command line is decoded as any line is. */
static enum status send_arguments(struct stocking *stocking, const char *const *arguments,
                                  struct error *error)
{
    const struct list_line line = list_line_of(arguments[0], arguments[1], stocking->arena);
    struct message command = {0};

    if (line.why != NULL)
        return error_set(error, STATUS_INVALID, "%s", line.why);
    if (message_decode(stocking->decoder, stocking->arena, stocking->type, line.json, line.length,
                       &command, error) != STATUS_OK)
        return error->status;
    return send(stocking, &command, error);
}

/* SKU and QUANTITY, unless there are files of these names. */
static bool is_single(const char *const *arguments, size_t count)
{
    return count == 2 && access(arguments[1], F_OK) != 0 &&
           (access(arguments[0], F_OK) != 0 || strpbrk(arguments[1], "0123456789") != NULL);
}

static enum status count_decided(struct stocking *stocking, struct database *database,
                                 size_t *decided, size_t *refused, struct error *error)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT};
    struct arena *arena = arena_new(); /* asked again and again: nothing of it stays */
    enum status status = STATUS_OK;

    *decided = *refused = 0;
    for (size_t at = 0; status == STATUS_OK && at < stocking->sent; at += IDS_A_QUERY) {
        struct parameters *ids = parameters_new(arena, kinds, 1);
        struct result *result;

        for (size_t i = at; i < stocking->sent && i < at + IDS_A_QUERY; i++)
            parameters_text(ids, 0, stocking->ids[i]);
        status = database_query(
            database,
            "SELECT count(*), count(refused) FROM stock_command WHERE id = ANY ($1::text[])", ids,
            &result, error);
        if (status != STATUS_OK)
            break;
        *decided += (size_t)result_integer(result, 0, 0);
        *refused += (size_t)result_integer(result, 0, 1);
        result_free(result);
    }
    arena_free(arena);
    return status;
}

static enum status wait_applied(struct stocking *stocking, struct error *error)
{
    const char *url = settings_text(stocking->settings, "inventory-database");
    const struct timespec pause = {.tv_nsec = 20000000};
    int64_t until_us = clock_us() + settings_integer(stocking->settings, "timeout") * 1000000;
    struct database *database;
    enum status status;
    size_t decided = 0, refused = 0;

    if (url == NULL)
        return error_set(error, STATUS_INVALID, "--wait needs --inventory-database");
    database = database_new(url, "sagactl");
    while ((status = count_decided(stocking, database, &decided, &refused, error)) == STATUS_OK &&
           decided < stocking->sent) {
        if (command_interrupted() || clock_us() > until_us) {
            status = error_set(error, STATUS_UNAVAILABLE,
                               "inventory has decided on %zu of %zu stock commands", decided,
                               stocking->sent);
            break;
        }
        nanosleep(&pause, NULL);
    }
    if (status == STATUS_OK && refused > 0)
        fprintf(
            stderr,
            "%zu stock command%s refused by inventory: sagactl dlq --service inventory says why\n",
            refused, refused == 1 ? " was" : "s were");
    stocking->sent -= refused;
    stocking->refused += refused;
    database_free(database);
    return status;
}

static enum exit_code change(const struct settings *from, enum message_type type,
                             const char *const *arguments, size_t count)
{
    struct broker_settings broker = command_broker(from);
    struct stocking stocking = {.settings = from, .type = type};
    struct error error = {0};
    enum status status = sender_open(&stocking.sender, &broker, &error);

    if (status != STATUS_OK)
        return command_fail(&error);
    stocking.decoder = decoder_new();
    stocking.arena = arena_new();
    status = is_single(arguments, count)
                 ? send_arguments(&stocking, arguments, &error)
                 : list_read(arguments, stocking.arena, send_line, &stocking, &error);
    if (status == STATUS_OK)
        status = sender_flush(&stocking.sender, &error);
    if (status == STATUS_OK && settings_flag(from, "wait"))
        status = wait_applied(&stocking, &error);
    if (status == STATUS_OK && settings_flag(from, "json"))
        json_line_print_counts("sent", stocking.sent, "refused", stocking.refused);
    else if (status == STATUS_OK)
        printf("%zu stock command%s %s, %zu refused\n", stocking.sent, plural(stocking.sent),
               settings_flag(from, "wait") ? "applied" : "sent", stocking.refused);
    sender_close(&stocking.sender);
    decoder_free(stocking.decoder);
    arena_free(stocking.arena);
    free(stocking.ids);
    if (status != STATUS_OK)
        return command_fail(&error);
    return stocking.refused > 0 ? EXIT_FOUND : EXIT_FINE;
}

static void print_stock(const struct result *row, bool json)
{
    const char *sku = result_text(row, 0, 0);
    int64_t on_hand = result_integer(row, 0, 1), reserved = result_integer(row, 0, 2);
    struct json_object *line;

    if (!json) {
        line_wrap(2, "%-20s %12lld %12lld %12lld", sku, (long long)on_hand, (long long)reserved,
                  (long long)(on_hand - reserved));
        return;
    }
    line = json_object_new_object();
    json_add_text(line, "sku", sku);
    json_add_integer(line, "on_hand", on_hand);
    json_add_integer(line, "reserved", reserved);
    json_add_integer(line, "available", on_hand - reserved);
    json_line_print(line);
}

static bool is_wanted(const char *sku, const char *const *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(wanted[i], sku) == 0)
            return true;
    return count == 0;
}

static enum exit_code show(const struct settings *from, const char *const *skus, size_t count)
{
    const char *url = settings_text(from, "inventory-database");
    struct error error = {0};
    struct database *database;
    struct result *row;
    enum status status;
    size_t shown = 0;

    if (url == NULL)
        return command_misused("stock show needs --inventory-database");
    database = database_new(url, "sagactl");
    status =
        database_stream(database, "SELECT sku, on_hand, reserved FROM stock ORDER BY sku", &error);
    if (status == STATUS_OK && !settings_flag(from, "json"))
        line_wrap(2, "%-20s %12s %12s %12s", "SKU", "on hand", "reserved", "available");
    while (status == STATUS_OK && (status = database_next(database, &row, &error)) == STATUS_OK &&
           row != NULL) {
        if (is_wanted(result_text(row, 0, 0), skus, count)) {
            print_stock(row, settings_flag(from, "json"));
            shown++;
        }
        result_free(row);
    }
    database_free(database);
    if (status != STATUS_OK)
        return command_fail(&error);
    return shown < count ? EXIT_FOUND : EXIT_FINE;
}

static enum exit_code run(const struct settings *from)
{
    size_t count;
    const char *const *arguments = settings_arguments(from, &count);

    if (count > 0 && strcmp(arguments[0], "show") == 0)
        return show(from, arguments + 1, count - 1);
    if (count > 0 && strcmp(arguments[0], "set") == 0)
        return change(from, STOCK_SET, arguments + 1, count - 1);
    if (count > 0 && strcmp(arguments[0], "add") == 0)
        return change(from, STOCK_ADD, arguments + 1, count - 1);
    return command_misused("stock needs set, add or show: see sagactl stock --help");
}

const struct command stock_command = {
    "stock",
    "set, add to or show what is on hand",
    "set|add [SKU QUANTITY | FILE ...]\n       sagactl stock show [SKU ...]\n\n"
    "set says how many pieces of a SKU are on hand, reserved ones included; add says how many come "
    "in,\n"
    "or go out when negative. Without SKU and QUANTITY they read files or standard input: CSV as\n"
    "spreadsheets write it, or JSON objects with these two fields. A heading says which columns "
    "are sku\n"
    "and quantity, others are passed over; without one there are these two. A line that does not "
    "fit is\n"
    "refused, with its number and the reason; the others are sent. show prints what inventory "
    "has.\n\n"
    "  sagactl stock set 22350 1200\n"
    "  sagactl stock add delivery.csv --wait\n"
    "  sagactl stock show 22350",
    settings,
    run,
    "set add show"};
