/* A stack of its own for a run of integration tests: real services, a real PostgreSQL, the embedded
 * broker.
 *
 * Given, when, then: `place` and its like say what happens from outside; `state`, `emitted`,
 * `number` look; `eventually` waits for a condition and fails the test when it does not come. */
#ifndef QUADRILLE_TESTS_INTEGRATION_ENVIRONMENT_H
#define QUADRILLE_TESTS_INTEGRATION_ENVIRONMENT_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "services/catalog.h"

enum { PARTITIONS = 12 /* of stage_on_kafka */ };

/* An order of one "thing" that all providers like, as a string literal of its id's literal. */
#define ORDER(id) \
    "{\"order_id\":\"" id "\",\"customer\":{\"name\":\"Ada\",\"email\":\"ada@example.com\"}," \
    "\"currency\":\"GBP\",\"payment_method\":\"pm_card_visa\"," \
    "\"lines\":[{\"sku\":\"thing\",\"name\":\"A THING\",\"quantity\":1,\"unit_price\":100}]}"

/* Broker and PostgreSQL in the folder $TEST_FOLDER/stack; services are started by the tests. */
void environment_open(void);
/* The same with all services in one process, "quadrille", and 1 database or 4. */
void environment_open_one_process(int databases);
/* 0 when no sanitizer and no assertion said anything in a service's log either */
int environment_close(void);
bool environment_is_open(void);

/* Runs tools/stack/stack COMMAND in this test environment's folder; fails the test when it
 * fails. */
void stack(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Any shell command with the test environment's environment; its exit code. */
int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The number that its output begins with. */
int64_t output_number(void);

/* Its output, on standard error. */
void print_last(void);

/* Does the output of the last such command hold the text? */
bool output_has(const char *text);

/* Starts all with the settings that tests like, `order_options` behind those of order; waits until
 * they are ready. */
void services_start(const char *order_options);
void services_stop(void);

/* A test environment on Apache Kafka, whatever BROKER says, with all four and plenty of "thing";
 * nothing when there is one already. */
void environment_on_kafka(void);

/* One with all services and some stock, which a suite shares. */
void environment_with_services(void);

/* With the suffix behind each name: ".2" are the second instances. */
void each_service(void (*what)(const char *name), const char *suffix);

/* One of them; "order", "payment", ... or a second instance "order.2"; or "quadrille", which hosts
 * all. */
void service_start(const char *name, const char *options);
void service_ready(const char *name);
void service_stop(const char *name);
void service_restart(const char *name, const char *options); /* until it is ready again */
void service_pause(const char *name); /* it stands still, wherever it is, until it is resumed */
void service_resume(const char *name);
bool service_is_alive(const char *name);

/* Publishes bytes as they are; NULL leaves a header out. */
void publish(const char *topic, const char *key, const char *type, const char *id, const char *flow,
             const char *value);

void stock_set(const char *sku, int64_t quantity); /* and waits until it is applied */
void place(const char *order_id, const char *payment_method, const char *sku, int64_t quantity);
/* a customer in JSON */
void place_for(const char *customer, const char *order_id, const char *payment_method,
               const char *sku, int64_t quantity);
void cancel(const char *order_id);

/* PREFIX-0, PREFIX-1, ...: places so many; how many of those that were placed are closed, or
 * confirmed; how many charges. */
void place_many(const char *prefix, int count);
int64_t closed(const char *prefix);
int64_t confirmed(const char *prefix);
int64_t charged(const char *prefix);

/* "PENDING" and its like from the service's own database; "" without a row.  Lives until the next
 * call. */
const char *state(const char *service, const char *order_id);
bool is_closed(const char *order_id); /* and all of it was consumed */

/* How often it was emitted of that order, in the log so far. */
int emitted(const char *order_id, const char *type);

/* How many different ce_ids these had. */
int ids_emitted(const char *order_id, const char *type);

/* Of one message the value of a header, or of the whole body; "" when it was not emitted.  Of the
 * last one emitted. */
const char *header_of(const char *order_id, const char *type, const char *header);
/* its ce_causationid, of the first one emitted */
const char *first_cause_of(const char *order_id, const char *type);
const char *body_of(const char *order_id, const char *type);

/* Of each type of event that was emitted of the order the first, a line each, in the order of the
 * types: type, ce_id, ce_correlationid, ce_flow, and ce_causationid but of the types in the set
 * `without_cause`.  Lives as long as the environment. */
const char *events_of(const char *order_id, uint64_t without_cause);

/* How many messages lie in a topic; how many of them are of orders whose id starts so. */
int messages_in(const char *topic);
int messages_of(const char *topic, const char *prefix);

/* When it was emitted first, by the broker's clock, and where; -1 when it was not. */
int64_t emitted_at_ms(const char *order_id, const char *type);
int emitted_in(const char *order_id, const char *type); /* the partition */

/* The longest time between two messages of a topic, of those that are there from a time on. */
int64_t longest_silence_ms(const char *topic, int64_t from_ms);

/* The first column of the first row, from the database of a service or of "provider". */
int64_t number(const char *database, const char *format, ...) __attribute__((format(printf, 2, 3)));
void execute(const char *database, const char *format, ...) __attribute__((format(printf, 2, 3)));

int mails_of(const char *order_id);

/* How often a text stands in a service's log since it was started last. */
int logged(const char *service, const char *text);

/* Whatever was emitted again under an id was the very same event. */
void each_event_has_one_content(void);

/* Every group has committed all that there is: nothing is under way for anybody. */
bool all_is_read(void);

/* Nothing is under way any more, and sagactl audit finds nothing. */
void audit_is_clean(void);

/* The connection to a database was cut on purpose: the next statement makes a new one. */
void environment_forget(const char *database);

const char *environment_folder(void);

int64_t environment_clock_ms(void);
/* how long `eventually` waits; PATIENCE in the environment, in seconds, else 40 s */
int64_t environment_patience_ms(void);
void environment_breathe(void); /* takes the log in; a moment passes */
/* prints which orders are open, what is unread, and the ends of the services' logs */
void environment_report(void);

#define eventually(condition) \
    do { \
        int64_t until_ = environment_clock_ms() + environment_patience_ms(); \
        while (!(condition)) { \
            if (environment_clock_ms() >= until_) { \
                environment_report(); \
                ck_abort_msg("never came: %s", #condition); \
            } \
            environment_breathe(); \
        } \
    } while (0)

#endif
