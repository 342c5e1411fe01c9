/* The order service's rows in PostgreSQL; see schemas/sql/order. */
#ifndef QUADRILLE_SERVICES_ORDER_STORE_H
#define QUADRILLE_SERVICES_ORDER_STORE_H

#include "services/order/decide.h"
#include "services/runtime/service.h"

struct order_context {
    struct order_rules rules; /* first: decide is given this context as its rules */
    struct decoder *decoder;
};

enum status order_load(void *context, struct database *database, struct work *work, struct error *error);
enum status order_save(void *context, struct database *database, struct saga *const *rows, size_t count,
                       struct arena *arena, struct error *error);

extern const char order_due_sql[];

#endif
