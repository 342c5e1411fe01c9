/* Somebody changes things by hand: the audit names each, and nothing else (see tamper.py). */
#include <stdlib.h>

#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

#define TAMPER "/usr/bin/python3 -B tests/integration/tamper.py "

static void run(const char *what)
{
    if (shell(TAMPER "%s", what) == 0)
        return;
    print_last();
    ck_abort_msg("tamper.py %s failed", what);
}

START_TEST(whatever_is_changed_by_hand_is_named_and_nothing_else)
{
    run("place");
    eventually(number("order", "SELECT count(*) FROM order_status WHERE order_id LIKE 'control.%%' "
                               "AND state <> 'NEW'") == 80);
    eventually(
        number("order",
               "SELECT count(*) FROM order_status WHERE state = 'PENDING' AND order_id NOT IN "
               "(SELECT order_id FROM order_content WHERE body->>'payment_method' = 'pm_never')") ==
        0);
    eventually(number("payment", "SELECT count(*) FROM payments WHERE payment_method = 'pm_never' "
                                 "AND pending_at IS NULL") == 0);
    run("silent");
    eventually(
        number("order", "SELECT count(*) FROM order_status WHERE state <> 'NEW' AND NOT closed") ==
        0);
    services_stop();
    run("check");
}
END_TEST

/* What is emitted here is in part forged: it is no proof of what services emit. */
static void setup(void)
{
    unsetenv("EMITTED");
    environment_with_services();
}

Suite *tamper_suite(void)
{
    Suite *suite = suite_create("tamper");

    suite_add(suite, "whatever_is_changed_by_hand_is_named_and_nothing_else",
              whatever_is_changed_by_hand_is_named_and_nothing_else, 1, setup);
    return suite;
}
