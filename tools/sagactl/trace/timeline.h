/* All messages about one order, in order of time, with what caused what. */
#ifndef QUADRILLE_TOOLS_SAGACTL_TRACE_TIMELINE_H
#define QUADRILLE_TOOLS_SAGACTL_TRACE_TIMELINE_H

#include <stdbool.h>

#include "brokers/broker.h"
#include "events/message.h"

/* One message of the order. */
struct step {
    struct message message;
    bool readable; /* the body could be decoded */
    const char *topic;
    int32_t partition;
    int64_t offset, timestamp_ms;
    size_t cause;       /* number of the step that it answers; its own when none of these is */
    int depth;          /* how many causes lie behind it */
    bool repeated;      /* the same ce_id was there before */
    bool dead_lettered; /* by a service */
    uint8_t strange;    /* NOTE_..., unless it was dead-lettered or cannot be read */
    uint64_t content;   /* of an event, see order_history.h */
    bool printed;       /* free for who follows */
    const char *body;   /* on one line */
};

struct timeline {
    const char *order_id;
    struct arena *arena; /* of all of it */
    struct decoder *decoder;
    struct step *steps;
    size_t count, capacity;
};

struct timeline *timeline_new(const char *order_id);
void timeline_free(struct timeline *timeline); /* NULL is allowed */

/* Takes in a message if it is about the order. */
void timeline_take(struct timeline *timeline, const struct incoming *incoming);

/* Puts the steps in order and finds causes and repetitions. */
void timeline_arrange(struct timeline *timeline);

/* What was emitted of the order by whose it is, and is not dead-lettered: a set of FACTs. */
uint64_t timeline_emitted(const struct timeline *timeline);

/* The first such step of that type, NULL when there is none. */
const struct step *timeline_first(const struct timeline *timeline, enum message_type type);

/* How long it took from its cause to it; -1 when that is not known. */
int64_t step_duration_ms(const struct timeline *timeline, const struct step *step);

/* "DEAD LETTER", "FORGED", "CONTRADICTS", or "". */
const char *step_mark(const struct step *step);

/* As Mermaid, or as a picture (SVG) that is readable on light and dark ground. */
void sequence_mermaid(const struct timeline *timeline);
void sequence_svg(const struct timeline *timeline);

#endif
