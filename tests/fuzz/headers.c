/* Fuzzes the reading of headers.  The input is a list of: a byte that chooses the name, a byte that
 * is the length of the value (255: a header without a value), the value.  What is taken is written
 * so that it reads the same again. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "events/envelope.h"

enum { HEADERS_MAX = 24, NO_VALUE = 255 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t headers_make(struct arena *arena, const uint8_t *data, size_t size,
                           struct header *headers)
{
    static const char *const names[] = {"ce_id",
                                        "ce_type",
                                        "ce_source",
                                        "ce_subject",
                                        "ce_flow",
                                        "ce_causationid",
                                        "ce_correlationid",
                                        "ce_replayof",
                                        "traceparent",
                                        "ce_time",
                                        "ce_specversion",
                                        "content-type",
                                        "",
                                        "CE_ID",
                                        "x"};
    size_t count = 0, at = 0;

    while (count < HEADERS_MAX && at + 2 <= size) {
        size_t length = data[at + 1];

        headers[count] =
            (struct header){.name = names[data[at] % (sizeof names / sizeof names[0])]};
        at += 2;
        if (length != NO_VALUE) {
            char *value = arena_alloc(arena, size);

            length = length < size - at ? length : size - at;
            memcpy(value, data + at, length);
            headers[count].value = value;
            headers[count].length = length;
            at += length;
        }
        count++;
    }
    return count;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_envelope(const struct envelope *a, const struct envelope *b)
{
    return same(a->id, b->id) && same(a->type, b->type) && same(a->source, b->source) &&
           same(a->subject, b->subject) && same(a->flow, b->flow) &&
           same(a->causation_id, b->causation_id) && same(a->correlation_id, b->correlation_id) &&
           same(a->replay_of, b->replay_of) && same(a->trace_parent, b->trace_parent) &&
           a->time_us == b->time_us;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *arena;
    struct header headers[HEADERS_MAX], written[ENVELOPE_HEADERS_MAX];
    struct envelope envelope, again;
    struct error error;
    size_t count;

    if (arena == NULL)
        arena = arena_new();
    count = headers_make(arena, data, size, headers);
    if (envelope_decode(arena, headers, count, &envelope, &error) == STATUS_OK) {
        count = envelope_encode(arena, &envelope, written);
        if (envelope_decode(arena, written, count, &again, &error) != STATUS_OK ||
            !same_envelope(&envelope, &again)) {
            fprintf(stderr, "fuzz: an envelope is not read as it was written\n");
            abort();
        }
    }
    arena_reset(arena);
    return 0;
}
