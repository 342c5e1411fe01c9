/* What a service is fed in a replay run, and in which order.
 *
 * The log tells the order of two messages of one partition, and only nearly that of others.
 * Decisions hardly depend on it, but an order is decided by the first fact that decides it: so the
 * decision that the log holds tells which fact came first.
 *
 *     struct input_order *inputs = arena_room(arena, sizeof *inputs);
 *
 *     input_order_find(log, history, SERVICE_ORDER, arena, inputs);
 *     for (size_t i = 0; i < inputs->count; i++)
 *         feed(inputs->records[i], &inputs->messages[i]); */
#ifndef QUADRILLE_HISTORY_INPUT_ORDER_H
#define QUADRILLE_HISTORY_INPUT_ORDER_H

#include "history/order_history.h"

enum { INPUTS_MAX = 256 };

struct input_order {
    const struct history_record *records[INPUTS_MAX];
    struct message messages[INPUTS_MAX]; /* made of them, as far as decisions look at them */
    size_t count;                        /* what an order has beyond INPUTS_MAX is left out */
};

/* `history` is sorted.  What the messages point to is of the history, or lives in `arena`. */
void input_order_find(const struct order_histories *log, const struct order_history *history,
                      int service, struct arena *arena, struct input_order *out);

#endif
