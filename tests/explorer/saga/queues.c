#include "tests/explorer/saga/queues.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_MAX = 23, QUEUES_MAX = UINT16_MAX };

struct content {
    uint8_t length, messages[LENGTH_MAX]; /* zero behind the last */
};

struct queue {
    struct content content;
    uint16_t rest;          /* without its head */
    uint16_t longer[KINDS]; /* with that message at its end; 0: not asked for yet */
};

static struct queue queues[QUEUES_MAX];
static int count = 1; /* the empty one is there */

/* Contents are few, and each is looked up once a way of making it. */
static uint16_t queue_of(const struct content *content)
{
    struct content rest = {.length = (uint8_t)(content->length - 1)};
    int at = 0;

    while (at < count && memcmp(&queues[at].content, content, sizeof *content) != 0)
        at++;
    if (at < count)
        return (uint16_t)at;
    if (count == QUEUES_MAX) {
        fprintf(stderr, "explorer: more than %d different queues\n", QUEUES_MAX);
        exit(EXIT_FAILURE);
    }
    queues[at].content = *content;
    count++;
    memcpy(rest.messages, content->messages + 1, rest.length);
    queues[at].rest = queue_of(&rest);
    return (uint16_t)at;
}

uint16_t queue_push(uint16_t queue, int kind)
{
    struct content longer = queues[queue].content;
    uint16_t found = queues[queue].longer[kind];

    if (found != 0)
        return found;
    if (longer.length == LENGTH_MAX) {
        fprintf(stderr, "explorer: a queue is longer than %d messages\n", LENGTH_MAX);
        exit(EXIT_FAILURE);
    }
    longer.messages[longer.length++] = (uint8_t)kind;
    found = queue_of(&longer);
    queues[queue].longer[kind] = found;
    return found;
}

int queue_head(uint16_t queue)
{
    return queues[queue].content.messages[0];
}

uint16_t queue_rest(uint16_t queue)
{
    return queues[queue].rest;
}
