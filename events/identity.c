#include "events/identity.h"

#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

void name_id(const char *name, size_t length, char id[IDENTITY_SIZE])
{
    uuid_t space, made;

    uuid_parse(IDENTITY_NAMESPACE, space);
    uuid_generate_sha1(made, space, name, length);
    uuid_unparse_lower(made, id);
}

void event_id(const char *order_id, enum message_type type, char id[IDENTITY_SIZE])
{
    char name[ORDER_ID_MAX + 64];
    int length = snprintf(name, sizeof name, "%s/%s", order_id, message_type_name(type));

    name_id(name, (size_t)length, id);
}

void command_id(char id[IDENTITY_SIZE])
{
    uuid_t made;

    uuid_generate_random(made);
    uuid_unparse_lower(made, id);
}
