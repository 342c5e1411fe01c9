#include "events/saga.h"

const struct transition *transition_find(const struct saga_table *table, int state, uint64_t on,
                                         uint64_t facts)
{
    for (size_t i = 0; i < table->transition_count; i++) {
        const struct transition *row = &table->transitions[i];

        if ((row->states & STATE(state)) != 0 && (row->on == 0 || (row->on & on) != 0) &&
            (facts & row->known) == row->known && (facts & row->unless) == 0)
            return row;
    }
    return NULL;
}

uint64_t emissions_find(const struct saga_table *table, int state, uint64_t on, uint64_t facts)
{
    uint64_t emitted = 0;

    for (size_t i = 0; i < table->emission_count; i++) {
        const struct emission *row = &table->emissions[i];

        if ((row->states & STATE(state)) != 0 && (row->on & on) != 0 &&
            (facts & row->known) == row->known && (facts & row->unless) == 0)
            emitted |= FACT(row->event);
    }
    return emitted;
}

void saga_learn(struct saga *saga, uint64_t facts)
{
    if ((saga->facts & facts) == facts)
        return;
    saga->facts |= facts;
    saga->changed = true;
}

void saga_learn_flow(struct saga *saga, const struct input *input)
{
    const struct message *message = input->message;

    if (saga->flow == NULL)
        saga->flow =
            message->type == ORDER_CREATED ? message->order_created.flow : message->envelope.flow;
}

const char *saga_state_name(const struct saga_table *table, int64_t state)
{
    return state >= 0 && state < table->state_count ? table->state_names[state] : "unknown";
}

bool saga_is_ready(const struct saga *saga, enum flow_action action)
{
    const struct flow *flow = flow_find(saga->flow);

    return flow != NULL && (saga->facts & flow->when[action]) == flow->when[action];
}

bool saga_is_foreign(const struct saga *saga, enum flow_action action, const struct input *input)
{
    const struct flow *flow = flow_find(saga->flow);

    return input->message != NULL && flow != NULL &&
           !flow_consumes(flow, action, input->message->type);
}

const struct transition *saga_move(struct saga *saga, const struct transition *transition)
{
    if (transition != NULL && transition->next != saga->state) {
        saga->state = transition->next;
        saga->changed = true;
    }
    return transition;
}

int64_t saga_backoff_us(const struct saga *saga, int64_t base_us)
{
    const int64_t most_us = INT64_C(3600) * 1000000;
    int64_t wait_us = base_us;
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (const char *c = saga->order_id; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    hash = (hash ^ (uint32_t)saga->attempts) * 16777619u;
    for (int64_t i = 0; i < saga->attempts && wait_us < most_us; i++)
        wait_us *= 2;
    if (wait_us > most_us)
        wait_us = most_us;
    if (saga->attempts > 0)
        return wait_us / 1024 * (int64_t)(hash % 1024);
    return wait_us + wait_us / 4 * (int64_t)(hash % 1024) / 1024;
}

int64_t saga_first_backoff_us(const struct saga *saga, int64_t base_us)
{
    struct saga untried = *saga;

    untried.attempts = 0;
    return saga_backoff_us(&untried, base_us);
}
