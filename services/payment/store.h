/* The payment service's rows in PostgreSQL; see schemas/sql/payment. */
#ifndef QUADRILLE_SERVICES_PAYMENT_STORE_H
#define QUADRILLE_SERVICES_PAYMENT_STORE_H

#include "services/payment/decide.h"
#include "services/runtime/service.h"

enum status payment_load(void *context, struct database *database, struct work *work, struct error *error);
enum status payment_save(void *context, struct database *database, struct saga *const *rows, size_t count,
                         struct arena *arena, struct error *error);

extern const char payment_due_sql[];

#endif
