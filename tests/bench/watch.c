/* Prints when each event could be read, by its headers alone. */
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
        printf("%.*s\t%.*s\t%lld\n", (int)type->length, (const char *)type->value, (int)message->key_length, (const char *)message->key,
               (long long)now_us);
}

int watch_main(int argc, char **argv)
{
    static const char *const topics[] = {"orders", "payments", "inventory", "emails"};
    struct broker_settings broker = bench_broker();
    const struct sigaction action = {.sa_handler = on_signal};
    struct incoming message;
    struct reader *reader;
    struct error error;

    (void)argc;
    (void)argv;
    sigaction(SIGTERM, &action, NULL);
    reader = reader_new(&broker, &(struct reader_scope){.topics = topics, .topic_count = sizeof topics / sizeof topics[0], .from = READER_END}, &error);
    bench_check(reader == NULL ? error.status : STATUS_OK, &error);
    printf("ready\n");
    fflush(stdout);
    while (!stopped) {
        if (!reader_take(reader, 100, &message))
            continue;
        print(&message, clock_us());
        incoming_release(&message);
    }
    fflush(stdout);
    reader_free(reader);
    return EXIT_SUCCESS;
}
