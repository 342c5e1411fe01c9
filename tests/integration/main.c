/* usage: integration [saga|faults]; both without an argument.  CK_VERBOSITY=verbose prints each test. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/runtime/log.h"
#include "tests/integration/suites.h"

int main(int argc, char **argv)
{
    SRunner *runner = srunner_create(NULL);
    int failed;

    signal(SIGPIPE, SIG_IGN);
    log_open("integration", false, LOG_CRIT);
    if (argc < 2 || strcmp(argv[1], "saga") == 0)
        srunner_add_suite(runner, saga_suite());
    if (argc < 2 || strcmp(argv[1], "faults") == 0)
        srunner_add_suite(runner, faults_suite());
    srunner_set_fork_status(runner, CK_NOFORK); /* the tests of a suite share one stack */
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
