/* What services set aside, as SERVICE.parked holds it: the messages as they came, and behind them, in the same topic, what became of
 * each: given back, or dropped and why.  Nothing is ever taken out of a topic. */
#ifndef QUADRILLE_TOOLS_SAGACTL_PARKED_RECORD_H
#define QUADRILLE_TOOLS_SAGACTL_PARKED_RECORD_H

#include <stdbool.h>

#include "brokers/broker.h"
#include "events/buffer.h"
#include "services/program/settings.h"

struct parked {
    int service;                 /* number of who parked it */
    const char *topic;           /* where it came from: its identity, with the next two */
    int32_t partition;
    int64_t offset;
    const char *at;              /* when it was parked, RFC 3339 */
    const char *key, *type;      /* "" when there was none */
    const char *reason, *error;  /* "envelope" or "message"; what is wrong */
    struct header *headers;      /* as it came, without those that say why it was parked */
    size_t header_count;
    const char *value;           /* NULL: it had none */
    size_t value_length;
    const char *resolution, *note, *settled_at; /* NULL: it is still set aside */
    size_t number;               /* of the record, as they were read */
};

struct parked_list;

/* Those that the options and arguments of the command ask for, in the order of service, topic, partition and offset.  NULL and
 * `error` when the broker is away, or an argument names no place. */
struct parked_list *parked_read(const struct settings *from, const char *const *places, size_t count, struct error *error);
void parked_free(struct parked_list *list); /* NULL is allowed */

size_t parked_count(const struct parked_list *list);
const struct parked *parked_at(const struct parked_list *list, size_t number);

/* "orders.commands/3/17" */
const char *parked_place(const struct parked *parked, struct arena *arena);

/* As a JSON object; with the value and the headers where `whole`. */
void parked_encode(const struct parked *parked, bool whole, struct buffer *out);

#endif
