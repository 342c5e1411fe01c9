/* Makes a run out of real orders: orders.ndjson, stock.csv, cancel-before.txt and cancel-after.txt
 * in a folder.
 *
 * usage: xz -dc orders.ndjson.xz | workload [--plain] N FOLDER [PREFIX]
 *
 * Of the first N orders every 33rd has a card that is declined and every 37th asks for one piece
 * more of a SKU than there is; every 50th is placed twice.  One is cancelled before it is placed,
 * one while its charge is under way, one is approved late. --plain leaves the last four out: every
 * order is placed once and answered at once.  There is exactly as much stock as the others need.
 * PREFIX stands before each order id, so that runs do not meet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "events/message.h"

enum {
    DECLINED_EVERY = 33,
    SHORT_EVERY = 37,
    REPEATED_EVERY = 50,
    CANCELLED_BEFORE = 24,
    CANCELLED_AFTER = 26,
    LATE = 28,
    SKUS_MAX = 10000
};

struct stock {
    const char *sku;
    int64_t quantity;
} stocks[SKUS_MAX];

static size_t stock_count;
static bool plain;

static struct stock *stock_of(const char *sku)
{
    for (size_t i = 0; i < stock_count; i++)
        if (strcmp(stocks[i].sku, sku) == 0)
            return &stocks[i];
    if (stock_count == SKUS_MAX)
        abort();
    stocks[stock_count].sku = sku;
    return &stocks[stock_count++];
}

static bool is_short(size_t n)
{
    return n % SHORT_EVERY == SHORT_EVERY - 1;
}

static const char *method_of(size_t n, const struct order_place *order)
{
    if (n % DECLINED_EVERY == DECLINED_EVERY - 1)
        return "pm_card_declined";
    return plain                  ? order->payment_method
           : n == CANCELLED_AFTER ? "pm_silent_charge"
           : n == LATE            ? "pm_late_approve"
                                  : order->payment_method;
}

static FILE *create(const char *folder, const char *name)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return file;
}

static size_t read_orders(struct message *orders, size_t most, const char *prefix,
                          struct arena *arena)
{
    struct decoder *decoder = decoder_new();
    char *line = NULL;
    size_t capacity = 0, count = 0;
    struct error error;
    ssize_t length;

    while ((length = getline(&line, &capacity, stdin)) > 0) {
        if (count == most)
            continue; /* whoever writes to us is not cut off */
        if (message_decode(decoder, arena, ORDER_PLACE, line, (size_t)length, &orders[count],
                           &error) != STATUS_OK) {
            fprintf(stderr, "line %zu: %s\n", count + 1, error.message);
            exit(EXIT_FAILURE);
        }
        orders[count].order_place.order_id =
            arena_format(arena, "%s%s", prefix, orders[count].order_place.order_id);
        orders[count].order_place.payment_method = method_of(count, &orders[count].order_place);
        count++;
    }
    free(line);
    decoder_free(decoder);
    return count;
}

/* What all others need; then those that are to fail ask for more than that. */
static void stock_up(struct message *orders, size_t count)
{
    for (size_t n = 0; n < count; n++)
        for (size_t i = 0; i < orders[n].order_place.line_count; i++)
            stock_of(orders[n].order_place.lines[i].sku)->quantity +=
                is_short(n) ? 0 : orders[n].order_place.lines[i].quantity;
    for (size_t n = 0; n < count; n++)
        if (is_short(n))
            orders[n].order_place.lines[0].quantity =
                stock_of(orders[n].order_place.lines[0].sku)->quantity + 1;
}

static void write_orders(const char *folder, const struct message *orders, size_t count)
{
    FILE *file = create(folder, "orders.ndjson");
    struct arena *arena = arena_new();
    struct error error;

    for (size_t n = 0; n < count; n++) {
        struct buffer line = {.arena = arena};

        if (message_encode(&orders[n], &line, &error) != STATUS_OK) {
            fprintf(stderr, "workload: order %s: %s\n", orders[n].subject, error.message);
            exit(EXIT_FAILURE);
        }
        fprintf(file, "%s\n", line.data);
        if (!plain && n % REPEATED_EVERY == REPEATED_EVERY - 1)
            fprintf(file, "%s\n", line.data);
        arena_reset(arena);
    }
    arena_free(arena);
    fclose(file);
}

static void write_cancel(const char *folder, const char *name, const struct message *orders,
                         size_t count, size_t n)
{
    FILE *file = create(folder, name);

    if (n < count)
        fprintf(file, "%s\n", orders[n].subject);
    fclose(file);
}

int main(int argc, char **argv)
{
    size_t most, count;
    struct arena *arena;
    struct message *orders;
    FILE *file;

    plain = argc > 1 && strcmp(argv[1], "--plain") == 0;
    argc -= plain;
    argv += plain;
    most = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    if (most == 0 || argc > 4) {
        fprintf(stderr, "usage: workload [--plain] N FOLDER [PREFIX]\n");
        return 2;
    }
    arena = arena_new();
    orders = arena_array(arena, most, sizeof *orders);
    count = read_orders(orders, most, argc > 3 ? argv[3] : "", arena);
    stock_up(orders, count);
    write_orders(argv[2], orders, count);
    write_cancel(argv[2], "cancel-before.txt", orders, count, CANCELLED_BEFORE);
    write_cancel(argv[2], "cancel-after.txt", orders, count, CANCELLED_AFTER);
    file = create(argv[2], "stock.csv");
    fprintf(file, "sku,quantity\n");
    for (size_t i = 0; i < stock_count; i++)
        fprintf(file, "%s,%lld\n", stocks[i].sku, (long long)stocks[i].quantity);
    fclose(file);
    arena_free(arena);
    return EXIT_SUCCESS;
}
