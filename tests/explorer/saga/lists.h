/* Lists of bytes, each content known by a small number; the empty one is 0.  A queue is a list of
 * kinds of messages. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_LISTS_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_LISTS_H

#include <stddef.h>
#include <stdint.h>

#include "tests/explorer/shipped.h"

enum { LIST_EMPTY = 0, LIST_MAX = 120 };

/* Forgets all of them. */
void lists_clear(void);

/* Ends the program when there are too many, or it is too long. */
uint16_t list_of(const uint8_t *bytes, size_t length);
const uint8_t *list_bytes(uint16_t list);
size_t list_length(uint16_t list);

/* The queue with one more message at its end, and with some more at its head. */
uint16_t queue_push(uint16_t queue, int kind);
uint16_t queue_put_back(uint16_t queue, const uint8_t *kinds, size_t kind_count);

/* Of a queue that is not empty. */
int queue_head(uint16_t queue);
uint16_t queue_rest(uint16_t queue);

#endif
