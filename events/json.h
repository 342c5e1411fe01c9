/* JSON objects that are no messages, for tools: their members, and the same text laid out for a
 * person. */
#ifndef QUADRILLE_EVENTS_JSON_H
#define QUADRILLE_EVENTS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct json;

/* One object, strictly (see json_check.h); in `arena`.  NULL and `error` when it is none. */
struct json *json_read(struct arena *arena, const char *text, size_t length, struct error *error);

/* A member that is a string; NULL when there is none. */
const char *json_text(const struct json *json, const char *name);

/* A member that is an integer; false when there is none. */
bool json_integer(const struct json *json, const char *name, int64_t *value);

/* Indented by two, in `arena`. */
const char *json_laid_out(const struct json *json, struct arena *arena);

#endif
