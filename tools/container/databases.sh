#!/bin/bash
# Makes a database and a role for each owner of whom OWNER_PASSWORD is set: the services and the
# simulated payment provider. Each role can reach its own only.
# PostgreSQL's image runs it once, in an empty cluster, as POSTGRES_USER; psql's own environment
# says where that is.
set -euo pipefail

# Nobody but their owners reaches what is here already, either.
psql -X -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres <<'END'
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
REVOKE CONNECT ON DATABASE template1 FROM PUBLIC;
END

owners=$(compgen -e | sed -n 's/_PASSWORD$//p' | grep -vx POSTGRES) || {
    echo "databases.sh: no password is set: ORDER_PASSWORD and its like are expected" >&2
    exit 1
}
for owner in $owners; do
    service=${owner,,}
    # The password goes by the environment: arguments can be read by anybody.
    PASSWORD=${owner}_PASSWORD
    : "${!PASSWORD:?is not set}"
    PASSWORD=${!PASSWORD} psql -X -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres \
        -v name="quadrille_$service" <<'END'
\getenv password PASSWORD
CREATE ROLE :"name" LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
END
done
