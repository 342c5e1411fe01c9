/* The SQL migrations of each database, in order.  migrations.c is made from schemas/sql by the build. */
#ifndef QUADRILLE_SCHEMAS_MIGRATIONS_H
#define QUADRILLE_SCHEMAS_MIGRATIONS_H

#include "services/database/database.h"

extern const struct migration order_migrations[], payment_migrations[], inventory_migrations[], email_migrations[],
    provider_migrations[];
extern const size_t order_migration_count, payment_migration_count, inventory_migration_count, email_migration_count,
    provider_migration_count;

#endif
