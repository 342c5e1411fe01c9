/* Dead letters: what a service can never process, as SERVICE.dlq keeps it.
 *
 * The last resort must not fail, so a dead letter has a bounded size whatever came, far below the
 * max.message.bytes of its topic:
 *
 *     dlq_reason           envelope (a header is wrong) or message (its body, or what the database
 *                          says of it)
 *     dlq_error            what is wrong, one line
 *     dlq_topic, dlq_partition, dlq_offset     where it lies: its identity; of an event that was
 *     handed over inside a process, before it lay in the log, the partition is -1 and the offset
 *     its event_number
 *     dlq_at               when
 *     dlq_value_bytes, dlq_value_sha256           of its value as it came; neither of a message
 *     without one
 *     dlq_key_bytes        of its key as it came, where that was longer than DEAD_LETTER_KEY_MAX
 *                          and is cut
 *     dlq_headers_left_out how many of its headers are not here, being too many or too large
 *     ...                     its own headers, in their order
 *
 * The value is there as it came, up to DEAD_LETTER_VALUE_MAX; a longer one is left out.  Our
 * headers come first, and a stranger's of that prefix goes as orig_dlq_..., so that nothing a
 * producer wrote reads as ours.
 *
 * What became of a dead letter is a record of the same topic without dlq_reason and without value:
 * dlq_resolution, the place, dlq_at and dlq_note.  No service writes one, and nothing that a
 * service dead-letters reads as one. */
#ifndef QUADRILLE_BROKERS_DEAD_LETTER_H
#define QUADRILLE_BROKERS_DEAD_LETTER_H

#include <stdbool.h>

#include "base/arena.h"
#include "brokers/broker.h"

enum {
    DEAD_LETTER_VALUE_MAX = 1040 * 1024, /* more than any message that a service takes or emits */
    DEAD_LETTER_KEY_MAX = 1024,
    DEAD_LETTER_HEADERS_MAX = 128, /* of the message's own... */
    /* ...and their names and values together; those that the envelope has go first */
    DEAD_LETTER_HEADER_BYTES_MAX = 32 * 1024
};

enum { HANDED_OVER = -1 }; /* in place of a partition */

struct dead_letter {
    const char *reason, *error;
    const char *topic;
    int32_t partition; /* or HANDED_OVER */
    int64_t offset;
    const char *at;  /* RFC 3339 */
    const void *key; /* NULL: it had none */
    size_t key_length;
    struct header *headers; /* as they came, but for those that were left out */
    size_t header_count, headers_left_out;
    /* in the record, not copied; NULL: it had none, or it is left out */
    const char *value;
    bool value_left_out;
    size_t value_length; /* as it came, here or not */
    /* of the value; NULL where there was none */
    const char *sha256;
};

/* What is sent for a message that was taken at `now_us`.  Points into `arena` and the message. */
struct outgoing dead_letter_write(const char *service, const struct incoming *message,
                                  const char *reason, const char *error, int64_t now_us,
                                  struct arena *arena);

/* Reads a record of such a topic, into `arena`.  Whatever is no dead letter of a service (some
 * producer wrote it there, which the topic's ACL should forbid) counts as a dead letter too, whose
 * place is its own. */
void dead_letter_read(const struct incoming *record, struct arena *arena,
                      struct dead_letter *dead_letter);

/* Does the record say what became of a dead letter?  Then of `dead_letter` place and key are
 * filled, and `at`. */
bool dead_letter_is_resolution(const struct incoming *record, struct arena *arena,
                               struct dead_letter *dead_letter, const char **resolution,
                               const char **note);

#endif
