#include "services/catalog.h"

#include <stdio.h>
#include <string.h>

#include "services/email/service.h"
#include "services/inventory/service.h"
#include "services/order/service.h"
#include "services/payment/service.h"
#include "services/runtime/service.h"

_Static_assert(SERVICES <= 32, "a set of services has room for each");

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

bool services_read_for(unsigned services, int service, const char *topic)
{
    for (int i = 0; i < SERVICES; i++)
        if ((services & SERVICE_BIT(i)) != 0 && strcmp(catalog[i].emits_to, topic) == 0)
            return false;
    return service_subscribes(catalog[service].service, topic);
}

bool services_read(unsigned services, const char *topic)
{
    for (int i = 0; i < SERVICES; i++)
        if ((services & SERVICE_BIT(i)) != 0 && services_read_for(services, i, topic))
            return true;
    return false;
}

unsigned services_sharing(const char *const *groups, int service)
{
    unsigned services = 0;

    for (int i = 0; i < SERVICES; i++)
        if (strcmp(groups[i], groups[service]) == 0)
            services |= SERVICE_BIT(i);
    return services;
}

void services_group(unsigned services, char out[SERVICES_GROUP_SIZE])
{
    int length = snprintf(out, SERVICES_GROUP_SIZE, "quadrille");

    for (int i = 0; i < SERVICES; i++)
        if ((services & SERVICE_BIT(i)) != 0 && length < SERVICES_GROUP_SIZE)
            length += snprintf(out + length, (size_t)(SERVICES_GROUP_SIZE - length), "-%s",
                               catalog[i].name);
}
