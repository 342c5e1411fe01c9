/* Prints when each event could be read, by its headers alone: the decisions as they come, all
 * others when told to stop, by the time that their producer gave them, so that looking costs what
 * is looked at little. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static void print(const struct incoming *message, int64_t now_us)
{
    const struct header *type = NULL;

    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, "ce_type") == 0)
            type = &message->headers[i];
    if (type != NULL)
        printf("%.*s\t%.*s\t%lld\n", (int)type->length, (const char *)type->value,
               (int)message->key_length, (const char *)message->key, (long long)now_us);
}

static struct reader *reader_of(const struct broker_settings *broker,
                                const struct reader_scope *scope)
{
    struct error error;
    struct reader *reader = reader_new(broker, scope, &error);

    bench_check(reader == NULL ? error.status : STATUS_OK, &error);
    return reader;
}

static void print_others(const struct broker_settings *broker, int64_t since_us)
{
    static const char *const topics[] = {"payments", "inventory", "emails"};
    struct reader *reader =
        reader_of(broker, &(struct reader_scope){.topics = topics,
                                                 .topic_count = sizeof topics / sizeof topics[0],
                                                 .from = READER_TIME,
                                                 .since_ms = since_us / 1000,
                                                 .bounded = true});
    const int64_t apart_us = clock_us() - clock_steady_us();
    struct incoming message;

    while (!reader_caught_up(reader)) {
        if (!reader_take(reader, 100, &message))
            continue;
        print(&message, message.timestamp_ms * 1000 - apart_us);
        incoming_release(&message);
    }
    reader_free(reader);
}

int watch_main(int argc, char **argv)
{
    static const char *const decisions = "orders";
    struct broker_settings broker = bench_broker();
    const struct sigaction action = {.sa_handler = on_signal};
    const int64_t since_us = clock_us();
    struct incoming message;
    struct reader *reader;

    (void)argc;
    (void)argv;
    sigaction(SIGTERM, &action, NULL);
    reader = reader_of(&broker, &(struct reader_scope){
                                    .topics = &decisions, .topic_count = 1, .from = READER_END});
    printf("ready\n");
    fflush(stdout);
    while (!stopped) {
        if (!reader_take(reader, 100, &message))
            continue;
        print(&message, clock_steady_us());
        incoming_release(&message);
    }
    reader_free(reader);
    print_others(&broker, since_us);
    fflush(stdout);
    return EXIT_SUCCESS;
}
