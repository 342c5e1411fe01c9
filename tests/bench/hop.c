/* One hop, the unit that latencies are measured in: a message is produced, fetched in another
 * process, and a row about it is committed there.  Clients and database are those of the services;
 * nothing is decided or decoded. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "database/database.h"
#include "tests/bench/bench.h"

enum { BATCH_MAX = 1000 };

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static struct database *database_open(void)
{
    struct database *database =
        database_new(getenv("QUADRILLE_PROVIDER_DATABASE"), "quadrille-bench");
    struct error error;

    bench_check(database_execute(database,
                                 "CREATE TABLE IF NOT EXISTS hop (sent bigint, body text)", &error),
                &error);
    return database;
}

/* Takes what is there, commits a row for each, prints how long ago each was sent. */
static void take(struct consumer *consumer, struct database *database, struct arena *arena)
{
    static const enum column_kind kinds[] = {COLUMN_INTEGER, COLUMN_TEXT};
    struct parameters *rows = parameters_new(arena, kinds, 2);
    int64_t sent_us[BATCH_MAX];
    struct incoming message;
    struct error error;
    size_t count = 0;

    while (count < BATCH_MAX && consumer_take(consumer, count == 0 ? 100 : 0, &message)) {
        memcpy(&sent_us[count], message.value, sizeof sent_us[count]);
        parameters_integer(rows, 0, sent_us[count++]);
        parameters_text(rows, 1,
                        "a row is about as long as this: order, state, facts, version, amount, "
                        "currency, a few times");
        consumer_finished(consumer, message.slot, message.epoch, message.offset + 1);
        incoming_release(&message);
    }
    if (count > 0)
        bench_check(database_query(database,
                                   "INSERT INTO hop SELECT * FROM unnest($1::bigint[], $2::text[])",
                                   rows, NULL, &error),
                    &error);
    consumer_commit(consumer, 250);
    for (size_t i = 0; i < count; i++)
        printf("%lld\n", (long long)(clock_steady_us() - sent_us[i]));
    arena_reset(arena);
}

static int consume(const char *topic)
{
    const struct sigaction action = {.sa_handler = on_signal};
    struct broker_settings broker = bench_broker();
    struct database *database = database_open();
    struct arena *arena = arena_new();
    struct consumer *consumer;
    struct error error;

    sigaction(SIGTERM, &action, NULL);
    broker.group = "quadrille-bench-hop";
    consumer = consumer_new(&broker, &topic, 1, &error);
    bench_check(consumer == NULL ? error.status : STATUS_OK, &error);
    while (!stopped)
        take(consumer, database, arena);
    fflush(stdout);
    consumer_close(consumer);
    database_free(database);
    arena_free(arena);
    return EXIT_SUCCESS;
}

/* About as long as an event of ours: payment.completed with its headers. */
static void produce(const char *topic, double rate, double seconds)
{
    struct broker_settings broker = bench_broker();
    struct delivery delivery = {0};
    char body[600] = {0}, key[24];
    struct producer *producer;
    struct error error;
    int64_t start_us, due_us;

    producer = producer_new(&broker, &error);
    bench_check(producer == NULL ? error.status : STATUS_OK, &error);
    start_us = clock_steady_us();
    for (long i = 0; (due_us = start_us + (int64_t)((double)i * 1e6 / rate)) <
                     start_us + (int64_t)(seconds * 1e6);
         i++) {
        int64_t now_us = clock_steady_us();

        if (due_us > now_us)
            sleep_us(due_us - now_us);
        memcpy(body, &due_us, sizeof due_us);
        snprintf(key, sizeof key, "%ld", i);
        producer_poll(producer, 0);
        bench_check(producer_send(producer,
                                  &(struct outgoing){.topic = topic,
                                                     .key = key,
                                                     .key_length = strlen(key),
                                                     .value = body,
                                                     .value_length = sizeof body},
                                  &delivery, &error),
                    &error);
    }
    producer_flush(producer, 10000);
    producer_free(producer);
}

int hop_main(int argc, char **argv)
{
    pid_t child;
    int status;

    if (argc != 3)
        return 2;
    child = fork();
    if (child == 0)
        return consume(argv[0]);
    /* the group is joined meanwhile; what comes too early is cut off as warm-up */
    sleep_us(4000000);
    produce(argv[0], strtod(argv[1], NULL), strtod(argv[2], NULL));
    sleep_us(500000);
    kill(child, SIGTERM);
    return waitpid(child, &status, 0) == child && status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
