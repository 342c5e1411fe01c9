#include "tests/explorer/saga/decisions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/email/decide.h"
#include "services/inventory/decide.h"
#include "services/order/decide.h"
#include "services/payment/decide.h"

enum { ROWS_MAX = 4096, CASES = 1 << 16, ENDINGS_MAX = 64 };

/* What of a row is stored and matters to a decision. */
struct stored {
    uint64_t facts;
    uint8_t state;
    uint8_t reason, decided_by; /* of the order's row: message types, MESSAGE_TYPES for none */
};

union row {
    struct saga saga;
    struct order_row order;
    struct payment_row payment;
    struct inventory_row inventory;
    struct email_row email;
};

struct known_case {
    uint64_t key; /* 0: free */
    struct endings endings;
};

static const struct flow *order_flow;
static struct stored rows[SERVICES][ROWS_MAX];
static int row_counts[SERVICES];
static struct known_case cases[CASES];
static size_t case_count;

/* ---- messages ---- */

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

bool decisions_hear(enum who who, enum message_type type)
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

static union row row_load(enum who who, uint16_t number)
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
        row.order.decided_by = (enum message_type)stored->decided_by;
    }
    if (who == INVENTORY)
        row.inventory.created = &messages[ORDER_CREATED].order_created;
    return row;
}

static uint16_t row_save(enum who who, const union row *row)
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

int row_state(enum who who, uint16_t row)
{
    return rows[who][row].state;
}

uint64_t row_facts(enum who who, uint16_t row)
{
    return rows[who][row].facts;
}

/* ---- one attempt, as the loop makes it ---- */

/* The attempt as far as it has come, and where what it can come to is noted. */
struct course {
    const struct attempt *attempt;
    union row row;
    int ask;
    uint8_t truth, silence, asked;
    struct endings *endings; /* of ENDINGS_MAX */
};

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

static struct ending *note(const struct course *course, enum event event, uint8_t truth)
{
    struct ending *ending = &course->endings->list[course->endings->count++];

    if (course->endings->count > ENDINGS_MAX) {
        fprintf(stderr, "explorer: more than %d endings of one attempt\n", ENDINGS_MAX);
        exit(EXIT_FAILURE);
    }
    *ending = (struct ending){.event = (uint8_t)event, .truth = truth, .silence = course->silence, .asked = course->asked,
                                .row = row_save((enum who)course->attempt->who, &course->row)};
    return ending;
}

/* All is saved; what is said is each answer once, in the order of the messages. */
static void finish(const struct course *course)
{
    struct ending *ending = note(course, EVENT_DONE, course->truth);
    uint64_t all = 0;

    for (int i = 0; i < 2 && course->attempt->heard[i] != MESSAGE_TYPES; i++) {
        const struct input input = input_of((enum message_type)course->attempt->heard[i]);
        uint64_t fresh = answers((enum who)course->attempt->who, &course->row, &input) & ~all;

        all |= fresh;
        for (int type = 0; type < MESSAGE_TYPES; type++)
            if ((fresh & FACT(type)) != 0)
                ending->said[ending->said_count++] = (uint8_t)type;
    }
}

static void resolve(struct course course);

/* An outcome of an ask comes back, and is decided upon. */
static void answered(struct course course, uint64_t on, const void *what, enum truth truth, bool silent)
{
    const struct input input = {.on = on, .outcome = what, .now_us = 1};
    const struct transition *transition;

    if (course.attempt->who != INVENTORY)
        note(&course, EVENT_CRASH_RESOLVED, (uint8_t)truth);
    course.truth = (uint8_t)truth;
    course.silence = course.silence && !silent;
    for (course.asked = 1; on != OWN_FACT(course.asked - 1);)
        course.asked++;
    transition = decide((enum who)course.attempt->who, &course.row, &input);
    course.ask = transition == NULL ? ASK_NONE : transition->ask;
    resolve(course);
}

static void charge(const struct course *course)
{
    enum truth truth = (enum truth)course->truth;

    note(course, EVENT_CRASH_CALL, course->truth);
    if (truth != TRUTH_NONE) {
        bool stands = truth == TRUTH_CHARGED || truth == TRUTH_REFUNDED;

        answered(*course, stands ? PAYMENT_CHARGED : PAYMENT_DECLINED, stands ? &charged : &nothing, truth, false);
        return;
    }
    answered(*course, PAYMENT_CHARGED, &charged, TRUTH_CHARGED, false);
    answered(*course, PAYMENT_DECLINED, &nothing, TRUTH_DECLINED, false);
    if (course->silence) {
        answered(*course, PAYMENT_UNANSWERED, &nothing, TRUTH_CHARGED, true);
        answered(*course, PAYMENT_UNANSWERED, &nothing, TRUTH_NONE, true);
    }
}

static void settle(const struct course *course)
{
    enum truth truth = (enum truth)course->truth;
    bool stands = truth == TRUTH_CHARGED || truth == TRUTH_REFUNDED;

    if (stands)
        answered(*course, PAYMENT_SETTLED_REFUND, &charged, TRUTH_REFUNDED, false);
    else
        answered(*course, PAYMENT_SETTLED_VOID, &nothing, truth == TRUTH_NONE ? TRUTH_BLOCKED : truth, false);
    if (course->silence)
        answered(*course, PAYMENT_UNANSWERED, &nothing, truth, true);
}

/* What the row asks for, in every way that it can turn out. */
static void resolve(struct course course)
{
    enum who who = (enum who)course.attempt->who;

    if (course.ask == ASK_NONE || (who == INVENTORY && course.ask == INVENTORY_ASK_RELEASE)) {
        finish(&course);
    } else if (who == INVENTORY) { /* inside the transaction */
        answered(course, INVENTORY_TAKEN, &enough, (enum truth)course.truth, false);
        answered(course, INVENTORY_SHORT, &too_little, (enum truth)course.truth, false);
    } else {
        note(&course, EVENT_CRASH_INTENT, course.truth);
        if (who == EMAIL)
            answered(course, EMAIL_ACCEPTED, &sent, (enum truth)course.truth, false);
        else if (course.ask == PAYMENT_ASK_CHARGE)
            charge(&course);
        else
            settle(&course);
    }
}

/* The messages of the batch, in order, then whatever the row asks. */
static void work_out(const struct attempt *attempt, struct endings *endings)
{
    struct course course = {.attempt = attempt, .row = row_load((enum who)attempt->who, attempt->row), .ask = ASK_NONE,
                            .truth = attempt->truth, .silence = attempt->silence, .endings = endings};

    for (int i = 0; i < 2 && attempt->heard[i] != MESSAGE_TYPES; i++) {
        const struct input input = input_of((enum message_type)attempt->heard[i]);
        const struct transition *transition = decide((enum who)attempt->who, &course.row, &input);

        if (transition != NULL)
            course.ask = transition->ask;
    }
    resolve(course);
}

/* ---- remembering ---- */

static uint64_t key_of(const struct attempt *attempt)
{
    return UINT64_C(1) << 63 | (uint64_t)attempt->row << 32 | (uint64_t)attempt->heard[0] << 24 | (uint64_t)attempt->heard[1] << 16 |
           (uint64_t)attempt->who << 8 | (uint64_t)attempt->truth << 1 | attempt->silence;
}

struct endings decisions_of(const struct attempt *attempt)
{
    struct ending list[ENDINGS_MAX + 1];
    struct endings found = {.list = list};
    uint64_t key = key_of(attempt);
    size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 48);

    while (cases[at].key != 0 && cases[at].key != key)
        at = (at + 1) % CASES;
    if (cases[at].key == key)
        return cases[at].endings;
    if (++case_count > CASES / 2) {
        fprintf(stderr, "explorer: more than %d different attempts\n", CASES / 2);
        exit(EXIT_FAILURE);
    }
    work_out(attempt, &found);
    cases[at].key = key;
    cases[at].endings = (struct endings){malloc(found.count * sizeof *list), found.count};
    if (cases[at].endings.list == NULL)
        abort();
    memcpy(cases[at].endings.list, list, found.count * sizeof *list);
    return cases[at].endings;
}

void decisions_free(void)
{
    for (size_t i = 0; i < CASES; i++) {
        free(cases[i].endings.list);
        cases[i] = (struct known_case){0};
    }
    case_count = 0;
}

void decisions_start(const struct flow *flow)
{
    decisions_free();
    order_flow = flow;
    messages_make(flow);
    for (int who = 0; who < SERVICES; who++) {
        rows[who][0] = (struct stored){0, 0, MESSAGE_TYPES, MESSAGE_TYPES};
        row_counts[who] = 1;
    }
}
