#include "tools/sagactl/audit/commands.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "database/database.h"
#include "events/envelope.h"
#include "events/message.h"
#include "history/reading.h"
#include "tools/sagactl/command.h"

/* Of the log. */
struct stock_command {
    const char *id, *sku;
    enum message_type type;
    int64_t quantity;
    size_t number; /* in the order of reading, which is that of the log in each partition */
    /* redriven by the internal topic: when it came between the others is not told */
    bool repaired;
};

/* Of the database. */
struct decided {
    const char *id;
    bool refused, met;
};

struct stocked {
    const char *sku;
    int64_t on_hand;
};

struct book {
    struct report *report;
    struct arena *arena, *scratch;
    struct decoder *decoder;
    struct stock_command *all;
    struct decided *decided; /* by id, as the database sorts them */
    struct stocked *stock;   /* by SKU */
    size_t count, capacity, decided_count, decided_capacity, stock_count, stock_capacity;
    bool truncated; /* the log has lost its beginning */
};

/* ---- the database ---- */

static const char sql[] = "SELECT 0, id, (refused IS NOT NULL)::int::bigint FROM stock_command\n"
                          "UNION ALL SELECT 1, sku, on_hand FROM stock ORDER BY 1, 2";

static void row_take(struct book *book, const struct result *row)
{
    const char *name = result_copy(row, 0, 1, book->arena);

    if (result_integer(row, 0, 0) == 0) {
        book->decided = array_grow(book->decided, book->decided_count, &book->decided_capacity,
                                   sizeof *book->decided);
        book->decided[book->decided_count++] =
            (struct decided){.id = name, .refused = result_integer(row, 0, 2) != 0};
        return;
    }
    book->stock =
        array_grow(book->stock, book->stock_count, &book->stock_capacity, sizeof *book->stock);
    book->stock[book->stock_count++] = (struct stocked){name, result_integer(row, 0, 2)};
}

static enum status database_read(struct book *book, const char *url, struct error *error)
{
    struct database *database = database_new(url, "sagactl");
    struct result *row = NULL;
    enum status status = database_stream(database, sql, error);

    while (status == STATUS_OK && (status = database_next(database, &row, error)) == STATUS_OK &&
           row != NULL) {
        row_take(book, row);
        result_free(row);
    }
    database_free(database);
    return status;
}

static int by_id(const void *key, const void *decided)
{
    return strcmp(key, ((const struct decided *)decided)->id);
}

static struct decided *decided_find(const struct book *book, const char *id)
{
    return book->decided_count == 0
               ? NULL
               : bsearch(id, book->decided, book->decided_count, sizeof *book->decided, by_id);
}

/* ---- the log ---- */

static void opened(void *context, const struct reader *reader)
{
    struct book *book = context;
    const int64_t *starts = reader_starts(reader);
    size_t count;

    reader_ends(reader, &count);
    for (size_t i = 0; i < count; i++)
        book->truncated = book->truncated || starts[i] > 0;
}

/* A command is decided once an id: only the first counts. */
static void take(void *context, const struct incoming *incoming)
{
    struct book *book = context;
    struct message message = {0};
    struct decided *decided;
    struct error ignored;
    enum message_type type;

    arena_reset(book->scratch);
    if (envelope_decode(book->scratch, incoming->headers, incoming->header_count, &message.envelope,
                        &ignored) != STATUS_OK ||
        message.envelope.id == NULL || !message_type_find(message.envelope.type, &type) ||
        (type != STOCK_SET && type != STOCK_ADD) ||
        (decided = decided_find(book, message.envelope.id)) == NULL ||
        message_decode(book->decoder, book->scratch, type, incoming->value, incoming->value_length,
                       &message, &ignored) != STATUS_OK)
        return;
    if (decided->met && strcmp(incoming->topic, "inventory.commands") == 0)
        return;
    decided->met = true;
    book->all = array_grow(book->all, book->count, &book->capacity, sizeof *book->all);
    book->all[book->count] = (struct stock_command){
        .id = decided->id,
        .sku = arena_copy(book->arena, message.stock_change.sku, strlen(message.stock_change.sku)),
        .type = type,
        .quantity = message.stock_change.quantity,
        .number = book->count,
        .repaired = strcmp(incoming->topic, "inventory.commands") != 0};
    book->count++;
}

static enum status log_read(struct book *book, const struct settings *from, struct error *error)
{
    const struct log_source source = command_source(from);
    static const char *const topics[] = {"inventory.commands", "inventory.internal"};
    const struct reading reading = {.scope = {.topics = topics, .topic_count = 2},
                                    .once = true,
                                    .progress = "stock",
                                    .take = take,
                                    .opened = opened};

    return messages_read(&source, &reading, book, error);
}

/* ---- SKU by SKU ---- */

static int by_sku(const void *a, const void *b)
{
    const struct stock_command *left = a, *right = b;
    int order = strcmp(left->sku, right->sku);

    return order != 0 ? order : left->number < right->number ? -1 : 1;
}

/* As inventory decides: what would lead below zero, or beyond what can be counted, is refused. */
static bool apply(const struct stock_command *command, int64_t *on_hand)
{
    int64_t after = command->quantity;

    if (command->type == STOCK_ADD && __builtin_add_overflow(*on_hand, command->quantity, &after))
        return false;
    if (after < 0 || after == INT64_MAX)
        return false;
    *on_hand = after;
    return true;
}

static void sku_check(struct book *book, const char *sku, const struct stock_command *first,
                      size_t count, int64_t on_hand)
{
    int64_t expected = 0;
    bool repaired = false;

    for (size_t i = 0; i < count; i++)
        repaired = repaired || first[i].repaired;
    if (repaired) /* nobody tells when among the others it came */
        return;
    for (size_t i = 0; i < count; i++) {
        bool applied = apply(&first[i], &expected),
             refused = decided_find(book, first[i].id)->refused;

        if (applied == refused)
            finding(book->report, CHECK_COMMANDS, sku,
                    "SKU %s: stock command %s was %s, the log leads to the opposite", sku,
                    first[i].id, refused ? "refused" : "applied");
    }
    if (expected != on_hand)
        finding(book->report, CHECK_COMMANDS, sku,
                "SKU %s: %lld on hand, stock commands lead to %lld", sku, (long long)on_hand,
                (long long)expected);
}

static void compare(struct book *book)
{
    size_t at = 0;

    if (book->count > 0)
        qsort(book->all, book->count, sizeof *book->all, by_sku);
    for (size_t i = 0; i < book->stock_count || at < book->count;) {
        int order = i == book->stock_count ? 1
                    : at == book->count    ? -1
                                           : strcmp(book->stock[i].sku, book->all[at].sku);
        const bool stored = order <= 0;
        const char *sku = stored ? book->stock[i].sku : book->all[at].sku;
        size_t count = 0;

        while (at + count < book->count && strcmp(book->all[at + count].sku, sku) == 0)
            count++;
        sku_check(book, sku, &book->all[at], count, stored ? book->stock[i].on_hand : 0);
        at += count;
        i += stored;
    }
    for (size_t i = 0; i < book->decided_count; i++)
        if (!book->decided[i].met)
            finding(book->report, CHECK_COMMANDS, book->decided[i].id,
                    "stock command %s: inventory has decided on it, the log has none",
                    book->decided[i].id);
}

enum status audit_commands(const struct settings *from, struct report *report, struct error *error)
{
    struct book book = {
        .report = report, .arena = arena_new(), .scratch = arena_new(), .decoder = decoder_new()};
    enum status status = database_read(&book, settings_text(from, "inventory-database"), error);

    report_begin(report, CHECK_COMMANDS);
    if (status == STATUS_OK)
        status = log_read(&book, from, error);
    if (status == STATUS_OK && !book.truncated && !command_interrupted())
        compare(&book);
    report_detail(report, CHECK_COMMANDS, "%zu stock commands of %zu SKUs%s", book.count,
                  book.stock_count,
                  book.truncated ? "; not judged, for the beginning of others is gone" : "");
    free(book.all);
    free(book.decided);
    free(book.stock);
    decoder_free(book.decoder);
    arena_free(book.scratch);
    arena_free(book.arena);
    return status;
}
