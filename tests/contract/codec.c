/* The codec as a filter, for the contract tests.
 *
 * Reads lines "TYPE JSON" and answers each with one line: "ok JSON", the document as message_encode
 * writes what message_decode read, or "wrong REASON".  What was encoded must decode again to the
 * same encoding; where it does not, "broken REASON". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "events/message.h"

/* "ok ...": what was read, written again. */
static void answer(struct decoder *decoder, struct arena *arena, enum message_type type,
                   const char *json, size_t length)
{
    struct buffer once = {.arena = arena}, twice = {.arena = arena};
    struct message message = {0};
    struct error error;

    if (message_decode(decoder, arena, type, json, length, &message, &error) != STATUS_OK) {
        printf("wrong %s\n", error.message);
        return;
    }
    if (message_encode_strictly(&message, &once, &error) != STATUS_OK ||
        message_decode(decoder, arena, type, once.data, once.length, &message, &error) !=
            STATUS_OK) {
        printf("broken %s\n", error.message);
        return;
    }
    if (message_encode(&message, &twice, &error) != STATUS_OK) {
        printf("broken %s\n", error.message);
        return;
    }
    printf("%s %s\n",
           once.length == twice.length && memcmp(once.data, twice.data, once.length) == 0
               ? "ok"
               : "broken",
           once.data);
}

int main(void)
{
    struct decoder *decoder = decoder_new();
    struct arena *arena = arena_new();
    enum message_type type;
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    while ((length = getline(&line, &size, stdin)) > 0) {
        char *json = strchr(line, ' ');

        if (json == NULL || line[length - 1] != '\n') {
            fprintf(stderr, "codec: a line is \"TYPE JSON\"\n");
            free(line);
            return EXIT_FAILURE;
        }
        line[length - 1] = '\0';
        *json++ = '\0';
        if (message_type_find(line, &type))
            answer(decoder, arena, type, json, (size_t)(line + length - 1 - json));
        else
            printf("wrong no message is named %s\n", line);
        fflush(stdout);
        arena_reset(arena);
    }
    free(line);
    arena_free(arena);
    decoder_free(decoder);
    return EXIT_SUCCESS;
}
