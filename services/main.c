/* The program quadrille: any of the services in one process. */
#include "services/catalog.h"
#include "services/daemon/daemon.h"

/* clang-format off */
#define OWN_DATABASE(number, word, ...) \
    {.name = #word "-database", .kind = SETTING_TEXT, \
     .meaning = "PostgreSQL URI of the " #word " service's database, where it has its own", \
     .details = "Without one its tables are in the schema " #word " of the database that --database " \
                "names, and what it does is saved together with what the others there do."},

static const struct setting settings[] = {
    {.name = "services", .kind = SETTING_TEXT, .fallback = CATALOG_LIST,
     .meaning = "the services that this process hosts, separated by commas",
     .details = "The others run elsewhere, as processes of their own or together: any mix works "
                "that has each service in one consumer group. How a service moves from one "
                "process to another stands in docs/operations.md. The consumer group is named "
                "after the services, in this order: quadrille-order-inventory-email."},
    CATALOG(OWN_DATABASE)
    {.name = NULL},
};
/* clang-format on */

int main(int argc, char **argv)
{
    const struct service *services[SERVICES];

    for (int i = 0; i < SERVICES; i++)
        services[i] = catalog[i].service;
    return daemon_run_several(services, SERVICES, settings, argc, argv);
}
