/* What services set aside, as SERVICE.parked holds it: the messages as they came, and behind them, in the same topic, what became of
 * each: given back, or dropped and why.  Nothing is ever taken out of a topic. */
#ifndef QUADRILLE_TOOLS_SAGACTL_PARKED_RECORD_H
#define QUADRILLE_TOOLS_SAGACTL_PARKED_RECORD_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/settings.h"
#include "brokers/dead_letter.h"

struct parked {
    int service;                 /* number of who parked it */
    struct dead_letter letter;   /* its value by parked_value only */
    int32_t record_partition;    /* where the letter itself lies, in SERVICE.parked */
    int64_t record_offset;
    const char *type;            /* its ce_type as it came, "" when there was none */
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

/* Sees to it that the value of this one is in its letter; those of others may go: there may be gigabytes, so some are read at a time.
 * STATUS_AWAY when the broker does not give them. */
enum status parked_value(const struct settings *from, struct parked_list *list, size_t number, struct error *error);

/* "orders.commands/3/17" */
const char *parked_place(const struct parked *parked, struct arena *arena);

/* The value of its first header of that name, "" when there is none, in `arena`. */
const char *parked_header(const struct parked *parked, const char *name, struct arena *arena);

/* The key as text, with what is none of UTF-8 replaced; in `arena`. */
const char *parked_key(const struct parked *parked, struct arena *arena);

/* As a JSON object; with the value and the headers where `whole`. */
void parked_encode(const struct parked *parked, bool whole, struct buffer *out);

#endif
