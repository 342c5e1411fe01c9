#include <string.h>

#include "services/payment/providers/provider.h"

const struct provider_kind *const provider_kinds[] = {&simulated_provider, &stripe_provider, NULL};
const char *const provider_names[] = {"simulated", "stripe", NULL};
const struct setting *const provider_settings[] = {simulated_provider_settings,
                                                   stripe_provider_settings, NULL};

const struct provider_kind *provider_kind_find(const char *name)
{
    size_t i = 0;

    while (provider_kinds[i] != NULL && strcmp(provider_kinds[i]->name, name) != 0)
        i++;
    return provider_kinds[i];
}
