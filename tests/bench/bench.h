/* The parts of the benchmark that must cost little themselves.  tests/bench/bench.py runs them,
 * each as a process of its own; addresses come from the environment that tools/stack/stack
 * writes. */
#ifndef QUADRILLE_TESTS_BENCH_BENCH_H
#define QUADRILLE_TESTS_BENCH_BENCH_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h" /* clock_steady_us is the same in all processes of a machine */
#include "base/error.h"
#include "brokers/broker.h"

/* Each takes the arguments behind its name and returns an exit code; what it measured goes to
 * stdout, a line each. */
int place_main(int argc, char **argv);
int watch_main(int argc, char **argv);
int events_main(int argc, char **argv);
int hop_main(int argc, char **argv);
int limit_kafka_main(int argc, char **argv);
int limit_postgres_main(int argc, char **argv);

void sleep_us(int64_t us);

/* The address in QUADRILLE_BROKERS and the properties in QUADRILLE_KAFKA, as the services take
 * them. */
struct broker_settings bench_broker(void);

/* Prints the error and exits with 1: a benchmark that cannot go on has nothing to say. */
void bench_check(enum status status, const struct error *error);

/* Copies what an incoming message says to another topic. */
enum status forward(struct producer *producer, const char *topic, const struct incoming *message,
                    struct delivery *delivery, struct error *error);

/* Zeroed, and shared with processes that are forked later. */
void *shared_memory(size_t size);

/* Processes that were forked start their clock together: each says that it is ready, and goes on
 * when all are. */
struct barrier {
    int expected;
    _Atomic int ready, done;
    _Atomic int64_t started_us, ended_us; /* first to start, last to end */
};

struct barrier *barrier_new(int expected);
void barrier_wait(struct barrier *barrier);
void barrier_done(struct barrier *barrier);

#endif
