/* What a broker no longer keeps: topics lose their beginnings one by one. */
#include <stdio.h>

#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

static bool finds_nothing(const char *command)
{
    if (shell("$BIN/sagactl %s", command) == 0)
        return true;
    print_last();
    return false;
}

/* Of one topic all is deleted that lies there: its orders' places, payments and mails are still in
 * the others. */
static void topic_empty(const char *topic)
{
    ck_assert_int_eq(shell("brokers/apache/kafka tool get-offsets --bootstrap-server "
                           "$QUADRILLE_BROKERS --topic %s 2> /dev/null |"
                           " awk -F: 'BEGIN { printf \"{\\\"version\\\":1,\\\"partitions\\\":[\" }"
                           " { printf "
                           "\"%%s{\\\"topic\\\":\\\"%%s\\\",\\\"partition\\\":%%s,\\\"offset\\\":%%"
                           "s}\", n++ ? \",\" : \"\", $1, $2, $3 }"
                           " END { print \"]}\" }' > %s/delete.json && "
                           "brokers/apache/kafka tool delete-records --bootstrap-server "
                           "$QUADRILLE_BROKERS --offset-json-file %s/delete.json",
                           topic, environment_folder(), environment_folder()),
                     0);
}

START_TEST(what_retention_took_is_no_fault)
{
    place_many("kept", 12);
    eventually(closed("kept") == 12);
    topic_empty("orders");
    ck_assert(finds_nothing("audit --from-log --under-way-ms 0"));
    ck_assert(output_has("whose beginning is gone"));
    ck_assert(finds_nothing("replay plan --all --under-way-ms 0"));
}
END_TEST

/* An order that came after what is gone is judged as ever; what is gone reaches up to what is there
 * of its partition. */
START_TEST(what_came_after_what_retention_took_is_judged)
{
    place_many("between", 5 * PARTITIONS);
    eventually(closed("between") == 5 * PARTITIONS);
    place("young", "pm_card_visa", "thing", 1);
    eventually(is_closed("young"));
    execute("payment", "UPDATE payments SET amount = 1 WHERE order_id = 'young'");
    ck_assert_int_ne(shell("$BIN/sagactl audit --under-way-ms 0"), 0);
    ck_assert(output_has("order young: payment: amount: the log leads to 100, the row says 1"));
    execute("payment", "UPDATE payments SET amount = 100 WHERE order_id = 'young'");
    ck_assert(finds_nothing("audit --under-way-ms 0"));
}
END_TEST

void retention_tests_add(Suite *suite, void (*setup)(void))
{
    suite_add(suite, "what_retention_took_is_no_fault", what_retention_took_is_no_fault, 1, setup);
    suite_add(suite, "what_came_after_what_retention_took_is_judged",
              what_came_after_what_retention_took_is_judged, 1, setup);
}
