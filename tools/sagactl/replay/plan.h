/* A plan of replay: what differs, and which commands fix it.  Its file is NDJSON: a head, then a
 * line each finding. */
#ifndef QUADRILLE_TOOLS_SAGACTL_REPLAY_PLAN_H
#define QUADRILLE_TOOLS_SAGACTL_REPLAY_PLAN_H

#include <stdio.h>

#include "brokers/broker.h"
#include "history/drift_check.h"
#include "tools/sagactl/command.h"

struct json_object;

struct plan {
    struct arena *arena;        /* of all that it holds */
    const char *id;             /* a UUID; marks what is published of it (ce_replayof) */
    struct position *positions; /* where the log ended when it was made */
    size_t position_count;
    struct finding *findings;
    size_t count, capacity;
};

struct plan *plan_new(void);
void plan_free(struct plan *plan);                               /* NULL is allowed */
void plan_add(struct plan *plan, const struct finding *finding); /* copies it */
/* the same, for a drift check: context is the plan */
void plan_found(void *context, const struct finding *finding);

/* One finding as JSON; whoever asked frees it. */
struct json_object *finding_json(const struct finding *finding);

/* Writes the file; STATUS_INVALID names it when that fails. */
enum status plan_write(const struct plan *plan, const char *path, struct error *error);

/* STATUS_INVALID names the line that is no plan of ours. */
struct plan *plan_read(const char *path, struct error *error);

/* A command that the plan asks for. */
struct planned_command {
    const char *order_id;
    int type;
    bool done; /* published; false at first */
};

/* All of them, each once an order and type, by their orders; they live with the plan. */
struct planned_command *plan_commands(const struct plan *plan, size_t *count);

/* Which of them it is; NULL: none. */
struct planned_command *planned_command_find(struct planned_command *planned_commands, size_t count,
                                             const char *order_id, int type);

/* `replay plan` and `replay apply`. */
enum exit_code replay_plan(const struct settings *from, const char *const *arguments, size_t count);
enum exit_code replay_apply(const struct settings *from, const char *const *arguments,
                            size_t count);

/* `replay rebuild`, see rebuild.c. */
enum exit_code replay_rebuild(const struct settings *from, const char *const *arguments,
                              size_t count);

#endif
