/* What services dead-lettered, as SERVICE.dlq holds it: the messages as they came, and behind
 * them, in the same topic, what became of each: redriven, or dropped and why.  Nothing is ever
 * taken out of a topic. */
#ifndef QUADRILLE_TOOLS_SAGACTL_DLQ_ENTRIES_H
#define QUADRILLE_TOOLS_SAGACTL_DLQ_ENTRIES_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/settings.h"
#include "brokers/dead_letter.h"

struct dlq_entry {
    int service;                    /* number of who dead-lettered it */
    struct dead_letter dead_letter; /* its value by dlq_value only */
    int32_t record_partition;       /* where the dead letter itself lies, in SERVICE.dlq */
    int64_t record_offset;
    const char *type;                           /* its ce_type as it came, "" when there was none */
    const char *resolution, *note, *settled_at; /* NULL: nobody settled it */
    size_t number;                              /* of the record, as they were read */
};

struct dlq_list;
struct json_object;

/* Those that the options and arguments of the command ask for, in the order of service, topic,
 * partition and offset.  NULL and `error` when the broker is unavailable, or an argument names no
 * place. */
struct dlq_list *dlq_read(const struct settings *from, const char *const *places, size_t count,
                          struct error *error);
void dlq_free(struct dlq_list *list); /* NULL is allowed */

size_t dlq_count(const struct dlq_list *list);
const struct dlq_entry *dlq_at(const struct dlq_list *list, size_t number);

/* Sees to it that the value of this one is in its dead letter; those of others may go: there may be
 * gigabytes, so some are read at a time. STATUS_UNAVAILABLE when the broker does not give them. */
enum status dlq_value(const struct settings *from, struct dlq_list *list, size_t number,
                      struct error *error);

/* "orders.commands/3/17"; and what is to be said behind it where that is no place in a topic, else
 * "". */
const char *dlq_place(const struct dlq_entry *entry, struct arena *arena);
const char *dlq_origin(const struct dlq_entry *entry);

/* The value of its first header of that name, "" when there is none, in `arena`. */
const char *dlq_header(const struct dlq_entry *entry, const char *name, struct arena *arena);

/* The key as text, with what is none of UTF-8 replaced; in `arena`. */
const char *dlq_key(const struct dlq_entry *entry, struct arena *arena);

/* As JSON, which whoever asked frees; with the value and the headers where `whole`.  What is made
 * meanwhile lives in `arena`. */
struct json_object *dlq_json(const struct dlq_entry *entry, bool whole, struct arena *arena);

#endif
