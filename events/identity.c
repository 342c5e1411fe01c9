#include "events/identity.h"

#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/buffer.h"

void name_id(const char *name, size_t length, char id[IDENTITY_SIZE])
{
    static const uuid_t space = {0x3d, 0x88, 0x3b, 0x9a, 0x53, 0x53, 0x53, 0x6a,
                                 0xa6, 0x58, 0x80, 0xb6, 0xa2, 0xd8, 0x55, 0x12};
    uuid_t made;

    uuid_generate_sha1(made, space, name, length);
    uuid_unparse_lower(made, id);
}

enum { EVENT_NAME_SIZE = ORDER_ID_MAX + 64 };

static size_t event_name(const char *order_id, enum message_type type, char name[EVENT_NAME_SIZE])
{
    return (size_t)snprintf(name, EVENT_NAME_SIZE, "%s/%s", order_id, message_type_name(type));
}

void event_id(const char *order_id, enum message_type type, char id[IDENTITY_SIZE])
{
    char name[EVENT_NAME_SIZE];
    size_t length = event_name(order_id, type, name);

    name_id(name, length, id);
}

int64_t event_number(const char *order_id, enum message_type type)
{
    char name[EVENT_NAME_SIZE];

    event_name(order_id, type, name);
    return (int64_t)(text_hash(name) >> 11);
}

void command_id(char id[IDENTITY_SIZE])
{
    uuid_t made;

    uuid_generate_random(made);
    uuid_unparse_lower(made, id);
}
