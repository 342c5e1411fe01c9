#include "tools/sagactl/trace/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "history/describe.h"
#include "history/order_history.h"
#include "brokers/dead_letter.h"
#include "brokers/topics.h"

enum { DEPTH_MAX = 16 };

struct timeline *timeline_new(const char *order_id)
{
    struct timeline *timeline = calloc(1, sizeof *timeline);

    if (timeline == NULL)
        abort();
    timeline->arena = arena_new();
    timeline->decoder = decoder_new();
    timeline->order_id = arena_copy(timeline->arena, order_id, strlen(order_id));
    return timeline;
}

void timeline_free(struct timeline *timeline)
{
    if (timeline == NULL)
        return;
    arena_free(timeline->arena);
    decoder_free(timeline->decoder);
    free(timeline->steps);
    free(timeline);
}

/* Most messages are about other orders: their keys tell, without more ado. */
static bool is_about(const struct timeline *timeline, const struct incoming *incoming)
{
    size_t length = strlen(timeline->order_id);

    if (incoming->key_length == length && memcmp(incoming->key, timeline->order_id, length) == 0)
        return true;
    for (size_t i = 0; i < incoming->header_count; i++)
        if (strcmp(incoming->headers[i].name, "ce_subject") == 0)
            return incoming->headers[i].length == length &&
                   memcmp(incoming->headers[i].value, timeline->order_id, length) == 0;
    return false;
}

static struct step *room_for_one(struct timeline *timeline)
{
    timeline->steps =
        array_grow(timeline->steps, timeline->count, &timeline->capacity, sizeof *timeline->steps);
    return &timeline->steps[timeline->count];
}

/* What became of a dead letter is no message of the order. */
static bool is_resolution(const struct timeline *timeline, const struct incoming *incoming)
{
    const struct arena_mark before = arena_mark(timeline->arena);
    const char *resolution, *note;
    struct dead_letter dead_letter;
    bool is =
        topic_holds_dead_letters(incoming->topic) &&
        dead_letter_is_resolution(incoming, timeline->arena, &dead_letter, &resolution, &note);

    arena_rewind(timeline->arena, before);
    return is;
}

void timeline_take(struct timeline *timeline, const struct incoming *incoming)
{
    struct step *step;
    struct error error;
    enum message_type type;
    bool known;

    if (!is_about(timeline, incoming) || is_resolution(timeline, incoming))
        return;
    step = room_for_one(timeline);
    *step = (struct step){.partition = incoming->partition,
                          .offset = incoming->offset,
                          .timestamp_ms = incoming->timestamp_ms};
    if (envelope_decode(timeline->arena, incoming->headers, incoming->header_count,
                        &step->message.envelope, &error) != STATUS_OK)
        step->message.envelope = (struct envelope){.type = "(headers cannot be read)"};
    known = message_type_find(step->message.envelope.type, &type);
    step->topic = arena_copy(timeline->arena, incoming->topic, strlen(incoming->topic));
    step->dead_lettered = topic_holds_dead_letters(step->topic);
    step->readable =
        known && message_decode(timeline->decoder, timeline->arena, type, incoming->value,
                                incoming->value_length, &step->message, &error) == STATUS_OK;
    step->message.type = known ? type : MESSAGE_TYPES;
    if (step->readable && !step->dead_lettered) {
        step->strange = message_strangeness(incoming, &step->message);
        step->content = event_content(incoming, &step->message.envelope);
    }
    step->body = describe_body(incoming, timeline->arena);
    timeline->count++;
}

/* ---- causes ---- */

static bool is_cause(const struct step *step, const struct step *of)
{
    return step != of && step->message.envelope.id != NULL &&
           of->message.envelope.causation_id != NULL && !step->dead_lettered &&
           strcmp(step->message.envelope.id, of->message.envelope.causation_id) == 0;
}

/* Of several that say the same the first one; of a repeated word the last one that came before
 * it. */
static size_t cause_of(const struct timeline *timeline, size_t number)
{
    size_t cause = number;

    for (size_t i = 0; i < timeline->count; i++)
        if (is_cause(&timeline->steps[i], &timeline->steps[number]) &&
            (cause == number ||
             timeline->steps[i].timestamp_ms <= timeline->steps[number].timestamp_ms))
            cause = i;
    return cause;
}

static void depths_find(struct timeline *timeline)
{
    for (size_t i = 0; i < timeline->count; i++)
        timeline->steps[i].cause = cause_of(timeline, i);
    for (size_t i = 0; i < timeline->count; i++) {
        timeline->steps[i].depth = 0;
        for (size_t at = i; timeline->steps[at].cause != at && timeline->steps[i].depth < DEPTH_MAX;
             at = timeline->steps[at].cause)
            timeline->steps[i].depth++;
    }
}

/* The broker's clock has milliseconds, which several steps share: within one, causes come before
 * what they caused. */
static int by_time(const void *a, const void *b)
{
    const struct step *left = a, *right = b;

    if (left->timestamp_ms != right->timestamp_ms)
        return left->timestamp_ms < right->timestamp_ms ? -1 : 1;
    if (left->depth != right->depth)
        return left->depth - right->depth;
    return strcmp(left->topic, right->topic) != 0 ? strcmp(left->topic, right->topic)
           : left->offset < right->offset         ? -1
                                                  : 1;
}

static bool has_same_id(const struct step *step, const struct step *other)
{
    const char *id = step->message.envelope.id, *others = other->message.envelope.id;

    return id != NULL && others != NULL && strcmp(id, others) == 0;
}

/* Does it say something else than all events of its id, in its topic, before it?  A command may be
 * sent again with another content, and is refused then; dead letters may be given back by another
 * topic. */
static bool contradicts(const struct timeline *timeline, size_t number)
{
    const struct step *step = &timeline->steps[number];
    bool others = false;

    if (!step->readable || step->dead_lettered || message_emitter(step->message.type) == NULL)
        return false;
    for (size_t i = 0; i < number; i++) {
        const struct step *other = &timeline->steps[i];

        if (!other->readable || other->message.type != step->message.type ||
            strcmp(other->topic, step->topic) != 0 || !has_same_id(step, other))
            continue;
        if (other->content == step->content &&
            other->message.envelope.time_us == step->message.envelope.time_us)
            return false;
        others = true;
    }
    return others;
}

void timeline_arrange(struct timeline *timeline)
{
    if (timeline->count == 0)
        return;
    depths_find(timeline);
    qsort(timeline->steps, timeline->count, sizeof *timeline->steps, by_time);
    depths_find(timeline);
    for (size_t i = 0; i < timeline->count; i++) {
        struct step *step = &timeline->steps[i];

        step->repeated = false;
        for (size_t j = 0; j < i; j++)
            step->repeated = step->repeated || has_same_id(step, &timeline->steps[j]);
        step->strange = (uint8_t)((step->strange & ~RECORD_CHANGED) |
                                  (contradicts(timeline, i) ? RECORD_CHANGED : 0));
    }
}

/* ---- what it comes to ---- */

uint64_t timeline_emitted(const struct timeline *timeline)
{
    uint64_t emitted = 0;

    for (size_t i = 0; i < timeline->count; i++)
        if (!timeline->steps[i].dead_lettered && timeline->steps[i].strange == 0)
            emitted |= FACT(timeline->steps[i].message.type);
    return emitted;
}

const struct step *timeline_first(const struct timeline *timeline, enum message_type type)
{
    for (size_t i = 0; i < timeline->count; i++)
        if (timeline->steps[i].message.type == type && !timeline->steps[i].dead_lettered &&
            timeline->steps[i].strange == 0)
            return &timeline->steps[i];
    return NULL;
}

const char *step_mark(const struct step *step)
{
    return step->dead_lettered                      ? "DEAD LETTER"
           : (step->strange & ~RECORD_CHANGED) != 0 ? "FORGED"
           : step->strange != 0                     ? "CONTRADICTS"
                                                    : "";
}

int64_t step_duration_ms(const struct timeline *timeline, const struct step *step)
{
    const struct step *cause = &timeline->steps[step->cause];

    return cause == step ? -1 : step->timestamp_ms - cause->timestamp_ms;
}
