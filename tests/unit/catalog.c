/* The catalog of services against the tables of topics and of messages. */
#include "services/catalog.h"

#include <stdint.h>
#include <string.h>

#include "brokers/topics.h"
#include "services/daemon/hosts.h"
#include "services/daemon/settings.h"
#include "services/runtime/service.h"
#include "tests/unit/suites.h"

static const struct topic *topic_find(const char *name)
{
    for (size_t i = 0; i < topic_count; i++)
        if (strcmp(topics[i].name, name) == 0)
            return &topics[i];
    return NULL;
}

START_TEST(each_topic_of_a_service_stands_in_the_table_of_topics)
{
    const char *const its[] = {catalog[_i].emits_to, catalog[_i].internal,
                               catalog[_i].dead_letters};

    for (int i = 0; i < 3; i++) {
        const struct topic *topic = topic_find(its[i]);

        ck_assert_msg(topic != NULL, "%s", its[i]);
        ck_assert_int_eq(topic->dead_letters, its[i] == catalog[_i].dead_letters);
    }
}
END_TEST

START_TEST(a_service_emits_to_its_own_topic_and_nobody_else_does)
{
    int emitted = 0;

    for (int type = 0; type < MESSAGE_TYPES; type++) {
        const char *emitter = message_emitter((enum message_type)type);
        const bool is_ours = emitter != NULL && strcmp(emitter, catalog[_i].name) == 0;
        const bool is_there =
            strcmp(message_topic((enum message_type)type), catalog[_i].emits_to) == 0;

        ck_assert_msg(is_ours == is_there, "%s: %s", catalog[_i].name,
                      message_type_name((enum message_type)type));
        emitted += is_ours;
    }
    ck_assert_int_gt(emitted, 0);
}
END_TEST

START_TEST(each_service_has_a_command_of_its_own_to_emit_again)
{
    ck_assert_str_eq(message_topic(catalog[_i].republish), catalog[_i].internal);
    for (int i = 0; i < _i; i++)
        ck_assert_int_ne(catalog[i].republish, catalog[_i].republish);
}
END_TEST

START_TEST(each_emitter_is_a_service)
{
    const char *emitter = message_emitter((enum message_type)_i);
    bool found = emitter == NULL;

    for (int i = 0; i < SERVICES; i++)
        found = found || strcmp(catalog[i].name, emitter) == 0;
    ck_assert_msg(found, "%s: %s", message_type_name((enum message_type)_i), emitter);
}
END_TEST

static void each_is_new(const struct setting *table, const char **names, size_t *count)
{
    for (; table->name != NULL; table++) {
        for (size_t i = 0; i < *count; i++)
            ck_assert_str_ne(names[i], table->name);
        ck_assert_uint_lt(*count, 200);
        names[(*count)++] = table->name;
    }
}

/* So that it means the same in a process of one and of several. */
START_TEST(no_two_services_have_settings_of_one_name)
{
    const char *names[200];
    size_t count = 0;

    each_is_new(daemon_settings, names, &count);
    each_is_new(daemon_effects_settings, names, &count);
    for (int i = 0; i < SERVICES; i++) {
        const struct setting *const *outside = catalog[i].service->outside_settings;

        each_is_new(catalog[i].service->settings, names, &count);
        for (; outside != NULL && *outside != NULL; outside++)
            each_is_new(*outside, names, &count);
    }
}
END_TEST

/* ---- services of one process ---- */

enum {
    WITHOUT_PAYMENT = 1 << SERVICE_ORDER | 1 << SERVICE_INVENTORY | 1 << SERVICE_EMAIL,
    ALL = WITHOUT_PAYMENT | 1 << SERVICE_PAYMENT, /* that take part in the saga */
};

START_TEST(a_service_alone_reads_what_it_subscribes_to)
{
    for (size_t i = 0; i < topic_count; i++)
        ck_assert_int_eq(services_read(SERVICE_BIT(_i), topics[i].name),
                         service_subscribes(catalog[_i].service, topics[i].name));
}
END_TEST

START_TEST(services_of_one_process_read_no_topic_to_which_one_of_them_emits)
{
    static const struct {
        const char *topic;
        bool all, without_payment;
    } cases[] = {
        {"orders.commands", true, true},    {"orders", false, false},
        {"payments", false, true},          {"inventory.commands", true, true},
        {"inventory", false, false},        {"emails", false, false},
        {"order.internal", true, true},     {"payment.internal", true, false},
        {"inventory.internal", true, true}, {"email.internal", true, true},
        {"order.dlq", false, false},        {"payment.dlq", false, false},
        {"inventory.dlq", false, false},    {"email.dlq", false, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_ptr_nonnull(topic_find(cases[i].topic));
        ck_assert_msg(services_read(ALL, cases[i].topic) == cases[i].all, "%s", cases[i].topic);
        ck_assert_msg(services_read(WITHOUT_PAYMENT, cases[i].topic) == cases[i].without_payment,
                      "%s", cases[i].topic);
    }
    ck_assert(services_read_for(WITHOUT_PAYMENT, SERVICE_ORDER, "payments"));
    ck_assert(!services_read_for(WITHOUT_PAYMENT, SERVICE_EMAIL, "payments"));
    ck_assert(!services_read_for(WITHOUT_PAYMENT, SERVICE_EMAIL, "order.internal"));
}
END_TEST

START_TEST(services_of_one_group_share_a_process_which_is_named_after_them)
{
    const char *groups[SERVICES];
    char group[SERVICES_GROUP_SIZE];

    for (int i = 0; i < SERVICES; i++)
        groups[i] = (SERVICE_BIT(i) & WITHOUT_PAYMENT) != 0 ? "one" : "other";
    groups[SERVICE_PAYMENT] = "alone";
    ck_assert_uint_eq(services_sharing(groups, SERVICE_EMAIL), WITHOUT_PAYMENT);
    ck_assert_uint_eq(services_sharing(groups, SERVICE_PAYMENT), SERVICE_BIT(SERVICE_PAYMENT));
    services_group(WITHOUT_PAYMENT, group);
    ck_assert_str_eq(group, "quadrille-order-inventory-email");
    for (int i = 0; i < SERVICES; i++) {
        services_group(SERVICE_BIT(i), group);
        ck_assert_str_eq(group, catalog[i].group);
    }
}
END_TEST

static bool is_among(const char *const *topics_read, size_t count, const char *topic)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(topics_read[i], topic) == 0)
            return true;
    return false;
}

/* Each subset of them: what the process subscribes to is what sagactl takes its group to read. */
START_TEST(a_process_reads_what_sagactl_takes_it_to_read)
{
    const unsigned hosted = (unsigned)_i;
    const char *topics_read[HOSTS_TOPICS_MAX];
    struct hosts hosts = {0};
    size_t count, expected = 0;

    for (int i = 0; i < SERVICES; i++)
        if ((hosted & SERVICE_BIT(i)) != 0)
            hosts.list[hosts.count++].service = catalog[i].service;
    count = hosts_topics(&hosts, topics_read);
    for (size_t i = 0; i < topic_count; i++) {
        const bool is_read = services_read(hosted, topics[i].name);

        ck_assert_msg(is_among(topics_read, count, topics[i].name) == is_read, "%s of set %x",
                      topics[i].name, hosted);
        expected += is_read;
    }
    ck_assert_uint_eq(count, expected);
}
END_TEST

/* The program's settings, with --services as given. */
static enum status choose(struct hosts *hosts, const char *given)
{
    static const struct setting rows[] = {{.name = "services", .kind = SETTING_TEXT},
                                          {.name = NULL}};
    const struct setting *const tables[] = {rows};
    const struct service *services[SERVICES];
    struct settings *settings = settings_new("quadrille", "", tables, 1);
    char *arguments[] = {"quadrille", "--services", (char *)(uintptr_t)given};
    struct error error;
    enum status status;

    for (int i = 0; i < SERVICES; i++)
        services[i] = catalog[i].service;
    ck_assert_int_eq(settings_parse(settings, 3, arguments, &error), STATUS_OK);
    *hosts = (struct hosts){0};
    status = hosts_choose(
        hosts,
        &(struct program){
            .name = "quadrille", .services = services, .count = SERVICES, .settings = rows},
        settings, &error);
    settings_free(settings);
    return status;
}

START_TEST(a_group_is_named_after_its_services_in_their_order)
{
    char group[SERVICES_GROUP_SIZE];
    struct hosts hosts;

    ck_assert_int_eq(choose(&hosts, "email , order,inventory"), STATUS_OK);
    ck_assert_uint_eq(hosts.count, 3);
    services_group(WITHOUT_PAYMENT, group);
    ck_assert_str_eq(hosts.group, group);
    ck_assert_int_eq(choose(&hosts, "order,"), STATUS_INVALID);
    ck_assert_int_eq(choose(&hosts, ",order"), STATUS_INVALID);
    ck_assert_int_eq(choose(&hosts, "orders"), STATUS_INVALID);
    ck_assert_int_eq(choose(&hosts, "order,email,order"), STATUS_INVALID);
}
END_TEST

Suite *catalog_suite(void)
{
    Suite *suite = suite_create("catalog");
    TCase *cases = tcase_create("catalog");

    tcase_add_loop_test(cases, each_topic_of_a_service_stands_in_the_table_of_topics, 0, SERVICES);
    tcase_add_loop_test(cases, a_service_emits_to_its_own_topic_and_nobody_else_does, 0, SERVICES);
    tcase_add_loop_test(cases, each_service_has_a_command_of_its_own_to_emit_again, 0, SERVICES);
    tcase_add_loop_test(cases, each_emitter_is_a_service, 0, MESSAGE_TYPES);
    tcase_add_test(cases, no_two_services_have_settings_of_one_name);
    tcase_add_loop_test(cases, a_service_alone_reads_what_it_subscribes_to, 0, SERVICES);
    tcase_add_test(cases, services_of_one_process_read_no_topic_to_which_one_of_them_emits);
    tcase_add_test(cases, services_of_one_group_share_a_process_which_is_named_after_them);
    tcase_add_loop_test(cases, a_process_reads_what_sagactl_takes_it_to_read, 1, 1 << SERVICES);
    tcase_add_test(cases, a_group_is_named_after_its_services_in_their_order);
    suite_add_tcase(suite, cases);
    return suite;
}
