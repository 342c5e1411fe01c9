/* The services that there are, a row each.  Who has to name them all goes through this table.
 *
 *     for (int i = 0; i < SERVICES; i++)
 *         printf("%s emits to %s\n", catalog[i].name, catalog[i].emits_to);
 *
 * A new service is a row here, its folder, its messages and its topics: see docs/extending.md. */
#ifndef QUADRILLE_SERVICES_CATALOG_H
#define QUADRILLE_SERVICES_CATALOG_H

#include <stdbool.h>

#include "base/settings.h"
#include "events/message.h"

/* A name is that of the folder too, of the program (quadrille-order), the database
 * (quadrille_order), the consumer group, and of two topics, order.internal and order.dlq. */
/* clang-format off */
#define CATALOG(row) \
    /*  number     name       emits to     republish */ \
    row(ORDER,     order,     "orders",    ORDER_REPUBLISH) \
    row(PAYMENT,   payment,   "payments",  PAYMENT_REPUBLISH) \
    row(INVENTORY, inventory, "inventory", INVENTORY_REPUBLISH) \
    row(EMAIL,     email,     "emails",    EMAIL_REPUBLISH)
/* clang-format on */

#define CATALOG_NUMBER(number, ...) SERVICE_##number,
enum { CATALOG(CATALOG_NUMBER) SERVICES, SERVICE_NONE = -1 };

struct service;

struct catalog_entry {
    const char *name;
    const struct service *service;
    const char *emits_to;        /* the topic of its events: nobody else emits there */
    const char *internal;        /* the topic of its sweeper's commands, and of operators' */
    const char *dead_letters;    /* the topic of what it could not process */
    enum message_type republish; /* the command to emit again what a row leads to */
    const char *database;        /* the name that tools/stack gives its database */
    const char *group;           /* its consumer group unless --group names another */
};

extern const struct catalog_entry catalog[SERVICES];
extern const char *const catalog_names[SERVICES + 1]; /* ended by NULL: choices of a setting */

/* SERVICE_NONE when no service has that name; none has NULL. */
int catalog_find(const char *name);

/* Services that share a process are a set: SERVICE_BIT(SERVICE_ORDER) | SERVICE_BIT(...).  They are
 * one consumer group, which reads what any of them subscribes to, but for the topics to which one
 * of them emits: what is published there is handed over to the others within the process. */
#define SERVICE_BIT(service) (1u << (service))

/* Does the group of those services read the topic? */
bool services_read(unsigned services, const char *topic);

/* ...and for that one of them? */
bool services_read_for(unsigned services, int service, const char *topic);

/* The services that share the process of that one: those whose groups, by number, have its name. */
unsigned services_sharing(const char *const *groups, int service);

/* The group's name unless --group gives another: "quadrille-order-inventory", as in the catalog. */
enum { SERVICES_GROUP_SIZE = 256 };
void services_group(unsigned services, char out[SERVICES_GROUP_SIZE]);

/* Rows for a table of settings: every service's database, and its consumer group.  Not `--group`,
 * which is one service's own: its variable may stand in the environment of that service. */
/* clang-format off */
#define CATALOG_DATABASES CATALOG(CATALOG_DATABASE)
#define CATALOG_DATABASE(number, word, ...) \
    {.name = #word "-database", .kind = SETTING_TEXT, \
     .meaning = "PostgreSQL URI of the " #word " service's database"},
#define CATALOG_GROUPS CATALOG(CATALOG_GROUP)
#define CATALOG_GROUP(number, word, ...) \
    {.name = #word "-group", .kind = SETTING_TEXT, .fallback = "quadrille-" #word, \
     .meaning = "the " #word " service's consumer group, its --group"},
/* clang-format on */

/* "order payment inventory email", and "order, payment, inventory, email". */
#define CATALOG_WORDS (&"" CATALOG(CATALOG_WORD)[1])
#define CATALOG_WORD(number, name, ...) " " #name
#define CATALOG_LIST (&"" CATALOG(CATALOG_LISTED)[2])
#define CATALOG_LISTED(number, name, ...) ", " #name

#endif
