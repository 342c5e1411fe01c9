/* Whatever came, its dead letter has a bounded size and tells the place, the reason, and the value
 * or its length and digest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "brokers/dead_letter.h"
#include "tests/unit/suites.h"

enum { ROUNDS = 3000, HEADERS_MAX = 300 };

static struct arena *arena;

static void setup(void)
{
    arena = arena_new();
}

static void teardown(void)
{
    arena_free(arena);
}

/* What the broker keeps of what was sent, as a reader gets it. */
static struct incoming stored(const struct outgoing *sent)
{
    return (struct incoming){.topic = sent->topic,
                             .partition = 1,
                             .offset = 77,
                             .key = sent->key,
                             .key_length = sent->key_length,
                             .value = sent->value,
                             .value_length = sent->value_length,
                             .headers = (struct header *)(uintptr_t)sent->headers,
                             .header_count = sent->header_count};
}

static size_t size_of(const struct outgoing *sent)
{
    size_t size = sent->key_length + sent->value_length;

    for (size_t i = 0; i < sent->header_count; i++)
        size += strlen(sent->headers[i].name) + sent->headers[i].length;
    return size;
}

/* ---- a stranger's message ---- */

static size_t below(size_t most)
{
    return (size_t)rand() % most;
}

/* Names of ours, such as became of them, attributes, and anything else; values that look like
 * ours. */
static struct header odd_header(void)
{
    static const char *const names[] = {"dlq_reason",
                                        "dlq_error",
                                        "dlq_topic",
                                        "dlq_partition",
                                        "dlq_offset",
                                        "dlq_at",
                                        "dlq_resolution",
                                        "dlq_note",
                                        "dlq_value_bytes",
                                        "dlq_value_sha256",
                                        "dlq_key_bytes",
                                        "dlq_headers_left_out",
                                        "dlq_",
                                        "orig_dlq_reason",
                                        "orig_orig_dlq_topic",
                                        "orig_",
                                        "orig_x",
                                        "ce_type",
                                        "ce_id",
                                        "traceparent",
                                        "x",
                                        ""};
    static const char *const values[] = {"",        "dropped", "redriven", "orders.commands",
                                         "0",       "7",       "-1",       "99999999999999999999",
                                         "message", "\xff\xfe"};
    const char *value = values[below(sizeof values / sizeof values[0])];
    struct header header = {names[below(sizeof names / sizeof names[0])], value, strlen(value)};

    if (below(8) == 0)
        header.value = NULL, header.length = 0;
    if (below(40) == 0) {
        header.length = below((size_t)2 * DEAD_LETTER_HEADER_BYTES_MAX);
        header.value = arena_alloc(arena, header.length + 1);
    }
    return header;
}

static struct incoming odd_message(void)
{
    static const size_t lengths[] = {0,
                                     1,
                                     100,
                                     DEAD_LETTER_VALUE_MAX,
                                     DEAD_LETTER_VALUE_MAX + 1,
                                     (size_t)2 * DEAD_LETTER_VALUE_MAX};
    struct incoming message = {.topic = "orders.commands",
                               .partition = (int32_t)below(13) + HANDED_OVER,
                               .offset = (int64_t)below(1000),
                               .key = "key",
                               .key_length = 3};

    message.header_count = below(4) == 0 ? below(HEADERS_MAX) : below(12);
    message.headers = arena_array(arena, message.header_count + 1, sizeof *message.headers);
    for (size_t i = 0; i < message.header_count; i++)
        message.headers[i] = odd_header();
    if (below(4) > 0) {
        message.value_length = lengths[below(8) > 0 ? below(3) : 3 + below(3)];
        message.value = arena_alloc(arena, message.value_length + 1);
    }
    if (below(8) == 0) {
        message.key_length = DEAD_LETTER_KEY_MAX + below(3) - 1;
        message.key = arena_alloc(arena, message.key_length);
    }
    return message;
}

/* Those that were kept are a subsequence of what came, names and values alike. */
static void check_headers(const struct incoming *message, const struct dead_letter *dead_letter)
{
    size_t at = 0;

    ck_assert_uint_eq(dead_letter->header_count + dead_letter->headers_left_out,
                      message->header_count);
    for (size_t i = 0; i < dead_letter->header_count; i++, at++) {
        const struct header *kept = &dead_letter->headers[i];

        while (at < message->header_count &&
               (strcmp(message->headers[at].name, kept->name) != 0 ||
                message->headers[at].length != kept->length ||
                (message->headers[at].value == NULL) != (kept->value == NULL)))
            at++;
        ck_assert_msg(at < message->header_count, "header %s is none that came", kept->name);
    }
}

START_TEST(any_message_becomes_one_dead_letter_that_tells_of_it)
{
    char digest[SHA256_TEXT_SIZE];

    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        const struct incoming message = odd_message();
        const struct outgoing sent =
            dead_letter_write("order", &message, "message", "lines is missing", 0, arena);
        const struct incoming record = stored(&sent);
        const char *resolution, *note;
        struct dead_letter dead_letter;

        ck_assert_str_eq(sent.topic, "order.dlq");
        ck_assert_uint_le(size_of(&sent), DEAD_LETTER_VALUE_MAX + DEAD_LETTER_KEY_MAX +
                                              DEAD_LETTER_HEADER_BYTES_MAX + 2048);
        ck_assert(!dead_letter_is_resolution(&record, arena, &dead_letter, &resolution, &note));
        dead_letter_read(&record, arena, &dead_letter);
        ck_assert_str_eq(dead_letter.topic, message.topic);
        ck_assert_int_eq(dead_letter.partition, message.partition);
        ck_assert_int_eq(dead_letter.offset, message.offset);
        ck_assert_str_eq(dead_letter.reason, "message");
        ck_assert_str_eq(dead_letter.error, "lines is missing");
        ck_assert_str_eq(dead_letter.at, "1970-01-01T00:00:00Z");
        ck_assert_uint_eq(dead_letter.value_length, message.value_length);
        ck_assert(dead_letter.value_left_out == (message.value_length > DEAD_LETTER_VALUE_MAX));
        ck_assert((dead_letter.value != NULL) ==
                  (message.value != NULL && !dead_letter.value_left_out));
        ck_assert((dead_letter.sha256 != NULL) == (message.value != NULL));
        if (message.value != NULL && round % 16 == 0) {
            sha256_text(message.value, message.value_length, digest);
            ck_assert_str_eq(dead_letter.sha256, digest);
        }
        check_headers(&message, &dead_letter);
        arena_reset(arena);
    }
}
END_TEST

/* clang-format off */
#define HEADER(name, value) {name, value, sizeof value - 1}
/* clang-format on */

/* As an earlier version wrote it: ours behind the message's own, which may bear the same names. */
START_TEST(a_dead_letter_of_an_earlier_version_is_read)
{
    struct header headers[] = {HEADER("dlq_resolution", "dropped"),
                               HEADER("dlq_offset", "3"),
                               HEADER("ce_type", "order.cancel"),
                               HEADER("dlq_reason", "message"),
                               HEADER("dlq_error", "not valid JSON"),
                               HEADER("dlq_topic", "orders.commands"),
                               HEADER("dlq_partition", "2"),
                               HEADER("dlq_offset", "17"),
                               HEADER("dlq_at", "2026-11-25T03:39:30Z")};
    const struct incoming record = {.topic = "order.dlq",
                                    .value = "bad",
                                    .value_length = 3,
                                    .headers = headers,
                                    .header_count = sizeof headers / sizeof headers[0]};
    const char *resolution, *note;
    struct dead_letter dead_letter;

    ck_assert(!dead_letter_is_resolution(&record, arena, &dead_letter, &resolution, &note));
    dead_letter_read(&record, arena, &dead_letter);
    ck_assert_str_eq(dead_letter.topic, "orders.commands");
    ck_assert_int_eq(dead_letter.offset, 17);
    ck_assert(!dead_letter.value_left_out);
    ck_assert_uint_eq(dead_letter.header_count, 1);
}
END_TEST

START_TEST(a_record_that_no_service_wrote_counts_at_its_own_place)
{
    struct header headers[] = {HEADER("dlq_resolution", "dropped"),
                               HEADER("dlq_topic", "orders.commands"), HEADER("dlq_partition", "2"),
                               HEADER("dlq_offset", "x")};
    struct incoming record = {
        .topic = "order.dlq", .partition = 3, .offset = 9, .headers = headers, .header_count = 4};
    const char *resolution, *note;
    struct dead_letter dead_letter;

    ck_assert(!dead_letter_is_resolution(&record, arena, &dead_letter, &resolution, &note));
    dead_letter_read(&record, arena, &dead_letter);
    ck_assert_str_eq(dead_letter.topic, "order.dlq");
    ck_assert_int_eq(dead_letter.partition, 3);
    ck_assert_int_eq(dead_letter.offset, 9);
    headers[3].value = "5";
    ck_assert(dead_letter_is_resolution(&record, arena, &dead_letter, &resolution, &note));
    ck_assert_str_eq(resolution, "dropped");
    ck_assert_int_eq(dead_letter.offset, 5);
    record.value = "{}"; /* a message that bears such headers is a message */
    record.value_length = 2;
    ck_assert(!dead_letter_is_resolution(&record, arena, &dead_letter, &resolution, &note));
}
END_TEST

/* -1 in place of the partition, and no other number below zero. */
START_TEST(what_was_handed_over_has_no_partition)
{
    struct header reason = HEADER("dlq_reason", "message"), dropped = HEADER("dlq_resolution", "x");
    struct header headers[] = {reason, HEADER("dlq_error", "bad"), HEADER("dlq_topic", "payments"),
                               HEADER("dlq_partition", "-1"),
                               HEADER("dlq_offset", "9007199254740991")};
    const struct incoming record = {.topic = "order.dlq",
                                    .headers = headers,
                                    .header_count = sizeof headers / sizeof headers[0]};
    static const char *const partitions[] = {"-1", "-2", "-10", "-", "- 1", " -1"};
    const char *resolution, *note;
    struct dead_letter dead_letter;

    for (size_t i = 0; i < sizeof partitions / sizeof partitions[0]; i++) {
        headers[3] = (struct header){"dlq_partition", partitions[i], strlen(partitions[i])};
        headers[0] = reason;
        dead_letter_read(&record, arena, &dead_letter);
        ck_assert_str_eq(dead_letter.topic, i == 0 ? "payments" : "order.dlq");
        ck_assert_int_eq(dead_letter.partition, i == 0 ? HANDED_OVER : 0);
        headers[0] = dropped;
        ck_assert(dead_letter_is_resolution(&record, arena, &dead_letter, &resolution, &note) ==
                  (i == 0));
    }
}
END_TEST

/* Sixty headers of tracing and frameworks before it do not cost a message its type. */
START_TEST(what_the_envelope_needs_is_kept_before_what_others_added)
{
    struct header headers[HEADERS_MAX];
    const struct incoming message = {
        .topic = "orders.commands", .headers = headers, .header_count = HEADERS_MAX};
    struct dead_letter dead_letter;
    struct outgoing sent;
    struct incoming record;

    for (size_t i = 0; i < HEADERS_MAX; i++)
        headers[i] = (struct header)HEADER("x", "v");
    headers[HEADERS_MAX - 1] = (struct header)HEADER("ce_type", "order.place");
    sent = dead_letter_write("order", &message, "message", "", 0, arena);
    record = stored(&sent);
    dead_letter_read(&record, arena, &dead_letter);
    ck_assert_uint_eq(dead_letter.header_count, DEAD_LETTER_HEADERS_MAX);
    ck_assert_uint_eq(dead_letter.headers_left_out, HEADERS_MAX - DEAD_LETTER_HEADERS_MAX);
    ck_assert_str_eq(dead_letter.headers[DEAD_LETTER_HEADERS_MAX - 1].name, "ce_type");
}
END_TEST

Suite *dead_letter_suite(void)
{
    Suite *suite = suite_create("dead_letter");
    TCase *cases = tcase_create("dead_letter");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, any_message_becomes_one_dead_letter_that_tells_of_it);
    tcase_add_test(cases, a_dead_letter_of_an_earlier_version_is_read);
    tcase_add_test(cases, a_record_that_no_service_wrote_counts_at_its_own_place);
    tcase_add_test(cases, what_was_handed_over_has_no_partition);
    tcase_add_test(cases, what_the_envelope_needs_is_kept_before_what_others_added);
    suite_add_tcase(suite, cases);
    return suite;
}
