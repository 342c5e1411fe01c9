/* sagactl stock: what is on hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buffer.h"
#include "database/database.h"
#include "events/message.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/records.h"
#include "tools/sagactl/send.h"
#include "tools/sagactl/terminal.h"

static const struct setting settings[] = {
    {.name = "inventory-database", .kind = SETTING_TEXT, .meaning = "PostgreSQL URI of inventory, for show and --wait"},
    {.name = "wait", .kind = SETTING_FLAG, .meaning = "set, add: wait until inventory has applied all of it"},
    {.name = "timeout", .kind = SETTING_INTEGER, .fallback = "60", .min = 1, .max = 86400, .meaning = "seconds to wait before giving up"},
    {.name = NULL},
};

enum { ID_SIZE = 40, IDS_A_QUERY = 10000 };

struct stocking {
    const struct settings *settings;
    enum message_type type;
    struct sender sender;
    struct decoder *decoder;
    struct arena *arena;   /* of the whole run: the ids are kept for --wait */
    const char **ids;
    size_t sent, capacity, refused;
};

static enum status send(struct stocking *stocking, struct message *command, struct error *error)
{
    enum status status = sender_send(&stocking->sender, stocking->arena, command, error);

    if (status != STATUS_OK)
        return status;
    if (stocking->sent == stocking->capacity) {
        stocking->capacity = stocking->capacity == 0 ? 1024 : stocking->capacity * 2;
        stocking->ids = array_resize(stocking->ids, stocking->capacity, sizeof *stocking->ids);
    }
    stocking->ids[stocking->sent++] = command->envelope.id;
    return STATUS_OK;
}

/* "22350,100" as the JSON that the decoder checks; a first line without a number is a heading. */
static const char *csv_to_json(const char *line, struct arena *arena, size_t *length)
{
    const char *comma = strrchr(line, ',');
    struct buffer json = {.arena = arena};
    char *sku;

    if (comma == NULL)
        return line;
    sku = arena_copy(arena, line, (size_t)(comma - line));
    if (sku[0] == '"' && strlen(sku) > 1 && sku[strlen(sku) - 1] == '"') {
        sku[strlen(sku) - 1] = '\0';
        sku++;
    }
    buffer_text(&json, "{\"sku\":");
    buffer_json(&json, sku);
    buffer_format(&json, ",\"quantity\":%s}", comma + 1);
    *length = json.length;
    return json.data;
}

static bool is_heading(const struct records *records, const char *line)
{
    const char *comma = strrchr(line, ',');

    return records_line(records) == 1 && line[strspn(line, " \t")] != '{' && comma != NULL &&
           strcspn(comma, "0123456789") == strlen(comma);
}

static enum status send_records(struct stocking *stocking, const char *const *paths, struct error *error)
{
    struct records *records = records_new(paths);
    enum status status = STATUS_OK;
    const char *record;
    size_t length;

    while (status == STATUS_OK && (record = records_next(records, stocking->arena, &length, error)) != NULL) {
        struct message command = {0};

        if (is_heading(records, record))
            continue;
        if (record[strspn(record, " \t")] != '{')
            record = csv_to_json(record, stocking->arena, &length);
        if (message_decode(stocking->decoder, stocking->arena, stocking->type, record, length, &command, error) == STATUS_OK) {
            status = send(stocking, &command, error);
            continue;
        }
        line_say(stderr, "refused: %s: %s", records_where(records), error->message);
        stocking->refused++;
        error->status = STATUS_OK;
    }
    records_free(records);
    return status == STATUS_OK ? error->status : status;
}

/* set SKU QUANTITY from the command line goes the same way as a line of CSV. */
static enum status send_arguments(struct stocking *stocking, const char *const *arguments, struct error *error)
{
    size_t length = 0;
    struct message command = {0};
    const char *json = csv_to_json(arena_format(stocking->arena, "%s,%s", arguments[0], arguments[1]), stocking->arena, &length);

    if (message_decode(stocking->decoder, stocking->arena, stocking->type, json, length, &command, error) != STATUS_OK)
        return error->status;
    return send(stocking, &command, error);
}

static enum status count_decided(struct stocking *stocking, struct database *database, size_t *decided, size_t *refused, struct error *error)
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
        status = database_query(database, "SELECT count(*), count(refused) FROM stock_command WHERE id = ANY ($1::text[])", ids, &result, error);
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
        return error_set(error, STATUS_WRONG, "--wait needs --inventory-database");
    database = database_new(url, "sagactl");
    while ((status = count_decided(stocking, database, &decided, &refused, error)) == STATUS_OK && decided < stocking->sent) {
        if (command_interrupted() || clock_us() > until_us) {
            status = error_set(error, STATUS_AWAY, "inventory has decided on %zu of %zu stock commands", decided, stocking->sent);
            break;
        }
        nanosleep(&pause, NULL);
    }
    if (status == STATUS_OK && refused > 0)
        fprintf(stderr, "%zu stock command%s refused by inventory: sagactl parked --service inventory says why\n", refused, refused == 1 ? " was" : "s were");
    stocking->sent -= refused;
    stocking->refused += refused;
    database_free(database);
    return status;
}

static enum exit_code change(const struct settings *from, enum message_type type, const char *const *arguments, size_t count)
{
    struct broker_settings broker = command_broker(from);
    struct stocking stocking = {.settings = from, .type = type};
    struct error error = {0};
    enum status status = sender_open(&stocking.sender, &broker, &error);
    bool single = count == 2 && strspn(arguments[1], "-0123456789") == strlen(arguments[1]);

    if (status != STATUS_OK)
        return command_fail(&error);
    stocking.decoder = decoder_new();
    stocking.arena = arena_new();
    status = single ? send_arguments(&stocking, arguments, &error) : send_records(&stocking, arguments, &error);
    if (status == STATUS_OK)
        status = sender_flush(&stocking.sender, &error);
    if (status == STATUS_OK && settings_flag(from, "wait"))
        status = wait_applied(&stocking, &error);
    if (status == STATUS_OK && settings_flag(from, "json"))
        printf("{\"sent\":%zu,\"refused\":%zu}\n", stocking.sent, stocking.refused);
    else if (status == STATUS_OK)
        printf("%zu stock command%s %s, %zu refused\n", stocking.sent, plural(stocking.sent), settings_flag(from, "wait") ? "applied" : "sent", stocking.refused);
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
    struct buffer line = {0};

    if (!json) {
        printf("%-20s %12lld %12lld %12lld\n", sku, (long long)on_hand, (long long)reserved, (long long)(on_hand - reserved));
        return;
    }
    line.arena = arena_new();
    buffer_json(&line, sku);
    printf("{\"sku\":%s,\"on_hand\":%lld,\"reserved\":%lld,\"available\":%lld}\n", line.data, (long long)on_hand,
           (long long)reserved, (long long)(on_hand - reserved));
    arena_free(line.arena);
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
    status = database_stream(database, "SELECT sku, on_hand, reserved FROM stock ORDER BY sku", &error);
    if (status == STATUS_OK && !settings_flag(from, "json"))
        printf("%-20s %12s %12s %12s\n", "SKU", "on hand", "reserved", "available");
    while (status == STATUS_OK && (status = database_next(database, &row, &error)) == STATUS_OK && row != NULL) {
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
    "stock", "set, add to or show what is on hand",
    "set|add [SKU QUANTITY | FILE ...]\n       sagactl stock show [SKU ...]\n\n"
    "set says how many pieces of a SKU are on hand, reserved ones included; add says how many come in,\n"
    "or go out when negative. Without SKU and QUANTITY they read files or standard input: CSV lines\n"
    "\"sku,quantity\", or JSON objects with these fields. show prints what inventory has.\n\n"
    "  sagactl stock set 22350 1200\n"
    "  sagactl stock add delivery.csv --wait\n"
    "  sagactl stock show 22350",
    settings, run, "set add show"};
