#include "history/routes.h"

#include "base/buffer.h"
#include "services/catalog.h"

int emitter_number(enum message_type type)
{
    return catalog_find(message_emitter(type));
}

uint64_t own_events(int service)
{
    uint64_t events = 0;

    for (int type = 0; type < MESSAGE_TYPES; type++)
        if (emitter_number((enum message_type)type) == service)
            events |= FACT(type);
    return events;
}

uint64_t causes_of(enum message_type event)
{
    int emitter = emitter_number(event);
    uint64_t causes = 0;

    for (size_t i = 0; emitter >= 0 && i < catalog[emitter].service->table->emission_count; i++)
        if (catalog[emitter].service->table->emissions[i].event == event)
            causes |= catalog[emitter].service->table->emissions[i].on;
    return causes & ((UINT64_C(1) << MESSAGE_TYPES) - 1);
}

uint64_t row_events(int service, const struct saga *row, struct arena *arena)
{
    const struct message message = {.type = catalog[service].republish};

    return catalog[service].service->emits(
        row, &(struct input){.on = FACT(message.type), .message = &message, .arena = arena});
}

bool record_is_for(const struct order_histories *log, const struct order_history *history,
                   int service, const struct history_record *record)
{
    enum message_type type = (enum message_type)record->type;
    const struct flow *flow = history->flow;

    return service_takes(catalog[service].service, record->topic, type) &&
           (flow == NULL || catalog[service].service->waits_for == NULL ||
            catalog[service].service->waits_for(flow, type)) &&
           !histories_is_dead_letter(log, service, history->order_id, record);
}

const char *facts_text(uint64_t facts, const char *between, struct arena *arena)
{
    struct buffer out = {.arena = arena};

    buffer_text(&out, "");
    for (int type = 0; type < MESSAGE_TYPES; type++)
        if ((facts & FACT(type)) != 0)
            buffer_format(&out, "%s%s", out.length > 0 ? between : "",
                          message_type_name((enum message_type)type));
    return out.data;
}
