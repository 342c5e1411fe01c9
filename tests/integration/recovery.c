/* A service whose database lost rows: what it emitted is the truth, and is never decided anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/runtime/rows.h"
#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

static const char *url_of(const char *service)
{
    char name[64] = "QUADRILLE_";

    for (size_t i = 0; service[i] != '\0'; i++)
        snprintf(name + strlen(name), sizeof name - strlen(name), "%c", service[i] - 'a' + 'A');
    snprintf(name + strlen(name), sizeof name - strlen(name), "_DATABASE");
    return getenv(name);
}

static void must(const char *command)
{
    if (shell("%s", command) == 0)
        return;
    print_last();
    ck_abort_msg("failed: %s", command);
}

static void back_up(const char *service)
{
    char command[900];

    snprintf(command, sizeof command, "pg_dump -Fc -f %s/%s.backup %s", environment_folder(),
             service, url_of(service));
    must(command);
}

/* The tables are made anew: who had them open has them open no more. */
static void restore(const char *service)
{
    char command[900];

    snprintf(command, sizeof command, "pg_restore --clean --if-exists -d %s %s/%s.backup",
             url_of(service), environment_folder(), service);
    must(command);
    environment_forget(service);
}

static void recover(const char *service)
{
    char command[300];

    snprintf(command, sizeof command, "$BIN/sagactl recover %s --yes", service);
    must(command);
}

static void finds_nothing(void)
{
    must("$BIN/sagactl audit --under-way-ms 0");
}

/* ---- orders of all kinds, under way ---- */

static int64_t decided(const char *prefix)
{
    return number("order",
                  "SELECT count(*) FROM order_status WHERE order_id LIKE '%s-%%' AND state <> "
                  "'PENDING' AND closed",
                  prefix);
}

static void mix_start(const char *prefix, int seed)
{
    char hot[64];

    snprintf(hot, sizeof hot, "%s-hot", prefix);
    stock_set(hot, 30);
    ck_assert_int_eq(shell("(tests/integration/mixed-load %s %s %d > %s/%s.log 2>&1 &)",
                           environment_folder(), prefix, seed, environment_folder(), prefix),
                     0);
}

static void mix_flow(const char *prefix, int count)
{
    int64_t before = decided(prefix);

    eventually(decided(prefix) >= before + count);
}

static void mix_end(const char *prefix)
{
    char path[400];
    FILE *file;
    int count = 0;

    ck_assert_int_eq(shell("touch %s/%s.stop", environment_folder(), prefix), 0);
    snprintf(path, sizeof path, "%s/%s.count", environment_folder(), prefix);
    eventually((file = fopen(path, "r")) != NULL);
    ck_assert_int_eq(fscanf(file, "%d", &count), 1);
    fclose(file);
    eventually(number("order", "SELECT count(*) FROM orders WHERE order_id LIKE '%s-%%'", prefix) ==
               count);
    eventually(decided(prefix) == count);
    ck_assert_int_eq(number("provider",
                            "SELECT count(*) FROM (SELECT order_id FROM charge WHERE status <> "
                            "'blocked' GROUP BY order_id HAVING count(*) > 1) AS t"),
                     0);
}

/* One service after the other, then all four at once. */
START_TEST(what_was_emitted_stays_when_a_backup_comes_back_under_load)
{
    const bool all = _i == SERVICES;
    char prefix[32];
    int seed =
        getenv("SEED") != NULL ? atoi(getenv("SEED")) : (int)(environment_clock_ms() % 30000);

    printf("what_was_emitted_stays_when_a_backup_comes_back_under_load: %s, SEED=%d\n",
           all ? "all four" : catalog_names[_i], seed);
    snprintf(prefix, sizeof prefix, "mix%d", _i);
    mix_start(prefix, seed);
    mix_flow(prefix, 40 + seed % 40);
    for (int i = 0; i < SERVICES; i++)
        if (all || i == _i)
            back_up(catalog_names[i]);
    mix_flow(prefix, 150);
    for (int i = 0; i < SERVICES; i++) {
        if (all || i == _i) {
            service_stop(catalog_names[i]);
            restore(catalog_names[i]);
        }
    }
    for (int i = 0; i < SERVICES; i++) {
        if (all || i == _i) {
            recover(catalog_names[i]);
            service_start(catalog_names[i], "");
        }
    }
    mix_flow(prefix, 60);
    mix_end(prefix);
    finds_nothing();
}
END_TEST

/* ---- single cases ---- */

/* What the log tells of these orders is nothing that a service would decide again in this order. */
START_TEST(a_confirmed_order_with_a_late_cancellation_stays_confirmed)
{
    service_ready("order");
    back_up("order");
    place("late-1", "pm_card_visa", "thing", 1);
    eventually(is_closed("late-1"));
    cancel("late-1");
    eventually(emitted("late-1", "order.cancel_rejected") == 1);
    service_stop("order");
    restore("order");
    ck_assert_int_eq(shell("$BIN/sagactl rewind order --yes"), 1 << 8); /* rows are missing */
    ck_assert(output_has("sagactl recover order"));
    recover("order");
    ck_assert_str_eq(state("order", "late-1"), "CONFIRMED");
    service_start("order", "");
    service_ready("order");
    place("late-2", "pm_card_visa", "thing", 1);
    eventually(is_closed("late-2"));
    ck_assert_int_eq(emitted("late-1", "order.cancelled"), 0);
    finds_nothing();
}
END_TEST

/* A reader knows no such flow; the row of a neighbour stays as it is. */
START_TEST(a_row_that_cannot_be_read_is_made_anew)
{
    const char *service = catalog_names[_i], *table = catalog[_i].service->rows->stored_in;
    char id[32], other[32];

    snprintf(id, sizeof id, "spoilt-%d", _i);
    snprintf(other, sizeof other, "whole-%d", _i);
    place(id, "pm_card_visa", "thing", 1);
    place(other, "pm_card_visa", "thing", 1);
    eventually(is_closed(id) && is_closed(other));
    service_stop(service);
    execute(service, "UPDATE %s SET flow = 'sideways' WHERE order_id = '%s'", table, id);
    recover(service);
    ck_assert(output_has("cannot be read") && output_has("made anew"));
    ck_assert_int_eq(number(service,
                            "SELECT count(*) FROM %s WHERE order_id = '%s' AND flow = 'pay-first'",
                            table, id),
                     1);
    ck_assert_int_eq(number(service, "SELECT version FROM %s WHERE order_id = '%s'", table, id), 1);
    ck_assert_int_gt(number(service, "SELECT version FROM %s WHERE order_id = '%s'", table, other),
                     1);
    service_start(service, "");
    service_ready(service);
    finds_nothing();
}
END_TEST

START_TEST(a_mail_that_was_read_is_not_sent_again)
{
    back_up("email");
    place("read-1", "pm_card_visa", "thing", 1);
    place_for("{\"name\":\"Ada\"}", "read-counter", "pm_card_visa", "thing", 1);
    eventually(is_closed("read-1") && is_closed("read-counter"));
    ck_assert_int_eq(shell("for m in $(grep -lx 'X-Order-ID: read-1' -r $QUADRILLE_MAILDIR/new); "
                           "do mv $m $QUADRILLE_MAILDIR/cur/$(basename $m):2,S; done"),
                     0);
    service_stop("email");
    restore("email");
    recover("email");
    service_start("email", "");
    service_ready("email");
    ck_assert_int_eq(number("email", "SELECT state FROM mails WHERE order_id = 'read-counter' AND "
                                     "facts & (1::bigint << 35) <> 0"),
                     2);
    place("read-2", "pm_card_visa", "thing", 1);
    eventually(is_closed("read-2"));
    ck_assert_int_eq(shell("test $(grep -lx 'X-Order-ID: read-1' -r $QUADRILLE_MAILDIR/new "
                           "$QUADRILLE_MAILDIR/cur | wc -l) = 1"),
                     0);
    finds_nothing();
}
END_TEST

START_TEST(a_service_at_work_is_not_recovered)
{
    int64_t before =
        number(catalog_names[_i], "SELECT count(*) FROM %s", catalog[_i].service->rows->stored_in);

    service_ready(catalog_names[_i]);
    ck_assert_int_eq(shell("$BIN/sagactl recover %s --yes", catalog_names[_i]), 2 << 8);
    ck_assert(output_has("stop all its instances first"));
    ck_assert_int_eq(shell("$BIN/sagactl recover %s --yes --%s-group quadrille-nobody",
                           catalog_names[_i], catalog_names[_i]),
                     2 << 8);
    ck_assert(output_has("nobody has read in group quadrille-nobody"));
    ck_assert_int_eq(
        number(catalog_names[_i], "SELECT count(*) FROM %s", catalog[_i].service->rows->stored_in),
        before);
}
END_TEST

static void rebuild(const char *service)
{
    char command[900];
    const char *url = url_of(service), *slash = strrchr(url, '/');

    execute(service, "DROP DATABASE IF EXISTS rebuilt");
    execute(service, "CREATE DATABASE rebuilt");
    snprintf(command, sizeof command, "$BIN/sagactl replay rebuild %s --into %.*s/rebuilt", service,
             (int)(slash - url), url);
    must(command);
    execute(service, "DROP DATABASE rebuilt");
}

/* What stands in another column than it should is a difference, though the values are the same, in
 * the same order. */
static void a_shifted_value_is_seen(void)
{
    execute("order", "CREATE DATABASE rebuilt");
    execute("order",
            "UPDATE orders SET currency = NULL, reason = currency WHERE order_id = 'fix-1'");
    ck_assert_int_ne(shell("$BIN/sagactl replay rebuild order --into $(echo "
                           "$QUADRILLE_ORDER_DATABASE | sed 's,[^/]*$,rebuilt,')"),
                     0);
    ck_assert(output_has(": 1 differ"));
    execute("order", "UPDATE orders SET currency = reason, reason = NULL WHERE order_id = 'fix-1'");
    execute("order", "DROP DATABASE rebuilt");
}

/* Cancelled twice in one batch, in another partition than its own, by a clock that is an hour slow:
 * by the records' times it was cancelled before it was placed.  With ids the second cancellation is
 * named as the cause, without them none. */
static void order_is_cancelled_twice_by_a_slow_clock(const char *order_id, const char *id)
{
    char command[900];

    place(order_id, "pm_never", "thing", 1); /* its own partition is not 0 */
    eventually(emitted(order_id, "payment.pending") > 0);
    service_stop("order");
    for (int i = 1; i <= 2; i++) {
        snprintf(command, sizeof command,
                 "/usr/bin/python3 tests/integration/produce.py orders.commands %s "
                 "header=ce_type=order.cancel %s%d"
                 " value='{\"order_id\":\"%s\",\"reason\":\"%d\"}' timestamp=%lld partition=0",
                 order_id, id, i, order_id, i, (long long)time(NULL) * 1000 - 3600000 + i);
        must(command);
    }
    service_start("order", "");
    eventually(is_closed(order_id));
}

/* An order that came broken, was repaired and given another try has its content in the internal
 * topic. */
START_TEST(a_rebuilt_database_is_as_the_live_one)
{
    if (_i == 0) {
        publish("orders.commands", "fix-1", "order.place", NULL, NULL,
                "{\"order_id\":\"fix-1\",\"customer\":");
        eventually(shell("$BIN/sagactl dlq --order fix-1 --json | grep -q '\"resolution\":null'") ==
                   0);
        order_is_cancelled_twice_by_a_slow_clock("slow-1", "header=x-number=");
        order_is_cancelled_twice_by_a_slow_clock("slow-2", "header=ce_id=slow-2-cancel-");
        ck_assert_int_eq(
            shell("echo '" ORDER("fix-1") "' > %s/fixed.json && $BIN/sagactl dlq redrive --order "
                                          "fix-1 --with %s/fixed.json --yes",
                  environment_folder(), environment_folder()),
            0);
    } else {
        eventually(is_closed("fix-1"));
    }
    eventually(is_closed("fix-1"));
    eventually(shell("$BIN/sagactl topics --json | grep -q '\"lag\":{[^}]*:[1-9]'") != 0);
    rebuild(catalog_names[_i]);
    if (_i == 0)
        a_shifted_value_is_seen();
}
END_TEST

void recovery_tests_add(Suite *suite, void (*setup)(void))
{
#define add(test, count) suite_add(suite, #test, test, count, setup)
    add(a_confirmed_order_with_a_late_cancellation_stays_confirmed, 1);
    add(a_row_that_cannot_be_read_is_made_anew, SERVICES);
    add(a_mail_that_was_read_is_not_sent_again, 1);
    add(a_service_at_work_is_not_recovered, SERVICES);
    add(what_was_emitted_stays_when_a_backup_comes_back_under_load, SERVICES + 1);
    add(a_rebuilt_database_is_as_the_live_one, SERVICES);
#undef add
}
