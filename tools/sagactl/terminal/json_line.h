/* JSON as sagactl prints and reads it, by json-c: one object a line, without blanks.
 *
 *     struct json_object *line = json_object_new_object();
 *
 *     json_add_text(line, "order", order_id);
 *     json_add_integer(line, "amount", amount_minor);
 *     json_line_print(line);
 *
 * Members come out in the order in which they are added.  A name is a literal, or outlives the
 * object, and is added once.  Bytes that are no UTF-8 are escaped on their way out (output.h). */
#ifndef QUADRILLE_TOOLS_SAGACTL_TERMINAL_JSON_LINE_H
#define QUADRILLE_TOOLS_SAGACTL_TERMINAL_JSON_LINE_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;

void json_add_text(struct json_object *object, const char *name, const char *text); /* or NULL */
void json_add_integer(struct json_object *object, const char *name, int64_t value);
void json_add_count(struct json_object *object, const char *name, size_t count);
void json_add_flag(struct json_object *object, const char *name, bool value);
void json_add_decimal(struct json_object *object, const char *name, double value); /* as 12.3 */

/* Texts with their names, in pairs, up to a NULL for a name. */
void json_add_texts(struct json_object *object, const char *name, ...) __attribute__((sentinel));

/* New and empty; they are the object's. */
struct json_object *json_add_object(struct json_object *object, const char *name);
struct json_object *json_add_array(struct json_object *object, const char *name);

/* An object, which is the other's from then on. */
void json_add(struct json_object *object, const char *name, struct json_object *value);
void json_append(struct json_object *array, struct json_object *value);

/* Valid JSON as it stands, which outlives the object: a body of the log keeps its digits and the
 * order of its keys. */
void json_add_as_is(struct json_object *object, const char *name, const char *json);

/* The line, without a newline; it lives as long as the object. */
const char *json_line(struct json_object *value);

/* Prints the line on standard output and frees the object. */
void json_line_print(struct json_object *object);

/* Prints a line of texts, as json_add_texts has them. */
void json_line_print_texts(const char *name, ...) __attribute__((sentinel));

/* Prints a line of one count, or, where `other` is not NULL, of two. */
void json_line_print_counts(const char *name, size_t count, const char *other, size_t more);

/* One object, strictly (see json_check.h); whoever asked frees it.  NULL and `error` when it is
 * none. */
struct json_object *json_line_read(const char *text, size_t length, struct error *error);

/* A member that is a string; NULL when there is none. */
const char *json_text(const struct json_object *object, const char *name);

/* Over many lines, indented by two; it lives as long as the object. */
const char *json_laid_out(struct json_object *value);

/* A text as JSON has it, quotes included, in `arena`. */
const char *json_quoted(const char *text, struct arena *arena);

#endif
