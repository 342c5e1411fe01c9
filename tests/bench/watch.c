/* Prints when each event came, by its headers alone: what order says as it is read, which costs
 * what is looked at some CPU, or afterwards all that was said, by the time that its producer gave
 * it once it was committed, which costs nothing. */
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

/* Half a millisecond later than is said, which is cut off. */
int events_main(int argc, char **argv)
{
    static const char *const topics[] = {"orders", "payments", "inventory", "emails"};
    const int64_t apart_us = clock_us() - clock_steady_us();
    struct broker_settings broker = bench_broker();
    struct incoming message;
    struct reader *reader;

    if (argc != 1)
        return 2;
    reader =
        reader_of(&broker, &(struct reader_scope){.topics = topics,
                                                  .topic_count = sizeof topics / sizeof topics[0],
                                                  .from = READER_TIME,
                                                  .since_ms = strtoll(argv[0], NULL, 10),
                                                  .bounded = true});
    while (!reader_caught_up(reader)) {
        if (!reader_take(reader, 100, &message))
            continue;
        print(&message, message.timestamp_ms * 1000 + 500 - apart_us);
        incoming_release(&message);
    }
    reader_free(reader);
    fflush(stdout);
    return EXIT_SUCCESS;
}

int watch_main(int argc, char **argv)
{
    static const char *const decisions = "orders";
    struct broker_settings broker = bench_broker();
    const struct sigaction action = {.sa_handler = on_signal};
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
    fflush(stdout);
    return EXIT_SUCCESS;
}
