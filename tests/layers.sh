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

ours='#include "(brokers|events|services|tools|schemas)/'
deny 'events/ includes nothing of ours but events/' "$(sources events)" "$ours" '#include "events/'
deny 'brokers/ includes brokers/, and of events/ only errors, envelopes and times' "$(sources brokers)" "$ours" \
    '#include "(brokers/|events/(error|envelope|timestamp).h)'
deny 'what every program has knows nothing of sagas and brokers' "$(sources services/program)" "$ours" '#include "(services/program|events)/'
deny 'the runtime knows no service and no tool' "$(sources services/runtime)" '#include "(tools|services)/' '#include "services/(runtime|database|program)/'
deny 'the database knows nothing of sagas and brokers' "$(sources services/database)" "$ours" '#include "(services/(database|program)|events)/'
for service in $services; do
    deny 'one service includes nothing of another, and no tool' "$(sources services/$service)" '#include "(tools|services)/' \
        "#include \"services/($service|runtime|database|program)/"
    deny 'decide is pure: events/, its own header, string.h' "services/$service/decide.c services/$service/decide.h" '#include' \
        "#include (\"(events/|services/$service/decide.h)|<string.h>)"
done
deny 'the tables are pure' 'events/saga.c events/saga.h events/flow.c events/flow.h' '#include' \
    '#include ("events/(flow|message|saga).h"|<(string|std(bool|def|int)).h>)'
deny 'librdkafka is used in brokers/ only' "$(sources events services schemas tools tests)" '#include <librdkafka'
deny 'libpq is used in services/database/ only' "$(sources events brokers schemas tools tests services/program services/runtime services/order services/payment services/inventory services/email)" '#include <libpq'
deny 'yyjson is used in events/ only' "$(sources brokers services schemas tools tests)" '#include .*yyjson'
deny 'json-c is what the fuzzer compares with, and nothing else' "$(sources brokers events services schemas tools tests)" '#include <json-c' '^tests/fuzz/decode.c:'

deny 'one place starts threads' "$(sources brokers events services tools)" 'pthread_create|thrd_create|<threads.h>' '^tools/sagactl/log/ahead.c:'

# The last release runs beside this version over the same schema (tests/upgrade): what came since only adds.
fresh=$(ls schemas/sql/*/*.sql | grep -vxFf tests/upgrade/released)
# shellcheck disable=SC2086 # a list of files
found=$(sed -s 's/--.*//' $fresh | tr '\n' ' ' | tr ';' '\n' | grep -iE '\b(DROP|RENAME|TRUNCATE)\b|ALTER COLUMN|SET NOT NULL' ;
    sed -s 's/--.*//' $fresh | tr ',;' '\n\n' | grep -iE 'NOT NULL' | grep -viE 'DEFAULT|CREATE TABLE|IS NOT NULL')
[ -z "$found" ] || { echo "$found   <- a migration since the last release only adds: columns that may be NULL or have a default, tables, indexes"; bad=1; }

[ "$(wc -l < services/runtime/loop.c)" -lt 400 ] || { echo 'services/runtime/loop.c has 400 lines or more'; bad=1; }
[ "$(cat services/runtime/*.[ch] | wc -l)" -lt 2500 ] || { echo 'services/runtime has 2,500 lines or more'; bad=1; }
[ $bad = 0 ] && echo 'layers: all arrows point one way'
exit $bad
