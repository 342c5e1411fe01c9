/* Which services share a process, and which of those a database.
 *
 * Within a database an event goes round inside a batch.  To a service of the process with another
 * database it is handed over once the row that it follows from is committed and it is published:
 * that service decides it in a transaction of its own, a hop.  A process does not read the topics
 * whose only emitter it hosts: what it knows of them, it was handed over. */
#ifndef QUADRILLE_TESTS_EXPLORER_SAGA_PROCESSES_H
#define QUADRILLE_TESTS_EXPLORER_SAGA_PROCESSES_H

#include <stdbool.h>

#include "tests/explorer/saga/world.h"

/* A process or a database is called by the first of its services. */
struct processes {
    const char *name; /* as it was read */
    enum who process_of[SERVICES], database_of[SERVICES];
};

/* Processes are divided by commas, in each its databases by slashes, in each its services by plus
 * signs; what is not named has a process of its own.  False when it cannot be read, or when more
 * than CALLERS processes have something to hold. */
bool processes_read(const char *text, struct processes *processes);

/* From now on the services are divided like that, and orders are of the flow that
 * shipped_consumes knows. */
void processes_start(const struct processes *now);

enum who process_of(enum who who);
enum who database_of(enum who who);

/* The number of what the process holds in world.taken and world.orphaned; CALLERS: nothing ever. */
int holder_of(enum who process);

enum who reading_service(int reading);

/* Is the reader handed over what is in that topic, by its own process? */
bool reading_is_handed(int reading);

/* The reading by which a service of the same database takes what `who` emits; READINGS: none. */
int reading_within(enum who who, enum who by, int kind);

/* Whose turn it is in a process that goes on in the same pass with what was handed over, or in the
 * one that lost its partition; SERVICES: nothing was. */
enum who handed_database(const struct world *world, enum who process, bool orphan);

/* Takes the oldest that was handed over to that database: the reading that it is for, READINGS when
 * there is no more. */
int handed_take(struct world *world, enum who database, bool orphan, int *kind);

/* What was handed over is gone with the process; or it is the old instance that goes on with it. */
void handed_forget(struct world *world, enum who process, bool orphan);
void handed_move(struct world *world, enum who process);

/* Puts a message where all who read it from its topic will find it. */
void world_say(struct world *world, int kind);

/* An event is acknowledged; all but the broker may take it for published when it is lost. */
void world_publish(struct world *world, int kind, bool lost, const struct without *without);

/* An event of `who` goes to those of its process that have another database. */
void world_hand_over(struct world *world, enum who who, bool orphan, int kind);

/* A type that some row knows although nobody published it; MESSAGE_TYPES: none. */
enum message_type world_unlogged(const struct world *world);

#endif
