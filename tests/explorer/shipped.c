#include "tests/explorer/shipped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 4096 };

/* What of a row is stored and matters to a decision. */
struct stored {
    uint64_t facts;
    uint8_t state;
    uint8_t reason, decided_by; /* of the order's row: message types, MESSAGE_TYPES for none */
};

static const struct flow *order_flow;
static struct stored rows[SERVICES][ROWS_MAX];
static int row_counts[SERVICES];

/* ---- messages ---- */

static struct line lines[] = {{"sku", "name", 1, 1}};
static struct message messages[MESSAGE_TYPES];

/* A body for each type that has all that decide looks at. */
static void messages_make(const struct flow *flow)
{
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        messages[type] = (struct message){.type = (enum message_type)type, .envelope = {.flow = flow->name}};
        messages[type].subject = "o";
    }
    messages[ORDER_PLACE].order_place = (struct order_place){"o", {NULL, "n", "e"}, "GBP", "pm", lines, 1, {NULL, 0}};
    messages[ORDER_CREATED].order_created = (struct order_created){.order_id = "o", .flow = flow->name, .currency = "GBP", .lines = lines, .line_count = 1};
    messages[ORDER_CANCELLED].order_cancelled = (struct order_cancelled){"o", "r", NULL, 1, "GBP"};
}

struct input shipped_input(enum message_type type)
{
    return (struct input){.on = FACT(type), .message = &messages[type], .content_id = type == ORDER_PLACE ? "c" : NULL, .now_us = 1};
}

struct input shipped_outcome(enum who who, uint64_t on)
{
    static const struct payment_outcome charged = {"p", NULL}, nothing = {NULL, "no"};
    static const struct inventory_outcome enough = {NULL, 0, 0}, too_little = {"sku", 1, 0};
    static const struct email_outcome sent = {NULL};
    struct input input = {.on = on, .now_us = 1};

    if (who == PAYMENT)
        input.outcome = on == PAYMENT_CHARGED || on == PAYMENT_SETTLED_REFUND ? &charged : &nothing;
    else if (who == INVENTORY)
        input.outcome = on == INVENTORY_TAKEN ? &enough : &too_little;
    else
        input.outcome = &sent;
    return input;
}

int provider_ways(int ask, enum truth truth, bool may_be_silent, struct provider_way ways[PROVIDER_WAYS_MAX])
{
    const bool stands = truth == TRUTH_CHARGED || truth == TRUTH_REFUNDED;
    int count = 0;

    if (ask == PAYMENT_ASK_SETTLE) {
        ways[count++] = stands ? (struct provider_way){PAYMENT_SETTLED_REFUND, TRUTH_REFUNDED, false}
                               : (struct provider_way){PAYMENT_SETTLED_VOID, truth == TRUTH_NONE ? TRUTH_BLOCKED : truth, false};
        if (may_be_silent)
            ways[count++] = (struct provider_way){PAYMENT_UNANSWERED, truth, true};
    } else if (truth != TRUTH_NONE) {
        ways[count++] = (struct provider_way){stands ? PAYMENT_CHARGED : PAYMENT_DECLINED, truth, false};
    } else {
        ways[count++] = (struct provider_way){PAYMENT_CHARGED, TRUTH_CHARGED, false};
        ways[count++] = (struct provider_way){PAYMENT_DECLINED, TRUTH_DECLINED, false};
        if (may_be_silent) {
            ways[count++] = (struct provider_way){PAYMENT_UNANSWERED, TRUTH_CHARGED, true};
            ways[count++] = (struct provider_way){PAYMENT_UNANSWERED, TRUTH_NONE, true};
        }
    }
    return count;
}

bool shipped_hears(enum who who, enum message_type type)
{
    static const uint64_t types[SERVICES] = {
        [ORDER] = ORDER_FACTS | FACT(ORDER_REDRIVE),
        [PAYMENT] = FACT(ORDER_CREATED) | FACT(ORDER_CANCELLED) | FACT(INVENTORY_RESERVED) | FACT(PAYMENT_RETRY),
        [INVENTORY] = FACT(ORDER_CREATED) | FACT(ORDER_CANCELLED) | FACT(PAYMENT_COMPLETED),
        [EMAIL] = FACT(ORDER_CREATED) | FACT(ORDER_CONFIRMED) | FACT(ORDER_CANCELLED) | FACT(EMAIL_RETRY),
    };

    if ((types[who] & FACT(type)) == 0 || (who == PAYMENT && !payment_awaits(order_flow, type)))
        return false;
    return who != INVENTORY || inventory_awaits(order_flow, type);
}

/* ---- rows ---- */

union row row_load(enum who who, uint16_t number)
{
    const struct stored *stored = &rows[who][number];
    union row row;

    memset(&row, 0, sizeof row);
    row.saga.order_id = "o";
    row.saga.flow = stored->facts != 0 ? order_flow->name : NULL;
    row.saga.facts = stored->facts;
    row.saga.state = stored->state;
    if (who == ORDER) {
        row.order.content_id = (row.saga.facts & FACT(ORDER_PLACE)) != 0 ? "c" : NULL;
        row.order.reason = stored->reason == MESSAGE_TYPES ? NULL : message_type_name((enum message_type)stored->reason);
        row.order.decided_us = stored->decided_by == MESSAGE_TYPES ? 0 : 1;
        row.order.decided_by = stored->decided_by;
    }
    if (who == INVENTORY)
        row.inventory.created = &messages[ORDER_CREATED].order_created;
    return row;
}

uint16_t row_save(enum who who, const union row *row)
{
    struct stored stored = {row->saga.facts, (uint8_t)row->saga.state, MESSAGE_TYPES, MESSAGE_TYPES};
    enum message_type reason;
    int at = 0;

    if (who == ORDER && row->order.reason != NULL && message_type_find(row->order.reason, &reason))
        stored.reason = (uint8_t)reason;
    if (who == ORDER && row->order.decided_us != 0)
        stored.decided_by = (uint8_t)row->order.decided_by;
    while (at < row_counts[who] && (rows[who][at].facts != stored.facts || rows[who][at].state != stored.state ||
                                    rows[who][at].reason != stored.reason || rows[who][at].decided_by != stored.decided_by))
        at++;
    if (at == row_counts[who]) {
        if (at == ROWS_MAX) {
            fprintf(stderr, "explorer: more than %d different rows of one service\n", ROWS_MAX);
            exit(EXIT_FAILURE);
        }
        rows[who][row_counts[who]++] = stored;
    }
    return (uint16_t)at;
}

int row_state(enum who who, uint16_t number)
{
    return rows[who][number].state;
}

uint64_t row_facts(enum who who, uint16_t number)
{
    return rows[who][number].facts;
}

/* ---- decisions ---- */

const struct transition *shipped_decide(enum who who, union row *row, const struct input *input)
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

uint64_t shipped_answers(enum who who, const union row *row, const struct input *input)
{
    uint64_t (*const functions[SERVICES])(const struct saga *, const struct input *) = {order_answers, payment_answers, inventory_answers, email_answers};

    return functions[who](&row->saga, input);
}

void shipped_start(const struct flow *flow)
{
    order_flow = flow;
    messages_make(flow);
    for (int who = 0; who < SERVICES; who++) {
        rows[who][0] = (struct stored){0, 0, MESSAGE_TYPES, MESSAGE_TYPES};
        row_counts[who] = 1;
    }
}
