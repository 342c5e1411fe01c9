/* The one wait: what is watched is served while something else is waited for. */
#include <check.h>
#include <poll.h>
#include <unistd.h>

#include "base/wait.h"
#include "tests/unit/suites.h"

struct served {
    int descriptor, times;
    int unwatched; /* the descriptor of another, that is unwatched on the way; 0: none */
};

static void on_ready(void *context, short events)
{
    struct served *served = context;
    char byte;

    ck_assert((events & POLLIN) != 0);
    ck_assert_int_eq(read(served->descriptor, &byte, 1), 1);
    served->times++;
    if (served->unwatched != 0)
        wait_unwatch(served->unwatched);
}

static void make(int ends[2])
{
    ck_assert_int_eq(pipe(ends), 0);
}

static void put(const int ends[2])
{
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
}

static void drop(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

START_TEST(what_is_watched_is_served_while_something_else_is_waited_for)
{
    int waited[2], watched[2];
    struct served served = {0};

    make(waited);
    make(watched);
    served.descriptor = watched[0];
    wait_watch(watched[0], POLLIN, on_ready, &served);
    ck_assert_int_eq(wait_for(waited[0], POLLIN, 0), WAIT_LATE);
    put(watched);
    ck_assert_int_eq(wait_for(waited[0], POLLIN, -1), WAIT_SERVED);
    ck_assert_int_eq(served.times, 1);
    put(watched);
    put(waited);
    ck_assert_int_eq(wait_for(waited[0], POLLIN, -1), WAIT_READY);
    ck_assert_int_eq(served.times, 2);
    ck_assert_int_eq(wait_for(waited[0], POLLIN, -1), WAIT_READY);
    ck_assert_int_eq(served.times, 2);
    put(watched);
    ck_assert_int_eq(wait_for(-1, 0, -1), WAIT_SERVED);
    wait_unwatch(watched[0]);
    put(watched);
    ck_assert_int_eq(wait_for(-1, 0, 0), WAIT_LATE);
    ck_assert_int_eq(served.times, 3);
    drop(waited);
    drop(watched);
}
END_TEST

START_TEST(who_is_served_may_unwatch_another)
{
    int ends[3][2];
    struct served served[3] = {0};

    for (int i = 0; i < 3; i++) {
        make(ends[i]);
        served[i].descriptor = ends[i][0];
        wait_watch(ends[i][0], POLLIN, on_ready, &served[i]);
        put(ends[i]);
    }
    for (int i = 0; i < 3; i++) /* whichever is the first to be served */
        served[i].unwatched = ends[(i + 1) % 3][0];
    ck_assert_int_eq(wait_for(-1, 0, -1), WAIT_SERVED);
    ck_assert_int_eq(served[0].times + served[1].times + served[2].times, 2);
    for (int i = 0; i < 3; i++) {
        wait_unwatch(ends[i][0]);
        drop(ends[i]);
    }
}
END_TEST

Suite *wait_suite(void)
{
    Suite *suite = suite_create("the one wait");
    TCase *cases = tcase_create("wait");

    tcase_set_timeout(cases, 0);
    tcase_add_test(cases, what_is_watched_is_served_while_something_else_is_waited_for);
    tcase_add_test(cases, who_is_served_may_unwatch_another);
    suite_add_tcase(suite, cases);
    return suite;
}
