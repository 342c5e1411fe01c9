/* usage: integration [SUITE [TEST]]; all without an argument.  CK_VERBOSITY=verbose prints
 * each test.
 *
 * The tests run in a child, so that a stack of theirs is stopped whatever becomes of them. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

static volatile sig_atomic_t tests_pid;

/* Without a test environment no test of the suite says anything: the first failure says why. */
static bool is_opening;

static void open_begins(void)
{
    if (is_opening)
        ck_abort_msg("no test environment");
    is_opening = true;
}

static void open_ends(void)
{
    is_opening = false;
}

void suite_add(Suite *suite, const char *name, const TTest *test, int count, void (*setup)(void))
{
    TCase *one = tcase_create(name);

    tcase_add_unchecked_fixture(one, open_begins, NULL);
    tcase_add_unchecked_fixture(one, setup, NULL);
    tcase_add_unchecked_fixture(one, open_ends, NULL);
    tcase_add_loop_test(one, test, 0, count);
    suite_add_tcase(suite, one);
}

START_TEST(in_the_end_everything_adds_up)
{
    audit_is_clean();
}
END_TEST

START_TEST(in_the_end_each_event_has_one_content)
{
    each_event_has_one_content();
}
END_TEST

void suite_add_identities(Suite *suite, void (*setup)(void))
{
    suite_add(suite, "in_the_end_each_event_has_one_content", in_the_end_each_event_has_one_content,
              1, setup);
}

void suite_add_audit(Suite *suite, void (*setup)(void))
{
    suite_add(suite, "in_the_end_everything_adds_up", in_the_end_everything_adds_up, 1, setup);
}

/* Runs all tests of a suite on one test environment; how many failed, or that none was run. */
static int run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_run(runner) == 0 ? 1 : srunner_ntests_failed(runner);
    srunner_free(runner);
    if (environment_is_open()) {
        services_stop();
        failed += environment_close();
    }
    return failed;
}

static int run_suites(const char *suite)
{
    static const struct {
        const char *name;
        Suite *(*make)(void);
    } suites[] = {
        {"saga", saga_suite},         {"faults", faults_suite},     {"effects", effects_suite},
        {"inputs", inputs_suite},
#ifndef __SANITIZE_ADDRESS__
        {"memory", memory_suite},
#endif
        {"together", together_suite}, {"apart", apart_suite},       {"sagactl", sagactl_suite},
        {"stripe", stripe_suite},     {"database", database_suite}, {"tamper", tamper_suite},
        {"smtp", smtp_suite},         {"scale", scale_suite},       {"outages", outages_suite},
        {"brokers", brokers_suite},   {"replay", replay_suite}};
    bool known = false;
    int failed = 0;

    log_open("integration", false, LOG_CRIT);
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        if (suite == NULL || strcmp(suite, suites[i].name) == 0)
            failed += run(suites[i].make());
        known = known || suite == NULL || strcmp(suite, suites[i].name) == 0;
    }
    if (!known)
        fprintf(stderr,
                "integration: \"%s\" is no suite: saga, faults, effects, inputs, together, apart, "
                "memory, sagactl, stripe, database, tamper, smtp, scale, outages, brokers and "
                "replay are\n",
                suite);
    return failed == 0 && known ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void on_signal(int number)
{
    (void)number;
    kill((pid_t)tests_pid, SIGKILL);
}

/* Stops what the tests left running, and removes their folder unless KEEP is set. */
static void clean_up(const char *folder)
{
    char line[600];

    snprintf(line, sizeof line, "[ ! -e %s/stack/pid ] || tools/stack/stack down %s/stack", folder,
             folder);
    if (system(line) != 0)
        fprintf(stderr, "integration: cannot stop what runs in %s\n", folder);
    snprintf(line, sizeof line, "rm -rf %s", folder);
    if (getenv("KEEP") != NULL)
        fprintf(stderr, "integration: the logs are in %s\n", folder);
    else if (system(line) != 0)
        fprintf(stderr, "integration: cannot remove %s\n", folder);
}

int main(int argc, char **argv)
{
    char folder[256];
    int status = 0;
    pid_t pid;

    snprintf(folder, sizeof folder, "%s/integration-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0) {
        perror(folder);
        return EXIT_FAILURE;
    }
    if (argc > 2)
        setenv("CK_RUN_CASE", argv[2], 1);
    setenv("TEST_FOLDER", folder, 1);
    signal(SIGPIPE, SIG_IGN);
    pid = fork();
    if (pid == 0)
        exit(run_suites(argc > 1 ? argv[1] : NULL));
    tests_pid = pid;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    while (waitpid(pid, &status, 0) < 0)
        continue;
    if (!WIFEXITED(status))
        fprintf(stderr, "integration: the tests died of signal %d\n", WTERMSIG(status));
    clean_up(folder);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
