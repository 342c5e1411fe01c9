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

int provider_timeout_ms(const struct settings *settings)
{
    const int timeout_ms = (int)settings_integer(settings, "provider-timeout-ms");

    if (timeout_ms != 0)
        return timeout_ms;
    return strcmp(settings_text(settings, "provider"), "simulated") == 0 ? 100 : 3000;
}
