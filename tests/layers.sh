#!/bin/sh
# Checks the arrows: base <- database, events <- brokers <- services <- history <- tools, and that
# schemas/ is made, not written. Prints each include that points the wrong way, and how to fix it.
set -u
cd "$(dirname "$0")/.."
bad=0
rooms='base brokers database events history services tools'
services=$(ls services | grep -vE '\.|^(daemon|runtime)$')

# deny WHY FIX FILES PATTERN [EXCEPT]: no line of the files matches, but for those of EXCEPT.
deny() {
    # shellcheck disable=SC2086 # a list of files
    found=$(grep -nE "$4" $3 /dev/null | grep -vE "${5:-^$}")
    [ -n "$found" ] || return 0
    printf '%s\n    layers: %s\n    fix:    %s\n' "$found" "$1" "$2"
    bad=1
}

sources() { find "$@" -name '*.[ch]' -not -path '*/yyjson/*'; }

# The sources of all rooms, and of tests/, but for those that are named.
but() {
    # shellcheck disable=SC2046,SC2086 # lists of folders
    sources $(printf '%s\n' $rooms tests | grep -vxE "$1")
}

ours='#include "(base|brokers|database|events|history|schemas|services|tests|tools)/'
deny 'base/ includes base/' \
    'take what differs as a parameter or a callback; move what knows more out of base/' \
    "$(sources base)" "$ours" '#include "base/'
deny 'events/ includes base/ and events/' \
    'a message knows no broker and no service: let the caller pass what it needs' \
    "$(sources events)" "$ours" '#include "(base|events)/'
deny 'database/ includes base/ and database/' \
    'statements and their meaning belong to services/NAME/store.c: pass texts and parameters' \
    "$(sources database)" "$ours" '#include "(base|database)/'
deny 'brokers/ includes base/ and brokers/, and of events/ envelope.h' \
    'brokers/ carries bytes: decode where they are used, in services/ or history/' \
    "$(sources brokers)" "$ours" '#include "(base/|brokers/|events/envelope.h)'
deny 'services/runtime includes no service, no history and no tool' \
    'make it a field or a function of struct service (services/runtime/service.h)' \
    "$(sources services/runtime)" '#include "(history|schemas|services|tests|tools)/' \
    '#include "services/runtime/'
deny 'services/daemon includes no service, no history and no tool' \
    'make it a field or a function of struct service, or a setting of the daemon' \
    "$(sources services/daemon)" '#include "(history|schemas|services|tests|tools)/' \
    '#include "services/(daemon|runtime)/'
for service in $services; do
    deny "services/$service includes no other service, no history and no tool" \
        'services know each other by events alone: consume one, or move what both need to events/' \
        "$(sources "services/$service")" '#include "(history|schemas|services|tests|tools)/' \
        "#include \"services/($service|runtime)/|^services/$service/main.c:.*services/daemon/"
    deny 'decide is pure: base/, events/, its own header, string.h' \
        'do I/O in store.c or an effect, and hand decide its result and the time as an input' \
        "services/$service/decide.c services/$service/decide.h" '#include' \
        "#include (\"(base/|events/|services/$service/decide.h)|<string.h>)"
done
deny 'the catalog includes services, no history and no tool' \
    'put into struct catalog_entry what tools need, and read it there' \
    'services/catalog.c services/catalog.h' '#include "(history|schemas|tests|tools)/'
deny 'history/ includes no tool' \
    'take it as a parameter, or tell it to the observer (history/log_source.h)' \
    "$(sources history)" '#include "(schemas|tests|tools)/'
deny 'history/ knows no terminal and no options' \
    'let struct log_source, a scope or a callback carry it; sagactl prints and parses' \
    "$(sources history)" 'base/settings.h|isatty|\b(stdout|stderr|f?printf|puts)\b' \
    '^[^:]*:[0-9]+: \*'
deny 'history/ has no SQL of its own' \
    'give rows of services/runtime/rows.h, or the service, a function for it' \
    "$(sources history)" '\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b'
deny 'tools/ includes no test' \
    'move what both need to the room that it is about' \
    "$(sources tools)" '#include "(schemas|tests)/'
found=$(find schemas -type f ! -name '*.json' ! -name '*.yaml')
[ -z "$found" ] || {
    echo "$found"
    echo '    layers: schemas/ is the contract that make schemas writes, and nothing else'
    echo '    fix:    move code to the room that it is about, migrations to services/NAME/sql/'
    bad=1
}

deny 'the tables are pure' \
    'flows and decide tables are data: work them out in decide.c' \
    'events/saga.c events/saga.h events/flow.c events/flow.h' '#include' \
    '#include ("events/(flow|message|saga).h"|<(string|std(bool|def|int)).h>)'
deny 'librdkafka is used in brokers/ only' 'give brokers/ a function for it' \
    "$(but brokers)" '#include <librdkafka'
deny 'libpq is used in database/ only' 'give database/ a function for it' \
    "$(but database)" '#include <libpq'
deny 'yyjson is used in events/ only' 'use json-c in tools/, message_decode elsewhere' \
    "$(but events)" '#include .*yyjson'
deny 'libidn2 is used by events/address.c only' 'use events/address.h' \
    "$(but '')" '#include <idn2' '^events/address.c:'
deny 'libcurl is used in base/ only' 'use base/http_client.h, or base/transfers.h' \
    "$(but base)" '#include <curl' '^services/email/transports/smtp/'
deny 'json-c is for tools, what providers answer, and what the fuzzer compares with' \
    'use message_decode' \
    "$(but '')" '#include <json-c' '^(tests/fuzz/decode.c|services/payment/providers/.*|tools/.*):'
deny 'two places start threads: one computes, one waits for a disk' \
    'give history/read_ahead.h something to prepare' \
    "$(but tests)" 'pthread_create|thrd_create|<threads.h>' \
    '^(history/read_ahead|services/email/transports/maildir/writer).c:'

# The last release runs beside this version over the same schema (tests/upgrade): what came since
# only adds.
fresh=$(ls services/*/sql/*.sql services/*/*/*/sql/*.sql | grep -vxFf tests/upgrade/released)
# shellcheck disable=SC2086 # a list of files
found=$(sed -s 's/--.*//' $fresh | tr '\n' ' ' | tr ';' '\n' |
        grep -iE '\b(DROP|RENAME|TRUNCATE)\b|ALTER COLUMN|SET NOT NULL'
    sed -s 's/--.*//' $fresh | tr '\n' ' ' | tr ';' '\n' | grep -viE 'CREATE TABLE' | tr ',' '\n' |
        grep -iE 'NOT NULL' | grep -viE 'DEFAULT|IS NOT NULL')
[ -z "$found" ] || {
    echo "$found"
    echo '    layers: a migration since the last release only adds'
    echo '    fix:    add tables, indexes, columns that may be NULL or have a default'
    bad=1
}

# shorter FILES MOST: all of them together.
shorter() {
    # shellcheck disable=SC2086 # a list of files
    lines=$(cat $1 | wc -l)
    [ "$lines" -lt "$2" ] || { echo "$1: $lines lines, below $2 are allowed"; bad=1; }
}
shorter services/runtime/loop.c 400
shorter 'services/runtime/*.[ch]' 4200
[ $bad = 0 ] && echo 'layers: all arrows point one way'
exit $bad
