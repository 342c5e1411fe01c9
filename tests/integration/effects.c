/* What is asked of the outside world while nobody waits for it: calls that hang, processes that die
 * or end meanwhile, answers that come when nobody can write them down. */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

/* No call runs out of time within a test. */
#define PATIENT " --provider-timeout-ms 60000"

/* The provider makes its ledger when it is asked first. */
static void environment_with_a_ledger(void)
{
    if (environment_is_open())
        return;
    environment_with_services();
    place("first", "pm_card_visa", "thing", 1);
    eventually(is_closed("first"));
}

static void killed(const char *service)
{
    stack("kill %s %s", environment_folder(), service);
}

static bool is_charging(const char *id)
{
    return strcmp(state("payment", id), "CHARGING") == 0;
}

/* Orders, one after the other, until one is seen while the provider is asked. */
static const char *charging(const char *prefix)
{
    static char id[64];
    static int serial;

    do {
        snprintf(id, sizeof id, "%s-%d", prefix, serial++);
        place(id, "pm_card_visa", "thing", 1);
        eventually(*state("payment", id) != '\0');
    } while (!is_charging(id));
    return id;
}

static void check_charged_once(const char *id)
{
    ck_assert_int_eq(number("provider", "SELECT count(*) FROM charge WHERE order_id = '%s'", id),
                     1);
    ck_assert_int_eq(ids_emitted(id, "payment.completed"), 1);
}

START_TEST(a_call_that_hangs_holds_up_no_other_order)
{
    service_restart("payment", PATIENT);
    place("hangs", "pm_never", "thing", 1);
    eventually(is_charging("hangs"));
    place("passes-by", "pm_card_visa", "thing", 1);
    eventually(is_closed("passes-by"));
    ck_assert_str_eq(state("order", "passes-by"), "CONFIRMED");
    ck_assert(is_charging("hangs"));
    cancel("hangs");
    eventually(is_closed("hangs"));
    ck_assert_str_eq(state("payment", "hangs"), "VOID");
    ck_assert_int_eq(emitted("hangs", "payment.pending"), 0); /* nobody has given up the call */
    killed("payment"); /* which would wait for it for a while */
    service_start("payment", "");
    service_ready("payment");
}
END_TEST

/* Nothing is due of a row whose charge was asked for the first time: it is asked again because its
 * message comes again, which was not committed, though others behind it were done. */
START_TEST(a_process_may_die_while_the_provider_is_asked)
{
    service_restart("payment", PATIENT);
    place("asked", "pm_silent_charge", "thing", 1);
    eventually(number("provider", "SELECT count(*) FROM charge WHERE order_id = 'asked'") == 1);
    place_many("behind", 10);
    eventually(closed("behind") == 10);
    for (int i = 0; i < 50; i++) /* four commits */
        environment_breathe();
    ck_assert(is_charging("asked"));
    ck_assert_int_eq(number("payment", "SELECT count(*) FROM payments WHERE order_id = 'asked' AND "
                                       "next_due IS NULL"),
                     1);
    killed("payment");
    service_start("payment", "--provider-timeout-ms 100 --provider-retry-after-ms 300");
    eventually(emitted("asked", "payment.pending") >= 1);
    ck_assert_int_eq(number("provider", "SELECT count(*) FROM charge WHERE order_id = 'asked'"), 1);
    cancel("asked");
    eventually(is_closed("asked"));
    ck_assert_str_eq(state("payment", "asked"), "REFUNDED");
    ck_assert_int_eq(charged("behind"), 10);
}
END_TEST

/* The first save of the result finds no row of the version that was loaded, as when somebody else
 * wrote it in between. */
START_TEST(a_result_is_kept_though_another_instance_moved_the_row)
{
    service_restart("payment", PATIENT);
    execute("payment", "CREATE SEQUENCE saves"); /* counts those that are rolled back too */
    execute("payment", "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n"
                       "IF nextval('saves') = 1 THEN RETURN NULL; END IF;\n"
                       "RETURN NEW; END $$");
    execute("payment", "CREATE TRIGGER meddle BEFORE UPDATE ON payments FOR EACH ROW WHEN "
                       "(OLD.order_id = 'moved') EXECUTE FUNCTION meddle()");
    place("moved", "pm_card_visa", "thing", 1);
    eventually(is_closed("moved"));
    ck_assert_str_eq(state("order", "moved"), "CONFIRMED");
    ck_assert_str_eq(state("payment", "moved"), "COMPLETED");
    ck_assert_int_ge(logged("payment", "loaded again"), 1);
    ck_assert_int_eq(number("payment", "SELECT last_value FROM saves"), 2);
    check_charged_once("moved");
    execute("payment", "DROP TRIGGER meddle ON payments");
    execute("payment", "DROP FUNCTION meddle");
    execute("payment", "DROP SEQUENCE saves");
}
END_TEST

enum { BOUNDED = 8 };

/* The charges are counted before the answers: these have only become more by then.  One may be
 * answered and not yet saved, and the next is asked meanwhile. */
static bool bounded_are_closed(void)
{
    const int64_t asked = charged("bounded");
    const int64_t answered = number("payment", "SELECT count(*) FROM payments WHERE order_id LIKE "
                                               "'bounded-%%' AND payment_id IS NOT NULL");

    ck_assert_int_le(asked, answered + 2);
    return closed("bounded") == BOUNDED;
}

START_TEST(no_more_is_asked_at_once_than_the_bound_allows)
{
    service_restart("payment", "--effects-max 1 --provider-latency-ms 200" PATIENT);
    place_many("bounded", BOUNDED);
    eventually(bounded_are_closed());
    ck_assert_int_eq(confirmed("bounded"), BOUNDED);
    ck_assert_int_eq(charged("bounded"), BOUNDED);
    ck_assert_int_eq(logged("payment", "loaded again"), 0); /* nobody else writes the rows */
}
END_TEST

START_TEST(a_result_comes_after_its_partition_went_to_another_instance)
{
    enum { ORDERS = 12 };

    static const char options[] = "--provider-latency-ms 3000" PATIENT;
    char id[64];

    service_restart("payment", options);
    place_many("handed-on", ORDERS);
    eventually(charged("handed-on") == ORDERS);
    service_start("payment.2", options);
    service_ready("payment.2");
    eventually(closed("handed-on") == ORDERS);
    for (int i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "handed-on-%d", i);
        eventually(is_closed(id));
        ck_assert_str_eq(state("payment", id), "COMPLETED");
        check_charged_once(id);
    }
    audit_is_clean();
    service_stop("payment.2");
}
END_TEST

START_TEST(what_is_under_way_at_the_end_is_answered)
{
    const char *id;

    service_restart("payment", "--provider-latency-ms 1000" PATIENT);
    id = charging("ending");
    service_stop("payment");
    ck_assert_str_eq(state("payment", id), "COMPLETED");
    eventually(emitted(id, "payment.completed") >= 1);
    service_start("payment", "");
    eventually(is_closed(id));
    check_charged_once(id);
}
END_TEST

static void database_close(const char *name, const char *through)
{
    execute(through, "ALTER DATABASE quadrille_%s ALLOW_CONNECTIONS false", name);
    execute(through,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'quadrille_%s'",
            name);
}

static void database_allow(const char *name, const char *through)
{
    execute(through, "ALTER DATABASE quadrille_%s ALLOW_CONNECTIONS true", name);
    environment_forget(name);
}

START_TEST(an_answer_comes_while_the_database_is_away)
{
    const char *id;

    service_restart("payment", "--provider-latency-ms 1000" PATIENT);
    id = charging("unwritten");
    database_close("payment", "provider");
    eventually(logged("payment", "waiting for it") == 1); /* there is nothing else to write */
    ck_assert_int_eq(emitted(id, "payment.completed"), 0);
    database_allow("payment", "provider");
    eventually(is_closed(id));
    ck_assert_str_eq(state("payment", id), "COMPLETED");
    check_charged_once(id);
}
END_TEST

START_TEST(a_provider_that_cannot_be_reached_is_asked_later)
{
    enum { ORDERS = 5 };

    char id[64];

    service_restart("payment", "");
    service_restart("order", "--flow reserve-first");
    database_close("provider", "order");
    place_many("unreached", ORDERS);
    for (int i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "unreached-%d", i);
        eventually(is_charging(id));
    }
    eventually(logged("payment", "waiting for it") == 1);
    place("needs-no-provider", "pm_card_visa", "nowhere", 1);
    eventually(is_closed("needs-no-provider"));
    ck_assert_str_eq(state("payment", "needs-no-provider"), "VOID");
    for (int i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "unreached-%d", i);
        ck_assert(is_charging(id));
    }
    database_allow("provider", "order");
    eventually(closed("unreached") == ORDERS);
    ck_assert_int_eq(confirmed("unreached"), ORDERS);
    ck_assert_int_eq(charged("unreached"), ORDERS);
    service_restart("order", "");
}
END_TEST

/* Whoever watches: it takes no alert the first time. */
static struct {
    int listener, refused, taken;
    char last[4096]; /* request */
} watcher;

static int watcher_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;

    watcher.listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(watcher.listener, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(watcher.listener, 8), 0);
    ck_assert_int_eq(getsockname(watcher.listener, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

static void watcher_answer(int connection)
{
    const char *answer = watcher.refused == 0
                             ? "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                             : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    size_t length = 0;
    ssize_t got;

    do {
        got = recv(connection, watcher.last + length, sizeof watcher.last - 1 - length, 0);
        length += got > 0 ? (size_t)got : 0;
        watcher.last[length] = '\0';
    } while (got > 0 && strstr(watcher.last, "}]") == NULL);
    if (strstr(watcher.last, "}]") == NULL) /* it was given up meanwhile */
        return;
    ck_assert_int_eq(send(connection, answer, strlen(answer), MSG_NOSIGNAL), strlen(answer));
    watcher.taken += watcher.refused > 0;
    watcher.refused = 1;
}

static int alerts_taken(void)
{
    struct pollfd poll_for = {.fd = watcher.listener, .events = POLLIN};

    while (poll(&poll_for, 1, 0) == 1) {
        const int connection = accept(watcher.listener, NULL, NULL);

        watcher_answer(connection);
        close(connection);
    }
    return watcher.taken;
}

START_TEST(the_breaker_opens_half_opens_and_closes)
{
    enum { ORDERS = 6 };

    char id[64], options[128];

    snprintf(options, sizeof options,
             "--breaker-min-calls 4 --alert-url http://127.0.0.1:%d/api/v2/alerts", watcher_port());
    service_restart("payment", options);
    service_restart("order", "--flow reserve-first");
    database_close("provider", "order");
    place_many("unasked", ORDERS);
    for (int i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "unasked-%d", i);
        eventually(ids_emitted(id, "payment.pending") == 1);
        ck_assert_ptr_nonnull(
            strstr(body_of(id, "payment.pending"), "\"payment will be processed shortly\""));
        ck_assert(is_charging(id));
    }
    ck_assert_int_eq(logged("payment", "circuit breaker closed -> open"), 1);
    eventually(logged("payment", "circuit breaker half-open -> open") >= 1);
    eventually(alerts_taken() == 1);
    ck_assert_int_eq(watcher.refused, 1);
    ck_assert_ptr_nonnull(strstr(watcher.last, "\"alertname\":\"payment-service-degraded\""));
    ck_assert_ptr_nonnull(strstr(watcher.last, "\"startsAt\":\""));
    place("asks-nobody", "pm_card_visa", "nowhere", 1);
    eventually(is_closed("asks-nobody"));
    ck_assert_int_eq(logged("payment", "circuit breaker half-open -> closed"), 0);
    database_allow("provider", "order");
    eventually(closed("unasked") == ORDERS);
    ck_assert_int_eq(confirmed("unasked"), ORDERS);
    ck_assert_int_eq(charged("unasked"), ORDERS);
    ck_assert_int_eq(logged("payment", "circuit breaker half-open -> closed"), 1);
    ck_assert_int_eq(logged("payment", "circuit breaker closed -> open"), 1);
    eventually(alerts_taken() == 2);
    ck_assert_ptr_nonnull(strstr(watcher.last, "\"endsAt\":\""));
    close(watcher.listener);
    for (int i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "unasked-%d", i);
        ck_assert_int_eq(ids_emitted(id, "payment.pending"), 1);
    }
    service_restart("order", "");
}
END_TEST

/* The service dies between a mail and its result. */
static void mail_without_result(const char *id)
{
    service_restart("email", "--crash-at after-effects");
    place(id, "pm_card_visa", "thing", 1);
    eventually(!service_is_alive("email"));
    ck_assert_int_eq(mails_of(id), 1);
    ck_assert_str_eq(state("email", id), "NEW");
}

START_TEST(a_mail_is_sent_once_though_it_comes_again)
{
    mail_without_result("mailed");
    service_start("email", "");
    eventually(is_closed("mailed"));
    ck_assert_int_eq(mails_of("mailed"), 1);

    mail_without_result("read");
    ck_assert_int_eq(shell("cd %s/mail && mail=$(grep -lx 'X-Order-ID: read' -r new) && mv $mail "
                           "cur/${mail##*/}:2,RS",
                           environment_folder()),
                     0);
    service_start("email", "");
    eventually(is_closed("read"));
    ck_assert_int_eq(mails_of("read"), 1);
    ck_assert_int_eq(shell("grep -lx 'X-Order-ID: read' -r %s/mail/cur", environment_folder()), 0);
}
END_TEST

Suite *effects_suite(void)
{
    Suite *suite = suite_create("effects");

#define add(test) suite_add(suite, #test, test, 1, environment_with_a_ledger)
    add(a_call_that_hangs_holds_up_no_other_order);
    add(a_process_may_die_while_the_provider_is_asked);
    add(a_result_is_kept_though_another_instance_moved_the_row);
    add(no_more_is_asked_at_once_than_the_bound_allows);
    add(a_result_comes_after_its_partition_went_to_another_instance);
    add(what_is_under_way_at_the_end_is_answered);
    add(an_answer_comes_while_the_database_is_away);
    add(a_provider_that_cannot_be_reached_is_asked_later);
    add(the_breaker_opens_half_opens_and_closes);
    add(a_mail_is_sent_once_though_it_comes_again);
#undef add
    suite_add_identities(suite, environment_with_a_ledger);
    suite_add_audit(suite, environment_with_a_ledger);
    return suite;
}
