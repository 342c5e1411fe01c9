/* The services of this process, and what the loop keeps for each. */
#ifndef QUADRILLE_SERVICES_RUNTIME_LOCAL_H
#define QUADRILLE_SERVICES_RUNTIME_LOCAL_H

#include "services/runtime/effects.h"
#include "services/runtime/row_cache.h"
#include "services/runtime/service.h"
#include "services/runtime/sweeper.h"

struct local {
    const struct service *service;
    void *context;
    struct database *database; /* services that have the same are saved in one transaction */
    struct row_cache *cache;
    struct effects effects;
    struct sweeper sweeper;

    bool takes_part; /* in the attempt that is made, or was made last, with... */
    struct batch batch;
    struct saga **changed;
    size_t changed_count;
};

/* In the order in which they are saved. */
struct locals {
    struct local *all;
    size_t count;
};

struct hosted;
struct loop_settings;

void locals_open(struct locals *locals, const struct hosted *hosted, size_t count,
                 struct consumer *consumer, struct producer *producer,
                 const struct loop_settings *settings);
void locals_close(struct locals *locals);

/* Takes in the answers of effects that have come.  Is there any to be decided on? */
bool locals_collect(struct locals *locals);

/* As effects_start, effects_finish and so on, for all of them. */
enum status locals_start_effects(struct locals *locals, struct error *error);
void locals_finish_effects(struct locals *locals);
bool locals_at_bound(const struct locals *locals);
bool locals_are_asked(const struct locals *locals);
int locals_idle_ms(const struct locals *locals, int most_ms);

/* Is there something to be started now, while nothing that is answered is in hand? */
bool locals_begin_effects(const struct locals *locals);

/* Looks for what is overdue, where it is time to. */
enum status locals_sweep(struct locals *locals, struct error *error);

#endif
