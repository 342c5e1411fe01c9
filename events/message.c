#include "events/message.h"

#include <stdlib.h>
#include <string.h>

#include "events/shape.h"

const char *message_type_name(enum message_type type)
{
    return message_kinds[type].name;
}

bool message_type_find(const char *name, enum message_type *type)
{
    for (int i = 0; i < MESSAGE_TYPES; i++) {
        if (*message_kinds[i].name == *name && strcmp(message_kinds[i].name, name) == 0) {
            *type = (enum message_type)i;
            return true;
        }
    }
    return false;
}

const char *message_topic(enum message_type type)
{
    return message_kinds[type].topic;
}

const char *message_emitter(enum message_type type)
{
    return message_kinds[type].emitter;
}

bool order_id_valid(const char *id)
{
    const struct text_format *format = message_kinds[ORDER_CANCEL].shape->fields[0].format;

    return *id != '\0' && strlen(id) <= ORDER_ID_MAX && format->valid(id);
}

bool lines_amount(const struct line *lines, size_t count, int64_t *amount_minor)
{
    *amount_minor = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t quantity = lines[i].quantity, price = lines[i].unit_price_minor;

        if (price != 0 && quantity > (INT64_MAX - *amount_minor) / price)
            return false;
        *amount_minor += quantity * price;
    }
    return true;
}
