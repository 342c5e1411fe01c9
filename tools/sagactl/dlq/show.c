#include "tools/sagactl/dlq/show.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "events/message.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

enum { AROUND = 36, DEPTH_MAX = 20, NAME_MAX_BYTES = 100 };

static void headers_print(const struct dlq_entry *entry, struct arena *arena)
{
    for (size_t i = 0; i < entry->dead_letter.header_count; i++) {
        const struct header *header = &entry->dead_letter.headers[i];
        line_say(stdout, "  %-20s %s", header->name,
                 json_quoted(header->value == NULL ? "" : header->value, arena));
    }
    if (entry->dead_letter.headers_left_out > 0)
        printf("  (%zu further headers were not kept)\n", entry->dead_letter.headers_left_out);
}

/* The bytes around the one that is wrong, which is marked below; what is not printable is shown as
 * a dot. */
static void byte_print(const struct dlq_entry *entry, size_t at)
{
    size_t from = at > AROUND ? at - AROUND : 0, to = at + AROUND < entry->dead_letter.value_length
                                                          ? at + AROUND
                                                          : entry->dead_letter.value_length;

    printf("  %s", from > 0 ? "..." : "");
    for (size_t i = from; i < to; i++)
        putchar(isprint((unsigned char)entry->dead_letter.value[i]) ? entry->dead_letter.value[i]
                                                                    : '.');
    printf("%s\n  %*s%s^%s byte %zu of %zu\n", to < entry->dead_letter.value_length ? "..." : "",
           (int)(at - from) + (from > 0 ? 3 : 0), "", colour_bad(), colour_off(), at,
           entry->dead_letter.value_length);
}

/* Where a laid-out document is, a line after the other: the path to what stands on the line, as the
 * decoder spells it. */
struct path {
    char names[DEPTH_MAX][NAME_MAX_BYTES];
    int elements[DEPTH_MAX]; /* of an array so far; -1: an object */
};

static void path_text(const struct path *path, int depth, char *out, size_t size)
{
    size_t length = 0;

    out[0] = '\0';
    for (int i = 1; i <= depth; i++)
        length +=
            (size_t)snprintf(out + length, length < size ? size - length : 0, "%s%s",
                             path->names[i][0] == '[' || length == 0 ? "" : ".", path->names[i]);
}

/* Takes a line in; false for one that only closes something. */
static bool path_step(struct path *path, const char *line, size_t length, int *depth)
{
    size_t indent = strspn(line, " ");
    const char *text = line + indent, *key_end;

    *depth = (int)(indent / 2);
    if (*depth >= DEPTH_MAX - 1 || length <= indent || *text == '}' || *text == ']')
        return false;
    if (*depth > 0 && path->elements[*depth - 1] >= 0)
        snprintf(path->names[*depth], NAME_MAX_BYTES, "[%d]", path->elements[*depth - 1]++);
    else if (*text == '"' && (key_end = strstr(text, "\": ")) != NULL)
        snprintf(path->names[*depth], NAME_MAX_BYTES, "%.*s", (int)(key_end - text - 1), text + 1);
    path->elements[*depth] = line[length - 1] == '[' ? 0 : -1;
    return true;
}

static void json_print(const char *text, const char *field)
{
    struct path path = {.elements = {-1}};
    char where[600];
    int depth;

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        bool wrong = path_step(&path, text, length, &depth) && field != NULL;

        if (wrong) {
            path_text(&path, depth, where, sizeof where);
            wrong = strcmp(where, field) == 0;
        }
        printf("  %s%.*s%s%s\n", wrong ? colour_bad() : "", (int)length, text, colour_off(),
               wrong ? "   <-- this" : "");
        text += length + (text[length] == '\n');
    }
}

/* The field that the decoder refuses, in `arena`; NULL when it is about no single one. */
static const char *field_of(const struct dlq_entry *entry, struct arena *arena)
{
    struct decoder *decoder = decoder_new();
    struct message message = {0};
    const char *field = NULL;
    enum message_type type;
    struct error error;

    if (message_type_find(entry->type, &type) &&
        message_decode(decoder, arena, type, entry->dead_letter.value,
                       entry->dead_letter.value_length, &message, &error) != STATUS_OK &&
        decoder_field(decoder) != NULL)
        field = arena_copy(arena, decoder_field(decoder), strlen(decoder_field(decoder)));
    decoder_free(decoder);
    return field;
}

static void value_print(const struct dlq_entry *entry, struct arena *arena)
{
    struct error error;
    struct json_object *json;
    const char *byte;

    if (entry->dead_letter.value_left_out) {
        printf("  (a value of %zu bytes, too large to be kept, SHA-256 %s)\n",
               entry->dead_letter.value_length,
               entry->dead_letter.sha256 == NULL ? "unknown" : entry->dead_letter.sha256);
        return;
    }
    if (entry->dead_letter.value == NULL) {
        printf("  (no value)\n");
        return;
    }
    json = json_line_read(entry->dead_letter.value, entry->dead_letter.value_length, &error);
    if (json != NULL) {
        json_print(json_laid_out(json), field_of(entry, arena));
        json_object_put(json);
        return;
    }
    byte = strstr(error.message, "byte ");
    byte_print(entry, byte == NULL ? 0 : (size_t)strtoull(byte + strlen("byte "), NULL, 10));
}

enum exit_code dlq_show(const struct settings *from, struct dlq_list *dead_letters)
{
    struct arena *arena = arena_new();
    enum status status = STATUS_OK;
    struct error error;

    for (size_t i = 0; i < dlq_count(dead_letters) &&
                       (status = dlq_value(from, dead_letters, i, &error)) == STATUS_OK;
         i++) {
        const struct dlq_entry *one = dlq_at(dead_letters, i);

        if (settings_flag(from, "json")) {
            json_line_print(dlq_json(one, true, arena));
        } else {
            printf("%s%s%s, dead-lettered by %s at %s\n", i > 0 ? "\n" : "", dlq_place(one, arena),
                   dlq_origin(one), catalog[one->service].name, one->dead_letter.at);
            printf("%s%s%s\n", colour_bad(), json_quoted(one->dead_letter.error, arena),
                   colour_off());
            if (one->resolution != NULL)
                printf("%s %s%s%s\n", one->resolution, one->settled_at,
                       *one->note != '\0' ? ": " : "", one->note);
            headers_print(one, arena);
            value_print(one, arena);
        }
        arena_reset(arena);
    }
    if (dlq_count(dead_letters) == 0 && !settings_flag(from, "json"))
        printf("there are no dead letters\n");
    arena_free(arena);
    if (status != STATUS_OK)
        return command_fail(&error);
    return dlq_count(dead_letters) > 0 ? EXIT_FOUND : EXIT_FINE;
}
