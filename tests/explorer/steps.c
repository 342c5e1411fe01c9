#include "tests/explorer/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/email/decide.h"
#include "services/inventory/decide.h"
#include "services/order/decide.h"
#include "services/payment/decide.h"

enum { ANSWERS_MAX = 8 };

/* Which topics a service reads. */
static const bool reads[SERVICES][TOPICS] = {
    [ORDER] = {[COMMANDS] = true, [ORDER_INTERNAL] = true, [PAYMENTS] = true, [RESERVATIONS] = true, [MAILS] = true},
    [PAYMENT] = {[PAYMENT_INTERNAL] = true, [ORDERS] = true, [RESERVATIONS] = true},
    [INVENTORY] = {[ORDERS] = true, [PAYMENTS] = true},
    [EMAIL] = {[EMAIL_INTERNAL] = true, [ORDERS] = true},
};

static enum where where_of(enum message_type type)
{
    static const char *const names[TOPICS] = {"orders.commands", "order.internal", "payment.internal", "email.internal",
                                              "orders",          "payments",       "inventory",        "emails"};

    for (int i = 0; i < TOPICS; i++)
        if (strcmp(names[i], message_topic(type)) == 0)
            return (enum where)i;
    abort();
}

/* A row of any service. */
union row {
    struct saga saga;
    struct order_row order;
    struct payment_row payment;
    struct inventory_row inventory;
    struct email_row email;
};

/* One attempt of one service at one batch. */
struct attempt {
    struct seen *seen;
    size_t at;
    const struct flow *flow;
    struct world before; /* as it was, offsets too: what a crash leaves behind */
    struct world after;  /* the same, with the batch read */
    enum who who;
    enum message_type heard[2];
    int count;
    struct action action;
};

static struct line lines[] = {{"sku", "name", 1, 1}};
static struct message messages[MESSAGE_TYPES];
static const struct payment_outcome charged = {"p", NULL}, nothing = {NULL, "no"};
static const struct inventory_outcome enough = {NULL, 0, 0}, too_little = {"sku", 1, 0};
static const struct email_outcome sent = {NULL};

/* A body for each type that has all that decide looks at. */
static void messages_make(const struct flow *flow)
{
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        messages[type] = (struct message){.type = (enum message_type)type, .envelope = {.flow = flow->name}};
        messages[type].subject = "o";
    }
    messages[ORDER_PLACE].order_place = (struct order_place){"o", {NULL, "n", "e"}, "GBP", "pm", lines, 1};
    messages[ORDER_CREATED].order_created = (struct order_created){.order_id = "o", .flow = flow->name, .currency = "GBP", .lines = lines, .line_count = 1};
    messages[ORDER_CANCELLED].order_cancelled = (struct order_cancelled){"o", "r", NULL, 1, "GBP"};
}

static struct input input_of(enum message_type type)
{
    return (struct input){.on = FACT(type), .message = &messages[type], .content_id = type == ORDER_PLACE ? "c" : NULL, .now_us = 1};
}

static union row row_load(const struct world *world, enum who who, const struct flow *flow)
{
    union row row;

    memset(&row, 0, sizeof row);
    row.saga.order_id = "o";
    row.saga.flow = world->facts[who] != 0 ? flow->name : NULL;
    row.saga.facts = world->facts[who];
    row.saga.state = world->state[who];
    if (who == ORDER) {
        row.order.content_id = (row.saga.facts & FACT(ORDER_PLACE)) != 0 ? "c" : NULL;
        row.order.reason = world->reason == MESSAGE_TYPES ? NULL : message_type_name((enum message_type)world->reason);
        row.order.decided_us = world->decided_by == MESSAGE_TYPES ? 0 : 1;
        row.order.decided_by = (enum message_type)world->decided_by;
    }
    if (who == INVENTORY)
        row.inventory.created = &messages[ORDER_CREATED].order_created;
    return row;
}

static void row_save(struct world *world, enum who who, const union row *row)
{
    enum message_type reason;

    world->facts[who] = row->saga.facts;
    world->state[who] = (uint8_t)row->saga.state;
    if (who != ORDER)
        return;
    world->reason = row->order.reason != NULL && message_type_find(row->order.reason, &reason) ? (uint8_t)reason : MESSAGE_TYPES;
    world->decided_by = row->order.decided_us != 0 ? (uint8_t)row->order.decided_by : MESSAGE_TYPES;
}

static const struct transition *decide(enum who who, union row *row, const struct input *input)
{
    static const struct order_rules order_rules = {&flows[0], 1, 1};
    static const struct payment_rules payment_rules = {1, 1};
    static const struct email_rules email_rules = {1};

    switch (who) {
    case ORDER:
        return order_decide(&order_rules, &row->saga, input);
    case PAYMENT:
        return payment_decide(&payment_rules, &row->saga, input);
    case INVENTORY:
        return inventory_decide(NULL, &row->saga, input);
    default:
        return email_decide(&email_rules, &row->saga, input);
    }
}

static uint64_t answers(enum who who, const union row *row, const struct input *input)
{
    uint64_t (*const functions[SERVICES])(const struct saga *, const struct input *) = {order_answers, payment_answers, inventory_answers, email_answers};

    return functions[who](&row->saga, input);
}

/* What the loop does not skip by header. */
static bool hears(enum who who, const struct flow *flow, enum message_type type)
{
    static const uint64_t types[SERVICES] = {
        [ORDER] = ORDER_FACTS | FACT(ORDER_REDRIVE),
        [PAYMENT] = FACT(ORDER_CREATED) | FACT(ORDER_CANCELLED) | FACT(INVENTORY_RESERVED) | FACT(PAYMENT_RETRY),
        [INVENTORY] = FACT(ORDER_CREATED) | FACT(ORDER_CANCELLED) | FACT(PAYMENT_COMPLETED),
        [EMAIL] = FACT(ORDER_CREATED) | FACT(ORDER_CONFIRMED) | FACT(ORDER_CANCELLED) | FACT(EMAIL_RETRY),
    };

    if ((types[who] & FACT(type)) == 0 || (who == PAYMENT && !payment_awaits(flow, type)))
        return false;
    return who != INVENTORY || inventory_awaits(flow, type);
}

void world_say(struct world *world, enum message_type type)
{
    enum where topic = where_of(type);

    if (world->length[topic] == LOG_MAX) {
        fprintf(stderr, "a log is longer than the %d messages there is room for\n", LOG_MAX);
        exit(EXIT_FAILURE);
    }
    world->log[topic][world->length[topic]++] = (uint8_t)type;
}

/* Makes worlds the same that differ in nothing that matters: what a service skips it has as good as read, since that has no
 * effect whenever it happens; and what every reader has read is gone. */
static void normalise(struct world *world, const struct flow *flow)
{
    for (int who = 0; who < SERVICES; who++)
        for (int topic = 0; topic < TOPICS; topic++)
            while (reads[who][topic] && world->position[who][topic] < world->length[topic] &&
                   !hears((enum who)who, flow, (enum message_type)world->log[topic][world->position[who][topic]]))
                world->position[who][topic]++;
    for (int topic = 0; topic < TOPICS; topic++) {
        uint8_t least = world->length[topic];

        for (int who = 0; who < SERVICES; who++)
            if (reads[who][topic] && world->position[who][topic] < least)
                least = world->position[who][topic];
        if (least == 0)
            continue;
        memmove(world->log[topic], world->log[topic] + least, LOG_MAX - least);
        memset(world->log[topic] + LOG_MAX - least, 0, least);
        world->length[topic] = (uint8_t)(world->length[topic] - least);
        for (int who = 0; who < SERVICES; who++)
            if (reads[who][topic])
                world->position[who][topic] = (uint8_t)(world->position[who][topic] - least);
    }
}

static void found(const struct attempt *attempt, struct world *world, enum event what, int said)
{
    struct action action = attempt->action;

    action.what = (uint8_t)what;
    action.said = (uint8_t)said;
    normalise(world, attempt->flow);
    seen_add(attempt->seen, world, attempt->at, action);
}

/* Died before the offsets were committed: the row is as saved, the messages come again. */
static void crash(const struct attempt *attempt, const union row *row, uint8_t truth, bool call, enum event what, const enum message_type *said, int count)
{
    struct world world = attempt->before;

    if (world.crashes == 0)
        return;
    world.crashes--;
    world.truth = truth;
    world.call = world.call || call;
    world.silence = attempt->after.silence;
    row_save(&world, attempt->who, row);
    for (int i = 0; i < count; i++)
        world_say(&world, said[i]);
    found(attempt, &world, what, count);
}

/* Save, publish, commit the offsets: all of it, or up to any point; or all of it and one answer lost. */
static void finish(const struct attempt *attempt, const union row *row)
{
    enum message_type said[ANSWERS_MAX];
    uint64_t all = 0;
    int count = 0;

    for (int i = 0; i < attempt->count; i++) {
        const struct input input = input_of(attempt->heard[i]);
        uint64_t fresh = answers(attempt->who, row, &input) & ~all;

        all |= fresh;
        for (int type = 0; type < MESSAGE_TYPES; type++)
            if ((fresh & FACT(type)) != 0)
                said[count++] = (enum message_type)type;
    }
    for (int lost = attempt->after.losses > 0 ? 0 : count; lost <= count; lost++) {
        struct world world = attempt->after;

        row_save(&world, attempt->who, row);
        for (int i = 0; i < count; i++)
            if (i != lost)
                world_say(&world, said[i]);
        world.losses = (uint8_t)(world.losses - (lost < count));
        found(attempt, &world, lost < count ? EVENT_LOST : EVENT_DONE, count);
    }
    for (int out = 0; out <= count; out++)
        crash(attempt, row, attempt->after.truth, false, EVENT_CRASH_PUBLISH, said, out);
}

static void resolve(struct attempt attempt, union row row, int ask);

/* An outcome of an ask comes back, and is decided upon. */
static void outcome(struct attempt attempt, union row row, uint64_t on, const void *what, enum truth truth, bool silent)
{
    const struct input input = {.on = on, .outcome = what, .now_us = 1};
    const struct transition *transition;

    if (attempt.who != INVENTORY)
        crash(&attempt, &row, (uint8_t)truth, false, EVENT_CRASH_RESOLVED, NULL, 0);
    attempt.after.truth = (uint8_t)truth;
    attempt.after.silence = attempt.after.silence && !silent;
    for (attempt.action.on = 0; (on >> attempt.action.on) > 1;)
        attempt.action.on++;
    transition = decide(attempt.who, &row, &input);
    resolve(attempt, row, transition == NULL ? ASK_NONE : transition->ask);
}

static void charge(const struct attempt *attempt, const union row *row)
{
    enum truth truth = (enum truth)attempt->after.truth;

    crash(attempt, row, (uint8_t)truth, true, EVENT_CRASH_CALL, NULL, 0);
    if (truth != TRUTH_NONE) {
        bool stands = truth == TRUTH_CHARGED || truth == TRUTH_REFUNDED;

        outcome(*attempt, *row, stands ? PAYMENT_CHARGED : PAYMENT_DECLINED, stands ? &charged : &nothing, truth, false);
        return;
    }
    outcome(*attempt, *row, PAYMENT_CHARGED, &charged, TRUTH_CHARGED, false);
    outcome(*attempt, *row, PAYMENT_DECLINED, &nothing, TRUTH_DECLINED, false);
    if (attempt->after.silence) {
        outcome(*attempt, *row, PAYMENT_UNANSWERED, &nothing, TRUTH_CHARGED, true);
        outcome(*attempt, *row, PAYMENT_UNANSWERED, &nothing, TRUTH_NONE, true);
    }
}

static void settle(const struct attempt *attempt, const union row *row)
{
    enum truth truth = (enum truth)attempt->after.truth;
    bool stands = truth == TRUTH_CHARGED || truth == TRUTH_REFUNDED;

    if (stands)
        outcome(*attempt, *row, PAYMENT_SETTLED_REFUND, &charged, TRUTH_REFUNDED, false);
    else
        outcome(*attempt, *row, PAYMENT_SETTLED_VOID, &nothing, truth == TRUTH_NONE ? TRUTH_BLOCKED : truth, false);
    if (attempt->after.silence)
        outcome(*attempt, *row, PAYMENT_UNANSWERED, &nothing, truth, true);
}

/* What the row asks for, in every way that it can turn out. */
static void resolve(struct attempt attempt, union row row, int ask)
{
    if (ask == ASK_NONE || (attempt.who == INVENTORY && ask == INVENTORY_ASK_RELEASE)) {
        finish(&attempt, &row);
        return;
    }
    if (attempt.who == INVENTORY) { /* inside the transaction */
        outcome(attempt, row, INVENTORY_TAKEN, &enough, (enum truth)attempt.after.truth, false);
        outcome(attempt, row, INVENTORY_SHORT, &too_little, (enum truth)attempt.after.truth, false);
        return;
    }
    crash(&attempt, &row, attempt.after.truth, false, EVENT_CRASH_INTENT, NULL, 0);
    if (attempt.who == EMAIL)
        outcome(attempt, row, EMAIL_ACCEPTED, &sent, (enum truth)attempt.after.truth, false);
    else if (ask == PAYMENT_ASK_CHARGE)
        charge(&attempt, &row);
    else
        settle(&attempt, &row);
}

/* The messages of the batch, in order, then whatever the row asks. */
static void process(const struct attempt *attempt)
{
    union row row = row_load(&attempt->before, attempt->who, attempt->flow);
    int ask = ASK_NONE;

    for (int i = 0; i < attempt->count; i++) {
        const struct input input = input_of(attempt->heard[i]);
        const struct transition *transition = decide(attempt->who, &row, &input);

        if (transition != NULL)
            ask = transition->ask;
    }
    resolve(*attempt, row, ask);
}

/* Takes one more message from any log that has one, processes the batch so far, and goes on while it may grow. */
static bool take(struct attempt attempt, int batch)
{
    bool any = false;

    for (int topic = 0; topic < TOPICS; topic++) {
        struct attempt next = attempt;
        uint8_t *position = &next.after.position[attempt.who][topic];

        if (!reads[attempt.who][topic])
            continue;
        while (*position < next.after.length[topic] &&
               !hears(attempt.who, attempt.flow, (enum message_type)next.after.log[topic][*position]))
            (*position)++;
        if (*position == next.after.length[topic])
            continue;
        any = true;
        next.heard[next.count] = (enum message_type)next.after.log[topic][*position];
        next.action.heard[next.count] = (uint8_t)next.heard[next.count];
        next.count++;
        (*position)++;
        process(&next);
        if (next.count < batch)
            take(next, batch);
    }
    return any;
}

static bool sweep(struct attempt *attempt)
{
    struct world world = attempt->before;
    bool due = false;

    if (world.redrives == 0)
        return false;
    world.redrives--;
    if (world.state[ORDER] != ORDER_STATE_NEW && !order_closed(world.state[ORDER], world.facts[ORDER])) {
        world_say(&world, ORDER_REDRIVE);
        due = true;
    }
    if (world.state[PAYMENT] == PAYMENT_STATE_CHARGING || world.state[PAYMENT] == PAYMENT_STATE_SETTLING) {
        world_say(&world, PAYMENT_RETRY);
        due = true;
    }
    if (world.state[EMAIL] == EMAIL_STATE_SENDING) {
        world_say(&world, EMAIL_RETRY);
        due = true;
    }
    if (due)
        found(attempt, &world, EVENT_SWEEP, 0);
    return due;
}

bool steps_take(struct seen *seen, size_t at, const struct flow *flow, int batch)
{
    struct attempt attempt = {.seen = seen, .at = at, .flow = flow, .before = seen->worlds[at], .after = seen->worlds[at],
                              .action = {.who = SERVICES, .heard = {MESSAGE_TYPES, MESSAGE_TYPES}}};
    bool any = false;

    messages_make(flow);
    if (attempt.before.call) {
        struct world lands = attempt.before, vanishes = attempt.before;

        lands.call = vanishes.call = 0;
        if (lands.truth == TRUTH_NONE)
            lands.truth = TRUTH_CHARGED;
        found(&attempt, &lands, EVENT_CALL_LANDS, 0);
        found(&attempt, &vanishes, EVENT_CALL_VANISHES, 0);
        any = true;
    }
    for (int who = 0; who < SERVICES; who++) {
        attempt.who = (enum who)who;
        attempt.action.who = (uint8_t)who;
        any |= take(attempt, batch);
    }
    attempt.action.who = SERVICES;
    return any || sweep(&attempt);
}
