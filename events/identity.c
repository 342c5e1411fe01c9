#include "events/identity.h"

#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

void name_id(const char *name, size_t length, char id[IDENTITY_SIZE])
{
    static const uuid_t space = {0x3d, 0x88, 0x3b, 0x9a, 0x53, 0x53, 0x53, 0x6a,
                                 0xa6, 0x58, 0x80, 0xb6, 0xa2, 0xd8, 0x55, 0x12};
    uuid_t made;

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
