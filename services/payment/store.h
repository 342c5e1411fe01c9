/* The payment service's rows in PostgreSQL; see sql/. */
#ifndef QUADRILLE_SERVICES_PAYMENT_STORE_H
#define QUADRILLE_SERVICES_PAYMENT_STORE_H

#include "services/runtime/rows.h"

extern const struct rows payment_rows;
extern const char payment_postpone_sql[]; /* see service.h */

/* Charges and settlements without an outcome. */
extern const char payment_due_sql[];

extern const struct migrations payment_migrations; /* of sql/ */

#endif
