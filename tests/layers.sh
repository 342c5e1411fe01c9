#!/bin/sh
# Checks the arrows: tools, services -> runtime -> database, events, brokers. Prints each include that points the wrong way.
set -u
cd "$(dirname "$0")/.."
bad=0
services='order payment inventory email'

# deny WHY FILES PATTERN [EXCEPT]: no line of the files matches the pattern, but for those that match EXCEPT.
deny() {
    # shellcheck disable=SC2086 # a list of files
    found=$(grep -nE "$3" $2 /dev/null | grep -vE "${4:-^$}")
    [ -n "$found" ] || return 0
    echo "$found" | sed "s|\$|   <- $1|"
    bad=1
}

sources() { find "$@" -name '*.[ch]' -not -path '*/yyjson/*'; }

ours='#include "(base|brokers|database|events|history|services|tools)/'
deny 'base/ includes nothing of ours but base/' "$(sources base)" "$ours" '#include "base/'
deny 'events/ includes events/ and base/' "$(sources events)" "$ours" '#include "(base|events)/'
deny 'database/ includes database/ and base/' "$(sources database)" "$ours" '#include "(base|database)/'
deny 'brokers/ includes brokers/ and base/, and of events/ only envelopes' "$(sources brokers)" "$ours" '#include "(base/|brokers/|events/envelope.h)'
deny 'the runtime knows no service and no tool' "$(sources services/runtime)" '#include "(history|services|tools)/' '#include "services/runtime/'
deny 'the daemon knows no service and no tool' "$(sources services/daemon)" '#include "(history|services|tools)/' '#include "services/(daemon|runtime)/'
for service in $services; do
    deny 'one service includes nothing of another, and no tool' "$(sources services/$service)" '#include "(history|services|tools)/' \
        "#include \"services/($service|runtime)/|^services/$service/main.c:.*services/daemon/daemon.h"
    deny 'decide is pure: events/, base/, its own header, string.h' "services/$service/decide.c services/$service/decide.h" '#include' \
        "#include (\"(base/|events/|services/$service/decide.h)|<string.h>)"
done
deny 'the tables are pure' 'events/saga.c events/saga.h events/flow.c events/flow.h' '#include' \
    '#include ("events/(flow|message|saga).h"|<(string|std(bool|def|int)).h>)'
deny 'librdkafka is used in brokers/ only' "$(sources base database events history services tools tests)" '#include <librdkafka'
deny 'libpq is used in database/ only' "$(sources base brokers events history services tools tests)" '#include <libpq'
deny 'yyjson is used in events/ only' "$(sources base brokers database history services tools tests)" '#include .*yyjson'
deny 'libidn2 is used by events/address.c only' "$(sources base brokers database events history services tools tests)" '#include <idn2' '^events/address.c:'
deny 'json-c is for tools, and what the fuzzer compares with' "$(sources base brokers database events history services tools tests)" '#include <json-c' '^(tests/fuzz/decode.c|tools/sagactl/.*):'

deny 'one place starts threads' "$(sources base brokers database events history services tools)" 'pthread_create|thrd_create|<threads.h>' '^history/read_ahead.c:'

# The last release runs beside this version over the same schema (tests/upgrade): what came since only adds.
fresh=$(ls services/*/sql/*.sql services/*/*/*/sql/*.sql | grep -vxFf tests/upgrade/released)
# shellcheck disable=SC2086 # a list of files
found=$(sed -s 's/--.*//' $fresh | tr '\n' ' ' | tr ';' '\n' | grep -iE '\b(DROP|RENAME|TRUNCATE)\b|ALTER COLUMN|SET NOT NULL' ;
    sed -s 's/--.*//' $fresh | tr ',;' '\n\n' | grep -iE 'NOT NULL' | grep -viE 'DEFAULT|CREATE TABLE|IS NOT NULL')
[ -z "$found" ] || { echo "$found   <- a migration since the last release only adds: columns that may be NULL or have a default, tables, indexes"; bad=1; }

[ "$(wc -l < services/runtime/loop.c)" -lt 400 ] || { echo 'services/runtime/loop.c has 400 lines or more'; bad=1; }
[ "$(cat services/runtime/*.[ch] | wc -l)" -lt 2500 ] || { echo 'services/runtime has 2,500 lines or more'; bad=1; }
[ $bad = 0 ] && echo 'layers: all arrows point one way'
exit $bad
