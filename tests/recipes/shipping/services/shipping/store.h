/* The shipping service's rows in PostgreSQL; see sql/. */
#ifndef QUADRILLE_SERVICES_SHIPPING_STORE_H
#define QUADRILLE_SERVICES_SHIPPING_STORE_H

#include "services/runtime/rows.h"

extern const struct rows shipment_rows;

extern const struct migrations shipping_migrations; /* of sql/ */

#endif
