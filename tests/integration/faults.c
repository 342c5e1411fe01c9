/* What a fault can do: one test, or more, for each row of the table in docs/guarantees.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "brokers/broker.h"
#include "services/email/decide.h"
#include "services/email/store.h"
#include "services/inventory/decide.h"
#include "services/inventory/service.h"
#include "services/inventory/store.h"
#include "services/order/decide.h"
#include "services/order/store.h"
#include "services/payment/decide.h"
#include "services/payment/store.h"
#include "services/runtime/row_cache.h"
#include "services/runtime/rows.h"
#include "services/runtime/batch.h"
#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

START_TEST(a_service_may_be_down_for_a_while)
{
    const char *service = catalog_names[_i],
               *first_word[] = {"order.place", "order.created", "order.created", "order.created"};
    char id[64];

    service_stop(service);
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "down-%s-%d", service, i);
        place(id, "pm_card_visa", "thing", 1);
    }
    eventually(emitted(id, first_word[_i]) == 1); /* the others go on */
    ck_assert(!is_closed(id));
    service_start(service, "");
    eventually(number("order",
                      "SELECT count(*) FROM order_status WHERE order_id LIKE 'down-%s-%%' AND "
                      "state = 'CONFIRMED' AND closed",
                      service) == 20);
}
END_TEST

static const struct {
    const char *service, *point;
} crashes[] = {
    {"order", "after-save"},      {"order", "mid-publish"},     {"order", "after-publish"},
    {"payment", "after-intent"},  {"payment", "after-effects"}, {"payment", "after-save"},
    {"payment", "after-publish"}, {"inventory", "after-save"},  {"inventory", "after-publish"},
    {"email", "after-intent"},    {"email", "after-effects"},   {"email", "after-save"},
    {"email", "after-publish"},
};

/* The services' own events about the order, each emitted under one id however often. */
static void check_emitted_once(const char *id)
{
    static const char *const types[] = {"order.created", "payment.completed", "inventory.reserved",
                                        "order.confirmed", "email.sent"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        eventually(emitted(id, types[i]) >= 1);
        ck_assert_msg(ids_emitted(id, types[i]) == 1, "%s has %d ids", types[i],
                      ids_emitted(id, types[i]));
    }
    ck_assert_int_eq(number("provider", "SELECT count(*) FROM charge WHERE order_id = '%s'", id),
                     1);
    ck_assert_int_eq(mails_of(id), 1);
}

START_TEST(a_service_may_be_killed_anywhere)
{
    char id[64], options[64];

    snprintf(id, sizeof id, "%s-%s", crashes[_i].service, crashes[_i].point);
    snprintf(options, sizeof options, "--crash-at %s", crashes[_i].point);
    service_stop(crashes[_i].service);
    service_start(crashes[_i].service, options);
    service_ready(crashes[_i].service);
    place(id, "pm_card_visa", "thing", 1);
    eventually(!service_is_alive(crashes[_i].service));
    service_start(crashes[_i].service, "");
    eventually(is_closed(id));
    ck_assert_str_eq(state("order", id), "CONFIRMED");
    check_emitted_once(id);
}
END_TEST

/* A cancellation finds a charge whose outcome a dead process took with it. */
START_TEST(a_charge_that_a_dead_process_made_is_compensated)
{
    service_stop("payment");
    service_start("payment", "--crash-at after-effects");
    service_ready("payment");
    place("dead-charge", "pm_card_visa", "thing", 1);
    eventually(!service_is_alive("payment"));
    ck_assert_int_eq(
        number(
            "provider",
            "SELECT count(*) FROM charge WHERE order_id = 'dead-charge' AND status = 'captured'"),
        1);
    ck_assert_str_eq(state("payment", "dead-charge"), "CHARGING");
    cancel("dead-charge");
    eventually(emitted("dead-charge", "order.cancelled") >= 1);
    service_start("payment", "");
    eventually(is_closed("dead-charge"));
    ck_assert_str_eq(state("order", "dead-charge"), "CANCELLED");
    ck_assert_str_eq(state("payment", "dead-charge"), "REFUNDED");
    ck_assert_int_eq(
        number(
            "provider",
            "SELECT count(*) FROM charge WHERE order_id = 'dead-charge' AND status = 'refunded'"),
        1);
}
END_TEST

/* On the embedded broker a group that somebody else joined for a while takes nobody in any more:
 * nothing can be made to be lost there. */
START_TEST(a_lost_event_is_healed_by_the_sweeper)
{
    if (getenv("BROKER") == NULL || strcmp(getenv("BROKER"), "kafka") != 0)
        return;
    service_stop("payment");
    place("lost", "pm_card_visa", "thing", 1);
    eventually(emitted("lost", "order.created") == 1);
    ck_assert_int_eq(shell("tests/integration/skip-unread \"$QUADRILLE_BROKERS\" lost-events"), 0);
    service_start("payment", "--group lost-events"); /* never sees that order.created */
    service_ready("payment");
    ck_assert_str_eq(state("payment", "lost"), "");
    service_stop("order");
    service_start("order", "--republish-after-ms 200");
    execute("order", "UPDATE orders SET next_due = now() WHERE order_id = 'lost'");
    eventually(is_closed("lost"));
    ck_assert_int_ge(emitted("lost", "order.republish"), 1);
    ck_assert_int_eq(ids_emitted("lost", "order.created"), 1);
    service_stop("order");
    service_start("order", "");
    service_stop("payment");
    service_start("payment", "");
    service_ready("order");
    service_ready("payment");
}
END_TEST

enum { STORM = 8 };

/* The most that was emitted of any of the orders. */
static int most_republish_commands(void)
{
    char id[64];
    int most = 0;

    for (int i = 0; i < STORM; i++) {
        int count;

        snprintf(id, sizeof id, "storm-%d", i);
        count = emitted(id, "order.republish");
        most = count > most ? count : most;
    }
    return most;
}

/* One instance sweeps while the other, whose partitions the commands are in, stands still. */
START_TEST(the_sweeper_is_silent_while_its_commands_are_unread)
{
    char id[64];

    service_start("order.2", "");
    service_ready("order.2");
    for (int i = 0; i < STORM; i++) {
        snprintf(id, sizeof id, "storm-%d", i);
        place(id, "pm_never", "thing", 1);
        eventually(emitted(id, "payment.pending") >= 1);
    }
    service_pause("order");
    execute("order", "UPDATE orders SET next_due = now() WHERE order_id LIKE 'storm-%%'");
    eventually(most_republish_commands() >= 1);
    /* a dozen sweeps, within the session of the one that stands still */
    for (int i = 0; i < 60; i++)
        environment_breathe();
    ck_assert_int_le(most_republish_commands(), 2);
    service_resume("order");
    for (int i = 0; i < STORM; i++) {
        snprintf(id, sizeof id, "storm-%d", i);
        cancel(id);
    }
    eventually(closed("storm") == STORM);
    service_stop("order.2");
}
END_TEST

START_TEST(everything_may_be_restarted_at_once)
{
    char id[64];

    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof id, "restart-%d", i);
        place(id, i % 5 == 0 ? "pm_card_declined" : "pm_card_visa", "thing", 1);
    }
    services_stop();
    services_start("");
    eventually(closed("restart") == 60);
}
END_TEST

/* Of all rows that were there before the reset. */
static int64_t versions(void)
{
#define OLD \
    "SELECT sum(version)::bigint FROM %s WHERE order_id NOT IN ('after-reset', 'still-open')"
    return number("order", OLD, "orders") + number("payment", OLD, "payments") +
           number("inventory", OLD, "reservation") + number("email", OLD, "mails");
#undef OLD
}

START_TEST(a_group_reset_to_the_beginning_changes_nothing)
{
    int64_t before, charges, refunds, reserved;
    int sent;

    audit_is_clean();
    place("still-open", "pm_never", "thing", 1);
    eventually(emitted("still-open", "payment.pending") >= 1);
    services_stop();
    before = versions();
    charges = number("provider", "SELECT count(*) FROM charge");
    refunds = number("provider", "SELECT count(*) FROM refund");
    reserved = number("inventory", "SELECT sum(reserved)::bigint FROM stock");
    sent = messages_in("emails");
    service_start("order", "--group order-again");
    service_start("payment", "--group payment-again --provider-retry-after-ms 3600000");
    service_start("inventory", "--group inventory-again");
    service_start("email", "--group email-again");
    eventually(emitted("still-open", "order.created") >= 2); /* an open saga is answered again */
    place("after-reset", "pm_card_visa", "thing", 1);
    eventually(is_closed("after-reset")); /* behind all that was there before */
    ck_assert_int_ge(messages_in("emails"), sent + 1);
    /* a closed order's place is answered by the same event */
    ck_assert_int_le(ids_emitted("down-order-0", "order.created"), 1);
    ck_assert_int_eq(
        number("provider", "SELECT count(*) FROM charge WHERE order_id <> 'after-reset'"), charges);
    ck_assert_int_eq(number("provider", "SELECT count(*) FROM refund"), refunds);
    ck_assert_int_eq(number("inventory", "SELECT sum(reserved)::bigint FROM stock"), reserved + 1);
    ck_assert_int_eq(mails_of("down-order-0"), 1);
    cancel("still-open");
    eventually(is_closed("still-open"));
    ck_assert_int_eq(versions(), before);
}
END_TEST

START_TEST(a_database_that_goes_away_is_waited_for)
{
    const char *service = catalog_names[_i];
    char id[64];

    execute("provider", "ALTER DATABASE quadrille_%s ALLOW_CONNECTIONS false", service);
    execute("provider",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'quadrille_%s'",
            service);
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof id, "away-%s-%d", service, i);
        place(id, "pm_card_visa", "thing", 1);
    }
    eventually(logged(service, "waiting for it") >= 1);
    for (int i = 0; i < 60; i++) /* long enough for several tries */
        environment_breathe();
    ck_assert_int_eq(logged(service, "waiting for it"), 1);
    execute("provider", "ALTER DATABASE quadrille_%s ALLOW_CONNECTIONS true", service);
    eventually(logged(service, "the database is back") == 1);
    environment_forget(service);
    eventually(
        number("order",
               "SELECT count(*) FROM order_status WHERE order_id LIKE 'away-%s-%%' AND closed",
               service) == 10);
    ck_assert(service_is_alive(service));
    service_stop(service);
    service_start(service, "");
}
END_TEST

static bool has_heartbeat(void)
{
    return shell("$BIN/quadrille-inventory --health-check --heartbeat-file %s/heartbeat "
                 "--heartbeat-max-age-ms 8000",
                 environment_folder()) == 0;
}

/* One that waits for its database is not stuck: nobody should restart it for that. */
START_TEST(only_a_stuck_service_has_no_heartbeat)
{
    char options[400];

    ck_assert(!has_heartbeat() && output_has("No such file"));
    service_stop("inventory");
    snprintf(options, sizeof options, "--heartbeat-file %s/heartbeat", environment_folder());
    service_start("inventory", options);
    eventually(has_heartbeat());
    execute("provider", "ALTER DATABASE quadrille_inventory ALLOW_CONNECTIONS false");
    execute("provider", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                        "'quadrille_inventory'");
    place("heartbeat", "pm_card_visa", "thing", 1);
    eventually(logged("inventory", "waiting for it") == 1);
    for (int i = 0; i < 500; i++) { /* longer than a heartbeat may be old */
        environment_breathe();
        ck_assert(i % 100 != 0 || has_heartbeat());
    }
    execute("provider", "ALTER DATABASE quadrille_inventory ALLOW_CONNECTIONS true");
    environment_forget("inventory");
    eventually(is_closed("heartbeat"));
    service_pause("inventory");
    eventually(!has_heartbeat());
    ck_assert(output_has("the service is stuck, or gone"));
    service_resume("inventory");
    eventually(has_heartbeat());
    ck_assert_int_ne(shell("$BIN/quadrille-inventory --health-check"), 0);
    ck_assert(output_has("--health-check needs --heartbeat-file"));
    service_stop("inventory");
    service_start("inventory", "");
}
END_TEST

START_TEST(a_provider_that_cannot_be_reached_is_waited_for)
{
    execute("order", "ALTER DATABASE quadrille_provider ALLOW_CONNECTIONS false");
    execute("order", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                     "'quadrille_provider'");
    environment_forget("provider");
    place("no-provider", "pm_card_visa", "thing", 1);
    eventually(strcmp(state("payment", "no-provider"), "CHARGING") == 0);
    execute("order", "ALTER DATABASE quadrille_provider ALLOW_CONNECTIONS true");
    eventually(is_closed("no-provider"));
    ck_assert_str_eq(state("order", "no-provider"), "CONFIRMED");
}
END_TEST

START_TEST(a_broker_that_stands_still_is_waited_for)
{
    place("before-pause", "pm_card_visa", "thing", 1);
    ck_assert_int_eq(shell("kill -STOP $(tools/stack/stack pid %s broker)", environment_folder()),
                     0);
    for (int i = 0; i < 100; i++)
        environment_breathe();
    ck_assert_int_eq(shell("kill -CONT $(tools/stack/stack pid %s broker)", environment_folder()),
                     0);
    place("after-pause", "pm_card_visa", "thing", 1);
    eventually(is_closed("before-pause") && is_closed("after-pause"));
}
END_TEST

/* A service that ends without a broker has let go of its batches by the time when its producer is
 * freed. */
START_TEST(what_is_never_sent_leaves_its_delivery_alone)
{
    static const struct broker_settings nobody = {.brokers = "127.0.0.1:1"};
    struct delivery delivery = {0};
    struct error error = {0};
    struct producer *producer = producer_new(&nobody, &error);

    ck_assert_msg(producer != NULL, "%s", error.message);
    ck_assert_int_eq(
        producer_send(producer,
                      &(struct outgoing){.topic = "orders", .key = "one", .key_length = 3},
                      &delivery, &error),
        STATUS_OK);
    producer_free(producer);
    ck_assert_int_eq(delivery.pending, 1);
    ck_assert_int_eq(delivery.error.status, STATUS_OK);
}
END_TEST

/* Somebody else moves the row between the intent and its outcome: the version that was written is
 * not there any more. */
START_TEST(a_write_with_an_old_version_is_refused)
{
    execute("payment", "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n"
                       "IF NOT EXISTS (SELECT FROM pg_class WHERE relname = 'meddled') THEN CREATE "
                       "TABLE meddled (); NEW.version = 5; END IF;\n"
                       "RETURN NEW; END $$");
    execute("payment", "CREATE TRIGGER meddle BEFORE INSERT ON payments FOR EACH ROW WHEN "
                       "(NEW.order_id = 'fenced') EXECUTE FUNCTION meddle()");
    place("fenced", "pm_card_visa", "thing", 1);
    eventually(logged("payment", "loaded again") == 1);
    eventually(is_closed("fenced"));
    ck_assert_str_eq(state("payment", "fenced"), "COMPLETED");
    ck_assert_int_eq(number("payment", "SELECT version FROM payments WHERE order_id = 'fenced'"),
                     6);
    execute("payment", "DROP TRIGGER meddle ON payments");
    execute("payment", "DROP FUNCTION meddle");
    execute("payment", "DROP TABLE meddled");
}
END_TEST

static const struct {
    const char *database, *table;
    const struct rows *rows;
} stores[] = {
    /* in the order of the services */
    {"QUADRILLE_ORDER_DATABASE", "orders", &order_rows},
    {"QUADRILLE_PAYMENT_DATABASE", "payments", &payment_rows},
    {"QUADRILLE_INVENTORY_DATABASE", "reservation", &reservation_rows},
    {"QUADRILLE_EMAIL_DATABASE", "mails", &mail_rows},
};

/* In a transaction of its own, as the loop does. */
static enum status save_one(const struct rows *rows, struct database *database, struct saga *row,
                            struct arena *arena)
{
    struct saga *const changed[] = {row};
    struct error error;
    enum status status = rows_save(rows, database, changed, 1, arena, &error);

    if (status == STATUS_OK)
        status = database_run(database, &error);
    if (status != STATUS_OK)
        database_rollback(database);
    return status;
}

/* What a zombie would write: the version that it read is gone.  A row that is new to both is one of
 * the versions. */
START_TEST(every_store_refuses_a_write_with_an_old_version)
{
    union {
        struct saga saga;
        struct order_row order;
        struct payment_row payment;
        struct inventory_row inventory;
        struct email_row email;
    } row = {0};
    struct arena *arena = arena_new();
    struct database *database = database_new(getenv(stores[_i].database), "stale");

    row.saga.order_id = "stale";
    ck_assert_int_eq(save_one(stores[_i].rows, database, &row.saga, arena), STATUS_OK);
    row.saga.facts = 1;
    ck_assert_int_eq(save_one(stores[_i].rows, database, &row.saga, arena), STATUS_CONFLICT);
    row.saga.version = 1;
    ck_assert_int_eq(save_one(stores[_i].rows, database, &row.saga, arena), STATUS_OK);
    ck_assert_int_eq(save_one(stores[_i].rows, database, &row.saga, arena), STATUS_CONFLICT);
    database_free(database);
    arena_free(arena);
    execute(catalog_names[_i], "DELETE FROM %s WHERE order_id = 'stale'", stores[_i].table);
}
END_TEST

/* A work of one order in inventory's hands. */
struct single {
    struct row_cache *cache;
    struct database *database;
    struct decoder *decoder;
    struct batch batch;
    struct batch_order order;
    struct inventory_row row;
};

static void load_single(struct single *single, bool may_be_first, bool wants_content)
{
    struct error error;

    single->row = (struct inventory_row){.saga.order_id = "remembered"};
    single->order = (struct batch_order){.order_id = "remembered",
                                         .row = &single->row.saga,
                                         .may_be_first = may_be_first,
                                         .wants_content = wants_content};
    single->batch.orders = &single->order;
    single->batch.order_count = 1;
    single->batch.now_us = 0;
    ck_assert_int_eq(row_cache_load(single->cache, &reservation_rows, single->decoder,
                                    single->database, &single->batch, &error),
                     STATUS_OK);
}

static enum status save_single(struct single *single)
{
    struct saga *const saved[] = {&single->row.saga};
    enum status status =
        save_one(&reservation_rows, single->database, &single->row.saga, single->batch.arena);

    if (status != STATUS_OK)
        return status;
    single->row.saga.version++;
    row_cache_put(single->cache, &reservation_rows, saved, 1);
    return STATUS_OK;
}

START_TEST(what_is_remembered_is_proved_by_a_save_or_loaded)
{
    struct line line = {.sku = "SKU", .quantity = 3};
    struct order_created created = {.lines = &line, .line_count = 1};
    struct single single = {.cache = row_cache_new(),
                            .database =
                                database_new(getenv("QUADRILLE_INVENTORY_DATABASE"), "memory"),
                            .decoder = decoder_new(),
                            .batch = {.arena = arena_new()}};
    int64_t first_us;

    load_single(&single, true, false); /* it knows nothing, not even the time */
    ck_assert(!single.order.cached && single.batch.now_us > 0);
    first_us = single.batch.now_us;
    /* it knows the time, but not whether there is such an order */
    load_single(&single, false, false);
    ck_assert(!single.order.cached && single.batch.now_us >= first_us);
    /* mostly a first message: it counts as new, and the insert will tell */
    load_single(&single, true, true);
    ck_assert(single.order.cached && single.row.saga.version == 0 &&
              single.batch.now_us >= first_us);
    ck_assert_msg(batch_has_unvalidated(&inventory_service, &single.batch),
                  "a row that is remembered and does not change counts as proved");
    single.row = (struct inventory_row){.saga = {.order_id = "remembered",
                                                 .flow = "parallel",
                                                 .facts = 5,
                                                 .next_due_us = first_us,
                                                 .attempts = 2,
                                                 .state = INVENTORY_STATE_RESERVED,
                                                 .content_is_new = true,
                                                 .changed = true},
                                        .created = &created,
                                        .short_sku = "SHORT",
                                        .wanted = 7,
                                        .decided_us = first_us};
    ck_assert(!batch_has_unvalidated(&inventory_service, &single.batch));
    ck_assert_int_eq(save_single(&single), STATUS_OK);

    load_single(&single, false, true); /* as it was saved, with what it keeps aside */
    ck_assert(single.order.cached && single.row.saga.version == 1 && single.row.saga.facts == 5 &&
              single.row.saga.next_due_us == first_us);
    ck_assert(single.row.saga.attempts == 2 &&
              single.row.saga.stored_state == INVENTORY_STATE_RESERVED && !single.row.saga.changed);
    ck_assert(single.row.wanted == 7 && single.row.decided_us == first_us &&
              single.row.created->line_count == 1);
    ck_assert_str_eq(single.row.saga.flow, "parallel");
    ck_assert_str_eq(single.row.short_sku, "SHORT");
    ck_assert_str_eq(single.row.created->lines[0].sku, "SKU");
    ck_assert_int_eq(save_single(&single), STATUS_OK);
    /* what it keeps aside is remembered although it was not written again */
    load_single(&single, false, true);
    ck_assert(single.order.cached && single.row.saga.version == 2 &&
              single.row.created->lines[0].quantity == 3);

    /* by another instance */
    execute("inventory",
            "UPDATE reservation SET version = 9, facts = 6 WHERE order_id = 'remembered'");
    load_single(&single, false, false);
    ck_assert(single.order.cached && single.row.saga.facts == 5);
    ck_assert_int_eq(save_single(&single), STATUS_CONFLICT);
    row_cache_clear(single.cache);
    load_single(&single, true, false);
    ck_assert(!single.order.cached && single.row.saga.facts == 6 && single.row.saga.version == 9);
    /* it was loaded, not saved: so it is not remembered, and counts as new */
    load_single(&single, true, false);
    ck_assert(single.order.cached && single.row.saga.version == 0);
    ck_assert_int_eq(save_single(&single), STATUS_CONFLICT);
    row_cache_invalidate(single.cache);
    for (int i = 0; i < 2; i++) { /* after that no order counts as new for a while */
        load_single(&single, true, false);
        ck_assert(!single.order.cached && single.row.saga.version == 9);
    }

    row_cache_free(single.cache);
    database_free(single.database);
    decoder_free(single.decoder);
    arena_free(single.batch.arena);
    execute("inventory", "DELETE FROM reservation WHERE order_id = 'remembered'");
}
END_TEST

START_TEST(two_instances_share_the_work_and_one_may_die)
{
    char id[64];

    service_start("payment.2", "");
    service_start("inventory.2", "");
    service_ready("payment.2");
    service_ready("inventory.2");
    for (int i = 0; i < 120; i++) {
        snprintf(id, sizeof id, "shared-%d", i);
        place(id, i % 6 == 0 ? "pm_card_declined" : "pm_card_visa", "thing", 1);
        if (i == 60)
            stack("kill %s payment.2", environment_folder());
    }
    eventually(closed("shared") == 120);
    service_stop("inventory.2");
    ck_assert_int_eq(charged("shared"), 120);
}
END_TEST

/* A process that stands still between its intent and its result, past its session, while another
 * does its work: the result is decided on the row as it then is. */
START_TEST(a_zombies_late_result_changes_nothing)
{
    service_stop("payment");
    service_start("payment", "--provider-latency-ms 3000 --provider-timeout-ms 60000");
    service_ready("payment");
    place("before-the-zombie", "pm_card_visa", "thing", 1);
    eventually(is_closed("before-the-zombie"));
    place("zombie", "pm_card_visa", "thing", 1);
    eventually(number("provider", "SELECT count(*) FROM charge WHERE order_id = 'zombie'") == 1);
    ck_assert_str_eq(state("payment", "zombie"), "CHARGING");
    service_pause("payment");
    service_start("payment.2", "");
    eventually(is_closed("zombie"));
    ck_assert_str_eq(state("payment", "zombie"), "COMPLETED");
    service_resume("payment");
    eventually(number("payment", "SELECT version FROM payments WHERE order_id = 'zombie'") == 3);
    place("behind-the-zombie", "pm_card_visa", "thing", 1);
    eventually(is_closed("behind-the-zombie"));
    ck_assert_int_eq(ids_emitted("zombie", "payment.completed"), 1);
    ck_assert_int_eq(number("provider", "SELECT count(*) FROM charge WHERE order_id = 'zombie'"),
                     1);
    service_stop("payment");
    service_stop("payment.2");
    service_start("payment", "");
    service_ready("payment");
}
END_TEST

static void place_some(const char *prefix, int from, int to)
{
    char id[64];

    for (int i = from; i < to; i++) {
        snprintf(id, sizeof id, "%s-%d", prefix, i);
        place(id, i % 6 == 0 ? "pm_card_declined" : "pm_card_visa", "thing", 1);
        environment_breathe();
    }
}

static void start(const char *name)
{
    service_start(name, "");
}

/* 1 -> 3 -> 2 -> 1 of every service while orders flow; one is killed, one stands still past its
 * session and wakes up again. */
START_TEST(one_instance_becomes_three_then_two_then_one_under_load)
{
    enum { ORDERS = 300 };

    place_some("scaled", 0, 60);
    each_service(start, ".2");
    each_service(start, ".3");
    place_some("scaled", 60, 120);
    each_service(service_ready, ".2");
    each_service(service_ready, ".3");
    service_pause("inventory.2");
    place_some("scaled", 120, 160);
    stack("kill %s payment.3", environment_folder());
    place_some("scaled", 160, 200);
    /* the paused one is given up */
    eventually(logged("inventory", "partitions assigned") +
                   logged("inventory.3", "partitions assigned") >=
               4);
    service_resume("inventory.2");
    each_service(service_stop, ".3");
    place_some("scaled", 200, 250);
    each_service(service_stop, ".2");
    place_some("scaled", 250, ORDERS);
    eventually(closed("scaled") == ORDERS);
    ck_assert_int_eq(confirmed("scaled"), ORDERS - ORDERS / 6);
    ck_assert_int_eq(charged("scaled"), ORDERS);
    audit_is_clean();
}
END_TEST

Suite *faults_suite(void)
{
    Suite *suite = suite_create("faults");

#define add(test, count) suite_add(suite, #test, test, count, environment_with_services)
    add(a_service_may_be_down_for_a_while, 4);
    add(a_service_may_be_killed_anywhere, (int)(sizeof crashes / sizeof crashes[0]));
    add(a_charge_that_a_dead_process_made_is_compensated, 1);
    add(a_lost_event_is_healed_by_the_sweeper, 1);
    add(the_sweeper_is_silent_while_its_commands_are_unread, 1);
    add(everything_may_be_restarted_at_once, 1);
    add(a_group_reset_to_the_beginning_changes_nothing, 1);
    add(a_database_that_goes_away_is_waited_for, 4);
    add(only_a_stuck_service_has_no_heartbeat, 1);
    add(a_provider_that_cannot_be_reached_is_waited_for, 1);
    add(a_broker_that_stands_still_is_waited_for, 1);
    add(what_is_never_sent_leaves_its_delivery_alone, 1);
    add(a_write_with_an_old_version_is_refused, 1);
    add(every_store_refuses_a_write_with_an_old_version, 4);
    add(what_is_remembered_is_proved_by_a_save_or_loaded, 1);
    add(two_instances_share_the_work_and_one_may_die, 1);
    add(a_zombies_late_result_changes_nothing, 1);
    add(one_instance_becomes_three_then_two_then_one_under_load, 1);
#undef add
    late_decisions_add(suite, environment_with_services);
    suite_add_identities(suite, environment_with_services);
    suite_add_audit(suite, environment_with_services);
    return suite;
}
