/* The inventory service's rows in PostgreSQL; see schemas/sql/inventory. */
#ifndef QUADRILLE_SERVICES_INVENTORY_STORE_H
#define QUADRILLE_SERVICES_INVENTORY_STORE_H

#include "services/runtime/rows.h"

extern const struct rows reservation_rows;

/* A balance of stock, locked until the transaction ends. */
struct balance {
    const char *sku;
    int64_t on_hand, reserved;
    bool changed;
};

/* Locks the balances of `count` SKUs, which must be sorted and without repetition, in that order; one that is not there yet
 * is made, with nothing on hand. */
enum status balances_lock(struct database *database, struct balance *balances, size_t count, struct arena *arena,
                          struct error *error);

/* With the next statement that is waited for. */
enum status balances_save(struct database *database, const struct balance *balances, size_t count, struct arena *arena,
                          struct error *error);

/* Notes the ids of stock commands; `is_new[i]` says whether the i-th was not there before. */
enum status stock_commands_note(struct database *database, const struct message *const *commands, size_t count,
                                bool *is_new, struct arena *arena, struct error *error);

/* Sets what is reserved of every SKU to what the reservations hold: for a database that was made anew. */
enum status balances_recount(struct database *database, struct error *error);

#endif
