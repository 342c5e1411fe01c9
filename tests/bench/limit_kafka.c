/* The Kafka bound: the messages of a round are produced again, by one process for each service,
 * each fetching what its service consumes, through the same clients.  Nobody waits for a cause,
 * nothing is decoded, there is no database. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "services/catalog.h"
#include "services/runtime/service.h"
#include "tests/bench/bench.h"

/* Of each service the topic of its events, and behind them that of the commands. */
enum { COMMANDS = SERVICES, TOPICS, CHUNK = 1000 };

static const char *source_of(int topic)
{
    return topic == COMMANDS ? "orders.commands" : catalog[topic].emits_to;
}

static const char *copy_of(int topic)
{
    static char names[TOPICS][64];

    snprintf(names[topic], sizeof names[topic], "limit.%s", source_of(topic));
    return names[topic];
}

static bool is_consumed_by(int service, int topic)
{
    return service_subscribes(catalog[service].service, source_of(topic));
}

struct shared {
    long count[TOPICS];     /* messages of the round */
    _Atomic int64_t cpu_us; /* that the four spent while the clock ran */
};

struct messages {
    struct incoming *at;
    size_t count, capacity;
};

static struct messages messages_of(const char *topic, const char *prefix)
{
    struct broker_settings broker = bench_broker();
    struct messages messages = {0};
    struct incoming message;
    struct reader *reader;
    struct error error;

    reader =
        reader_new(&broker, &(struct reader_scope){.topics = &topic, .topic_count = 1}, &error);
    bench_check(reader == NULL ? error.status : STATUS_OK, &error);
    while (!reader_caught_up(reader)) {
        if (!reader_take(reader, 100, &message))
            continue;
        if (message.key_length < strlen(prefix) ||
            memcmp(message.key, prefix, strlen(prefix)) != 0) {
            incoming_release(&message);
            continue;
        }
        messages.at =
            array_grow(messages.at, messages.count, &messages.capacity, sizeof *messages.at);
        messages.at[messages.count++] = message;
    }
    return messages; /* their reader lives as long as the process */
}

static void messages_free(struct messages *messages)
{
    for (size_t i = 0; i < messages->count; i++)
        incoming_release(&messages->at[i]);
    free(messages->at);
}

static struct producer *producer_open(void)
{
    struct broker_settings broker = bench_broker();
    struct error error;
    struct producer *producer = producer_new(&broker, &error);

    bench_check(producer == NULL ? error.status : STATUS_OK, &error);
    return producer;
}

/* The round's commands were there before its clock ran: so are their copies. */
static void commands_copy(const char *prefix, struct shared *shared)
{
    struct messages messages = messages_of(source_of(COMMANDS), prefix);
    struct producer *producer = producer_open();
    struct delivery delivery = {0};
    struct error error;

    for (size_t i = 0; i < messages.count; i++)
        bench_check(forward(producer, copy_of(COMMANDS), &messages.at[i], &delivery, &error),
                    &error);
    producer_flush(producer, 60000);
    shared->count[COMMANDS] = (long)messages.count;
    producer_free(producer);
    messages_free(&messages);
}

static void on_log(void *context, int level, const char *what)
{
    (void)level;
    if (strstr(what, "partitions assigned") != NULL)
        *(bool *)context = true;
}

static long expected(int service, const struct shared *shared)
{
    long count = 0;

    for (int i = 0; i < TOPICS; i++)
        if (is_consumed_by(service, i))
            count += shared->count[i];
    return count;
}

static int64_t cpu_us(void)
{
    struct timespec spent;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * 1000000 + spent.tv_nsec / 1000;
}

static int run_service(int service, const char *prefix, struct shared *shared,
                       struct barrier *loaded, struct barrier *clock)
{
    struct messages messages = messages_of(source_of(service), prefix);
    struct broker_settings broker = bench_broker();
    struct producer *producer = producer_open();
    struct delivery delivery = {0};
    const char *consumed[TOPICS], *copy = copy_of(service);
    struct consumer *consumer;
    struct incoming message;
    struct error error;
    bool assigned = false;
    char group[64];
    long taken = 0;
    size_t sent = 0, count = 0;
    int64_t spent_us;

    shared->count[service] = (long)messages.count;
    if (is_consumed_by(service, COMMANDS))
        commands_copy(prefix, shared);
    snprintf(group, sizeof group, "quadrille-limit-%d", service);
    broker.group = group;
    broker.log = on_log;
    broker.log_context = &assigned;
    for (int i = 0; i < TOPICS; i++)
        if (is_consumed_by(service, i))
            consumed[count++] = copy_of(i);
    consumer = consumer_new(&broker, consumed, count, &error);
    bench_check(consumer == NULL ? error.status : STATUS_OK, &error);
    barrier_wait(loaded);
    while (!assigned) {
        if (!consumer_take(consumer, 10, &message))
            continue;
        consumer_finished(consumer, message.slot, message.epoch, message.offset + 1);
        incoming_release(&message);
        taken++;
    }
    barrier_wait(clock);
    spent_us = cpu_us();
    while (taken < expected(service, shared) || sent < messages.count || delivery.pending > 0) {
        for (size_t i = 0; i < CHUNK && sent < messages.count; i++)
            bench_check(forward(producer, copy, &messages.at[sent++], &delivery, &error), &error);
        for (int i = 0;
             i < CHUNK && consumer_take(consumer, sent < messages.count ? 0 : 10, &message); i++) {
            consumer_finished(consumer, message.slot, message.epoch, message.offset + 1);
            incoming_release(&message);
            taken++;
        }
        producer_poll(producer, 0);
        consumer_commit(consumer, 250);
    }
    barrier_done(clock);
    shared->cpu_us += cpu_us() - spent_us;
    consumer_close(consumer);
    producer_free(producer);
    messages_free(&messages);
    return EXIT_SUCCESS;
}

int limit_kafka_main(int argc, char **argv)
{
    struct barrier *loaded = barrier_new(SERVICES), *clock = barrier_new(SERVICES);
    struct shared *shared = shared_memory(sizeof *shared);
    long count = 0;
    int status;

    if (argc != 1)
        return 2;
    for (int i = 0; i < SERVICES; i++)
        if (fork() == 0)
            _exit(run_service(i, argv[0], shared, loaded, clock));
    while (wait(&status) > 0)
        if (status != 0)
            return EXIT_FAILURE;
    for (int i = 0; i < SERVICES; i++)
        count += shared->count[i];
    printf("%.3f %ld %.3f\n", (double)(clock->ended_us - clock->started_us) / 1e6, count,
           (double)shared->cpu_us / 1e6);
    return EXIT_SUCCESS;
}
