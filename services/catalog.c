#include "services/catalog.h"

#include <string.h>

#include "services/email/service.h"
#include "services/inventory/service.h"
#include "services/order/service.h"
#include "services/payment/service.h"

/* clang-format off */
#define ENTRY(number, word, topic, again) \
    [SERVICE_##number] = {.name = #word, .service = &word##_service, .emits_to = topic, \
                          .internal = #word ".internal", .dead_letters = #word ".dlq", \
                          .republish = again, \
                          .database = "quadrille_" #word, .group = "quadrille-" #word},
#define NAME(number, word, ...) [SERVICE_##number] = #word,
/* clang-format on */

const struct catalog_entry catalog[SERVICES] = {CATALOG(ENTRY)};
const char *const catalog_names[SERVICES + 1] = {CATALOG(NAME) NULL};

int catalog_find(const char *name)
{
    for (int i = 0; name != NULL && i < SERVICES; i++)
        if (strcmp(catalog[i].name, name) == 0)
            return i;
    return SERVICE_NONE;
}
