/* Queues of messages, each content known by a small number; the empty one is 0. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_QUEUES_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_QUEUES_H

#include <stdint.h>

#include "tests/explorer/shipped.h"

enum { QUEUE_EMPTY = 0 };

/* The queue with one more message at its end.  Ends the program when it would be too long. */
uint16_t queue_push(uint16_t queue, int kind);

/* Of a queue that is not empty. */
int queue_head(uint16_t queue);
uint16_t queue_rest(uint16_t queue);

#endif
