#include "services/inventory/stock.h"

#include <stdlib.h>
#include <string.h>

#include "services/inventory/decide.h"
#include "services/inventory/store.h"

/* What the work touches: sorted, each SKU once. */
struct shelf {
    struct balance *balances;
    size_t count;
};

static const struct order_created *created_of(const struct entry *entry)
{
    return ((const struct inventory_row *)(const void *)entry->row)->created;
}

static int by_sku(const void *a, const void *b)
{
    const struct balance *left = a, *right = b;

    return strcmp(left->sku, right->sku);
}

/* Every SKU of every ask and command, with repetitions. */
static size_t skus_collect(const struct work *work, struct balance *skus)
{
    size_t count = 0;

    for (size_t i = 0; i < work->item_count; i++)
        if (work->items[i]->kind == ITEM_COMMAND)
            skus[count++].sku = work->items[i]->message.stock_change.sku;
    for (size_t i = 0; i < work->entry_count; i++)
        for (size_t j = 0; work->entries[i].ask != ASK_NONE && j < created_of(&work->entries[i])->line_count; j++)
            skus[count++].sku = created_of(&work->entries[i])->lines[j].sku;
    return count;
}

static struct shelf shelf_new(const struct work *work)
{
    struct shelf shelf = {0};
    size_t most = work->item_count, count;

    for (size_t i = 0; i < work->entry_count; i++)
        most += work->entries[i].ask != ASK_NONE ? created_of(&work->entries[i])->line_count : 0;
    shelf.balances = arena_array(work->arena, most, sizeof *shelf.balances);
    count = skus_collect(work, shelf.balances);
    qsort(shelf.balances, count, sizeof *shelf.balances, by_sku);
    for (size_t i = 0; i < count; i++)
        if (shelf.count == 0 || strcmp(shelf.balances[shelf.count - 1].sku, shelf.balances[i].sku) != 0)
            shelf.balances[shelf.count++] = shelf.balances[i];
    return shelf;
}

static struct balance *balance_of(const struct shelf *shelf, const char *sku)
{
    const struct balance key = {.sku = sku};

    return bsearch(&key, shelf->balances, shelf->count, sizeof key, by_sku);
}

static void move(const struct shelf *shelf, const struct order_created *created, size_t lines, int64_t sign)
{
    for (size_t i = 0; i < lines; i++) {
        struct balance *balance = balance_of(shelf, created->lines[i].sku);

        balance->reserved += sign * created->lines[i].quantity;
        balance->changed = true;
    }
}

/* All lines or none: equal SKUs add up because each line is taken before the next is looked at. */
static struct inventory_outcome *reserve(const struct shelf *shelf, const struct order_created *created, struct arena *arena)
{
    struct inventory_outcome *outcome = arena_alloc(arena, sizeof *outcome);
    const struct balance *balance;

    for (size_t i = 0; i < created->line_count; i++) {
        balance = balance_of(shelf, created->lines[i].sku);
        move(shelf, &(struct order_created){.lines = &created->lines[i]}, 1, 1);
        if (balance->reserved <= balance->on_hand)
            continue;
        move(shelf, created, i + 1, -1);
        outcome->sku = balance->sku;
        outcome->available = balance->on_hand - balance->reserved;
        for (size_t j = 0; j < created->line_count; j++)
            outcome->wanted += strcmp(created->lines[j].sku, balance->sku) == 0 ? created->lines[j].quantity : 0;
        break;
    }
    return outcome;
}

static void settle_entry(const struct service *service, void *context, struct work *work, const struct shelf *shelf,
                         struct entry *entry)
{
    const struct order_created *created = created_of(entry);
    struct inventory_outcome *outcome;

    if (entry->ask == INVENTORY_ASK_RELEASE) {
        move(shelf, created, created->line_count, -1);
        entry->ask = ASK_NONE;
        return;
    }
    outcome = reserve(shelf, created, work->arena);
    work_decide(service, context, work, entry,
                &(struct input){.on = outcome->sku == NULL ? INVENTORY_TAKEN : INVENTORY_SHORT, .outcome = outcome});
}

static void apply(const struct shelf *shelf, const struct message *command)
{
    struct balance *balance = balance_of(shelf, command->stock_change.sku);

    balance->on_hand = command->stock_change.quantity + (command->type == STOCK_ADD ? balance->on_hand : 0);
    balance->changed = true;
}

/* Notes the commands' ids and says which are new, in the order of the items. */
static enum status note_commands(struct database *database, const struct work *work, bool *is_new, struct error *error)
{
    const struct message **commands = arena_array(work->arena, work->item_count, sizeof(struct message *));
    size_t count = 0;

    for (size_t i = 0; i < work->item_count; i++)
        if (work->items[i]->kind == ITEM_COMMAND)
            commands[count++] = &work->items[i]->message;
    return count == 0 ? STATUS_OK : stock_commands_note(database, commands, count, is_new, work->arena, error);
}

enum status stock_settle(const struct service *service, void *context, struct database *database, struct work *work,
                         struct error *error)
{
    struct shelf shelf = shelf_new(work);
    bool *is_new = arena_array(work->arena, work->item_count, sizeof *is_new);
    enum status status = balances_lock(database, shelf.balances, shelf.count, work->arena, error);
    size_t command = 0;

    if (status == STATUS_OK)
        status = note_commands(database, work, is_new, error);
    for (size_t i = 0; status == STATUS_OK && i < work->item_count; i++) {
        const struct item *item = work->items[i];

        if (item->kind == ITEM_COMMAND && is_new[command++])
            apply(&shelf, &item->message);
        if (item->kind == ITEM_FACT && item->entry->ask != ASK_NONE)
            settle_entry(service, context, work, &shelf, item->entry);
    }
    return status == STATUS_OK ? balances_save(database, shelf.balances, shelf.count, work->arena, error) : status;
}
