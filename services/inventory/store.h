/* The inventory service's rows in PostgreSQL; see sql/. */
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

/* Locks the balances of `count` SKUs, which must be sorted and without repetition, in that order;
 * one that is not there yet is made, with nothing on hand. */
enum status balances_lock(struct database *database, struct balance *balances, size_t count,
                          struct arena *arena, struct error *error);

/* With the next statement that is waited for. */
enum status balances_save(struct database *database, const struct balance *balances, size_t count,
                          struct arena *arena, struct error *error);

/* What is on record of a stock command. */
struct noted {
    bool is_new;         /* it is the first of its id, here and ever */
    size_t first;        /* the number of the first of its id among these */
    const char *refused; /* why it was refused; NULL: it was not, or is new */
};

/* Notes the ids of stock commands and tells what was on record of each. */
enum status stock_commands_note(struct database *database, const struct message *const *commands,
                                size_t count, struct noted *noted, struct arena *arena,
                                struct error *error);

/* Why commands are refused, with the next statement that is waited for. */
enum status stock_commands_refuse(struct database *database, const struct message *const *commands,
                                  const char *const *reasons, size_t count, struct arena *arena,
                                  struct error *error);

/* Sets what is reserved of every SKU to what the reservations hold: for a database that was made
 * anew. */
enum status balances_recount(struct database *database, struct error *error);

extern const struct migrations inventory_migrations; /* of sql/ */

#endif
