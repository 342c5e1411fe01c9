/* usage: integration [saga|faults [TEST]]; both without an argument.  CK_VERBOSITY=verbose prints each test. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/runtime/log.h"
#include "tests/integration/stage.h"
#include "tests/integration/suites.h"

void suite_add(Suite *suite, const char *name, const TTest *test, int count, void (*setup)(void))
{
    TCase *one = tcase_create(name);

    tcase_add_unchecked_fixture(one, setup, NULL);
    tcase_add_loop_test(one, test, 0, count);
    suite_add_tcase(suite, one);
}

/* Runs all tests of a suite on one stage; how many failed, or that none was run. */
static int run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_run(runner) == 0 ? 1 : srunner_ntests_failed(runner);
    srunner_free(runner);
    if (stage_is_open()) {
        services_stop();
        failed += stage_close();
    }
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;

    signal(SIGPIPE, SIG_IGN);
    log_open("integration", false, LOG_CRIT);
    if (argc > 2)
        setenv("CK_RUN_CASE", argv[2], 1);
    if (argc < 2 || strcmp(argv[1], "saga") == 0)
        failed += run(saga_suite());
    if (argc < 2 || strcmp(argv[1], "faults") == 0)
        failed += run(faults_suite());
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
