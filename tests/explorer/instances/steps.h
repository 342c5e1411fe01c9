/* What can happen next to two instances: each goes on, dies, or loses a partition to the other. */
#ifndef QUADRILLE_TESTS_EXPLORER_INSTANCES_STEPS_H
#define QUADRILLE_TESTS_EXPLORER_INSTANCES_STEPS_H

#include <stddef.h>

#include "tests/explorer/instances/state.h"

enum { STEPS_MAX = 512 };

struct steps {
    const struct scene *scene;
    const struct without *without;
    struct state states[STEPS_MAX];
    char (*words)[160]; /* how each came to be; NULL when nobody asks */
    size_t count;
    size_t conflicts; /* writes that the fence refused */
    bool stuck;       /* nothing but a fault can happen any more */
};

struct state state_first(const struct scene *scene);

void steps_take(const struct state *state, struct steps *steps);

/* Was all said of the order that somebody waits for? */
bool scene_emitted(const struct scene *scene, const struct state *state, int order);

/* Message number `at` of the order's log, its sweeper's commands included. */
int log_at(const struct scene *scene, const struct state *state, int order, int at);
int log_length(const struct scene *scene, const struct state *state, int order);

#endif
