#include "tests/explorer/shipped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "events/identity.h"
#include "services/email/service.h"
#include "services/inventory/service.h"
#include "services/order/service.h"
#include "services/payment/service.h"
#include "services/runtime/rows.h"

enum { ROWS_MAX = 8192, TEXTS_MAX = 200, FIELDS_MAX = 14 };

static const struct service *const services[SERVICES] = {&order_service, &payment_service,
                                                         &inventory_service, &email_service};

/* What of a row is stored and matters to a decision or an event; times and texts as small
 * numbers. */
struct stored {
    uint64_t facts;
    uint8_t state, has_flow;
    uint8_t fields[FIELDS_MAX]; /* as the service's rows has them */
};

_Static_assert(sizeof(struct stored) == sizeof(uint64_t) + 2 + FIELDS_MAX,
               "stored rows are compared in bytes");

static const struct flow *order_flow;
static bool provider_prepares;
static struct stored rows[SERVICES][ROWS_MAX];
static int row_counts[SERVICES];
static const char *texts[TEXTS_MAX]; /* of rows; number 0 is NULL */
static int text_count = 1;
static struct arena *arena; /* of texts that rows make */
static const char *wrong;   /* the first thing that a decision did and must not do */

/* ---- messages ---- */

static struct line lines[] = {{"sku", "name", 1, 1}};
static struct message messages[KINDS];

enum message_type type_of(int kind)
{
    return kind == FORGED_COMPLETED ? PAYMENT_COMPLETED : (enum message_type)kind;
}

const char *kind_name(int kind)
{
    return kind == FORGED_COMPLETED ? "a forged payment.completed"
                                    : message_type_name(type_of(kind));
}

/* A body for each type that has all that decide looks at. */
static void messages_make(const struct flow *flow, int64_t amount_minor)
{
    for (int kind = 0; kind < KINDS; kind++) {
        if (kind == NO_KIND)
            continue;
        messages[kind] = (struct message){.type = type_of(kind), .envelope = {.flow = flow->name}};
        messages[kind].subject = "o";
    }
    lines[0].unit_price_minor = amount_minor;
    messages[ORDER_PLACE].order_place =
        (struct order_place){"o", {NULL, "n", "e@example.com"}, "GBP", "pm", lines, 1, {NULL, 0}};
    messages[ORDER_CREATED].order_created =
        (struct order_created){.order_id = "o",
                               .flow = flow->name,
                               .customer = {NULL, "n", "e@example.com"},
                               .currency = "GBP",
                               .amount_minor = amount_minor,
                               .payment_method = "pm",
                               .lines = lines,
                               .line_count = 1};
    messages[ORDER_CANCELLED].order_cancelled =
        (struct order_cancelled){"o", "r", NULL, amount_minor, "GBP"};
    messages[PAYMENT_COMPLETED].payment_made = messages[PAYMENT_REFUNDED].payment_made =
        (struct payment_made){"o", "p", amount_minor, "GBP"};
    messages[FORGED_COMPLETED].payment_made =
        (struct payment_made){"o", "x", amount_minor + 1, "USD"};
    messages[PAYMENT_FAILED].outcome.reason = messages[PAYMENT_REFUND_FAILED].outcome.reason = "no";
    messages[INVENTORY_FAILED].inventory_failed =
        (struct inventory_failed){"o", "out_of_stock", "sku", 1, 0};
}

/* A decision's time is none that a row has: row_save makes an older one of it. */
enum { FRESH_US = 100 };

static int64_t now_us = FRESH_US + 1;

void shipped_at(int clock)
{
    now_us = FRESH_US + 1 + clock;
}

struct input shipped_input(int kind)
{
    return (struct input){.on = FACT(type_of(kind)),
                          .message = &messages[kind],
                          .content_id = kind == ORDER_PLACE ? "c" : NULL,
                          .content = kind == ORDER_PLACE ? "c" : NULL,
                          .now_us = now_us,
                          .arena = arena};
}

struct input shipped_result(enum who who, uint64_t on)
{
    static const struct payment_result charged = {.payment_id = "p"}, nothing = {.reason = "no"},
                                       prepared = {.provider_ref = "i"};
    static const struct inventory_result enough = {NULL, 0, 0}, too_little = {"sku", 1, 0};
    static const struct email_result sent = {.reason = NULL};
    struct input input = {.on = on, .now_us = now_us, .arena = arena};

    if (who == PAYMENT && on == PAYMENT_PREPARED)
        input.result = &prepared;
    else if (who == PAYMENT)
        input.result = on == PAYMENT_CHARGED || on == PAYMENT_SETTLED_REFUND ? &charged : &nothing;
    else if (who == INVENTORY)
        input.result = on == INVENTORY_TAKEN ? &enough : &too_little;
    else
        input.result = &sent;
    return input;
}

int effect_kind(enum who who, uint16_t row, int effect)
{
    if (who != PAYMENT || effect != PAYMENT_EFFECT_CHARGE)
        return effect;
    return row_load(PAYMENT, row).payment.provider_ref == NULL ? effect : EFFECT_CONFIRM;
}

bool is_same_effect(enum who who, int one, int other)
{
    if (who == PAYMENT && one == EFFECT_CONFIRM)
        one = PAYMENT_EFFECT_CHARGE;
    if (who == PAYMENT && other == EFFECT_CONFIRM)
        other = PAYMENT_EFFECT_CHARGE;
    return one == other;
}

bool may_charge(int kind)
{
    return kind == (provider_prepares ? EFFECT_CONFIRM : PAYMENT_EFFECT_CHARGE);
}

int provider_ways(int effect, enum truth truth, bool may_be_silent, bool may_refuse,
                  struct provider_way ways[PROVIDER_WAYS_MAX])
{
    const bool stands = truth == TRUTH_CHARGED || truth == TRUTH_REFUNDED;
    int count = 0;

    if (effect == PAYMENT_EFFECT_SETTLE) {
        ways[count++] =
            stands ? (struct provider_way){.on = PAYMENT_SETTLED_REFUND, .truth = TRUTH_REFUNDED}
                   : (struct provider_way){.on = PAYMENT_SETTLED_VOID,
                                           .truth = truth == TRUTH_NONE ? TRUTH_BLOCKED : truth};
        if (may_be_silent)
            ways[count++] =
                (struct provider_way){.on = PAYMENT_UNANSWERED, .truth = truth, .silent = true};
        if (may_refuse && truth == TRUTH_CHARGED)
            ways[count++] = (struct provider_way){
                .on = PAYMENT_SETTLE_REFUSED, .truth = truth, .refused = true};
    } else if (!may_charge(effect)) {
        ways[count++] = (struct provider_way){.on = PAYMENT_PREPARED, .truth = truth};
        if (may_be_silent)
            ways[count++] =
                (struct provider_way){.on = PAYMENT_UNANSWERED, .truth = truth, .silent = true};
    } else if (truth != TRUTH_NONE) {
        ways[count++] = (struct provider_way){.on = stands ? PAYMENT_CHARGED : PAYMENT_DECLINED,
                                              .truth = truth};
    } else {
        ways[count++] = (struct provider_way){.on = PAYMENT_CHARGED, .truth = TRUTH_CHARGED};
        ways[count++] = (struct provider_way){.on = PAYMENT_DECLINED, .truth = TRUTH_DECLINED};
        if (may_be_silent) {
            ways[count++] = (struct provider_way){
                .on = PAYMENT_UNANSWERED, .truth = TRUTH_CHARGED, .silent = true};
            ways[count++] = (struct provider_way){
                .on = PAYMENT_UNANSWERED, .truth = TRUTH_NONE, .silent = true};
        }
    }
    if (may_be_silent && provider_prepares)
        ways[count++] =
            (struct provider_way){.on = PAYMENT_UNAVAILABLE, .truth = truth, .silent = true};
    return count;
}

bool shipped_consumes(enum who who, enum message_type type)
{
    static const uint64_t types[SERVICES] = {
        [ORDER] = ORDER_FACTS | FACT(ORDER_REPUBLISH),
        [PAYMENT] = FACT(ORDER_CREATED) | FACT(ORDER_CANCELLED) | FACT(INVENTORY_RESERVED) |
                    FACT(PAYMENT_RETRY),
        [INVENTORY] = FACT(ORDER_CREATED) | FACT(ORDER_CANCELLED) | FACT(PAYMENT_COMPLETED),
        [EMAIL] =
            FACT(ORDER_CREATED) | FACT(ORDER_CONFIRMED) | FACT(ORDER_CANCELLED) | FACT(EMAIL_RETRY),
    };

    if ((types[who] & FACT(type)) == 0 || (who == PAYMENT && !payment_waits_for(order_flow, type)))
        return false;
    return who != INVENTORY || inventory_waits_for(order_flow, type);
}

/* ---- rows ---- */

static uint8_t text_number(const char *text)
{
    int at = 1;

    if (text == NULL)
        return 0;
    while (at < text_count && strcmp(texts[at], text) != 0)
        at++;
    if (at == TEXTS_MAX) {
        fprintf(stderr, "explorer: rows have more than %d different texts\n", TEXTS_MAX);
        exit(EXIT_FAILURE);
    }
    if (at == text_count)
        texts[text_count++] = arena_text(arena, text);
    return (uint8_t)at;
}

static bool is_text(enum who who, size_t field)
{
    return services[who]->rows->fields[field].kind == COLUMN_TEXT;
}

static const char **text_at(enum who who, const union row *row, size_t field)
{
    return (const char **)(uintptr_t)((const char *)row +
                                      services[who]->rows->fields[field].offset);
}

static int64_t *number_at(enum who who, const union row *row, size_t field)
{
    return (int64_t *)(uintptr_t)((const char *)row + services[who]->rows->fields[field].offset);
}

union row row_load(enum who who, uint16_t number)
{
    const struct stored *stored = &rows[who][number];
    union row row;

    memset(&row, 0, sizeof row);
    row.saga.order_id = "o";
    row.saga.flow = stored->has_flow ? order_flow->name : NULL;
    row.saga.facts = stored->facts;
    row.saga.state = stored->state;
    for (size_t i = 0; i < services[who]->rows->field_count; i++)
        if (is_text(who, i))
            *text_at(who, &row, i) = texts[stored->fields[i]];
        else
            *number_at(who, &row, i) = stored->fields[i];
    if (who == INVENTORY)
        row.inventory.created = &messages[ORDER_CREATED].order_created;
    if (who == ORDER && row.order.content_id != NULL)
        row.order.place = &messages[ORDER_PLACE].order_place;
    return row;
}

uint16_t row_save(enum who who, const union row *row)
{
    struct stored stored;
    int at = 0;

    memset(&stored, 0, sizeof stored);
    stored.facts = row->saga.facts;
    stored.state = (uint8_t)row->saga.state;
    stored.has_flow = row->saga.flow != NULL;
    for (size_t i = 0; i < services[who]->rows->field_count; i++) {
        int64_t number =
            is_text(who, i) ? text_number(*text_at(who, row, i)) : *number_at(who, row, i);

        stored.fields[i] =
            (uint8_t)(number > FRESH_US && !is_text(who, i) ? number - FRESH_US : number);
    }
    while (at < row_counts[who] && memcmp(&rows[who][at], &stored, sizeof stored) != 0)
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

/* ---- what a decision must leave as it is ---- */

const char *shipped_wrong(void)
{
    return wrong;
}

/* Every time, reason, id and amount that a row has stays; claims are for the time before the order
 * is known. */
static bool is_lasting(enum who who, const union row *before, const union row *after)
{
    for (size_t i = 0; i < services[who]->rows->field_count; i++) {
        if (is_text(who, i)) {
            const char *was = *text_at(who, before, i), *is = *text_at(who, after, i);
            const bool claims =
                (who == ORDER && text_at(who, before, i) == &before->order.claims) ||
                (who == INVENTORY && text_at(who, before, i) == &before->inventory.claims);

            if (!claims && was != NULL && (is == NULL || strcmp(was, is) != 0))
                return false;
        } else if (*number_at(who, before, i) != 0 &&
                   *number_at(who, before, i) != *number_at(who, after, i)) {
            return false;
        }
    }
    return true;
}

static bool takes(enum who who, enum message_type type)
{
    for (size_t i = 0; i < services[who]->subscription_count; i++)
        if ((services[who]->subscriptions[i].types & FACT(type)) != 0)
            return true;
    return false;
}

/* All that the row says, whatever it is that it consumes. */
static uint64_t sayable(enum who who, const union row *row)
{
    uint64_t types = 0;

    for (int kind = 0; kind < MESSAGE_TYPES; kind++) {
        const struct input input = shipped_input(kind);

        if (takes(who, type_of(kind)))
            types |= shipped_emits(who, row, &input);
    }
    return types;
}

/* The event as it goes out: its time, its id and its body. */
static const char *event_text(enum who who, const union row *row, enum message_type type,
                              struct arena *of)
{
    struct message message = {.type = type};
    struct buffer body = {.arena = of};
    struct error error;
    struct input input = shipped_input(ORDER_PLACE);

    message.subject = "o";
    services[who]->event_fill(&row->saga, &input, type, of, &message);
    if (message.envelope.time_us == 0)
        return NULL;
    if (message_encode(&message, &body, &error) != STATUS_OK)
        return arena_format(of, "cannot be emitted: %s", error.message);
    return arena_format(of, "%lld %s %s", (long long)message.envelope.time_us,
                        message.envelope.id == NULL ? "" : message.envelope.id, body.data);
}

static void events_check(enum who who, const union row *before, const union row *after)
{
    static const uint64_t compensation_results = FACT(PAYMENT_REFUNDED) | FACT(PAYMENT_VOIDED) |
                                                 FACT(INVENTORY_RELEASED) | FACT(INVENTORY_VOIDED);
    const uint64_t was = sayable(who, before), is = sayable(who, after);
    struct arena *of = arena_new();

    for (int type = 0; type < MESSAGE_TYPES; type++) {
        const char *now =
            (is & FACT(type)) == 0 ? "" : event_text(who, after, (enum message_type)type, of);

        if (now == NULL)
            wrong = "an event is said that has no time";
        else if ((was & is & FACT(type)) != 0 &&
                 strcmp(event_text(who, before, (enum message_type)type, of), now) != 0)
            wrong = "an event that was said before is said with another content";
    }
    if ((was & compensation_results) != 0 && (is & ~was) != 0)
        wrong = "more is said behind a compensation result";
    arena_free(of);
}

/* Pairs of rows of which the second follows on the first: looked at once. */
static bool is_checked(enum who who, uint16_t before, uint16_t after)
{
    static unsigned char checked[SERVICES][ROWS_MAX][ROWS_MAX / 8];
    unsigned char *byte = &checked[who][before][after / 8], bit = (unsigned char)(1 << after % 8);
    const bool known = (*byte & bit) != 0;

    *byte |= bit;
    return known;
}

/* ---- decisions ---- */

static const struct transition *decide(enum who who, union row *row, const struct input *input)
{
    static const struct order_rules order_rules = {&flows[0], 1, 1};
    static const struct payment_rules payment_rules = {1, 1};
    static const struct email_rules email_rules = {1};
    const void *const rules[SERVICES] = {&order_rules, &payment_rules, NULL, &email_rules};

    return services[who]->decide(rules[who], &row->saga, input);
}

const struct transition *shipped_decide(enum who who, union row *row, const struct input *input)
{
    const union row before = *row;
    const struct transition *transition = decide(who, row, input);
    uint16_t from, to;

    if (wrong == NULL && !is_lasting(who, &before, row))
        wrong = "a time, a reason, an id or an amount that the row had has changed";
    from = row_save(who, &before);
    to = row_save(who, row);
    if (wrong == NULL && !is_checked(who, from, to)) {
        const union row was = row_load(who, from), is = row_load(who, to);

        events_check(who, &was, &is);
    }
    return transition;
}

uint64_t shipped_emits(enum who who, const union row *row, const struct input *input)
{
    return services[who]->emits(&row->saga, input);
}

uint8_t shipped_event(enum who who, const union row *row, enum message_type type)
{
    struct arena *of = arena_new();
    uint8_t number = text_number(event_text(who, row, type, of));

    arena_free(of);
    return number;
}

void shipped_start(const struct flow *flow, int64_t amount_minor, bool prepares)
{
    if (arena == NULL)
        arena = arena_new();
    order_flow = flow;
    provider_prepares = prepares;
    wrong = NULL;
    now_us = FRESH_US + 1;
    messages_make(flow, amount_minor);
    for (int who = 0; who < SERVICES; who++) {
        if (services[who]->rows->field_count > FIELDS_MAX) {
            fprintf(stderr, "explorer: %s has more than %d columns of its own\n",
                    services[who]->name, FIELDS_MAX);
            exit(EXIT_FAILURE);
        }
        memset(&rows[who][0], 0, sizeof rows[who][0]);
        row_counts[who] = 1;
    }
}
