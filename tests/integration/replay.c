/* All of the log once more, on Apache Kafka with 12 partitions: groups that are reset, databases
 * that come back from a backup. */
#include <stdio.h>
#include <string.h>

#include "brokers/topics.h"
#include "tests/integration/load.h"
#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

/* Of all rows of old orders; the database's own hash of them as text. */
static int64_t fingerprint(const char *database, const char *table)
{
    return number(database,
                  "SELECT coalesce(sum(hashtextextended(t::text, 0)), 0)::numeric %% 1000000007 "
                  "FROM %s t WHERE order_id LIKE 'old-%%' AND order_id NOT LIKE 'old-open%%'",
                  table);
}

struct world {
    int64_t rows[5];
    int messages, mails;
};

static struct world look(void)
{
    struct world world = {
        .rows = {fingerprint("order", "orders"), fingerprint("payment", "payments"),
                 fingerprint("inventory", "reservation"), fingerprint("email", "mails"),
                 fingerprint("provider", "charge")},
        .mails = mails_of("old-0")};

    for (size_t i = 0; i < topic_count; i++)
        world.messages += messages_of(topics[i].name, "old-");
    return world;
}

static bool is_read_up(void)
{
    return shell("$BIN/sagactl topics --json | grep -q '\"lag\":{[^}]*:[1-9]'") != 0;
}

/* One group after the other, while the other services are at work and new orders come. */
START_TEST(a_group_may_be_reset_to_the_beginning_while_live)
{
    enum { ORDERS = 300, UNPAID = 60 };
    char id[64];
    struct world before, after;
    int count;

    for (int i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "old-%d", i);
        place(id, i % (ORDERS / UNPAID) == 1 ? "pm_card_declined" : "pm_card_visa", "thing", 1);
    }
    place("old-open", "pm_never", "thing", 1);
    eventually(closed("old") == ORDERS);
    eventually(emitted("old-open", "payment.pending") >= 1);
    eventually(is_read_up());
    before = look();
    load_start("new");
    for (int i = 0; i < SERVICES; i++) {
        service_stop(catalog_names[i]);
        ck_assert_int_eq(shell("brokers/apache/kafka tool consumer-groups --bootstrap-server "
                               "$QUADRILLE_BROKERS --group quadrille-%s --all-topics "
                               "--reset-offsets --to-earliest --execute",
                               catalog_names[i]),
                         0);
        service_start(catalog_names[i], "");
        service_ready(catalog_names[i]);
        load_flow("new", 20);
    }
    count = load_end("new");
    eventually(is_read_up());
    after = look();
    for (int i = 0; i < 5; i++)
        ck_assert_msg(before.rows[i] == after.rows[i], "rows of old orders have changed: number %d",
                      i);
    ck_assert_int_eq(after.mails, 1);
    /* an open saga is answered again */
    eventually(emitted("old-open", "order.created") >= 2);
    for (int i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "old-%d", i);
        /* and so is the place of a closed one, once for each time that it is read */
        eventually(emitted(id, "order.created") == 2);
        ck_assert_int_eq(mails_of(id), 1);
    }
    ck_assert_int_eq(
        number("provider", "SELECT count(*) FROM charge WHERE order_id LIKE 'old-%%'"),
        number("provider",
               "SELECT count(DISTINCT idempotency_key) FROM charge WHERE order_id LIKE 'old-%%'"));
    printf("measured: four groups reset to the beginning: %d messages about %d orders before, %d "
           "more after, while %d new ones flowed\n",
           before.messages, ORDERS, after.messages - before.messages, count);
    cancel("old-open");
    eventually(is_closed("old-open"));
}
END_TEST

START_TEST(a_group_at_work_is_not_rewound)
{
    int before;

    ck_assert_int_eq(shell("$BIN/sagactl rewind email --yes"), 2 << 8);
    ck_assert(output_has("group quadrille-email cannot be moved") &&
              output_has("stop all its instances first"));
    ck_assert_int_eq(shell("$BIN/sagactl rewind email < /dev/null"), 2 << 8);
    ck_assert_int_eq(shell("$BIN/sagactl rewind mail --yes"), 2 << 8);
    ck_assert_int_eq(shell("$BIN/sagactl rewind email --email-group nobody --yes"), 2 << 8);
    ck_assert(output_has("group nobody has read nothing yet"));
    place_many("rewound", 1);
    eventually(is_closed("rewound-0"));
    before = emitted("rewound-0", "email.sent");
    service_stop("email");
    /* what was finished was committed */
    ck_assert_int_eq(shell("$BIN/sagactl topics --json | grep -q '\"email\":[1-9]'"), 1 << 8);
    ck_assert_int_eq(shell("$BIN/sagactl rewind email --yes"), 0);
    ck_assert(output_has(" partitions\n"));
    ck_assert_int_eq(shell("$BIN/sagactl rewind email --payment-group quadrille-email "
                           "--order-group quadrille-email --yes"),
                     0);
    ck_assert(output_has(" partitions, for order, payment too\n"));
    ck_assert_int_eq(shell("$BIN/sagactl topics --json | grep -q '\"email\":[1-9]'"), 0);
    service_start("email", "");
    eventually(emitted("rewound-0", "email.sent") > before);
    ck_assert_int_eq(mails_of("rewound-0"), 1);
}
END_TEST

/* What the backup does not know of, the log does: the rows come back as they were, and nothing is
 * done twice. */
START_TEST(a_database_from_an_old_backup_catches_up)
{
    enum { ORDERS = 40 };
    static const char *const rows[][2] = {{"orders", "order_content"},
                                          {"payments", NULL},
                                          {"reservation", NULL},
                                          {"mails", "mail_content"}};
    const char *service = catalog_names[_i];
    char prefix[32], id[64];

    snprintf(prefix, sizeof prefix, "backup-%s", service);
    place_many(prefix, ORDERS);
    eventually(closed(prefix) == ORDERS);
    service_stop(service);
    for (int i = 0; i < 2 && rows[_i][i] != NULL; i++)
        execute(service, "DELETE FROM %s WHERE order_id LIKE '%s-%%'", rows[_i][i], prefix);
    if (strcmp(service, "inventory") == 0)
        execute(service, "UPDATE stock SET reserved = reserved - %d WHERE sku = 'thing'", ORDERS);
    ck_assert_int_eq(shell("$BIN/sagactl recover %s --yes", service), 0);
    service_start(service, "");
    eventually(number(service, "SELECT count(*) FROM %s WHERE order_id LIKE '%s-%%' AND state = 2",
                      rows[_i][0], prefix) == (_i == 2 ? 0 : ORDERS));
    eventually(number(service, "SELECT count(*) FROM %s WHERE order_id LIKE '%s-%%' AND state > 0",
                      rows[_i][0], prefix) == ORDERS);
    eventually(closed(prefix) == ORDERS && confirmed(prefix) == ORDERS);
    ck_assert_int_eq(charged(prefix), ORDERS);
    for (int i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "%s-%d", prefix, i);
        ck_assert_int_eq(mails_of(id), 1);
    }
    eventually(is_read_up());
    audit_is_clean();
}
END_TEST

Suite *replay_suite(void)
{
    Suite *suite = suite_create("replay");

#define add(test, count) suite_add(suite, #test, test, count, environment_on_kafka)
    add(a_group_may_be_reset_to_the_beginning_while_live, 1);
    add(a_group_at_work_is_not_rewound, 1);
    add(a_database_from_an_old_backup_catches_up, SERVICES);
#undef add
    recovery_tests_add(suite, environment_on_kafka);
    retention_tests_add(suite, environment_on_kafka);
    suite_add_identities(suite, environment_on_kafka);
    suite_add_audit(suite, environment_on_kafka);
    return suite;
}
