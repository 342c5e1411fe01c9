#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/log.h"

void sleep_us(int64_t us)
{
    const struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

    nanosleep(&pause, NULL);
}

struct broker_settings bench_broker(void)
{
    static const char *properties[18];
    static char list[1024];
    const char *brokers = getenv("QUADRILLE_BROKERS"), *given = getenv("QUADRILLE_KAFKA");
    size_t count = 0;

    snprintf(list, sizeof list, "%s", given == NULL ? "" : given);
    for (char *property = strtok(list, " "); property != NULL && count < 16;
         property = strtok(NULL, " "))
        properties[count++] = property;
    properties[count++] = "linger.ms=0"; /* what the benchmark sends at a rate is sent at once */
    properties[count] = NULL;
    if (brokers == NULL) {
        fprintf(stderr, "bench: QUADRILLE_BROKERS is not set: source the stack's env\n");
        exit(2);
    }
    return (struct broker_settings){.brokers = brokers, .properties = properties};
}

void bench_check(enum status status, const struct error *error)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "bench: %s\n", error->message);
    exit(EXIT_FAILURE);
}

enum status forward(struct producer *producer, const char *topic, const struct incoming *message,
                    struct delivery *delivery, struct error *error)
{
    return producer_send(producer,
                         &(struct outgoing){.topic = topic,
                                            .key = message->key,
                                            .key_length = message->key_length,
                                            .value = message->value,
                                            .value_length = message->value_length,
                                            .headers = message->headers,
                                            .header_count = message->header_count},
                         delivery, error);
}

void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        abort();
    return memory;
}

struct barrier *barrier_new(int expected)
{
    struct barrier *barrier = shared_memory(sizeof *barrier);

    barrier->expected = expected;
    return barrier;
}

void barrier_wait(struct barrier *barrier)
{
    int64_t none = 0;

    barrier->ready++;
    while (barrier->ready < barrier->expected)
        sleep_us(1000);
    atomic_compare_exchange_strong(&barrier->started_us, &none, clock_steady_us());
}

void barrier_done(struct barrier *barrier)
{
    int64_t now_us = clock_steady_us(), ended_us = barrier->ended_us;

    while (ended_us < now_us &&
           !atomic_compare_exchange_weak(&barrier->ended_us, &ended_us, now_us))
        ;
    barrier->done++;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *usage;
    } parts[] = {
        {"place", place_main,
         "FILE RATE [TYPE]  send orders, or other commands of TYPE, RATE a second or all at once "
         "(0); prints when it starts, and ID DUE SENT ACKNOWLEDGED"},
        {"watch", watch_main,
         "                print TYPE ID TIME of what order says as it is read, until SIGTERM"},
        {"events", events_main,
         "SINCE_MS       print TYPE ID TIME of every event, by its producer's clock"},
        {"hop", hop_main,
         "TOPIC RATE SECONDS  one hop: produce, fetch in another process, commit a row; prints "
         "microseconds"},
        {"limit-kafka", limit_kafka_main,
         "PREFIX    the messages of the orders with PREFIX through Kafka alone; prints seconds, "
         "messages, CPU seconds"},
        {"limit-postgres", limit_postgres_main,
         "PREFIX  their rows into PostgreSQL alone; prints seconds and rows"},
    };

    log_open("bench", false, LOG_WARNING); /* what it measures goes without comment */
    for (size_t i = 0; argc > 1 && i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].run(argc - 2, argv + 2);
    fprintf(stderr, "usage:\n");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        fprintf(stderr, "  bench %s %s\n", parts[i].name, parts[i].usage);
    return 2;
}
