#include <string.h>

#include "services/email/transports/transport.h"

const struct transport_kind *const transport_kinds[] = {&maildir_transport, &smtp_transport, NULL};
const char *const transport_names[] = {"maildir", "smtp", NULL};
const struct setting *const transport_settings[] = {maildir_settings, smtp_settings, NULL};

const struct transport_kind *transport_kind_find(const char *name)
{
    size_t i = 0;

    while (transport_kinds[i] != NULL && strcmp(transport_kinds[i]->name, name) != 0)
        i++;
    return transport_kinds[i];
}
