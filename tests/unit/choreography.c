/* What the tables of all services say together. */
#include "services/catalog.h"
#include "services/runtime/service.h"
#include "tests/unit/suites.h"

/* Which events the event leads to, whoever consumes it, in whatever state. */
static uint64_t leads_to(const struct flow *flow, enum message_type type)
{
    uint64_t emitted = 0;

    for (int i = 0; i < SERVICES; i++) {
        const struct saga_table *table = catalog[i].service->table;

        if (catalog[i].service->waits_for != NULL && !catalog[i].service->waits_for(flow, type))
            continue;
        for (size_t j = 0; j < table->emission_count; j++)
            if ((table->emissions[j].on & FACT(type)) != 0)
                emitted |= FACT(table->emissions[j].event);
    }
    return emitted;
}

/* Everything that can follow, found by going on until nothing new comes. */
static uint64_t all_after(const struct flow *flow, enum message_type type)
{
    uint64_t reached = leads_to(flow, type), before = 0;

    while (reached != before) {
        before = reached;
        for (int next = 0; next < MESSAGE_TYPES; next++)
            if ((reached & FACT(next)) != 0)
                reached |= leads_to(flow, (enum message_type)next);
    }
    return reached;
}

START_TEST(every_chain_of_answers_ends)
{
    for (int i = 0; i < FLOWS; i++)
        for (int type = 0; type < MESSAGE_TYPES; type++)
            ck_assert_msg((all_after(&flows[i], (enum message_type)type) & FACT(type)) == 0,
                          "%s: %s leads back to itself", flows[i].name,
                          message_type_name((enum message_type)type));
}
END_TEST

START_TEST(no_compensation_result_is_answered)
{
    static const enum message_type words[] = {
        PAYMENT_REFUNDED, PAYMENT_VOIDED, PAYMENT_REFUND_FAILED, INVENTORY_RELEASED,
        INVENTORY_VOIDED, EMAIL_SENT,     EMAIL_FAILED};

    for (int i = 0; i < FLOWS; i++)
        for (size_t j = 0; j < sizeof words / sizeof words[0]; j++)
            ck_assert_msg(leads_to(&flows[i], words[j]) == 0, "%s: %s is answered", flows[i].name,
                          message_type_name(words[j]));
}
END_TEST

START_TEST(every_event_is_somebodys_answer)
{
    uint64_t emitted = FACT(ORDER_REJECTED);

    for (int i = 0; i < SERVICES; i++)
        for (size_t j = 0; j < catalog[i].service->table->emission_count; j++)
            emitted |= FACT(catalog[i].service->table->emissions[j].event);
    for (int type = 0; type < MESSAGE_TYPES; type++)
        if (message_emitter((enum message_type)type) != NULL)
            ck_assert_msg((emitted & FACT(type)) != 0, "nobody says %s",
                          message_type_name((enum message_type)type));
}
END_TEST

Suite *choreography_suite(void)
{
    Suite *suite = suite_create("choreography");
    TCase *cases = tcase_create("graph");

    tcase_add_test(cases, every_chain_of_answers_ends);
    tcase_add_test(cases, no_compensation_result_is_answered);
    tcase_add_test(cases, every_event_is_somebodys_answer);
    suite_add_tcase(suite, cases);
    return suite;
}
