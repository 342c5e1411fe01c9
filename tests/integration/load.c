#include "tests/integration/load.h"

#include <stdio.h>

#include "tests/integration/environment.h"

void load_start(const char *prefix)
{
    ck_assert_int_eq(shell("rm -f %1$s/load.stop %1$s/load.count", environment_folder()), 0);
    shell("((i=0; while [ -e %1$s/env ] && [ ! -e %1$s/load.stop ]; do echo '" ORDER(
              "%2$s-'$i'") "';"
                           " i=$((i + 1)); sleep 0.02; done; echo $i > %1$s/load.last) 2> "
                           "/dev/null | { $BIN/sagactl place > %1$s/load.out 2>&1; mv "
                           "%1$s/load.last %1$s/load.count; } &)",
          environment_folder(), prefix);
}

void load_flow(const char *prefix, int count)
{
    int64_t before = closed(prefix);

    eventually(closed(prefix) >= before + count);
}

int load_end(const char *prefix)
{
    char path[400];
    FILE *file;
    int count = 0;

    ck_assert_int_eq(shell("touch %s/load.stop", environment_folder()), 0);
    snprintf(path, sizeof path, "%s/load.count", environment_folder());
    eventually((file = fopen(path, "r")) != NULL);
    ck_assert_int_eq(fscanf(file, "%d", &count), 1);
    fclose(file);
    eventually(closed(prefix) == count);
    ck_assert_int_eq(confirmed(prefix), count);
    ck_assert_int_eq(charged(prefix), count);
    ck_assert_int_eq(
        number("email", "SELECT count(*) FROM mails WHERE order_id LIKE '%s-%%'", prefix), count);
    return count;
}
