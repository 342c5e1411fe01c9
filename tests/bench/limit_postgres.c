/* The PostgreSQL bound: the rows of a round are written again into empty databases, by one process
 * for each service: each row as often as it was written, which its version counts, with the
 * services' own statements, in batches of BATCH.  Nothing is read back, nothing is decided, there
 * is no broker.  Stock is locked and moved, charges are made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "services/catalog.h"
#include "services/inventory/decide.h"
#include "services/inventory/store.h"
#include "services/payment/decide.h"
#include "services/payment/providers/provider.h"
#include "services/runtime/rows.h"
#include "tests/bench/bench.h"

static const int64_t FAR_US = INT64_C(4102444800000000); /* 2100 */

enum { BATCH = 1000 };

struct limit {
    int service;
    const struct rows *rows;
    struct arena *arena;   /* what was read */
    struct arena *attempt; /* of one transaction */
    struct database *target;
    struct executor provider; /* of payment */
    struct batch *batches;
    size_t batch_count;
    long written;
};

static void load(struct limit *limit, const char *prefix, const char *url)
{
    static const enum column_kind kinds[] = {COLUMN_TEXT};
    struct database *source =
        database_new(arena_format(limit->arena, "%s/%s", url, catalog[limit->service].database),
                     "quadrille-bench");
    const char *ids_sql = arena_format(
        limit->arena, "SELECT order_id FROM %s WHERE starts_with(order_id, ($1::text[])[1])",
        limit->rows->stored_in);
    struct parameters *parameters = parameters_new(limit->arena, kinds, 1);
    struct decoder *decoder = decoder_new();
    struct result *ids;
    struct error error;
    size_t count;

    parameters_text(parameters, 0, prefix);
    bench_check(database_query(source, ids_sql, parameters, &ids, &error), &error);
    count = result_rows(ids);
    limit->batch_count = (count + BATCH - 1) / BATCH;
    limit->batches = arena_array(limit->arena, limit->batch_count, sizeof *limit->batches);
    for (size_t i = 0; i < limit->batch_count; i++) {
        struct batch *batch = &limit->batches[i];

        batch->arena = limit->arena;
        batch->order_count = count - i * BATCH < BATCH ? count - i * BATCH : BATCH;
        batch->orders = arena_array(limit->arena, batch->order_count, sizeof *batch->orders);
        for (size_t j = 0; j < batch->order_count; j++) {
            struct batch_order *order = &batch->orders[j];

            order->order_id = result_copy(ids, i * BATCH + j, 0, limit->arena);
            order->row = arena_alloc(limit->arena, limit->rows->row_size);
            order->row->order_id = order->order_id;
            order->wants_content = true;
        }
        bench_check(rows_load(limit->rows, decoder, source, batch, &error), &error);
    }
    result_free(ids);
    decoder_free(decoder);
    database_free(source);
}

static const struct order_created *created_of(const struct batch_order *order)
{
    return ((const struct inventory_row *)(const void *)order->row)->created;
}

static int by_sku(const void *a, const void *b)
{
    return strcmp(((const struct balance *)a)->sku, ((const struct balance *)b)->sku);
}

static void move_stock(struct limit *limit, const struct batch *batch)
{
    struct balance *balances;
    size_t count = 0, unique = 0;
    struct error error;

    for (size_t i = 0; i < batch->order_count; i++)
        count += created_of(&batch->orders[i])->line_count;
    balances = arena_array(limit->attempt, count, sizeof *balances);
    count = 0;
    for (size_t i = 0; i < batch->order_count; i++)
        for (size_t j = 0; j < created_of(&batch->orders[i])->line_count; j++)
            balances[count++] = (struct balance){.sku = created_of(&batch->orders[i])->lines[j].sku,
                                                 .changed = true};
    qsort(balances, count, sizeof *balances, by_sku);
    for (size_t i = 0; i < count; i++)
        if (unique == 0 || strcmp(balances[unique - 1].sku, balances[i].sku) != 0)
            balances[unique++] = balances[i];
    bench_check(balances_lock(limit->target, balances, unique, limit->attempt, &error), &error);
    bench_check(balances_save(limit->target, balances, unique, limit->attempt, &error), &error);
}

static void charge(struct limit *limit, const struct batch *batch)
{
    struct effect **effects =
        arena_array(limit->attempt, batch->order_count, sizeof(struct effect *));
    struct error error;

    for (size_t i = 0; i < batch->order_count; i++) {
        const struct payment_row *row =
            (const struct payment_row *)(const void *)batch->orders[i].row;
        struct provider_call *call = arena_alloc(limit->attempt, sizeof *call);

        *call = (struct provider_call){
            .request = PROVIDER_CHARGE,
            .order_id = row->saga.order_id,
            .charge_key = arena_format(limit->attempt, "charge:%s", row->saga.order_id),
            .payment_method = row->payment_method,
            .currency = row->currency,
            .amount_minor = row->amount_minor};
        effects[i] = arena_alloc(limit->attempt, sizeof *effects[i]);
        *effects[i] = (struct effect){.arena = limit->attempt, .call = call};
    }
    bench_check(limit->provider.start(limit->provider.state, effects, batch->order_count, &error),
                &error);
    while (limit->provider.due_us(limit->provider.state) != INT64_MAX)
        limit->provider.collect(limit->provider.state); /* what is silent is so for a millisecond */
}

/* The `pass`-th write of every row that was written as often.  False when there is none left. */
static bool write_pass(struct limit *limit, struct batch *batch, const int64_t *versions,
                       int64_t pass)
{
    struct saga **rows = arena_array(limit->attempt, batch->order_count, sizeof *rows);
    /* stock, which is read before it is written */
    const bool moves = limit->service == SERVICE_INVENTORY && pass == 2;
    struct error error;
    size_t count = 0;

    for (size_t i = 0; i < batch->order_count; i++) {
        struct saga *row = batch->orders[i].row;

        if (versions[i] < pass)
            continue;
        row->version = pass - 1;
        /* an open order is in the index of those that may be due */
        row->next_due_us = limit->service == SERVICE_ORDER && pass < versions[i] ? FAR_US : 0;
        row->content_is_new = pass == 1 && limit->rows->content_read != NULL;
        rows[count++] = row;
    }
    if (count == 0)
        return false;
    if (limit->service == SERVICE_PAYMENT && pass == 2)
        charge(limit, batch);
    if (moves) {
        bench_check(database_defer(limit->target, "BEGIN", NULL, &error), &error);
        move_stock(limit, batch);
    }
    bench_check(rows_save(limit->rows, limit->target, rows, count, limit->attempt, &error), &error);
    if (moves)
        bench_check(database_defer(limit->target, "COMMIT", NULL, &error), &error);
    bench_check(database_run(limit->target, &error), &error);
    limit->written += (long)count;
    arena_reset(limit->attempt);
    return true;
}

static void write_all(struct limit *limit)
{
    for (size_t i = 0; i < limit->batch_count; i++) {
        struct batch *batch = &limit->batches[i];
        int64_t versions[BATCH], pass = 1;

        for (size_t j = 0; j < batch->order_count; j++)
            versions[j] = batch->orders[j].row->version;
        while (write_pass(limit, batch, versions, pass))
            pass++;
    }
}

static void provider_open(struct limit *limit, const char *url)
{
    static const struct setting timeout[] = {{.name = "provider-timeout-ms",
                                              .kind = SETTING_INTEGER,
                                              .fallback = "1",
                                              .max = 1,
                                              .meaning = ""},
                                             {.name = NULL}};
    const struct setting *const tables[] = {simulated_provider_settings, timeout};
    struct settings *settings = settings_new("bench", "", tables, 2);
    char name[] = "bench", option[] = "--provider-database", database[300];
    char *argv[] = {name, option, database, NULL};
    struct error error;

    snprintf(database, sizeof database, "%s/limit_provider", url);
    bench_check(settings_parse(settings, 3, argv, &error), &error);
    bench_check(simulated_provider.open(settings, &limit->provider, &error), &error);
}

static int run_service(int service, const char *prefix, const char *url, struct barrier *clock)
{
    struct limit limit = {.service = service,
                          .rows = catalog[service].service->rows,
                          .arena = arena_new(),
                          .attempt = arena_new()};
    char target[300];
    struct error error;

    snprintf(target, sizeof target, "%s/limit_%s", url, catalog[service].name);
    limit.target = database_new(target, "quadrille-bench");
    database_by_key(limit.target);
    bench_check(database_migrate(limit.target, catalog[service].service->migrations, &error),
                &error);
    if (service == SERVICE_PAYMENT)
        provider_open(&limit, url);
    load(&limit, prefix, url);
    barrier_wait(clock);
    write_all(&limit);
    barrier_done(clock);
    printf("%ld\n", limit.written);
    fflush(stdout);
    return EXIT_SUCCESS;
}

/* Where all databases are: as the stack's env says of one of them.  An argument could be read by
 * anybody, with its password. */
static const char *server_url(void)
{
    static char url[400];
    const char *database = getenv("QUADRILLE_ORDER_DATABASE"),
               *slash = database == NULL ? NULL : strrchr(database, '/');

    if (slash == NULL) {
        fprintf(stderr, "bench: QUADRILLE_ORDER_DATABASE is not set: source the stack's env\n");
        exit(2);
    }
    snprintf(url, sizeof url, "%.*s", (int)(slash - database), database);
    return url;
}

int limit_postgres_main(int argc, char **argv)
{
    struct barrier *clock = barrier_new(SERVICES);
    int status;

    if (argc != 1)
        return 2;
    for (int i = 0; i < SERVICES; i++)
        if (fork() == 0)
            _exit(run_service(i, argv[0], server_url(), clock));
    while (wait(&status) > 0)
        if (status != 0)
            return EXIT_FAILURE;
    printf("%.3f\n", (double)(clock->ended_us - clock->started_us) / 1e6);
    return EXIT_SUCCESS;
}
