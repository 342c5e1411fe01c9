#!/bin/sh
# Prints schemas/sql as C: an array of migrations for each database. Usage: schemas/embed.sh > migrations.c
set -eu
cd "$(dirname "$0")/sql"
printf '#include "schemas/migrations.h"\n'
for database in *; do
    printf '\nconst struct migration %s_migrations[] = {\n' "$database"
    for file in "$database"/*.sql; do
        printf '    {"%s",\n' "$(basename "$file" .sql)"
        sed 's/\\/\\\\/g; s/"/\\"/g; s/^/     "/; s/$/\\n"/' "$file"
        printf '    },\n'
    done
    printf '};\nconst size_t %s_migration_count = sizeof %s_migrations / sizeof %s_migrations[0];\n' "$database" "$database" "$database"
done
