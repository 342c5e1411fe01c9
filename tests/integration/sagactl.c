/* sagactl on a healthy run, and on one with a fault of each kind: what it must find, and nothing
 * else.
 *
 * A fault stays in the log, so each test has an order of its own, and looks at the lines about that
 * one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "events/flow.h"
#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

static const char audit[] = "audit --under-way-ms 0 --show 1000",
                  audit_log[] = "audit --from-log --under-way-ms 0 --show 1000",
                  plan[] = "replay plan --all --under-way-ms 0";

/* Services wait long before they have anything emitted again: what is lost stays lost until
 * somebody fixes it. */
#define PATIENT "--republish-after-ms 3600000"

/* The exit code of sagactl with these arguments. */
static int sagactl(const char *arguments)
{
    return shell("$BIN/sagactl %s", arguments) >> 8;
}

/* How many lines of its output hold the text. */
static int told(const char *arguments, const char *text)
{
    shell("$BIN/sagactl %s > %s/told.out 2>&1", arguments, environment_folder());
    return shell("exit $(grep -cF -e '%s' %s/told.out)", text, environment_folder()) >> 8;
}

/* The command finds nothing; what it does find is printed. */
static void finds_nothing(const char *arguments)
{
    int code = sagactl(arguments);

    if (code != 0)
        print_last();
    ck_assert_msg(code == 0, "sagactl %s: exit code %d", arguments, code);
}

/* Whatever the service has not read yet it will never read: as if the broker had lost it. */
static void skip_unread(const char *service)
{
    ck_assert_int_eq(
        shell("tests/integration/skip-unread \"$QUADRILLE_BROKERS\" quadrille-%s", service), 0);
}

/* The embedded broker cannot look up times, and a group of its that somebody else joined for a
 * while takes nobody in any more: there words cannot be made to be lost. */
static bool on_kafka(void)
{
    return getenv("BROKER") != NULL && strcmp(getenv("BROKER"), "kafka") == 0;
}

/* Places an order whose payment is charged and saved, and never emitted: payment dies before, and
 * the message never comes again. */
static void place_and_lose_the_answer(const char *order_id)
{
    service_stop("payment");
    service_start("payment", "--crash-at after-save");
    service_ready("payment");
    place(order_id, "pm_card_visa", "thing", 1);
    eventually(!service_is_alive("payment"));
    skip_unread("payment");
    service_start("payment", "");
    service_ready("payment");
    eventually(all_is_read());
}

/* ---- nothing is wrong ---- */

START_TEST(of_a_healthy_run_nothing_is_found)
{
    char id[64], options[96];
    int orders = 0;

    for (int i = 0; i < FLOWS; i++) {
        snprintf(options, sizeof options, PATIENT " --flow %s", flow_names[i]);
        service_restart("order", options);
        for (int j = 0; j < 20; j++, orders++) {
            snprintf(id, sizeof id, "fine-%d", orders);
            place(id,
                  j % 5 == 0   ? "pm_card_declined"
                  : j % 5 == 1 ? "pm_late_approve"
                               : "pm_card_visa",
                  j % 7 == 0 ? "rare" : "thing", 1);
            if (j % 4 == 0)
                cancel(id);
        }
    }
    service_restart("order", PATIENT);
    place("fine-silent", "pm_silent_charge", "thing", 1);
    place("fine-never", "pm_never", "thing", 1);
    eventually(emitted("fine-silent", "payment.pending") > 0 &&
               emitted("fine-never", "payment.pending") > 0);
    place_for("{\"name\":\"Ada\"}", "fine-counter", "pm_card_visa", "thing", 1);
    cancel("fine-silent");
    cancel("fine-never");
    cancel("fine-early");
    place("fine-early", "pm_card_visa", "thing", 1);
    eventually(closed("fine") == orders + 4);
    eventually(all_is_read());
    finds_nothing(audit);
    finds_nothing(plan);
    ck_assert_int_eq(told(plan, " 0 findings"), 1);
    ck_assert_int_eq(sagactl("doctor"), 0);
    ck_assert_int_eq(told("doctor", ".parked"), 0); /* a name in 0.1, which it did not make */
    ck_assert_int_eq(sagactl("dlq"), 0);
    ck_assert_int_eq(sagactl("replay plan fine-0 fine-1 --under-way-ms 0"), 0);
    ck_assert_int_eq(sagactl("replay plan --since 1h --under-way-ms 0"), 0);
    ck_assert_int_eq(sagactl("audit --from-log --memory-mib 48"), 0);
}
END_TEST

/* It is the only one: nobody who looked for them before has made another. */
START_TEST(a_topic_of_its_name_before_is_named_by_services_and_doctor)
{
    ck_assert_int_eq(
        shell(on_kafka() ? "brokers/apache/kafka tool topics --bootstrap-server $QUADRILLE_BROKERS "
                           "--create --topic payment.parked"
                         : "echo {} | kcat -P -b $QUADRILLE_BROKERS -t payment.parked"),
        0);
    service_restart("email", "");
    eventually(logged("email", "topics that only 0.1 uses are still there: payment.parked; how to "
                               "move stands in docs/operations.md, Upgrading") == 1);
    ck_assert_int_eq(told("doctor", "note payment.parked "), 1);
    ck_assert_int_eq(told("doctor", ".parked "), 1);
    ck_assert_int_eq(sagactl("doctor"), 0);
    if (on_kafka())
        ck_assert_int_eq(shell("brokers/apache/kafka tool topics --bootstrap-server "
                               "$QUADRILLE_BROKERS --delete --topic payment.parked"),
                         0);
}
END_TEST

START_TEST(a_database_is_rebuilt_from_the_log)
{
    for (int i = 0; i < SERVICES; i++) {
        char name[16], url[600];
        char variable[64];

        snprintf(name, sizeof name, "again_%s", catalog_names[i]);
        snprintf(variable, sizeof variable, "QUADRILLE_ORDER_DATABASE");
        execute(catalog_names[i], "CREATE DATABASE %s", name);
        snprintf(url, sizeof url, "%.*s/%s",
                 (int)(strrchr(getenv(variable), '/') - getenv(variable)), getenv(variable), name);
        ck_assert_msg(shell("$BIN/sagactl replay rebuild %s --into %s", catalog_names[i], url) == 0,
                      "%s is not rebuilt as it is", catalog_names[i]);
        ck_assert(output_has(" 0 differ"));
        /* it is not empty any more */
        ck_assert_int_eq(
            shell("$BIN/sagactl replay rebuild %s --into %s", catalog_names[i], url) >> 8, 2);
        ck_assert(output_has("an empty database is expected"));
    }
}
END_TEST

/* The schema is that of the service's name. */
START_TEST(a_shared_database_that_is_empty_gets_the_schemas_that_are_recovered)
{
    const char *url = getenv("QUADRILLE_ORDER_DATABASE");

    execute("order", "CREATE DATABASE shared_again");
    for (int i = 0; i < SERVICES; i++) {
        const char *name = catalog_names[i];

        ck_assert_int_eq(shell("$BIN/sagactl recover %s --dry-run --%s-database "
                               "'%.*s/shared_again?options=-csearch_path%%3D%s'",
                               name, name, (int)(strrchr(url, '/') - url), url, name),
                         0);
        ck_assert(output_has(" rows would be made, 0 would be brought"));
    }
}
END_TEST

START_TEST(lists_from_the_view_and_from_the_log_say_the_same)
{
    static const char *const filters[] = {"",
                                          "--state cancelled",
                                          "--state confirmed --limit 7",
                                          "--state open",
                                          "--state cancelled --reason payment.failed",
                                          "--older-than 0s --since 1h"};

    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        int code =
            shell("for from in '' --from-log; do $BIN/sagactl list --json $from %s | sed "
                  "'s/,\"waiting_for.*closed/\"closed/' | sort > %s/list$from; done; diff %s/list "
                  "%s/list--from-log",
                  filters[i], environment_folder(), environment_folder(), environment_folder());

        if (code != 0)
            print_last();
        ck_assert_msg(code == 0, "list %s differs", filters[i]);
    }
}
END_TEST

START_TEST(a_trace_tells_causes_durations_and_what_is_waited_for)
{
    place("told", "pm_card_visa", "thing", 1);
    eventually(is_closed("told"));
    ck_assert_int_eq(told("trace told", "CONFIRMED, and closed"), 1);
    ck_assert_int_eq(told("trace told", "(the slowest)"), 1);
    ck_assert_int_eq(told("trace told --since 1h", "email.sent"), 1);
    if (on_kafka())
        ck_assert_int_eq(told("trace told --since 0s", "nothing in the log is about order told"),
                         1);
    /* ends, being closed */
    ck_assert_int_eq(told("trace told --follow", "CONFIRMED, and closed"), 1);
    ck_assert_int_eq(told("trace told --format mermaid", "order->>payment: order.created"), 1);
    ck_assert_int_eq(shell("$BIN/sagactl trace told --format svg | /usr/bin/python3 -c 'import "
                           "sys, xml.dom.minidom; xml.dom.minidom.parse(sys.stdin)'"),
                     0);
    ck_assert_int_eq(shell("$BIN/sagactl trace told --json | /usr/bin/python3 -c 'import json, "
                           "sys; [json.loads(l) for l in sys.stdin]'"),
                     0);
    ck_assert_int_eq(told("trace told --json",
                          "{\"order\":\"told\",\"state\":\"CONFIRMED\",\"closed\":true,"
                          "\"waits_ms\":0,\"waiting_for\":[]}"),
                     1);
    ck_assert_int_eq(sagactl("trace nobody"), 1);
    ck_assert_int_eq(sagactl("trace told --format png"), 2);
    ck_assert_int_eq(sagactl("trace told --since yesterday"), 2);
}
END_TEST

START_TEST(a_cancellation_is_waited_for)
{
    place("regretted", "pm_never", "thing", 1);
    eventually(emitted("regretted", "payment.pending") > 0);
    place("too-late", "pm_card_visa", "thing", 1);
    eventually(is_closed("too-late"));
    ck_assert_int_eq(shell("$BIN/sagactl cancel regretted too-late --wait --timeout 30"), 1 << 8);
    ck_assert(output_has("order regretted is cancelled") &&
              output_has("order too-late cannot be cancelled any more"));
    /* once more */
    ck_assert_int_eq(shell("$BIN/sagactl cancel regretted --wait --timeout 30 --json"), 0);
    ck_assert(output_has("{\"order\":\"regretted\",\"answer\":\"order.cancelled\"}"));
    ck_assert_int_eq(shell("$BIN/sagactl cancel never-placed --wait --timeout 1"), 1 << 8);
    ck_assert(output_has("order never-placed: no answer within 1 s"));
    ck_assert_int_eq(shell("$BIN/sagactl republish too-late postman"), 2 << 8);
    ck_assert(output_has("unknown service \"postman\": one of ") && output_has(CATALOG_LIST));
    eventually(is_closed("regretted"));
}
END_TEST

START_TEST(a_top_screen_counts_what_is_open)
{
    place("topped", "pm_never", "thing", 1);
    eventually(emitted("topped", "payment.pending") > 0);
    ck_assert_int_eq(told("watch --top --once", "pending                         1"), 1);
    ck_assert_int_eq(told("list --state open", "topped"), 1);
    ck_assert_int_eq(told("list --state open --since 1h30m", "topped"), 1);
    ck_assert_int_eq(
        told("list --state open --since \"$(date -u +'%Y-%m-%d %H:%M')\" --older-than 2020-01-01",
             "topped"),
        0);
    ck_assert_int_eq(shell("$BIN/sagactl list --since 1h30"), 2 << 8);
    ck_assert_int_eq(shell("$BIN/sagactl replay plan nobody-knows"), 1 << 8);
    ck_assert(output_has("nothing in the log is about order nobody-knows"));
    ck_assert_int_eq(told("trace topped", "waits for payment.completed from payment, for"), 1);
    ck_assert_int_eq(told("trace topped", "its deadline is in"), 1);
    ck_assert_int_eq(
        told("trace topped --json",
             ",\"waiting_for\":[{\"event\":\"payment.completed\",\"from\":\"payment\"}"),
        1);
    ck_assert_int_ge(told("watch --overdue --since 1h --once", "topped"), 1);
    ck_assert_int_eq(told("watch --failed --since 1h --once --order topped", "topped"), 0);
    cancel("topped");
    eventually(is_closed("topped"));
    ck_assert_int_eq(told("watch --failed --since 1h --once --order topped", "order.cancelled"), 1);
    ck_assert_int_eq(told("watch --service email --since 1h --once --order topped", "email.sent"),
                     1);
}
END_TEST

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

/* A number of what the top screen printed last. */
static int64_t top_number(const char *member)
{
    ck_assert_int_eq(shell("sed 's/.*\"%s\"://' $TEST_FOLDER/top.json", member), 0);
    return output_number();
}

START_TEST(a_top_screen_tells_the_times_between_messages)
{
    enum { ORDERS = 6 };
    char id[ORDERS][16];
    int64_t took_ms[ORDERS], count;

    if (!on_kafka()) /* the embedded broker finds no message by its time */
        return;
    eventually(all_is_read());
    ck_assert_int_eq(shell("date -u +%%FT%%T.%%3NZ > $TEST_FOLDER/since"), 0);
    for (int i = 0; i < ORDERS; i++) {
        snprintf(id[i], sizeof id[i], "timed-%d", i);
        place(id[i], "pm_card_visa", "thing", 1);
        eventually(is_closed(id[i]));
    }
    eventually(all_is_read());
    ck_assert_int_eq(sagactl("watch --top --once --json --since $(cat $TEST_FOLDER/since) "
                             "> $TEST_FOLDER/top.json"),
                     0);
    /* each began when the one before it was closed: those of the last minute are the last ones */
    count = top_number("closed_last_minute");
    ck_assert_int_le(count, ORDERS);
    for (int i = 0; i < count; i++) {
        const char *order = id[ORDERS - count + i];

        took_ms[i] = emitted_at_ms(order, "email.sent") - emitted_at_ms(order, "order.place");
    }
    qsort(took_ms, (size_t)count, sizeof *took_ms, by_value);
    ck_assert_int_eq(top_number("p50"), (count == 0 ? 0 : took_ms[(count - 1) / 2]));
    ck_assert_int_eq(top_number("p99"), (count == 0 ? 0 : took_ms[count - 1]));
}
END_TEST

START_TEST(an_audit_adds_what_no_order_can_be_over)
{
    stock_set("gold", 20000000);
    ck_assert_int_eq(
        shell("for i in 1 2; do sed \"s/ORDER/dear-$i/; s/CARD/pm_card_visa/; s/PIECES/9223372/; "
              "s/22350/gold/; s/GBP/CHF/; s/\\(unit_price.*\\)255/\\11000000000000/\" "
              "docs/producers/order.json; done | "
              "$BIN/sagactl place --wait --timeout %d",
              (int)(environment_patience_ms() / 1000)),
        0);
    eventually(all_is_read());
    ck_assert_int_eq(told(audit, "184467440000000000.00 - 0.00 CHF"), 2);
}
END_TEST

START_TEST(an_audit_of_a_window_tells_of_its_orders_alone)
{
    place("before", "pm_card_visa", "thing", 1);
    eventually(is_closed("before"));
    eventually(all_is_read());
    ck_assert_int_eq(shell("date -u +%%FT%%T.%%3NZ > $TEST_FOLDER/since"), 0);
    place("after", "pm_card_visa", "thing", 1);
    eventually(is_closed("after"));
    eventually(all_is_read());
    execute("payment", "UPDATE payments SET amount = 1 WHERE order_id IN ('before', 'after')");
    /* the log, the ledger and the order say something else */
    ck_assert_int_eq(told("audit --under-way-ms 0 --since 1h", "order before:"), 3);
    ck_assert_int_eq(told("audit --under-way-ms 0 --since 1h", "order after:"), 3);
    ck_assert_int_eq(
        told("audit --under-way-ms 0 --since $(cat $TEST_FOLDER/since)", "order before:"), 0);
    ck_assert_int_eq(
        told("audit --under-way-ms 0 --since $(cat $TEST_FOLDER/since)", "order after:"), 3);
    ck_assert_int_eq(
        told("audit before --under-way-ms 0 --since $(cat $TEST_FOLDER/since)", "       order "),
        0);
    ck_assert_int_eq(sagactl("audit --under-way-ms 0 --since $(cat $TEST_FOLDER/since)"), 1);
    ck_assert_int_eq(sagactl("audit --under-way-ms 0 --since 0s"), 0);
    execute("payment", "UPDATE payments SET amount = 100 WHERE order_id IN ('before', 'after')");
    ck_assert_int_eq(told("audit --under-way-ms 0 --since 1h", "order after:"), 0);
}
END_TEST

/* ---- an answer that was lost ---- */

START_TEST(an_event_that_was_lost_is_planned_and_emitted_again_once)
{
    if (!on_kafka())
        return;
    place_and_lose_the_answer("lost");
    ck_assert_int_eq(told(audit_log, "order lost:"), 0); /* within its deadline */
    ck_assert_int_eq(told(plan, "lost "), 1);
    ck_assert_int_eq(told(plan, "payment.completed or payment.failed"), 1);
    ck_assert_int_eq(told(plan, "its row is COMPLETED  -> payment.republish"), 1);

    ck_assert_int_eq(shell("$BIN/sagactl replay plan lost --under-way-ms 0 --out %s/plan",
                           environment_folder()) >>
                         8,
                     1);
    /* nobody said yes */
    ck_assert_int_eq(
        shell("$BIN/sagactl replay apply %s/plan < /dev/null", environment_folder()) >> 8, 2);
    ck_assert_int_eq(shell("$BIN/sagactl replay apply %s/plan --yes", environment_folder()), 0);
    ck_assert(output_has("1 command published, 0 before"));
    ck_assert(output_has("fixed    lost"));
    eventually(is_closed("lost"));
    ck_assert_str_eq(state("order", "lost"), "CONFIRMED");

    ck_assert_int_eq(shell("$BIN/sagactl replay apply %s/plan --yes", environment_folder()), 0);
    ck_assert(output_has("0 commands published, 1 before"));
    /* the log knows it too */
    ck_assert_int_eq(shell("rm %s/plan.applied; $BIN/sagactl replay apply %s/plan --yes",
                           environment_folder(), environment_folder()),
                     0);
    ck_assert(output_has("0 commands published, 1 before"));
    ck_assert_int_eq(emitted("lost", "payment.republish"), 1);
    ck_assert_str_eq(header_of("lost", "payment.completed", "ce_id"),
                     header_of("lost", "payment.completed", "ce_id"));
    ck_assert_int_eq(ids_emitted("lost", "payment.completed"), 1);
    ck_assert_int_eq(number("provider", "SELECT count(*) FROM charge WHERE order_id = 'lost'"), 1);
    eventually(all_is_read());
    ck_assert_int_eq(told(plan, "lost "), 0);
}
END_TEST

START_TEST(an_event_that_a_service_never_consumed_is_emitted_again)
{
    if (!on_kafka())
        return;
    service_stop("email");
    place("unheard", "pm_card_visa", "thing", 1);
    eventually(emitted("unheard", "order.confirmed") == 1);
    eventually(told("watch --top --once --json", "\"inventory\":0,\"email\":2") == 1);
    ck_assert_int_eq(told(plan, "email has yet to read about 1 order"), 1);
    ck_assert_int_eq(told(plan, "unheard "), 0);
    ck_assert_int_eq(
        told(audit_log, "order unheard: CONFIRMED, and waits for email.sent from email"), 1);
    skip_unread("email");
    service_start("email", "");
    service_ready("email");
    eventually(all_is_read());
    ck_assert_int_eq(told(plan, "the log holds order.created, the row does not know it"), 1);
    ck_assert_int_eq(told(plan, "the log holds order.confirmed, the row does not know it"), 1);
    ck_assert_int_eq(
        shell("$BIN/sagactl replay plan --since 1h --under-way-ms 0 --out %s/plan.unheard",
              environment_folder()) >>
            8,
        1);
    service_stop("email");
    ck_assert_int_eq(shell("$BIN/sagactl replay apply %s/plan.unheard --yes --timeout 1",
                           environment_folder()) >>
                         8,
                     1);
    ck_assert(output_has("1 command published, 0 before")); /* one republish says both */
    ck_assert(output_has("open     unheard") && !output_has("fixed "));
    service_start("email", "");
    service_ready("email");
    ck_assert_int_eq(shell("$BIN/sagactl replay apply %s/plan.unheard --yes", environment_folder()),
                     0);
    ck_assert(output_has("0 commands published, 1 before"));
    eventually(is_closed("unheard"));
    ck_assert_int_eq(mails_of("unheard"), 1);
}
END_TEST

START_TEST(a_plan_that_newer_events_made_stale_is_refused)
{
    if (!on_kafka())
        return;
    place_and_lose_the_answer("stale");
    ck_assert_int_eq(shell("$BIN/sagactl replay plan stale --under-way-ms 0 --out %s/plan.stale",
                           environment_folder()) >>
                         8,
                     1);
    cancel("stale");
    eventually(is_closed("stale"));
    ck_assert_int_eq(
        shell("$BIN/sagactl replay apply %s/plan.stale --yes", environment_folder()) >> 8, 2);
    ck_assert(output_has("plan.stale is stale: order stale: "));
    ck_assert_int_eq(emitted("stale", "payment.republish"), 0);
    ck_assert_int_eq(
        shell("echo '{\"plan\":2}' > %s/plan.other; $BIN/sagactl replay apply %s/plan.other --yes",
              environment_folder(), environment_folder()) >>
            8,
        2);
    ck_assert(output_has("line 1 is no head of a plan"));
    ck_assert_int_eq(told("replay apply /nowhere/plan --yes", "No such file"), 1);
}
END_TEST

/* ---- what nobody should have written ---- */

START_TEST(a_refund_by_hand_is_found_for_what_it_is)
{
    place("by-hand", "pm_card_visa", "thing", 1);
    eventually(is_closed("by-hand"));
    publish("payments", "by-hand", "payment.refunded", "7d444840-9dc0-11d1-b245-5ffdce74fad2",
            "pay-first",
            "{\"order_id\":\"by-hand\",\"payment_id\":\"p\",\"amount\":100,\"currency\":\"GBP\"}");
    eventually(all_is_read());
    ck_assert_int_eq(told(audit, "order by-hand:"), 3);
    ck_assert_int_eq(told(audit, "order by-hand: payment.refunded at payments/"), 3);
    ck_assert_int_eq(told(audit, "has an id that is not its own"), 1);
    ck_assert_int_eq(told(audit, "is not emitted by payment"), 1);
    ck_assert_int_eq(told(audit, "its cause is nothing that may cause it"), 1);
    ck_assert_int_eq(told(plan, "extra    by-hand"), 2);
    ck_assert_int_eq(shell("$BIN/sagactl %s by-hand | grep -c 'order by-hand:'", audit), 0);
    ck_assert_int_eq(output_number(), 3);
    ck_assert_int_eq(shell("$BIN/sagactl %s fine-0", audit), 0);
    ck_assert_int_eq(shell("$BIN/sagactl %s | sed -n 's/^ *\\(order .*\\)/\\1  # by hand, for this "
                           "test/p' > $TEST_FOLDER/accepted; echo 'order gone: something  # long "
                           "ago' >> $TEST_FOLDER/accepted",
                           audit),
                     0);
    ck_assert_int_eq(shell("$BIN/sagactl %s --accepted $TEST_FOLDER/accepted", audit), 0);
    ck_assert(output_has(" accepted") && output_has("not found any more: order gone: something"));
    ck_assert_int_eq(shell("echo 'order by-hand: no reason' > $TEST_FOLDER/accepted; $BIN/sagactl "
                           "%s --accepted $TEST_FOLDER/accepted",
                           audit),
                     2 << 8);
    ck_assert(output_has("accepted:1: a finding as it was printed"));
    ck_assert_int_eq(told("trace by-hand", "payment.refunded            !FORGED: has an id that is "
                                           "not its own, is not emitted by payment  1.00 GBP"),
                     1);
    ck_assert_int_eq(told("trace by-hand", "!"), 1);
    ck_assert_int_eq(told("trace by-hand --json", "\"forged\":true,\"contradicts\":false"), 1);
    ck_assert_int_eq(told("trace by-hand --format mermaid", "ms) FORGED"), 1);
    ck_assert_int_eq(
        shell("TZ=UTC $BIN/sagactl trace by-hand | grep ' ms  ' | cut -c 1-13 > $TEST_FOLDER/times;"
              " $BIN/sagactl trace by-hand --json | sed -n "
              "'s/.*\"at\":\".*T\\(............\\)000Z.*/\\1 /p' | diff $TEST_FOLDER/times - && wc "
              "-l < $TEST_FOLDER/times"),
        0);
    ck_assert_int_eq(output_number(), 7);
}
END_TEST

START_TEST(a_forged_decision_decides_nothing_in_a_trace)
{
    place("undecided", "pm_never", "thing", 1);
    eventually(emitted("undecided", "payment.pending") > 0);
    /* where nobody takes it */
    publish("emails", "undecided", "order.confirmed", "7d444840-9dc0-11d1-b245-5ffdce74fad2",
            "pay-first", "{\"order_id\":\"undecided\",\"amount\":100,\"currency\":\"GBP\"}");
    eventually(told("trace undecided", "!FORGED: has an id that is not its own, is not emitted by "
                                       "order, lies in a topic of other messages") == 1);
    ck_assert_int_eq(told("trace undecided", "PENDING, not closed"), 1);
    cancel("undecided");
    eventually(is_closed("undecided"));
    ck_assert_int_eq(told("trace undecided", "CANCELLED, and closed"), 1);
}
END_TEST

/* The content of a refund that was emitted, with another amount. */
START_TEST(a_refund_that_says_something_else_the_second_time_is_found)
{
    char cause[64];

    place("doubled", "pm_card_visa", "rare", 1000);
    eventually(is_closed("doubled"));
    ck_assert_int_eq(emitted("doubled", "payment.refunded"), 1);
    snprintf(cause, sizeof cause, "%s", header_of("doubled", "order.cancelled", "ce_id"));
    ck_assert_int_eq(
        shell("echo "
              "'{\"order_id\":\"doubled\",\"payment_id\":\"p\",\"amount\":999,\"currency\":\"GBP\"}"
              "' | kcat -P -b $QUADRILLE_BROKERS -t payments -k doubled"
              " -H ce_type=payment.refunded -H ce_id=%s -H ce_source=/quadrille/payment -H "
              "ce_causationid=%s",
              header_of("doubled", "payment.refunded", "ce_id"), cause),
        0);
    eventually(all_is_read());
    ck_assert_int_eq(told(audit, "order doubled:"), 1);
    ck_assert_int_eq(told(audit, "has other facts under the same id"), 1);
    ck_assert_int_eq(told(plan, "extra    doubled"), 1);
    ck_assert_int_eq(
        told("trace doubled", "!CONTRADICTS: has other facts under the same id  9.99 GBP"), 1);
    ck_assert_int_eq(told("trace doubled", "!"), 1);
    ck_assert_int_eq(told("trace doubled --json", "\"forged\":false,\"contradicts\":true"), 1);
}
END_TEST

START_TEST(an_event_from_the_wrong_emitter_is_found)
{
    place("ventriloquist", "pm_card_visa", "thing", 1);
    eventually(is_closed("ventriloquist"));
    ck_assert_int_eq(
        shell("echo '{\"order_id\":\"ventriloquist\",\"amount\":100,\"currency\":\"GBP\"}' | kcat "
              "-P -b $QUADRILLE_BROKERS -t orders -k ventriloquist"
              " -H ce_type=order.confirmed -H ce_id=%s -H ce_source=/quadrille/email -H "
              "ce_causationid=%s -H ce_time=%s",
              header_of("ventriloquist", "order.confirmed", "ce_id"),
              header_of("ventriloquist", "order.confirmed", "ce_causationid"),
              "2026-01-01T00:00:00Z"),
        0);
    ck_assert_int_eq(
        shell("echo '{\"order_id\":\"ventriloquist\",\"amount\":100,\"currency\":\"GBP\"}' | kcat "
              "-P -b $QUADRILLE_BROKERS -t emails -k ventriloquist"
              " -H ce_type=order.confirmed -H ce_id=%s -H ce_source=/quadrille/order -H "
              "ce_causationid=%s",
              header_of("ventriloquist", "order.confirmed", "ce_id"),
              header_of("ventriloquist", "order.confirmed", "ce_causationid")),
        0);
    eventually(all_is_read());
    /* the emitter, and another time under the same id */
    ck_assert_int_eq(told(audit, "order ventriloquist: order.confirmed at orders/"), 2);
    ck_assert_int_eq(told(audit_log, "order ventriloquist: order.confirmed at emails/"), 1);
    ck_assert_int_eq(told("trace ventriloquist",
                          "!FORGED: is not emitted by order, has other facts under the same id"),
                     1);
    ck_assert_int_eq(told("trace ventriloquist", "!FORGED: lies in a topic of other messages"), 1);
}
END_TEST

START_TEST(a_row_that_was_changed_behind_the_services_back_is_found)
{
    place("altered", "pm_card_visa", "thing", 1);
    eventually(is_closed("altered"));
    eventually(all_is_read());
    execute("payment", "UPDATE payments SET amount = 1 WHERE order_id = 'altered'");
    ck_assert_int_eq(
        told(audit, "order altered: payment: amount: the log leads to 100, the row says 1"), 1);
    ck_assert_int_eq(told(plan, "row      altered"), 1);
    ck_assert_int_eq(told(plan, "  -> sagactl recover payment"), 1);
    ck_assert_int_eq(
        shell("$BIN/sagactl replay plan altered --under-way-ms 0 --out %s/plan.altered",
              environment_folder()) >>
            8,
        1);
    ck_assert_int_eq(
        shell("$BIN/sagactl replay apply %s/plan.altered --yes", environment_folder()) >> 8, 1);
    ck_assert(output_has("0 commands published, 0 before") &&
              output_has("left to sagactl recover payment: 1 finding"));
    ck_assert_int_eq(shell("sed -i 's/amount: the log.*\"reason\"/something else\",\"reason\"/; "
                           "s/\"recover\"/\"order.republish\"/' %s/plan.altered;"
                           " $BIN/sagactl replay apply %s/plan.altered --yes --timeout 1",
                           environment_folder(), environment_folder()) >>
                         8,
                     1);
    ck_assert(output_has("1 command published, 0 before") && output_has("open     altered") &&
              !output_has("fixed "));
    execute("payment", "UPDATE payments SET amount = 100 WHERE order_id = 'altered'");
    execute("inventory", "UPDATE reservation SET state = 3 WHERE order_id = 'altered'");
    ck_assert_int_eq(told(plan, "state: the log leads to RESERVED, the row says RELEASED"), 1);
    execute("inventory", "UPDATE reservation SET state = 1 WHERE order_id = 'altered'");
    execute("payment",
            "UPDATE payments SET order_id = 'hidden-altered' WHERE order_id = 'altered'");
    ck_assert_int_eq(told(plan, "row      altered                  payment   row: the log leads to "
                                "COMPLETED, there is none"),
                     1);
    ck_assert_int_eq(told(plan, "payment has emitted payment.completed, which its row does not "
                                "know: the log brings it back  -> sagactl recover payment"),
                     1);
    execute("payment",
            "UPDATE payments SET order_id = 'altered' WHERE order_id = 'hidden-altered'");
    execute("email", "INSERT INTO mails (order_id, version, state, facts, attempts) VALUES "
                     "('stranger', 1, 0, 4, 0)");
    ck_assert_int_eq(told(audit, "order stranger: email has a row, the log has nothing"), 1);
    execute("email", "DELETE FROM mails WHERE order_id = 'stranger'");
    ck_assert_int_eq(told(plan, "altered "), 0);
    execute("order", "ALTER TABLE schema_migration RENAME TO hidden");
    ck_assert_int_eq(told("doctor", "there is no schema"), 1);
    ck_assert_int_eq(sagactl("doctor"), 1);
    execute("order", "ALTER TABLE hidden RENAME TO schema_migration");
}
END_TEST

START_TEST(a_row_that_is_gone_comes_back_from_the_log_and_not_by_a_republish)
{
    if (!on_kafka())
        return;
    place("gone", "pm_card_visa", "thing", 1);
    eventually(is_closed("gone"));
    eventually(all_is_read());
    service_stop("payment");
    execute("payment", "DELETE FROM payments WHERE order_id = 'gone'");
    ck_assert_int_eq(shell("$BIN/sagactl replay plan gone --under-way-ms 0 --out %s/plan.gone",
                           environment_folder()) >>
                         8,
                     1);
    ck_assert(output_has("payment has emitted payment.completed, which its row does not know: the "
                         "log brings it back  -> sagactl recover payment"));
    ck_assert(output_has("0 of them can be fixed by republishing, 1 by sagactl recover"));
    ck_assert_int_eq(
        shell("$BIN/sagactl replay apply %s/plan.gone --yes", environment_folder()) >> 8, 1);
    ck_assert(output_has("0 commands published, 0 before"));
    ck_assert_int_eq(shell("$BIN/sagactl recover payment --yes"), 0);
    ck_assert(output_has("1 rows made, 0 brought up to what the log tells"));
    service_start("payment", "");
    service_ready("payment");
    ck_assert_int_eq(shell("$BIN/sagactl replay plan gone --under-way-ms 0"), 0);
    ck_assert_int_eq(told(audit, "order gone"), 0);
}
END_TEST

/* ---- a service that stands still ---- */

START_TEST(a_saga_that_a_stopped_service_holds_up_is_found)
{
    service_stop("inventory");
    place("stuck", "pm_card_visa", "thing", 1);
    eventually(emitted("stuck", "payment.completed") == 1);
    cancel("stuck");
    eventually(emitted("stuck", "payment.refunded") == 1 && emitted("stuck", "email.sent") == 1);
    ck_assert_int_eq(told(audit_log, "order stuck: CANCELLED, and waits for inventory.released or "
                                     "inventory.voided from inventory"),
                     1);
    ck_assert_int_eq(told(audit_log, "order stuck:"), 1);
    ck_assert_int_eq(
        told("trace stuck", "waits for inventory.released or inventory.voided from inventory, for"),
        1);
    ck_assert_int_eq(told("list --state open", "stuck"), 1);
    ck_assert_int_eq(told(plan, "inventory has yet to read about 1 order: is it running, in group "
                                "quadrille-inventory?"),
                     1);
    ck_assert_int_eq(told(plan, "stuck "), 0);
    service_start("inventory", "");
    service_ready("inventory");
    eventually(is_closed("stuck"));
    eventually(all_is_read());
    ck_assert_int_eq(told(audit, "order stuck:"), 0);
}
END_TEST

/* ---- what was dlq ---- */

/* TOPIC/PARTITION/OFFSET of what has this key, as a word for the shell. */
static const char *place_of(const char *key)
{
    static char word[400];

    snprintf(word, sizeof word,
             "$($BIN/sagactl dlq --all --json --order %s | sed -E "
             "'s/.*\"topic\":\"([^\"]*)\",\"partition\":([0-9]+),\"offset\":([0-9]+).*/\\1\\/\\2\\/"
             "\\3/' | head -1)",
             key);
    return word;
}

/* As a service does that reads it again: after a crash before its offset was committed, or since
 * its group was moved. */
static void dead_letter_again(const char *key)
{
    ck_assert_int_eq(
        shell("set -- $(echo %s | tr / ' '); echo again | kcat -P -b $QUADRILLE_BROKERS -t "
              "order.dlq -k %s -H dlq_topic=$1"
              " -H dlq_partition=$2 -H dlq_offset=$3 -H dlq_at=2100-01-01T00:00:00.000000Z -H "
              "dlq_reason=message -H dlq_error=again",
              place_of(key), key),
        0);
}

START_TEST(dead_letters_are_shown_redriven_and_dropped)
{
    static const char *const bad =
        "{\"order_id\":\"sick\",\"customer\":{\"name\":\"Ada\",\"email\":\"ada@example.com\"},"
        "\"currency\":\"GBP\",\"payment_method\":\"pm_card_visa\","
        "\"lines\":[{\"sku\":\"thing\",\"name\":\"A\",\"quantity\":1,\"unit_price\":100}]";

    publish("orders.commands", "sick", "order.place", "sick-1", NULL, bad); /* a brace is missing */
    publish("orders.commands", "sick-2", "order.cancel", "sick-2", NULL,
            "{\"order_id\":\"sick-2\",\"reason\":7}");
    /* order and inventory want it */
    publish("payments", "sick-3", "payment.completed", "sick-3", "pay-first",
            "{\"order_id\":\"sick-3\"}");
    eventually(told("dlq --json | grep sick", "\"resolution\":null") == 4);
    ck_assert_int_eq(sagactl("dlq"), 1);
    dead_letter_again("sick-2");
    ck_assert_int_eq(told("dlq --json | grep sick", "\"resolution\":null"), 4);
    ck_assert_int_eq(told("dlq list --service inventory", "sick-3"), 1);
    ck_assert_int_eq(told("dlq list --reason JSON", "sick"), 1);
    ck_assert_int_eq(told("dlq list --older-than 1h", "there are no dead letters"), 1);
    ck_assert_int_ge(shell("$BIN/sagactl dlq show %s", place_of("sick")), 0);
    ck_assert(output_has("^ byte "));
    ck_assert_int_ge(shell("$BIN/sagactl dlq show %s", place_of("sick-2")), 0);
    ck_assert(output_has("\"reason\": 7   <-- this"));

    ck_assert_int_eq(shell("$BIN/sagactl dlq redrive %s --yes", place_of("sick")) >> 8, 2);
    ck_assert(output_has("would be dead-lettered again"));
    ck_assert_int_eq(
        shell("echo '%s}' > %s/cured.json; $BIN/sagactl dlq redrive %s --with %s/cured.json --yes",
              bad, environment_folder(), place_of("sick"), environment_folder()),
        0);
    eventually(is_closed("sick"));
    ck_assert_str_eq(state("order", "sick"), "CONFIRMED");
    dead_letter_again("sick");
    ck_assert_int_eq(told("dlq", "sick "), 0);
    ck_assert_int_eq(told("dlq --all", "redriven "), 1);
    /* the record stays as it was */
    ck_assert_ptr_nonnull(strstr(header_of("sick", "order.place", "dlq_error"), "JSON"));

    ck_assert_int_eq(sagactl("dlq drop --service inventory --yes"), 2);
    ck_assert_int_eq(sagactl("dlq drop --service inventory --because \"no such order\" --yes"), 0);
    ck_assert_int_eq(told("dlq --service inventory", "there are no dead letters"), 1);
    ck_assert_int_eq(told("dlq --service inventory --all", "dropped "), 1);
    ck_assert_int_eq(told("dlq --service order", "sick-3"), 1); /* that is another's to decide */
    ck_assert_int_eq(
        told("dlq export", "\"value\":\"{\\\"order_id\\\":\\\"sick-2\\\",\\\"reason\\\":7}\""), 1);
    ck_assert_int_eq(sagactl("dlq drop --service order --because test --yes"), 0);
    ck_assert_int_eq(sagactl("dlq"), 0);
    ck_assert_int_eq(sagactl("dlq redrive"), 2);
    ck_assert_int_eq(sagactl("dlq show orders.commands/0/99999999"), 2);
    ck_assert_int_eq(sagactl("dlq show rubbish"), 2);
    ck_assert_int_eq(sagactl("dlq fix"), 2);
    eventually(all_is_read());
    ck_assert_int_eq(told(audit, "order sick"), 0);
}
END_TEST

/* ---- on a terminal ---- */

/* The exit code of sagactl on a terminal of so many columns; 64: a line is wider than that. */
static int sagactl_on_terminal(int columns, const char *arguments)
{
    return shell("tests/integration/on-terminal %d $BIN/sagactl %s", columns, arguments) >> 8;
}

#define LONG_ID "narrow-2f6c1d3e-94b7-4a51-8c0e-5d7ab3e9f1c6-of-64-characters-all"

START_TEST(on_a_terminal_of_80_columns_nothing_that_matters_is_cut_off)
{
    static const struct {
        const char *command, *told; /* NULL: no order, or none whose id would not be there anyway */
    } tables[] = {{"list --since 1h", LONG_ID},
                  {"list --from-log --state cancelled", "out_of_stock rare"},
                  {"watch --since 1h --once", LONG_ID},
                  {"watch --since 1h --once", "inventory.failed: out_of_stock rare"},
                  {"watch --top --once", NULL},
                  {"dlq", LONG_ID},
                  {"topics", NULL},
                  {"doctor", NULL},
                  {audit, "order " LONG_ID ":"},
                  {plan, LONG_ID},
                  {"stock show", NULL},
                  {"trace " LONG_ID, "out_of_stock rare"}};

    ck_assert_uint_eq(strlen(LONG_ID), 64);
    place(LONG_ID, "pm_card_visa", "rare", 1000);
    publish("orders.commands", LONG_ID, "order.cancel", "narrow-1", NULL,
            "{\"order_id\":\"" LONG_ID "\",\"reason\":7}");
    eventually(is_closed(LONG_ID));
    eventually(told("dlq", LONG_ID) == 1);
    eventually(all_is_read());
    execute("payment", "UPDATE payments SET amount = 1 WHERE order_id = '" LONG_ID "'");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        ck_assert_msg(sagactl_on_terminal(80, tables[i].command) != 64,
                      "sagactl %s: a line is longer than 80 columns", tables[i].command);
        ck_assert_msg(tables[i].told == NULL || output_has(tables[i].told),
                      "sagactl %s: %s is not to be read in one line", tables[i].command,
                      tables[i].told);
    }
    ck_assert_int_ne(sagactl_on_terminal(40, plan), 64);
    ck_assert_int_ne(
        shell("COLUMNS=40 tests/integration/on-terminal 40 $BIN/sagactl watch --since 1h --once") >>
            8,
        64);
    ck_assert_int_eq(sagactl_on_terminal(80, "list --from-log --wide"), 64);
    ck_assert_int_eq(shell("COLUMNS=80 $BIN/sagactl list --from-log"), 0); /* on no terminal */
    ck_assert(output_has("pay-first      inventory.failed: out_of_stock rare") &&
              !output_has("\n  pay-first"));
    execute("payment", "UPDATE payments SET amount = 100000 WHERE order_id = '" LONG_ID "'");
    ck_assert_int_eq(told(plan, LONG_ID), 0);
    ck_assert_int_eq(sagactl("dlq drop --order " LONG_ID " --because test --yes"), 0);
}
END_TEST

/* ---- usage, and a what is unavailable ---- */

START_TEST(wrong_usage_is_named_and_what_is_unavailable_too)
{
    static const char *const wrong[] = {"audit --show many",
                                        "audit --since tomorrow",
                                        "audit --from-log --from-databases",
                                        "replay",
                                        "replay plan",
                                        "replay plan --all fine-0",
                                        "replay plan 'a b'",
                                        "replay plan --all --memory-mib 1",
                                        "replay apply",
                                        "replay rebuild",
                                        "replay rebuild order",
                                        "replay rebuild nobody --into postgresql:///x",
                                        "list fine-0",
                                        "list --state lost",
                                        "list --since tomorrow",
                                        "watch fine-0",
                                        "doctor me",
                                        "choreography nobody",
                                        "choreography --flow pay-last",
                                        "completion fish",
                                        "trace",
                                        "trace a b",
                                        "sing"};
    static const char *const unavailable[] = {"audit --from-log",
                                              "replay plan --all",
                                              "trace fine-0",
                                              "list --from-log",
                                              "watch --top --once",
                                              "dlq",
                                              "doctor"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(sagactl(wrong[i]) == 2, "sagactl %s: exit code 2 is expected", wrong[i]);
    for (size_t i = 0; i < sizeof unavailable / sizeof unavailable[0]; i++)
        ck_assert_msg(shell("$BIN/sagactl %s --brokers 127.0.0.1:1", unavailable[i]) >> 8 == 3,
                      "sagactl %s without a broker: exit code 3 is expected", unavailable[i]);
    ck_assert_int_eq(shell("$BIN/sagactl audit --order-database postgresql://127.0.0.1:1/x") >> 8,
                     3);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(shell("$BIN/sagactl %s > /dev/null", i == 0   ? "man"
                                                              : i == 1 ? "completion bash"
                                                                       : "completion zsh"),
                         0);
    ck_assert_int_eq(shell("$BIN/sagactl completion bash | bash -n"), 0);
}
END_TEST

START_TEST(a_broker_that_does_not_answer_is_named_and_waited_for)
{
    static const char *const waiting[] = {"trace anybody", "topics", "topics create",
                                          "cancel anybody"};

    for (size_t i = 0; i < sizeof waiting / sizeof waiting[0]; i++) {
        ck_assert_int_eq(
            shell("tests/integration/silent-broker tests/integration/on-terminal 200 sh -c"
                  " 'exec timeout --foreground --preserve-status -s INT 6 $BIN/sagactl %s 2>&1'",
                  waiting[i]),
            130 << 8);
        ck_assert_msg(output_has("does not answer: waiting for it"), "sagactl %s", waiting[i]);
    }
    ck_assert_int_eq(shell("tests/integration/silent-broker timeout --preserve-status -s INT 6 "
                           "$BIN/sagactl trace anybody"),
                     130 << 8);
    ck_assert(!output_has("waiting for it")); /* a script is told what came of it */
}
END_TEST

/* Whatever was found above was put there: by-hand 3, undecided 3, doubled 1, ventriloquist 3.  A
 * charge that was refunded before it was told of needs no payment.completed. */
START_TEST(and_nothing_else_was_found)
{
    const int expected = 10;
    int found;

    eventually(
        number("order", "SELECT count(*) FROM order_status WHERE state <> 'NEW' AND NOT closed") ==
        0);
    eventually(all_is_read());
    found = told(audit, "       order ");
    if (found != expected) {
        shell("cat %s/told.out >&2", environment_folder());
        print_last();
    }
    ck_assert_int_eq(found, expected);
    ck_assert_int_eq(told(audit, "order by-hand:") + told(audit, "order undecided:") +
                         told(audit, "order doubled:") + told(audit, "order ventriloquist:"),
                     expected);
    ck_assert_int_eq(told(plan, "extra    "), 2 + 3 + 1 + 3);
    ck_assert_int_eq(told(plan, "missing  ") + told(plan, "row      "), 0);
}
END_TEST

static void setup(void)
{
    if (environment_is_open())
        return;
    environment_open();
    services_start(PATIENT);
    stock_set("thing", 100000);
    stock_set("rare", 3);
}

Suite *sagactl_suite(void)
{
    Suite *suite = suite_create("sagactl");

#define add(test) suite_add(suite, #test, test, 1, setup)
    add(of_a_healthy_run_nothing_is_found);
    add(a_topic_of_its_name_before_is_named_by_services_and_doctor);
    add(a_database_is_rebuilt_from_the_log);
    add(a_shared_database_that_is_empty_gets_the_schemas_that_are_recovered);
    add(lists_from_the_view_and_from_the_log_say_the_same);
    add(a_trace_tells_causes_durations_and_what_is_waited_for);
    add(a_cancellation_is_waited_for);
    add(a_top_screen_counts_what_is_open);
    add(a_top_screen_tells_the_times_between_messages);
    add(an_audit_adds_what_no_order_can_be_over);
    add(an_audit_of_a_window_tells_of_its_orders_alone);
    add(an_event_that_was_lost_is_planned_and_emitted_again_once);
    add(an_event_that_a_service_never_consumed_is_emitted_again);
    add(a_plan_that_newer_events_made_stale_is_refused);
    add(a_refund_by_hand_is_found_for_what_it_is);
    add(a_forged_decision_decides_nothing_in_a_trace);
    add(a_refund_that_says_something_else_the_second_time_is_found);
    add(an_event_from_the_wrong_emitter_is_found);
    add(a_row_that_was_changed_behind_the_services_back_is_found);
    add(a_row_that_is_gone_comes_back_from_the_log_and_not_by_a_republish);
    add(a_saga_that_a_stopped_service_holds_up_is_found);
    add(dead_letters_are_shown_redriven_and_dropped);
    regroup_usage_add(suite, setup);
    add(on_a_terminal_of_80_columns_nothing_that_matters_is_cut_off);
    add(wrong_usage_is_named_and_what_is_unavailable_too);
    add(a_broker_that_does_not_answer_is_named_and_waited_for);
    add(and_nothing_else_was_found);
#undef add
    suite_add_audit(suite, setup);
    return suite;
}
