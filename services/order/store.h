/* The order service's rows in PostgreSQL; see sql/. */
#ifndef QUADRILLE_SERVICES_ORDER_STORE_H
#define QUADRILLE_SERVICES_ORDER_STORE_H

#include "services/runtime/rows.h"

extern const struct rows order_rows;

/* Orders past their deadline, and orders that are not closed although they should be. */
extern const char order_due_sql[];
extern const char order_postpone_sql[]; /* see service.h */

extern const struct migrations order_migrations; /* of sql/ */

#endif
