/* A database that is unavailable in one of many ways, and comes back. */
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/wait.h"
#include "brokers/broker.h"
#include "database/database.h"
#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

enum { ENOUGH_MS = 3000 };

static const char *url_of(const char *service)
{
    char name[64];

    snprintf(name, sizeof name, "QUADRILLE_%s_DATABASE", service);
    for (char *c = name; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    return getenv(name);
}

static int64_t backend_of(const char *service)
{
    return number("provider",
                  "SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE application_name = "
                  "'quadrille-%s'",
                  service);
}

static void backend_signal(int64_t pid, int what)
{
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(kill((pid_t)pid, what), 0);
}

/* New sessions can write, those that are there cannot: as after a failover, where a connection
 * still leads to the old primary. */
START_TEST(a_server_that_became_read_only_is_left_for_one_that_is_not)
{
    for (int i = 0; i < SERVICES; i++)
        execute("provider", "ALTER DATABASE quadrille_%s SET default_transaction_read_only = off",
                catalog_names[i]);
    execute("provider",
            "ALTER DATABASE quadrille_provider SET default_transaction_read_only = off");
    ck_assert_int_eq(shell("psql -qX %s -c 'ALTER SYSTEM SET default_transaction_read_only = on' "
                           "-c 'SELECT pg_reload_conf()'",
                           url_of("provider")),
                     0);
    place("read-only", "pm_card_visa", "thing", 1);
    eventually(emitted("read-only", "email.sent") == 1);
    ck_assert_int_eq(shell("psql -qX %s -c 'ALTER SYSTEM RESET default_transaction_read_only' -c "
                           "'SELECT pg_reload_conf()'",
                           url_of("provider")),
                     0);
}
END_TEST

/* A backend that stands still is what a host that is gone without a word looks like. */
START_TEST(a_database_that_stands_still_is_left_for_a_new_connection)
{
    int64_t pid;

    service_stop("inventory");
    service_start("inventory", "--database-timeout-ms 1500");
    service_ready("inventory");
    place("before-standstill", "pm_card_visa", "thing", 1);
    eventually(is_closed("before-standstill"));
    pid = backend_of("inventory");
    backend_signal(pid, SIGSTOP);
    place("standstill", "pm_card_visa", "thing", 1);
    eventually(is_closed("standstill"));
    backend_signal(pid, SIGCONT);
}
END_TEST

START_TEST(a_service_ends_while_its_database_stands_still)
{
    int64_t pid;

    service_stop("inventory");
    service_start("inventory", "");
    service_ready("inventory");
    place("ends-before", "pm_card_visa", "thing", 1);
    eventually(is_closed("ends-before"));
    pid = backend_of("inventory");
    backend_signal(pid, SIGSTOP);
    place("ends-while", "pm_card_visa", "thing", 1);
    eventually(emitted("ends-while", "payment.completed") == 1);
    service_stop("inventory"); /* fails when it takes longer than its grace */
    backend_signal(pid, SIGCONT);
    service_start("inventory", "");
    eventually(is_closed("ends-while"));
}
END_TEST

START_TEST(a_migration_that_waits_has_a_heartbeat_and_an_end)
{
    char options[400];
    int64_t until_ms;

    service_stop("inventory");
    ck_assert_int_eq(shell("(psql -qX %s -c \"SELECT pg_advisory_lock(hashtext('quadrille "
                           "schema_migration')); SELECT pg_sleep(3600)\" > /dev/null 2>&1 &)",
                           url_of("inventory")),
                     0);
    eventually(number("inventory",
                      "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted") > 0);
    snprintf(options, sizeof options, "--heartbeat-file %s/migration.heartbeat",
             environment_folder());
    service_start("inventory", options);
    eventually(number("inventory",
                      "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") >
               0);
    until_ms = environment_clock_ms() + ENOUGH_MS;
    eventually(environment_clock_ms() > until_ms);
    ck_assert_int_eq(shell("$BIN/quadrille-inventory --health-check --heartbeat-file "
                           "%s/migration.heartbeat --heartbeat-max-age-ms 2000",
                           environment_folder()),
                     0);
    service_stop("inventory");
    eventually(
        number("inventory",
               "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 0);
    execute("provider", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
                        "'%%pg_sleep(3600)%%' AND pid <> pg_backend_pid()");
    service_start("inventory", "");
    service_ready("inventory");
}
END_TEST

START_TEST(a_column_may_get_another_type_under_a_service_at_work)
{
    place("type-before", "pm_card_visa", "thing", 1);
    eventually(is_closed("type-before"));
    execute("inventory", "ALTER TABLE reservation ALTER COLUMN lines TYPE varchar");
    place("type-after", "pm_card_visa", "thing", 1);
    eventually(is_closed("type-after"));
    ck_assert(service_is_alive("inventory"));
    execute("inventory", "ALTER TABLE reservation ALTER COLUMN lines TYPE text");
    environment_forget("inventory");
    place("type-back", "pm_card_visa", "thing", 1);
    eventually(is_closed("type-back"));
}
END_TEST

/* Each time anew, and each reason. */
START_TEST(each_absence_of_a_database_is_logged)
{
    service_stop("inventory");
    service_start("inventory", "");
    service_ready("inventory");
    for (int i = 1; i <= 2; i++) {
        char id[32];

        snprintf(id, sizeof id, "absence-%d", i);
        execute("provider", "ALTER DATABASE quadrille_inventory ALLOW_CONNECTIONS false");
        execute("provider", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname "
                            "= 'quadrille_inventory'");
        place(id, "pm_card_visa", "thing", 1);
        eventually(logged("inventory", "waiting for it") == i);
        ck_assert_int_ge(logged("inventory", "not currently accepting connections"), i);
        execute("provider", "ALTER DATABASE quadrille_inventory ALLOW_CONNECTIONS true");
        eventually(logged("inventory", "the database is back") == i);
        environment_forget("inventory");
        eventually(is_closed(id));
    }
}
END_TEST

START_TEST(a_maildir_may_be_gone_and_made_anew)
{
    const char *maildir = getenv("QUADRILLE_MAILDIR");

    service_stop("email");
    service_start("email", "");
    service_ready("email");
    for (int i = 1; i <= 2; i++) {
        char id[32];

        snprintf(id, sizeof id, "anew-%d", i);
        ck_assert_int_eq(
            shell("cp -a %s %s.away && rm -rf %s && touch %s", maildir, maildir, maildir, maildir),
            0);
        place(id, "pm_card_visa", "thing", 1);
        eventually(logged("email", "waiting for it") == i);
        ck_assert_int_ge(logged("email", "maildir: cannot"), i);
        ck_assert_int_ne(shell("$BIN/sagactl doctor"), 0);
        ck_assert(output_has("maildir"));
        ck_assert_int_eq(shell("rm %s && mv %s.away %s", maildir, maildir, maildir), 0);
        eventually(is_closed(id));
        ck_assert_int_eq(logged("email", "the maildir is back"), i);
        ck_assert_int_eq(mails_of(id), 1);
    }
}
END_TEST

/* What can never be an address is refused at once, and shows no secret. */
START_TEST(an_address_that_can_never_work_is_refused_without_its_secret)
{
    static const char *const wrong[][2] = {
        {"host=127.0.0.1 pasword=geheim", "pasword"},
        {"postgres//typo:geheim", "cannot be read"},
        {"postgresql://u:geheim@127.0.0.1:99999/x", "99999"},
        {"postgresql://u:pa%%zzgeheim@127.0.0.1/x", "cannot be read"},
        {"host=127.0.0.1 password='geheim", "cannot be read"},
        {"host=$(seq -s, 300) password=geheim", "host has 1091 bytes: 1023 are allowed"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int code =
            shell("$BIN/quadrille-order --brokers 127.0.0.1:1 --database \"%s\"", wrong[i][0]);

        ck_assert_msg(code == 2 << 8, "%s: exit code %d", wrong[i][0], code >> 8);
        ck_assert_msg(output_has(wrong[i][1]), "%s: %s is not named", wrong[i][0], wrong[i][1]);
        ck_assert_msg(!output_has("geheim"), "%s: the secret is shown", wrong[i][0]);
    }
}
END_TEST

START_TEST(another_services_database_is_refused)
{
    ck_assert_int_eq(shell("$BIN/quadrille-payment --group other --database %s", url_of("email")),
                     2 << 8);
    ck_assert(output_has("another service"));
}
END_TEST

/* No payment is to blame for that: none is dead-lettered. */
START_TEST(another_services_database_is_no_providers)
{
    place("no-ledger", "pm_never", "thing", 1);
    eventually(strcmp(state("payment", "no-ledger"), "CHARGING") == 0);
    ck_assert_int_eq(
        shell("timeout 60 $BIN/quadrille-payment --group other --database "
              "$QUADRILLE_PAYMENT_DATABASE --provider-database $QUADRILLE_EMAIL_DATABASE"),
        1 << 8);
    ck_assert(output_has("another service"));
    ck_assert_int_eq(messages_of("payment.dlq", "no-ledger"), 0);
    cancel("no-ledger");
    eventually(is_closed("no-ledger"));
}
END_TEST

START_TEST(a_pooler_that_shares_sessions_is_refused)
{
    ck_assert_int_eq(shell("tests/integration/pooler %s/pooler %s > %s/pooled",
                           environment_folder(), url_of("order"), environment_folder()),
                     0);
    ck_assert_int_eq(
        shell("timeout 20 $BIN/quadrille-order --group other --database $(cat %s/pooled)",
              environment_folder()),
        2 << 8);
    ck_assert(output_has("pool_mode = session"));
    ck_assert_int_eq(shell("kill $(cat %s/pooler/pid)", environment_folder()), 0);
}
END_TEST

static void on_byte(void *context, short events)
{
    int *ends = context;
    char byte;

    (void)events;
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    wait_unwatch(ends[0]);
    ends[0] = -1;
}

/* Watches a pipe in which there is a byte. */
static void watch_pipe(int ends[2])
{
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    wait_watch(ends[0], POLLIN, on_byte, ends);
}

START_TEST(who_watches_is_served_while_a_database_or_a_broker_is_waited_for)
{
    static const char *const topics[] = {"orders"};
    const struct broker_settings settings = {.brokers = getenv("QUADRILLE_BROKERS"),
                                             .group = "quadrille-watchers"};
    struct database *database = database_new(url_of("order"), "watchers");
    struct error error = {0};
    struct consumer *consumer = consumer_new(&settings, topics, 1, &error);
    struct incoming message;
    int ends[2];

    ck_assert_msg(consumer != NULL, "%s", error.message);
    watch_pipe(ends);
    ck_assert_int_eq(database_execute(database, "SELECT pg_sleep(0.1)", &error), STATUS_OK);
    ck_assert_int_eq(ends[0], -1);
    close(ends[1]);
    watch_pipe(ends);
    while (consumer_take(consumer, 1000000, &message)) /* it would wait for that long else */
        incoming_release(&message);
    ck_assert_int_eq(ends[0], -1);
    close(ends[1]);
    consumer_close(consumer);
    database_free(database);
}
END_TEST

Suite *database_suite(void)
{
    Suite *suite = suite_create("database");

#define add(test) suite_add(suite, #test, test, 1, environment_with_services)
    add(an_address_that_can_never_work_is_refused_without_its_secret);
    add(another_services_database_is_refused);
    add(another_services_database_is_no_providers);
    add(a_pooler_that_shares_sessions_is_refused);
    add(a_server_that_became_read_only_is_left_for_one_that_is_not);
    add(a_database_that_stands_still_is_left_for_a_new_connection);
    add(a_service_ends_while_its_database_stands_still);
    add(a_migration_that_waits_has_a_heartbeat_and_an_end);
    add(a_column_may_get_another_type_under_a_service_at_work);
    add(each_absence_of_a_database_is_logged);
    add(a_maildir_may_be_gone_and_made_anew);
    add(who_watches_is_served_while_a_database_or_a_broker_is_waited_for);
#undef add
    suite_add_identities(suite, environment_with_services);
    suite_add_audit(suite, environment_with_services);
    return suite;
}
