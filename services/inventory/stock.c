#include "services/inventory/stock.h"

#include <stdlib.h>
#include <string.h>

#include "services/inventory/decide.h"
#include "services/inventory/store.h"

/* What the batch touches: sorted, each SKU once. */
struct shelf {
    struct balance *balances;
    size_t count;
};

static const struct order_created *created_of(const struct batch_order *order)
{
    return ((const struct inventory_row *)(const void *)order->row)->created;
}

static int by_sku(const void *a, const void *b)
{
    const struct balance *left = a, *right = b;

    return strcmp(left->sku, right->sku);
}

/* Every SKU of every effect and command, with repetitions. */
static size_t skus_collect(const struct batch *batch, struct balance *skus)
{
    size_t count = 0;

    for (size_t i = batch->first; i < batch->records.count; i++)
        if (batch->records.all[i]->kind == RECORD_COMMAND)
            skus[count++].sku = batch->records.all[i]->message.stock_change.sku;
    for (size_t i = 0; i < batch->order_count; i++)
        for (size_t j = 0; batch->orders[i].effect != EFFECT_NONE &&
                           j < created_of(&batch->orders[i])->line_count;
             j++)
            skus[count++].sku = created_of(&batch->orders[i])->lines[j].sku;
    return count;
}

static struct shelf shelf_new(const struct batch *batch)
{
    struct shelf shelf = {0};
    size_t most = batch->records.count, count;

    for (size_t i = 0; i < batch->order_count; i++)
        most +=
            batch->orders[i].effect != EFFECT_NONE ? created_of(&batch->orders[i])->line_count : 0;
    shelf.balances = arena_array(batch->arena, most, sizeof *shelf.balances);
    count = skus_collect(batch, shelf.balances);
    qsort(shelf.balances, count, sizeof *shelf.balances, by_sku);
    for (size_t i = 0; i < count; i++)
        if (shelf.count == 0 ||
            strcmp(shelf.balances[shelf.count - 1].sku, shelf.balances[i].sku) != 0)
            shelf.balances[shelf.count++] = shelf.balances[i];
    return shelf;
}

static struct balance *balance_of(const struct shelf *shelf, const char *sku)
{
    const struct balance key = {.sku = sku};

    return bsearch(&key, shelf->balances, shelf->count, sizeof key, by_sku);
}

/* What is far beyond all that is there stays at the end of int64: rows that were changed by hand
 * may hold anything. */
static int64_t sum(int64_t a, int64_t b)
{
    if (b > 0 && a > INT64_MAX - b)
        return INT64_MAX;
    return b < 0 && a < INT64_MIN - b ? INT64_MIN : a + b;
}

static int64_t available(const struct balance *balance)
{
    return sum(balance->on_hand, balance->reserved == INT64_MIN ? INT64_MAX : -balance->reserved);
}

static void move(const struct shelf *shelf, const struct order_created *created, size_t lines,
                 int64_t sign)
{
    for (size_t i = 0; i < lines; i++) {
        struct balance *balance = balance_of(shelf, created->lines[i].sku);

        balance->reserved = sum(balance->reserved, sign * created->lines[i].quantity);
        balance->changed = true;
    }
}

/* All lines or none: equal SKUs add up because each line is taken before the next is looked at. */
static struct inventory_result *reserve(const struct shelf *shelf,
                                        const struct order_created *created, struct arena *arena)
{
    struct inventory_result *result = arena_alloc(arena, sizeof *result);
    const struct balance *balance;

    for (size_t i = 0; i < created->line_count; i++) {
        balance = balance_of(shelf, created->lines[i].sku);
        if (created->lines[i].quantity <= available(balance)) {
            move(shelf, &(struct order_created){.lines = &created->lines[i]}, 1, 1);
            continue;
        }
        move(shelf, created, i, -1);
        result->sku = balance->sku;
        result->available = available(balance);
        for (size_t j = 0; j < created->line_count; j++)
            if (strcmp(created->lines[j].sku, balance->sku) == 0)
                result->wanted = sum(result->wanted, created->lines[j].quantity);
        break;
    }
    return result;
}

static void effect_apply(const struct service *service, void *context, struct batch *batch,
                         const struct shelf *shelf, struct batch_order *order)
{
    const struct order_created *created = created_of(order);
    struct inventory_result *result;

    if (order->effect == INVENTORY_EFFECT_RELEASE) {
        move(shelf, created, created->line_count, -1);
        order->effect = EFFECT_NONE;
        return;
    }
    result = reserve(shelf, created, batch->arena);
    batch_decide(service, context, batch, order,
                 &(struct input){.on = result->sku == NULL ? INVENTORY_TAKEN : INVENTORY_SHORT,
                                 .result = result});
}

/* A command is a decision of its own: what is on hand afterwards, or why there can be no such. */
static bool on_hand_after(const struct balance *balance, const struct message *command,
                          int64_t *after, struct error *why)
{
    const char *sku = command->stock_change.sku;
    const int64_t quantity = command->stock_change.quantity;

    *after = command->type == STOCK_ADD ? sum(balance->on_hand, quantity) : quantity;
    if (*after < 0)
        error_set(
            why, STATUS_INVALID,
            "stock of %s would be %lld: %lld are on hand; for another try send it under another id",
            sku, (long long)*after, (long long)balance->on_hand);
    else if (*after == INT64_MAX)
        error_set(why, STATUS_INVALID,
                  "stock of %s would be more than can be counted: %lld are on hand", sku,
                  (long long)balance->on_hand);
    else
        return true;
    return false;
}

/* The stock commands of a batch, in its order, and what became of them. */
struct commands {
    const struct message **messages;
    struct noted *noted;
    size_t count;
    const struct message **refused; /* in this batch */
    const char **reasons;
    size_t refused_count;
};

static enum status commands_note(struct database *database, const struct batch *batch,
                                 struct commands *commands, struct error *error)
{
    commands->messages = arena_array(batch->arena, batch->records.count, sizeof(struct message *));
    commands->noted = arena_array(batch->arena, batch->records.count, sizeof *commands->noted);
    commands->refused = arena_array(batch->arena, batch->records.count, sizeof(struct message *));
    commands->reasons = arena_array(batch->arena, batch->records.count, sizeof(char *));
    for (size_t i = batch->first; i < batch->records.count; i++)
        if (batch->records.all[i]->kind == RECORD_COMMAND)
            commands->messages[commands->count++] = &batch->records.all[i]->message;
    return commands->count == 0 ? STATUS_OK
                                : stock_commands_note(database, commands->messages, commands->count,
                                                      commands->noted, batch->arena, error);
}

/* Applies it or refuses it, once an id: one that was refused is refused again for the same reason,
 * whenever it comes. */
static void command_apply(const struct shelf *shelf, struct commands *commands, size_t number,
                          struct record *record, struct arena *arena)
{
    struct balance *balance = balance_of(shelf, record->message.stock_change.sku);
    struct noted *noted = &commands->noted[number];
    struct error why = {STATUS_OK, ""};
    int64_t after;

    if (noted->is_new && !on_hand_after(balance, &record->message, &after, &why)) {
        noted->refused = arena_text(arena, why.message);
        commands->refused[commands->refused_count] = &record->message;
        commands->reasons[commands->refused_count++] = noted->refused;
    } else if (noted->is_new) {
        balance->on_hand = after;
        balance->changed = true;
    } else if (noted->first != number) {
        noted->refused = commands->noted[noted->first].refused;
    }
    if (noted->refused == NULL)
        return;
    error_set(&why, STATUS_INVALID, "%s", noted->refused);
    record_dead_letter(record, &why);
}

enum status stock_apply(const struct service *service, void *context, struct database *database,
                        struct batch *batch, struct error *error)
{
    struct shelf shelf = shelf_new(batch);
    struct commands commands = {0};
    enum status status = balances_lock(database, shelf.balances, shelf.count, batch->arena, error);
    size_t command = 0;

    if (status == STATUS_OK)
        status = commands_note(database, batch, &commands, error);
    for (size_t i = batch->first; status == STATUS_OK && i < batch->records.count; i++) {
        struct record *record = batch->records.all[i];

        if (record->kind == RECORD_COMMAND)
            command_apply(&shelf, &commands, command++, record, batch->arena);
        else if (record->kind == RECORD_FACT && record->order->effect != EFFECT_NONE)
            effect_apply(service, context, batch, &shelf, record->order);
    }
    if (status == STATUS_OK)
        status = stock_commands_refuse(database, commands.refused, commands.reasons,
                                       commands.refused_count, batch->arena, error);
    return status == STATUS_OK
               ? balances_save(database, shelf.balances, shelf.count, batch->arena, error)
               : status;
}
