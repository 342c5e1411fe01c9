#include "tests/integration/environment.h"

#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "brokers/broker.h"
#include "brokers/topics.h"
#include "database/database.h"
#include "events/message.h"

#define NAME(number, name, ...) #name,

static const char *const databases[] = {CATALOG(NAME) "provider"};

enum { DATABASES = SERVICES + 1, SEEN_MAX = 400000, BODY_MAX = 65536 };

struct seen {
    const char *topic, *type, *subject, *id, *flow, *body, *causation, *correlation, *reason,
        *source, *time;
    int partition;
    int64_t at_ms;
};

static struct {
    char folder[256];
    bool one_process;
    struct arena *arena;
    struct database *databases[DATABASES];
    struct producer *producer;
    struct reader *reader;
    struct seen *seen;
    size_t count;
    FILE *emitted; /* what the services say, for the contract tests; NULL: nobody wants it */
} environment;

int64_t environment_clock_ms(void)
{
    return clock_steady_us() / 1000;
}

int64_t environment_patience_ms(void)
{
    const char *patience = getenv("PATIENCE");

    return 1000 * (patience == NULL ? 40 : strtol(patience, NULL, 10));
}

bool environment_is_open(void)
{
    return environment.folder[0] != '\0';
}

static int run(const char *format, va_list arguments)
{
    char command[8192], line[8600];

    vsnprintf(command, sizeof command, format, arguments);
    snprintf(line, sizeof line, "{ %s; } > %s/last-command.out 2>&1", command, environment.folder);
    return system(line);
}

void print_last(void)
{
    char line[600];

    snprintf(line, sizeof line, "cat %s/last-command.out >&2", environment.folder);
    if (system(line) < 0)
        perror(line);
}

void environment_report(void)
{
    print_last(); /* what the condition looked at */
    shell("PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null | tail -1)\n"
          "psql -X $QUADRILLE_ORDER_DATABASE -c 'SELECT order_id, state, waiting_for, since FROM "
          "order_status WHERE NOT closed LIMIT 10'\n"
          "$BIN/sagactl topics | grep -v -e ' 0$' -e '^  *[0-9]* .*  $'\n"
          "for log in %s/log/*.log; do echo \"== $log\"; tail -n 4 $log; done",
          environment.folder);
    print_last();
}

void stack(const char *format, ...)
{
    char line[2048];
    va_list arguments;
    int code, length = snprintf(line, sizeof line, "tools/stack/stack ");

    va_start(arguments, format);
    vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
    va_end(arguments);
    code = shell("%s", line);
    if (code != 0) {
        print_last();
        ck_abort_msg("%s: exit code %d", line, code);
    }
}

int shell(const char *format, ...)
{
    va_list arguments;
    int code;

    va_start(arguments, format);
    code = run(format, arguments);
    va_end(arguments);
    return code;
}

static int count_lines(const char *path, const char *text)
{
    char line[4096];
    FILE *file = fopen(path, "r");
    int count = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        count += strstr(line, text) != NULL;
    if (file != NULL)
        fclose(file);
    return count;
}

int64_t output_number(void)
{
    char path[400];
    long long number = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/last-command.out", environment.folder);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lld", &number), 1);
    fclose(file);
    return number;
}

bool output_has(const char *text)
{
    char path[400];

    snprintf(path, sizeof path, "%s/last-command.out", environment.folder);
    return count_lines(path, text) > 0;
}

/* "export NAME=VALUE" lines into our own environment, which whatever we start inherits. */
static void environment_take(void)
{
    char path[300], line[1024];
    FILE *file;

    snprintf(path, sizeof path, "%s/env", environment.folder);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL) {
        char *name = line + strlen("export "), *value = strchr(name, '=');

        *value++ = '\0';
        value += *value == '\'';
        value[strcspn(value, "'\n")] = '\0';
        for (char *to = value, *from = value; (*to = *from) != '\0'; from++)
            to += *from != '\\';
        setenv(name, value, 1);
    }
    fclose(file);
}

static void log_open_reader(void)
{
    static const char *properties[2];
    const struct broker_settings broker = {.brokers = getenv("QUADRILLE_BROKERS"),
                                           .properties = properties};
    const int64_t until_ms = environment_clock_ms() + environment_patience_ms();
    const char *all[64];
    struct error error;

    properties[0] = getenv("QUADRILLE_KAFKA");
    for (size_t i = 0; i < topic_count; i++)
        all[i] = topics[i].name;
    environment.producer = producer_new(&broker, &error);
    ck_assert_msg(environment.producer != NULL, "%s", error.message);
    while ((environment.reader = reader_new(
                &broker, &(struct reader_scope){.topics = all, .topic_count = topic_count},
                &error)) == NULL)
        ck_assert_msg(environment_clock_ms() < until_ms, "%s", error.message);
}

static void open_with(int processes, int service_databases)
{
    char number[16];

    snprintf(number, sizeof number, "%d", processes);
    setenv("PROCESSES", number, 1);
    snprintf(number, sizeof number, "%d", service_databases);
    setenv("DATABASES", number, 1);
    environment.one_process = processes == 1;
    snprintf(environment.folder, sizeof environment.folder, "%s", getenv("TEST_FOLDER"));
    environment.arena = arena_new();
    environment.seen = calloc(SEEN_MAX, sizeof *environment.seen);
    if (getenv("EMITTED") != NULL)
        environment.emitted = fopen(getenv("EMITTED"), "w");
    setenv("BIN", "build/bin", 0);
    setenv("POSTGRES_OPTIONS", "-c shared_preload_libraries=pg_stat_statements", 1);
    if (shell("tools/stack/stack base %s/stack", environment.folder) != 0) {
        print_last();
        environment.folder[0] = '\0';
        ck_abort_msg("no stack");
    }
    strcat(environment.folder, "/stack");
    environment_take();
    for (int i = 0; i < DATABASES; i++) {
        char variable[64];

        snprintf(variable, sizeof variable, "QUADRILLE_%s_DATABASE", databases[i]);
        for (char *c = variable; *c != '\0'; c++)
            *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
        environment.databases[i] = database_new(getenv(variable), "integration");
    }
    log_open_reader();
}

void environment_open(void)
{
    open_with(4, 4);
}

void environment_open_one_process(int service_databases)
{
    open_with(1, service_databases);
}

/* No ck_assert here: it is no test that ends.  The sanitizers say what they have found where the
 * services log. */
int environment_close(void)
{
    int failed = 0;

    environment_breathe();
    if (environment.emitted != NULL && fclose(environment.emitted) != 0)
        failed = 1;
    if (shell("found=\"-e Sanitizer: -e runtime.error: -e [*][*][*] -e Assertion.*failed\"; grep "
              "-a -A 20 $found %s/log/* && grep -a $found %s/log/*",
              environment.folder, environment.folder) == 0) { /* the lines themselves last */
        print_last();
        failed = 1;
    }
    reader_free(environment.reader);
    producer_free(environment.producer);
    for (int i = 0; i < DATABASES; i++)
        database_free(environment.databases[i]);
    stack("down %s", environment.folder);
    free(environment.seen);
    arena_free(environment.arena);
    memset(&environment, 0, sizeof environment);
    return failed;
}

/* ---- services ---- */

void service_start(const char *name, const char *options)
{
    static const struct {
        const char *name, *options;
    } likes[] = {{"order", "--republish-after-ms 60000"},
                 {"payment", "--provider-retry-after-ms 300 --breaker-reset-ms 500"},
                 {"email", "--mail-retry-after-ms 500 --breaker-reset-ms 500"},
                 {"quadrille", "--republish-after-ms 60000 --provider-retry-after-ms 300 "
                               "--mail-retry-after-ms 500 --breaker-reset-ms 500"}};
    const char *liked = "";

    for (size_t i = 0; i < sizeof likes / sizeof likes[0]; i++)
        if (strlen(likes[i].name) == strcspn(name, ".") &&
            strncmp(likes[i].name, name, strlen(likes[i].name)) == 0)
            liked = likes[i].options;
    stack("start %s %s %s --sweep-interval-ms 100 --kafka session.timeout.ms=4500 --kafka "
          "fetch.wait.max.ms=4 %s",
          environment.folder, name, liked, options);
}

void service_ready(const char *name)
{
    stack("ready %s %s", environment.folder, name);
}

void service_restart(const char *name, const char *options)
{
    service_stop(name);
    service_start(name, options);
    service_ready(name);
}

void services_start(const char *order_options)
{
    if (environment.one_process) {
        service_start("quadrille", order_options);
        service_ready("quadrille");
        return;
    }
    for (int i = 0; i < SERVICES; i++)
        service_start(catalog_names[i], i == 0 ? order_options : "");
    for (int i = 0; i < SERVICES; i++)
        service_ready(catalog_names[i]);
}

void services_stop(void)
{
    stack("stop %s quadrille %s", environment.folder, CATALOG_WORDS);
}

void each_service(void (*what)(const char *name), const char *suffix)
{
    char name[32];

    for (int i = 0; i < SERVICES; i++) {
        snprintf(name, sizeof name, "%s%s", catalog_names[i], suffix);
        what(name);
    }
}

void service_stop(const char *name)
{
    stack("stop %s %s", environment.folder, name);
}

static void service_signal(const char *name, const char *what)
{
    ck_assert_int_eq(
        shell("kill -%s $(tools/stack/stack pid %s %s)", what, environment.folder, name), 0);
}

void service_pause(const char *name)
{
    service_signal(name, "STOP");
}

void service_resume(const char *name)
{
    service_signal(name, "CONT");
}

bool service_is_alive(const char *name)
{
    char path[400];
    FILE *file;
    int pid = 0;

    snprintf(path, sizeof path, "%s/pid/%s", environment.folder, name);
    file = fopen(path, "r");
    if (file == NULL)
        return false;
    ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
    fclose(file);
    return kill((pid_t)pid, 0) == 0;
}

/* ---- saying ---- */

void publish(const char *topic, const char *key, const char *type, const char *id, const char *flow,
             const char *value)
{
    const char *const pairs[][2] = {{"ce_type", type}, {"ce_id", id}, {"ce_flow", flow}};
    struct header headers[3];
    struct delivery delivery = {0};
    struct error error;
    size_t count = 0;

    for (size_t i = 0; i < 3; i++)
        if (pairs[i][1] != NULL)
            headers[count++] = (struct header){pairs[i][0], pairs[i][1], strlen(pairs[i][1])};
    ck_assert_int_eq(producer_send(environment.producer,
                                   &(struct outgoing){.topic = topic,
                                                      .key = key,
                                                      .key_length = strlen(key),
                                                      .value = value,
                                                      .value_length = strlen(value),
                                                      .headers = headers,
                                                      .header_count = count},
                                   &delivery, &error),
                     STATUS_OK);
    ck_assert(producer_flush(environment.producer, 10000));
    ck_assert_int_eq(delivery.error.status, STATUS_OK);
}

void stock_set(const char *sku, int64_t quantity)
{
    static int serial;
    char id[64], value[200];

    snprintf(id, sizeof id, "stock-%d-%d", (int)getpid(), serial++);
    snprintf(value, sizeof value, "{\"sku\":\"%s\",\"quantity\":%lld}", sku, (long long)quantity);
    publish("inventory.commands", sku, "stock.set", id, NULL, value);
    eventually(number("inventory", "SELECT count(*) FROM stock_command WHERE id = '%s'", id) == 1);
}

void place(const char *order_id, const char *payment_method, const char *sku, int64_t quantity)
{
    place_for("{\"id\":null,\"name\":\"Ada\",\"email\":\"ada@example.com\"}", order_id,
              payment_method, sku, quantity);
}

void place_for(const char *customer, const char *order_id, const char *payment_method,
               const char *sku, int64_t quantity)
{
    char value[600];

    snprintf(
        value, sizeof value,
        "{\"order_id\":\"%s\",\"customer\":%s,\"currency\":\"GBP\",\"payment_method\":\"%s\","
        "\"lines\":[{\"sku\":\"%s\",\"name\":\"A THING\",\"quantity\":%lld,\"unit_price\":100}]}",
        order_id, customer, payment_method, sku, (long long)quantity);
    publish("orders.commands", order_id, "order.place", NULL, NULL, value);
}

void cancel(const char *order_id)
{
    char value[200];

    snprintf(value, sizeof value, "{\"order_id\":\"%s\",\"reason\":\"changed my mind\"}", order_id);
    publish("orders.commands", order_id, "order.cancel", NULL, NULL, value);
}

void place_many(const char *prefix, int count)
{
    char id[64];

    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "%s-%d", prefix, i);
        place(id, "pm_card_visa", "thing", 1);
    }
}

/* ---- looking ---- */

static const char *copy_header(const struct incoming *incoming, const char *name)
{
    for (size_t i = 0; i < incoming->header_count; i++)
        if (strcmp(incoming->headers[i].name, name) == 0)
            return arena_copy(environment.arena, incoming->headers[i].value,
                              incoming->headers[i].length);
    return "";
}

/* Does it say that a service of ours emitted it? */
static bool is_event(const struct seen *seen)
{
    return strncmp(seen->source, "/quadrille/", strlen("/quadrille/")) == 0 &&
           *seen->reason == '\0';
}

static void see(const struct incoming *incoming)
{
    struct seen *seen = &environment.seen[environment.count];
    size_t body_bytes = incoming->value_length < BODY_MAX ? incoming->value_length : BODY_MAX;

    if (environment.count == SEEN_MAX)
        ck_abort_msg("more than %d messages were consumed", SEEN_MAX);
    *seen = (struct seen){
        .topic = arena_copy(environment.arena, incoming->topic, strlen(incoming->topic)),
        .type = copy_header(incoming, "ce_type"),
        .subject = copy_header(incoming, "ce_subject"),
        .id = copy_header(incoming, "ce_id"),
        .flow = copy_header(incoming, "ce_flow"),
        .causation = copy_header(incoming, "ce_causationid"),
        .correlation = copy_header(incoming, "ce_correlationid"),
        .reason = copy_header(incoming, "dlq_error"),
        .source = copy_header(incoming, "ce_source"),
        .time = copy_header(incoming, "ce_time"),
        .partition = incoming->partition,
        .at_ms = incoming->timestamp_ms,
        .body = arena_copy(environment.arena, incoming->value, body_bytes)};
    if (environment.emitted != NULL && is_event(seen))
        /* all of it */
        fprintf(environment.emitted, "%s %.*s\n", seen->type, (int)incoming->value_length,
                incoming->value);
    if (*seen->subject == '\0')
        seen->subject = arena_copy(environment.arena, incoming->key, incoming->key_length);
    environment.count++;
}

static void listen(int timeout_ms)
{
    struct incoming incoming;

    while (environment.reader != NULL && reader_take(environment.reader, timeout_ms, &incoming)) {
        see(&incoming);
        incoming_release(&incoming);
        timeout_ms = 0;
    }
}

void environment_breathe(void)
{
    listen(20);
}

static const struct seen *find(const char *order_id, const char *type, bool dead_lettered)
{
    const struct seen *last = NULL;

    listen(0);
    for (size_t i = 0; i < environment.count; i++)
        if (strcmp(environment.seen[i].type, type) == 0 &&
            strcmp(environment.seen[i].subject, order_id) == 0 &&
            (environment.seen[i].reason[0] != '\0') == dead_lettered)
            last = &environment.seen[i];
    return last;
}

int emitted(const char *order_id, const char *type)
{
    int count = 0;

    listen(0);
    for (size_t i = 0; i < environment.count; i++)
        count += strcmp(environment.seen[i].type, type) == 0 &&
                 strcmp(environment.seen[i].subject, order_id) == 0;
    return count;
}

int ids_emitted(const char *order_id, const char *type)
{
    int count = 0;

    listen(0);
    for (size_t i = 0; i < environment.count; i++) {
        bool fresh = strcmp(environment.seen[i].type, type) == 0 &&
                     strcmp(environment.seen[i].subject, order_id) == 0;

        for (size_t j = 0; fresh && j < i; j++)
            fresh = strcmp(environment.seen[j].subject, order_id) != 0 ||
                    strcmp(environment.seen[j].id, environment.seen[i].id) != 0;
        count += fresh;
    }
    return count;
}

const char *header_of(const char *order_id, const char *type, const char *header)
{
    const struct seen *seen = find(order_id, type, strcmp(header, "dlq_error") == 0);

    if (seen == NULL)
        return "";
    return strcmp(header, "ce_flow") == 0            ? seen->flow
           : strcmp(header, "ce_causationid") == 0   ? seen->causation
           : strcmp(header, "ce_correlationid") == 0 ? seen->correlation
           : strcmp(header, "dlq_error") == 0        ? seen->reason
                                                     : seen->id;
}

static const struct seen *find_first(const char *order_id, const char *type)
{
    listen(0);
    for (size_t i = 0; i < environment.count; i++)
        if (strcmp(environment.seen[i].type, type) == 0 &&
            strcmp(environment.seen[i].subject, order_id) == 0)
            return &environment.seen[i];
    return NULL;
}

const char *first_cause_of(const char *order_id, const char *type)
{
    const struct seen *seen = find_first(order_id, type);

    return seen == NULL ? "" : seen->causation;
}

const char *body_of(const char *order_id, const char *type)
{
    const struct seen *seen = find(order_id, type, false);

    return seen == NULL ? "" : seen->body;
}

const char *events_of(const char *order_id, uint64_t without_cause)
{
    const char *lines = "";

    for (enum message_type type = 0; type < MESSAGE_TYPES; type++) {
        const struct seen *first = find_first(order_id, message_type_name(type));

        if (first != NULL && message_emitter(type) != NULL)
            lines = arena_format(environment.arena, "%s%s %s %s %s %s\n", lines, first->type,
                                 first->id, first->correlation, first->flow,
                                 (without_cause & FACT(type)) == 0 ? first->causation : "");
    }
    return lines;
}

int messages_of(const char *topic, const char *prefix)
{
    int count = 0;

    listen(0);
    for (size_t i = 0; i < environment.count; i++)
        count += strcmp(environment.seen[i].topic, topic) == 0 &&
                 strncmp(environment.seen[i].subject, prefix, strlen(prefix)) == 0;
    return count;
}

int messages_in(const char *topic)
{
    return messages_of(topic, "");
}

int64_t emitted_at_ms(const char *order_id, const char *type)
{
    const struct seen *seen = find_first(order_id, type);

    return seen == NULL ? -1 : seen->at_ms;
}

int emitted_in(const char *order_id, const char *type)
{
    const struct seen *seen = find_first(order_id, type);

    return seen == NULL ? -1 : seen->partition;
}

static int by_number(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

int64_t longest_silence_ms(const char *topic, int64_t from_ms)
{
    int64_t *times, longest = 0;
    size_t count = 0;

    listen(0);
    times = calloc(environment.count + 1, sizeof *times);
    ck_assert_ptr_nonnull(times);
    for (size_t i = 0; i < environment.count; i++)
        if (strcmp(environment.seen[i].topic, topic) == 0 && environment.seen[i].at_ms >= from_ms)
            times[count++] = environment.seen[i].at_ms;
    qsort(times, count, sizeof *times, by_number);
    for (size_t i = 1; i < count; i++)
        longest = times[i] - times[i - 1] > longest ? times[i] - times[i - 1] : longest;
    free(times);
    return longest;
}

static struct database *database_of(const char *name)
{
    for (int i = 0; i < DATABASES; i++)
        if (strcmp(databases[i], name) == 0)
            return environment.databases[i];
    ck_abort_msg("no database is named %s", name);
    return NULL;
}

void environment_forget(const char *database)
{
    struct error ignored;

    database_execute(database_of(database), "SELECT 1", &ignored); /* notices that it is gone */
}

const char *environment_folder(void)
{
    return environment.folder;
}

/* One statement's first value; as text when `text` is not NULL. */
static int64_t ask(const char *database, const char *sql, char *text, size_t size)
{
    struct database *db = database_of(database);
    struct result *row = NULL, *next = NULL;
    struct error error;
    int64_t value = 0;

    ck_assert_msg(database_stream(db, sql, &error) == STATUS_OK &&
                      database_next(db, &row, &error) == STATUS_OK,
                  "%s: %s", sql, error.message);
    if (text != NULL)
        text[0] = '\0';
    if (row != NULL && text != NULL)
        snprintf(text, size, "%s", result_text(row, 0, 0));
    else if (row != NULL)
        value = result_integer(row, 0, 0);
    result_free(row);
    while (row != NULL && database_next(db, &next, &error) == STATUS_OK && next != NULL)
        result_free(next);
    return value;
}

int64_t number(const char *database, const char *format, ...)
{
    char sql[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    return ask(database, sql, NULL, 0);
}

void execute(const char *database, const char *format, ...)
{
    char sql[2048];
    va_list arguments;
    struct error error;

    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    ck_assert_msg(database_execute(database_of(database), sql, &error) == STATUS_OK, "%s: %s", sql,
                  error.message);
}

const char *state(const char *service, const char *order_id)
{
    static const char *const views[] = {"order_status", "payment_status", "reservation_status",
                                        "mail_status"};
    static char text[64];
    char sql[300];
    int i = 0;

    while (strcmp(catalog_names[i], service) != 0)
        i++;
    snprintf(sql, sizeof sql, "SELECT state FROM %s WHERE order_id = '%s'", views[i], order_id);
    ask(service, sql, text, sizeof text);
    return text;
}

void environment_with_services(void)
{
    if (environment_is_open())
        return;
    environment_open();
    services_start("");
    stock_set("thing", 100000);
}

void environment_on_kafka(void)
{
    char partitions[16];

    if (environment_is_open())
        return;
    snprintf(partitions, sizeof partitions, "%d", PARTITIONS);
    setenv("BROKER", "kafka", 1);
    setenv("PARTITIONS", partitions, 1);
    environment_open();
    services_start("");
    stock_set("thing", 1000000);
}

/* Was one of the two, or the only one, emitted? */
static bool was_seen(const char *order_id, const char *type, const char *or_type)
{
    return emitted(order_id, type) > 0 || (or_type != NULL && emitted(order_id, or_type) > 0);
}

/* All the words that closed it are in the log, but we may not have come to them yet: what a test
 * then asks of the log would be answered too early.  Whatever else was emitted of the order stands
 * before one of them in the same partition. */
bool is_closed(const char *order_id)
{
    if (number("order", "SELECT count(*) FROM order_status WHERE order_id = '%s' AND closed",
               order_id) != 1 ||
        !was_seen(order_id, "email.sent", "email.failed"))
        return false;
    if (strcmp(state("order", order_id), "CONFIRMED") == 0)
        return was_seen(order_id, "order.confirmed", NULL) &&
               was_seen(order_id, "payment.completed", NULL) &&
               was_seen(order_id, "inventory.reserved", NULL);
    return was_seen(order_id, "order.cancelled", NULL) &&
           was_seen(order_id, "payment.refunded", "payment.voided") &&
           was_seen(order_id, "inventory.released", "inventory.voided");
}

int64_t closed(const char *prefix)
{
    return number("order",
                  "SELECT count(*) FROM order_status WHERE order_id LIKE '%s-%%' AND closed",
                  prefix);
}

int64_t confirmed(const char *prefix)
{
    return number(
        "order",
        "SELECT count(*) FROM order_status WHERE order_id LIKE '%s-%%' AND state = 'CONFIRMED'",
        prefix);
}

int64_t charged(const char *prefix)
{
    return number("provider", "SELECT count(*) FROM charge WHERE order_id LIKE '%s-%%'", prefix);
}

int mails_of(const char *order_id)
{
    char command[600], line[64];
    FILE *pipe;
    int count = 0;

    snprintf(command, sizeof command,
             "grep -lx 'X-Order-ID: %s' -r '%s/mail/new' '%s/mail/cur' | wc -l", order_id,
             environment.folder, environment.folder);
    pipe = popen(command, "r");
    if (pipe != NULL && fgets(line, sizeof line, pipe) != NULL)
        count = atoi(line);
    if (pipe != NULL)
        pclose(pipe);
    return count;
}

int logged(const char *service, const char *text)
{
    char path[400];

    snprintf(path, sizeof path, "%s/log/%s.log", environment.folder, service);
    return count_lines(path, text);
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(const struct seen *const *)a)->id, (*(const struct seen *const *)b)->id);
}

/* Byte for byte, its time included. */
void each_event_has_one_content(void)
{
    const struct seen **events;
    size_t count = 0;

    listen(0);
    events = calloc(environment.count + 1, sizeof *events);
    ck_assert_ptr_nonnull(events);
    for (size_t i = 0; i < environment.count; i++)
        if (is_event(&environment.seen[i]))
            events[count++] = &environment.seen[i];
    qsort(events, count, sizeof *events, by_id);
    for (size_t i = 1; i < count; i++)
        if (strcmp(events[i - 1]->id, events[i]->id) == 0)
            ck_assert_msg(strcmp(events[i - 1]->type, events[i]->type) == 0 &&
                              strcmp(events[i - 1]->body, events[i]->body) == 0 &&
                              strcmp(events[i - 1]->time, events[i]->time) == 0,
                          "%s of order %s is emitted with two contents under %s: %s %s and %s %s",
                          events[i]->type, events[i]->subject, events[i]->id, events[i - 1]->time,
                          events[i - 1]->body, events[i]->time, events[i]->body);
    free(events);
}

bool all_is_read(void)
{
    char lags[40 * SERVICES] = "\"lag\":{";

    for (int i = 0; i < SERVICES; i++)
        snprintf(lags + strlen(lags), sizeof lags - strlen(lags), "\"%s\":0%s", catalog_names[i],
                 i + 1 < SERVICES ? "," : "}");
    return shell("$BIN/sagactl watch --top --once --json") == 0 && output_has(lags);
}

void audit_is_clean(void)
{
    int code;

    eventually(
        number("order", "SELECT count(*) FROM order_status WHERE state <> 'NEW' AND NOT closed") ==
        0);
    code = shell("$BIN/sagactl audit --from-databases");
    if (code != 0)
        print_last();
    ck_assert_int_eq(code, 0);
}
