#include "tests/explorer/saga/queues.h"

#include <stdio.h>
#include <stdlib.h>

enum { LENGTH_MAX = 12, TYPE_BITS = 5, QUEUES_MAX = UINT16_MAX };
_Static_assert(MESSAGE_TYPES < 1 << TYPE_BITS && LENGTH_MAX * TYPE_BITS <= 60, "a content fits 60 bits, its length the rest");

struct queue {
    uint64_t content;              /* the head in the lowest bits; the length in the highest four */
    uint16_t rest;                 /* without its head */
    uint16_t longer[MESSAGE_TYPES]; /* with that message at its end; 0: not asked for yet */
};

static struct queue queues[QUEUES_MAX];
static int count = 1; /* the empty one is there */

static int length_of(uint64_t content)
{
    return (int)(content >> 60);
}

static uint64_t messages_of(uint64_t content)
{
    return content & ((UINT64_C(1) << 60) - 1);
}

static uint64_t content_push(uint64_t content, enum message_type type)
{
    int length = length_of(content);

    if (length == LENGTH_MAX) {
        fprintf(stderr, "explorer: a queue is longer than %d messages\n", LENGTH_MAX);
        exit(EXIT_FAILURE);
    }
    return (uint64_t)(length + 1) << 60 | messages_of(content) | (uint64_t)type << (TYPE_BITS * length);
}

static uint64_t content_pop(uint64_t content)
{
    return (uint64_t)(length_of(content) - 1) << 60 | messages_of(content) >> TYPE_BITS;
}

/* Contents are few, and each is looked up once a way of making it. */
static uint16_t queue_of(uint64_t content)
{
    int at = 0;

    while (at < count && queues[at].content != content)
        at++;
    if (at < count)
        return (uint16_t)at;
    if (count == QUEUES_MAX) {
        fprintf(stderr, "explorer: more than %d different queues\n", QUEUES_MAX);
        exit(EXIT_FAILURE);
    }
    queues[at].content = content;
    count++;
    queues[at].rest = queue_of(content_pop(content));
    return (uint16_t)at;
}

uint16_t queue_push(uint16_t queue, enum message_type type)
{
    if (queues[queue].longer[type] == 0) {
        uint16_t longer = queue_of(content_push(queues[queue].content, type));

        queues[queue].longer[type] = longer;
    }
    return queues[queue].longer[type];
}

enum message_type queue_head(uint16_t queue)
{
    return (enum message_type)(queues[queue].content & ((1u << TYPE_BITS) - 1));
}

uint16_t queue_rest(uint16_t queue)
{
    return queues[queue].rest;
}
