/* sagactl trace: the timeline of one order, from the log alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/arena.h"
#include "events/buffer.h"
#include "events/message.h"
#include "services/order/decide.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/log/reading.h"
#include "tools/sagactl/log/telling.h"
#include "tools/sagactl/terminal.h"

static const struct setting settings[] = {{.name = NULL}};

enum { STEPS_MAX = 10000 };

/* One message of the order. */
struct step {
    struct message message;
    bool readable; /* the body could be decoded */
    const char *topic;
    int32_t partition;
    int64_t offset, timestamp_ms;
    int depth;     /* how many causes lie behind it */
    bool repeated; /* the same ce_id was there before */
    const char *body;
};

struct timeline {
    const char *order_id;
    struct arena *arena;
    struct decoder *decoder;
    struct step *steps;
    size_t count;
};

static void take_in(void *context, const struct incoming *incoming)
{
    struct timeline *timeline = context;
    struct step *step = &timeline->steps[timeline->count];
    struct error error;
    enum message_type type;

    *step = (struct step){.partition = incoming->partition, .offset = incoming->offset, .timestamp_ms = incoming->timestamp_ms};
    if (envelope_decode(timeline->arena, incoming->headers, incoming->header_count, &step->message.envelope, &error) != STATUS_OK ||
        strcmp(order_of(incoming, &step->message.envelope, timeline->arena), timeline->order_id) != 0 || timeline->count == STEPS_MAX ||
        !message_type_find(step->message.envelope.type, &type))
        return;
    step->topic = arena_copy(timeline->arena, incoming->topic, strlen(incoming->topic));
    step->readable = message_decode(timeline->decoder, timeline->arena, type, incoming->value, incoming->value_length, &step->message, &error) == STATUS_OK;
    step->message.type = type;
    step->body = body_on_one_line(incoming, timeline->arena);
    timeline->count++;
}

static enum status read_log(const struct settings *from, struct timeline *timeline, struct error *error)
{
    const struct reading everything = {.once = true, .take = take_in};
    enum status status;

    timeline->decoder = decoder_new();
    timeline->steps = arena_array(timeline->arena, STEPS_MAX + 1, sizeof *timeline->steps);
    status = messages_read(from, &everything, timeline, error);
    decoder_free(timeline->decoder);
    return status;
}

/* The broker's clock has milliseconds, which several steps share: within one, causes come before what they caused. */
static int by_time(const void *a, const void *b)
{
    const struct step *left = a, *right = b;

    if (left->timestamp_ms != right->timestamp_ms)
        return left->timestamp_ms < right->timestamp_ms ? -1 : 1;
    if (left->depth != right->depth)
        return left->depth - right->depth;
    return strcmp(left->topic, right->topic) != 0 ? strcmp(left->topic, right->topic) : left->offset < right->offset ? -1 : 1;
}

static const struct step *cause_of(const struct timeline *timeline, const struct step *step)
{
    const char *cause = step->message.envelope.causation_id;

    for (size_t i = 0; cause != NULL && i < timeline->count; i++) {
        const char *id = timeline->steps[i].message.envelope.id;

        if (id != NULL && strcmp(id, cause) == 0)
            return &timeline->steps[i];
    }
    return NULL;
}

static void arrange(struct timeline *timeline)
{
    if (timeline->count == 0)
        return;
    for (size_t i = 0; i < timeline->count; i++) {
        const struct step *cause = cause_of(timeline, &timeline->steps[i]);

        for (; cause != NULL && timeline->steps[i].depth < 16; cause = cause_of(timeline, cause))
            timeline->steps[i].depth++;
    }
    qsort(timeline->steps, timeline->count, sizeof *timeline->steps, by_time);
    for (size_t i = 0; i < timeline->count; i++) {
        const char *id = timeline->steps[i].message.envelope.id;

        for (size_t j = 0; id != NULL && j < i; j++) {
            const char *earlier = timeline->steps[j].message.envelope.id;

            if (earlier != NULL && strcmp(earlier, id) == 0)
                timeline->steps[i].repeated = true;
        }
    }
}

static void step_print(const struct timeline *timeline, const struct step *step)
{
    bool bad = is_bad_news(step->message.type);
    char where[96];

    snprintf(where, sizeof where, "%s/%d/%lld", step->topic, step->partition, (long long)step->offset);
    printf("%8lld ms  %-10s %*s%s%s%s%*s %s%-22s%s %s%s%s\n", (long long)(step->timestamp_ms - timeline->steps[0].timestamp_ms),
           speaker_of(&step->message.envelope), step->depth * 2, "",
           step->repeated ? colour_dim() : bad ? colour_bad() : step->message.type == ORDER_CONFIRMED ? colour_good() : "",
           step->message.envelope.type, colour_off(),
           step->depth * 2 + (int)strlen(step->message.envelope.type) < 30 ? 30 - step->depth * 2 - (int)strlen(step->message.envelope.type) : 0, "",
           colour_dim(), where, colour_off(),
           step->readable ? facts_of(&step->message, timeline->arena) : "(cannot be read)", step->repeated ? "  again" : "",
           strstr(step->topic, ".parked") != NULL ? "  PARKED" : "");
}

static void step_print_json(const struct timeline *timeline, const struct step *step)
{
    struct buffer line = {.arena = timeline->arena};
    const struct envelope *envelope = &step->message.envelope;

    buffer_format(&line, "{\"offset_ms\":%lld,\"type\":\"%s\",\"speaker\":", (long long)(step->timestamp_ms - timeline->steps[0].timestamp_ms), envelope->type);
    buffer_json(&line, speaker_of(&step->message.envelope));
    buffer_format(&line, ",\"topic\":\"%s\",\"partition\":%d,\"offset\":%lld,\"repeated\":%s,\"id\":", step->topic, step->partition,
                  (long long)step->offset, step->repeated ? "true" : "false");
    buffer_json(&line, envelope->id != NULL ? envelope->id : "");
    buffer_text(&line, ",\"cause\":");
    buffer_json(&line, envelope->causation_id != NULL ? envelope->causation_id : "");
    buffer_format(&line, ",\"body\":%s}", step->readable ? step->body : "null");
    puts(line.data);
}

/* What the log knows of the order, as the order service would. */
static void verdict_print(const struct timeline *timeline)
{
    uint64_t facts = 0;
    int state;

    for (size_t i = 0; i < timeline->count; i++)
        if (strstr(timeline->steps[i].topic, ".parked") == NULL)
            facts |= FACT(timeline->steps[i].message.type);
    state = order_state_said(facts);
    if (order_closed(state, facts)) {
        printf("%s, and closed\n", order_table.state_names[state]);
        return;
    }
    printf("%s, not closed: awaits", state == ORDER_STATE_NEW && (facts & FACT(ORDER_REJECTED)) != 0 ? "REJECTED" : order_table.state_names[state]);
    if (state == ORDER_STATE_NEW)
        printf(" %s", (facts & FACT(ORDER_PLACE)) != 0 ? "order.created" : "order.place");
    if (state == ORDER_STATE_PENDING && (facts & FACT(PAYMENT_COMPLETED)) == 0)
        printf(" payment.completed");
    if (state == ORDER_STATE_PENDING && (facts & FACT(INVENTORY_RESERVED)) == 0)
        printf(" inventory.reserved");
    if (state == ORDER_STATE_CANCELLED && (facts & (FACT(PAYMENT_REFUNDED) | FACT(PAYMENT_VOIDED))) == 0)
        printf(" payment.refunded or payment.voided");
    if (state == ORDER_STATE_CANCELLED && (facts & (FACT(INVENTORY_RELEASED) | FACT(INVENTORY_VOIDED))) == 0)
        printf(" inventory.released or inventory.voided");
    if (state >= ORDER_STATE_CONFIRMED && (facts & (FACT(EMAIL_SENT) | FACT(EMAIL_FAILED))) == 0)
        printf(" email.sent");
    printf("\n");
}

static enum exit_code run(const struct settings *from)
{
    struct timeline timeline = {0};
    struct error error = {0};
    size_t arguments, found;
    const char *const *orders = settings_arguments(from, &arguments);
    enum status status;

    if (arguments != 1)
        return command_misused("trace needs one order id");
    timeline.arena = arena_new();
    timeline.order_id = orders[0];
    status = read_log(from, &timeline, &error);
    if (status == STATUS_OK) {
        arrange(&timeline);
        for (size_t i = 0; i < timeline.count; i++) {
            if (settings_flag(from, "json"))
                step_print_json(&timeline, &timeline.steps[i]);
            else
                step_print(&timeline, &timeline.steps[i]);
        }
        if (timeline.count == 0)
            fprintf(stderr, "nothing in the log is about order %s\n", orders[0]);
        else if (!settings_flag(from, "json"))
            verdict_print(&timeline);
    }
    found = timeline.count;
    arena_free(timeline.arena);
    if (status != STATUS_OK)
        return command_fail(&error);
    return found == 0 ? EXIT_FOUND : EXIT_FINE;
}

const struct command trace_command = {
    "trace", "show the timeline of an order",
    "ORDER\n\n"
    "Prints every message about an order, in order of time: what was said by whom, what caused it (the\n"
    "deeper, the later in the chain), where it lies, and what matters of it; then the verdict, and what\n"
    "is still awaited. It needs nothing but the broker.\n\n"
    "  sagactl trace 536365",
    settings, run};
