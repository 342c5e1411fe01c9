#include "history/replay_run.h"

#include "base/arena.h"
#include "history/input_order.h"
#include "history/recorded_outcome.h"
#include "history/routes.h"
#include "services/catalog.h"
#include "services/email/decide.h"
#include "services/inventory/decide.h"
#include "services/order/decide.h"
#include "services/payment/decide.h"
#include "services/runtime/rows.h"

/* A service on its way through a history. */
struct replay_run {
    const struct order_history *history;
    const struct service *service;
    int number;
    struct arena *arena;
    struct replayed *out;
    struct input_order inputs;
    int settled;        /* how often the provider was told to settle */
    int64_t unknown_us; /* the time of what the log does not tell */
    bool all_ways; /* also find what may be emitted in some order of batches and redeliveries */
    const void *rules;
};

/* Of the two the one that was emitted. */
static int64_t time_of_either(const struct order_history *history, enum message_type one,
                              enum message_type other)
{
    int64_t time_us = event_time_us(history, one);

    return time_us != 0 ? time_us : event_time_us(history, other);
}

/* The time that the row took for itself when it consumed this: that of what it emitted then. */
static int64_t time_consumed(const struct replay_run *run, enum message_type type)
{
    const struct order_history *history = run->history;

    switch (run->number) {
    case SERVICE_ORDER:
        return type == ORDER_PLACE && event_time_us(history, ORDER_CREATED) != 0
                   ? event_time_us(history, ORDER_CREATED)
                   : time_of_either(history, ORDER_CONFIRMED, ORDER_CANCELLED);
    case SERVICE_PAYMENT: /* an order over nothing is paid, or refunded, when it is consumed */
        return type == ORDER_CANCELLED ? time_of_either(history, PAYMENT_VOIDED, PAYMENT_REFUNDED)
                                       : event_time_us(history, PAYMENT_COMPLETED);
    case SERVICE_INVENTORY:
        return time_of_either(history, INVENTORY_RELEASED, INVENTORY_VOIDED);
    default:
        return 0;
    }
}

static struct input input_of(const struct replay_run *run, size_t number)
{
    const struct history_record *record = run->inputs.records[number];
    int64_t time_us = time_consumed(run, (enum message_type)record->type);

    return (struct input){.on = FACT(record->type),
                          .message = &run->inputs.messages[number],
                          .content_id = record->type != ORDER_PLACE ? NULL
                                        : record->detail != NULL    ? record->detail
                                                                    : "",
                          .now_us = time_us != 0 ? time_us : run->unknown_us,
                          .arena = run->arena};
}

/* Whatever was fed so far may come again. */
static void may_emit(struct replay_run *run, size_t fed)
{
    for (size_t i = 0; run->all_ways && i < fed; i++) {
        const struct input input = input_of(run, i);

        run->out->may |= run->service->emits(run->out->row, &input);
    }
}

static const struct transition *outcome_feed(struct replay_run *run,
                                             const struct recorded_outcome *result)
{
    const struct input input = {
        .on = result->on, .result = result->result, .now_us = result->now_us};

    return run->service->decide(run->rules, run->out->row, &input);
}

/* What came of the effect is fed; returns the effect that follows from that. */
static int effect_play(struct replay_run *run, int effect, size_t fed)
{
    const struct saga *row = run->out->row;
    const struct transition *transition = NULL;
    struct recorded_outcome result;
    bool charges = run->number == SERVICE_PAYMENT && effect == PAYMENT_EFFECT_CHARGE;
    bool settles = run->number == SERVICE_PAYMENT && effect != PAYMENT_EFFECT_CHARGE, told;

    if (charges && (row->facts & PAYMENT_UNANSWERED) == 0 &&
        recorded_silence_find(run->history, run->arena, &result)) {
        outcome_feed(run, &result);
        may_emit(run, fed);
    }
    told =
        recorded_outcome_find(run->history, run->number, effect, run->settled, run->arena, &result);
    run->settled += settles;
    run->out->waiting_for =
        told || (row->facts & PAYMENT_UNANSWERED) != 0 ? 0 : effect_events(run->number, effect);
    if (told)
        transition = outcome_feed(run, &result);
    return transition == NULL ? EFFECT_NONE : transition->effect;
}

static void feed(struct replay_run *run, size_t number)
{
    const struct input input = input_of(run, number);
    const struct service *service = run->service;
    const struct transition *transition =
        service->contradicts != NULL && service->contradicts(run->out->row, &input, NULL)
            ? NULL
            : service->decide(run->rules, run->out->row, &input);
    int effect = transition == NULL ? EFFECT_NONE : transition->effect;

    if (transition != NULL)
        run->out->waiting_for = 0;
    for (int i = 0; effect != EFFECT_NONE && i < 4; i++) /* a chain is short: charge, then settle */
        effect = effect_play(run, effect, number + 1);
    run->out->must |= service->emits(run->out->row, &input);
    may_emit(run, number + 1);
}

/* A decision has the time that was emitted with it, whichever message of two topics brought it. */
static void decision_time_take(const struct replay_run *run)
{
    struct order_row *row = (struct order_row *)(void *)run->out->row;
    int64_t time_us = time_of_either(run->history, ORDER_CONFIRMED, ORDER_CANCELLED);

    if (run->number == SERVICE_ORDER && row->decided_us != 0 && time_us != 0)
        row->decided_us = time_us;
}

/* Through all that it consumes, from an empty row on. */
static void lead(struct replay_run *run, bool all_ways)
{
    *run->out = (struct replayed){.row = arena_alloc(run->arena, run->service->rows->row_size)};
    run->out->row->order_id = run->history->order_id;
    run->settled = 0;
    run->all_ways = all_ways;
    for (size_t i = 0; i < run->inputs.count; i++)
        feed(run, i);
    decision_time_take(run);
}

void replay_service(const struct order_histories *log, const struct order_history *history,
                    int service, int64_t unknown_us, struct arena *arena, struct replayed *out)
{
    struct replay_run *run = arena_room(arena, sizeof *run);
    const struct order_rules order_rules = {
        history->flow != NULL ? history->flow : &flows[0],
        history->deadline_us - event_time_us(history, ORDER_CREATED), 1000000};
    const struct payment_rules payment_rules = {1, 1000000};
    const struct email_rules email_rules = {1000000};
    const void *const rules[SERVICES] = {[SERVICE_ORDER] = &order_rules,
                                         [SERVICE_PAYMENT] = &payment_rules,
                                         [SERVICE_EMAIL] = &email_rules};

    run->history = history;
    run->service = catalog[service].service;
    run->unknown_us = unknown_us;
    run->number = service;
    run->arena = arena;
    run->out = out;
    run->rules = rules[service];
    input_order_find(log, history, service, arena, &run->inputs);
    lead(run, false);
    if ((history->genuine & own_events(service) & ~out->must) != 0)
        lead(run, true); /* seldom: more was emitted than must have been */
    out->may |= out->must;
}
