/* Places orders at a fixed rate, whatever becomes of them: the load is open, so that a slow answer
 * keeps no later order back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "events/identity.h"
#include "events/message.h"
#include "tests/bench/bench.h"

struct order {
    const char *id, *body;
    struct delivery delivery;
    int64_t due_us, sent_us, acked_us;
};

struct placing {
    struct producer *producer;
    enum message_type type;
    struct order *orders;
    size_t count, sent, acked; /* all before `acked` are */
};

static size_t orders_read(const char *path, enum message_type type, struct order **orders,
                          struct arena *arena)
{
    struct decoder *decoder = decoder_new();
    FILE *file = fopen(path, "r");
    size_t capacity = 0, room = 0, count = 0;
    char *line = NULL;
    ssize_t length;
    struct error error;

    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    *orders = NULL;
    while ((length = getline(&line, &room, file)) > 0) {
        struct message message = {0};

        *orders = array_grow(*orders, count, &capacity, sizeof **orders);
        bench_check(message_decode(decoder, arena, type, line, (size_t)length, &message, &error),
                    &error);
        (*orders)[count++] = (struct order){.id = message.subject,
                                            .body = arena_copy(arena, line, (size_t)length - 1)};
    }
    free(line);
    fclose(file);
    decoder_free(decoder);
    return count;
}

static void send(struct placing *placing, struct order *order)
{
    const char *type = message_type_name(placing->type);
    char id[IDENTITY_SIZE];
    const struct header headers[] = {{"ce_specversion", "1.0", 3},
                                     {"ce_id", id, IDENTITY_SIZE - 1},
                                     {"ce_type", type, strlen(type)},
                                     {"ce_source", "/quadrille/bench", 16},
                                     {"ce_subject", order->id, strlen(order->id)},
                                     {"content-type", "application/json", 16}};
    struct error error;

    command_id(id);
    order->sent_us = clock_steady_us();
    bench_check(
        producer_send(placing->producer,
                      &(struct outgoing){.topic = message_topic(placing->type),
                                         .key = order->id,
                                         .key_length = strlen(order->id),
                                         .value = order->body,
                                         .value_length = strlen(order->body),
                                         .headers = headers,
                                         .header_count = sizeof headers / sizeof headers[0]},
                      &order->delivery, &error),
        &error);
    placing->sent++;
}

/* Notes the time of what was acknowledged since; orders of several partitions may overtake each
 * other. */
static void take_acknowledgements(struct placing *placing, int timeout_ms)
{
    int64_t now_us;

    producer_poll(placing->producer, timeout_ms);
    now_us = clock_steady_us();
    for (size_t i = placing->acked; i < placing->sent; i++) {
        struct order *order = &placing->orders[i];

        if (order->acked_us == 0 && order->delivery.pending == 0) {
            bench_check(order->delivery.error.status, &order->delivery.error);
            order->acked_us = now_us;
        }
    }
    while (placing->acked < placing->sent && placing->orders[placing->acked].acked_us != 0)
        placing->acked++;
}

static void wait_until(struct placing *placing, int64_t due_us)
{
    int64_t left_us;

    while ((left_us = due_us - clock_steady_us()) > 0) {
        if (placing->acked < placing->sent && left_us > 1000)
            take_acknowledgements(placing, (int)(left_us / 1000));
        else
            sleep_us(left_us);
    }
}

int place_main(int argc, char **argv)
{
    struct broker_settings broker = bench_broker();
    struct arena *arena = arena_new();
    struct placing placing = {0};
    struct error error;
    int64_t start_us;
    double rate;

    if (argc != 2 && argc != 3)
        return 2;
    placing.type = ORDER_PLACE;
    if (argc == 3 && !message_type_find(argv[2], &placing.type))
        return 2;
    rate = strtod(argv[1], NULL);
    placing.count = orders_read(argv[0], placing.type, &placing.orders, arena);
    placing.producer = producer_new(&broker, &error);
    bench_check(placing.producer == NULL ? error.status : STATUS_OK, &error);
    start_us = clock_steady_us() + 100000;
    if (rate > 0)
        printf("%lld\n", (long long)start_us);
    fflush(stdout);
    for (size_t i = 0; i < placing.count; i++) {
        struct order *order = &placing.orders[i];

        order->due_us = start_us + (rate > 0 ? (int64_t)((double)i * 1e6 / rate) : 0);
        wait_until(&placing, order->due_us);
        send(&placing, order);
        if (rate > 0 || i % 1000 == 0)
            take_acknowledgements(&placing, 0);
    }
    while (placing.acked < placing.count)
        take_acknowledgements(&placing, 100);
    for (size_t i = 0; rate > 0 && i < placing.count; i++)
        printf("%s\t%lld\t%lld\t%lld\n", placing.orders[i].id, (long long)placing.orders[i].due_us,
               (long long)placing.orders[i].sent_us, (long long)placing.orders[i].acked_us);
    producer_free(placing.producer);
    free(placing.orders);
    arena_free(arena);
    return EXIT_SUCCESS;
}
