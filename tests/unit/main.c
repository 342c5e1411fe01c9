#include <stdlib.h>

#include "tests/unit/suites.h"

int main(void)
{
    SRunner *runner;
    int failed;

    setenv("CK_DEFAULT_TIMEOUT", "600", 0); /* what hangs, and not what a busy machine takes */
    runner = srunner_create(order_suite());
    srunner_add_suite(runner, payment_suite());
    srunner_add_suite(runner, stripe_suite());
    srunner_add_suite(runner, inventory_suite());
    srunner_add_suite(runner, email_suite());
    srunner_add_suite(runner, catalog_suite());
    srunner_add_suite(runner, choreography_suite());
    srunner_add_suite(runner, codec_suite());
    srunner_add_suite(runner, texts_suite());
    srunner_add_suite(runner, json_suite());
    srunner_add_suite(runner, envelope_suite());
    srunner_add_suite(runner, identity_suite());
    srunner_add_suite(runner, bytes_suite());
    srunner_add_suite(runner, index_suite());
    srunner_add_suite(runner, wait_suite());
    srunner_add_suite(runner, http_client_suite());
    srunner_add_suite(runner, smtp_suite());
    srunner_add_suite(runner, breaker_suite());
    srunner_add_suite(runner, frames_suite());
    srunner_add_suite(runner, dead_letter_suite());
    srunner_add_suite(runner, settings_suite());
    srunner_add_suite(runner, brokers_suite());
    srunner_add_suite(runner, lists_suite());
    srunner_add_suite(runner, json_line_suite());
    srunner_add_suite(runner, history_suite());
    srunner_add_suite(runner, regroup_suite());
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
