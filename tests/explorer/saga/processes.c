#include "tests/explorer/saga/processes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explorer/saga/lists.h"

/* Which service reads which topic: one queue each. */
static const struct {
    enum who who;
    const char *topic;
} readings[READINGS] = {
    {ORDER, "orders.commands"}, {ORDER, "order.internal"}, {ORDER, "payments"},
    {ORDER, "inventory"},       {ORDER, "emails"},         {PAYMENT, "payment.internal"},
    {PAYMENT, "orders"},        {PAYMENT, "inventory"},    {INVENTORY, "orders"},
    {INVENTORY, "payments"},    {EMAIL, "orders"},         {EMAIL, "email.internal"},
};

static const char *const service_names[SERVICES] = {"order", "payment", "inventory", "email"};
static const char *const emitted_to[SERVICES] = {"orders", "payments", "inventory", "emails"};

static struct processes processes;
static bool is_handed[READINGS];
static int holders[SERVICES];

/* The readings that a type goes to. */
static struct {
    int count, list[SERVICES];
} readers[KINDS];

/* Of the types that are handed over by somebody: the bit in world.logged. */
static uint16_t log_bits[MESSAGE_TYPES];

/* ---- read ---- */

static int service_find(const char *name, size_t length)
{
    int who = 0;

    while (who < SERVICES &&
           (strlen(service_names[who]) != length || strncmp(service_names[who], name, length) != 0))
        who++;
    return who;
}

/* The first who is in the same group. */
static enum who first_of(const int group[SERVICES], int who)
{
    int first = 0;

    while (group[first] != group[who])
        first++;
    return (enum who)first;
}

/* Those that ask the outside, and those that hand over between databases, hold what they took. */
static bool holders_find(const struct processes *of, int found[SERVICES])
{
    int count = 0;

    for (int process = 0; process < SERVICES; process++) {
        bool holds = false;

        for (int who = 0; who < SERVICES; who++)
            holds =
                holds || ((int)of->process_of[who] == process &&
                          (who == PAYMENT || who == EMAIL || (int)of->database_of[who] != process));
        found[process] = holds ? count++ : CALLERS;
    }
    return count <= CALLERS;
}

bool processes_read(const char *text, struct processes *out)
{
    int process[SERVICES], database[SERVICES], found[SERVICES];
    int process_group = SERVICES, group = SERVICES;
    const char *at = text;

    for (int who = 0; who < SERVICES; who++)
        process[who] = database[who] = who;
    while (*text != '\0') {
        const size_t length = strcspn(at, "+/,");
        const int who = service_find(at, length);

        if (who == SERVICES || process[who] >= SERVICES)
            return false;
        process[who] = process_group;
        database[who] = group;
        at += length;
        if (*at == '\0')
            break;
        if (*at != '+')
            group++;
        if (*at == ',')
            process_group = group;
        at++;
    }
    out->name = text;
    for (int who = 0; who < SERVICES; who++) {
        out->process_of[who] = first_of(process, who);
        out->database_of[who] = first_of(database, who);
    }
    return holders_find(out, found);
}

/* ---- start ---- */

static bool hosts_reader(enum who emitter, enum message_type type)
{
    for (int who = 0; who < SERVICES; who++)
        if (process_of((enum who)who) == process_of(emitter) && who != (int)emitter &&
            shipped_consumes((enum who)who, type))
            return true;
    return false;
}

static enum who emitter_of(const char *topic)
{
    int who = 0;

    while (who < SERVICES && strcmp(emitted_to[who], topic) != 0)
        who++;
    return (enum who)who;
}

static void log_start(void)
{
    int count = 0;

    memset(log_bits, 0, sizeof log_bits);
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        const enum who emitter = emitter_of(message_topic((enum message_type)type));

        if (emitter == SERVICES || !hosts_reader(emitter, (enum message_type)type))
            continue;
        if (count == 16) {
            fprintf(stderr, "explorer: more than 16 types are handed over\n");
            exit(EXIT_FAILURE);
        }
        log_bits[type] = (uint16_t)(1u << count++);
    }
}

void processes_start(const struct processes *now)
{
    processes = *now;
    holders_find(now, holders);
    memset(readers, 0, sizeof readers);
    for (int i = 0; i < READINGS; i++) {
        const enum who emitter = emitter_of(readings[i].topic);

        is_handed[i] = emitter != SERVICES && process_of(emitter) == process_of(readings[i].who);
    }
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; kind != NO_KIND && i < READINGS; i++)
            if (strcmp(readings[i].topic, message_topic(type_of(kind))) == 0 &&
                shipped_consumes(readings[i].who, type_of(kind)))
                readers[kind].list[readers[kind].count++] = i;
    log_start();
}

enum who process_of(enum who who)
{
    return processes.process_of[who];
}

enum who database_of(enum who who)
{
    return processes.database_of[who];
}

int holder_of(enum who process)
{
    return holders[process];
}

enum who reading_service(int reading)
{
    return readings[reading].who;
}

bool reading_is_handed(int reading)
{
    return is_handed[reading];
}

int reading_within(enum who who, enum who by, int kind)
{
    for (int i = 0; i < readers[kind].count; i++) {
        const int reading = readers[kind].list[i];

        if (readings[reading].who == who && is_handed[reading] &&
            database_of(who) == database_of(by))
            return reading;
    }
    return READINGS;
}

/* ---- handed over ---- */

/* A reading, whether it is the old instance's, and the kind. */
enum { PAIR = 2, OLD = 0x80 };

static bool is_of(uint8_t pair, enum who process, bool orphan)
{
    return process_of(readings[pair & ~OLD].who) == process && ((pair & OLD) != 0) == orphan;
}

enum who handed_database(const struct world *world, enum who process, bool orphan)
{
    const uint8_t *pairs = list_bytes(world->handed);

    for (size_t i = 0; i < list_length(world->handed); i += PAIR)
        if (is_of(pairs[i], process, orphan))
            return database_of(readings[pairs[i] & ~OLD].who);
    return SERVICES;
}

int handed_take(struct world *world, enum who database, bool orphan, int *kind)
{
    uint8_t pairs[LIST_MAX];
    const size_t length = list_length(world->handed);
    size_t at = 0;
    int reading;

    memcpy(pairs, list_bytes(world->handed), length);
    while (at < length && (!is_of(pairs[at], process_of(database), orphan) ||
                           database_of(readings[pairs[at] & ~OLD].who) != database))
        at += PAIR;
    if (at == length)
        return READINGS;
    reading = pairs[at] & ~OLD;
    *kind = pairs[at + 1];
    memmove(pairs + at, pairs + at + PAIR, length - at - PAIR);
    world->handed = list_of(pairs, length - PAIR);
    return reading;
}

void handed_forget(struct world *world, enum who process, bool orphan)
{
    const size_t length = list_length(world->handed);
    uint8_t pairs[LIST_MAX];
    size_t kept = 0;

    memcpy(pairs, list_bytes(world->handed), length);
    for (size_t i = 0; i < length; i += PAIR) {
        if (is_of(pairs[i], process, orphan))
            continue;
        memmove(pairs + kept, pairs + i, PAIR);
        kept += PAIR;
    }
    world->handed = list_of(pairs, kept);
}

void handed_move(struct world *world, enum who process)
{
    const size_t length = list_length(world->handed);
    uint8_t pairs[LIST_MAX];

    memcpy(pairs, list_bytes(world->handed), length);
    for (size_t i = 0; i < length; i += PAIR)
        if (is_of(pairs[i], process, false))
            pairs[i] |= OLD;
    world->handed = list_of(pairs, length);
}

/* ---- emitted ---- */

void world_say(struct world *world, int kind)
{
    for (int i = 0; i < readers[kind].count; i++) {
        uint16_t *queue = &world->queue[readers[kind].list[i]];

        if (!is_handed[readers[kind].list[i]])
            *queue = queue_push(*queue, kind);
    }
}

void world_publish(struct world *world, int kind, bool lost, const struct without *without)
{
    if (without->log && log_bits[kind] != 0)
        return;
    world->logged |= log_bits[kind];
    if (!lost)
        world_say(world, kind);
}

void world_hand_over(struct world *world, enum who who, bool orphan, int kind)
{
    uint8_t pairs[LIST_MAX + PAIR];
    size_t length = list_length(world->handed);

    memcpy(pairs, list_bytes(world->handed), length);
    for (int i = 0; i < readers[kind].count && length < LIST_MAX; i++) {
        const int reading = readers[kind].list[i];

        if (!is_handed[reading] || database_of(readings[reading].who) == database_of(who))
            continue;
        pairs[length++] = (uint8_t)(reading | (orphan ? OLD : 0));
        pairs[length++] = (uint8_t)kind;
    }
    world->handed = list_of(pairs, length);
}

enum message_type world_unlogged(const struct world *world)
{
    for (int type = 0; type < MESSAGE_TYPES; type++)
        for (int who = 0; log_bits[type] != 0 && who < SERVICES; who++)
            if ((world->logged & log_bits[type]) == 0 &&
                (row_facts((enum who)who, world->row[who]) & FACT(type)) != 0)
                return (enum message_type)type;
    return MESSAGE_TYPES;
}
