/* What the embedded broker's relay changes in the frames of Kafka's protocol. */
#include <stdlib.h>
#include <string.h>

#include "brokers/embedded/frames.h"
#include "tests/unit/suites.h"

enum { BEHIND = 0x1234, BEFORE = 0xabcd };

/* Bytes of a response, as a literal has them; the correlation id is 7 in all. */
/* clang-format off */
#define PREFIX "\0\0\0\0" "\0\0\0\7"
#define HOST "\0\11" "127.0.0.1"
#define OTHER "\0\3" "far"
#define PORT_BEHIND "\0\0\x12\x34"
#define PORT_BEFORE "\0\0\xab\xcd"
#define BODY(text) PREFIX text, sizeof(PREFIX text) - 1

static const struct {
    const char *what;
    struct request request;
    const char *is;
    size_t size;
    const char *becomes;
} responses[] = {
    {"Metadata 0: two brokers", {API_METADATA, 0, 7},
     BODY("\0\0\0\2" "\0\0\0\1" HOST PORT_BEHIND "\0\0\0\2" OTHER PORT_BEHIND "topics"),
     PREFIX "\0\0\0\2" "\0\0\0\1" HOST PORT_BEFORE "\0\0\0\2" OTHER PORT_BEFORE "topics"},
    {"Metadata 1: a rack, and a controller that is there", {API_METADATA, 1, 7},
     BODY("\0\0\0\2" "\0\0\0\1" HOST PORT_BEHIND "\0\1r" "\0\0\0\2" HOST PORT_BEHIND "\xff\xff" "\0\0\0\2" "topics"),
     PREFIX "\0\0\0\2" "\0\0\0\1" HOST PORT_BEFORE "\0\1r" "\0\0\0\2" HOST PORT_BEFORE "\xff\xff" "\0\0\0\2" "topics"},
    {"Metadata 2: a controller that is not there", {API_METADATA, 2, 7},
     BODY("\0\0\0\1" "\0\0\0\1" HOST PORT_BEHIND "\xff\xff" "\0\2id" "\0\0\0\0" "topics"),
     PREFIX "\0\0\0\1" "\0\0\0\1" HOST PORT_BEFORE "\xff\xff" "\0\2id" "\0\0\0\1" "topics"},
    {"Metadata 2: no broker", {API_METADATA, 2, 7}, BODY("\0\0\0\0" "\xff\xff" "\0\0\0\0"), PREFIX "\0\0\0\0" "\xff\xff" "\0\0\0\0"},
    {"FindCoordinator 0", {API_FIND_COORDINATOR, 0, 7}, BODY("\0\0" "\0\0\0\1" HOST PORT_BEHIND), PREFIX "\0\0" "\0\0\0\1" HOST PORT_BEFORE},
    {"FindCoordinator 2: a time and a message", {API_FIND_COORDINATOR, 2, 7},
     BODY("\0\0\0\0" "\0\0" "\xff\xff" "\0\0\0\1" HOST PORT_BEHIND), PREFIX "\0\0\0\0" "\0\0" "\xff\xff" "\0\0\0\1" HOST PORT_BEFORE},
    {"ApiVersions, asked in version 0 for a newer one", {API_VERSIONS, 4, 7}, BODY("\0\0" "\0\0\0\1" "\0\x12\0\0\0\2"),
     PREFIX "\0\x23" "\0\0\0\1" "\0\x12\0\0\0\2"},
};
/* clang-format on */

START_TEST(a_response_tells_the_relays_port_and_a_true_controller)
{
    unsigned char frame[200];

    memcpy(frame, responses[_i].is, responses[_i].size);
    ck_assert_msg(response_fix(frame, responses[_i].size, &responses[_i].request, BEFORE), "%s",
                  responses[_i].what);
    ck_assert_msg(memcmp(frame, responses[_i].becomes, responses[_i].size) == 0, "%s",
                  responses[_i].what);
}
END_TEST

/* Each in memory of its own size, so that a byte read too far is noticed by valgrind and the
 * sanitizers. */
START_TEST(a_response_that_ends_too_early_is_no_response)
{
    size_t looked_at = responses[_i].size;

    /* topics come behind */
    while (looked_at > RESPONSE_HEAD && responses[_i].is[looked_at - 1] >= 'a')
        looked_at--;
    if (responses[_i].request.api == API_VERSIONS)
        looked_at = RESPONSE_HEAD + 2;
    for (size_t size = RESPONSE_HEAD; size < looked_at; size++) {
        unsigned char *frame = malloc(size);

        ck_assert_ptr_nonnull(frame);
        memcpy(frame, responses[_i].is, size);
        ck_assert_msg(!response_fix(frame, size, &responses[_i].request, BEFORE), "%s, %zu bytes",
                      responses[_i].what, size);
        free(frame);
    }
}
END_TEST

START_TEST(api_versions_is_asked_in_the_version_that_every_broker_answers)
{
    unsigned char question[API_VERSIONS_QUESTION];

    api_versions_ask(question, 0x01020304);
    ck_assert_mem_eq(question,
                     "\0\0\0\12"
                     "\0\x12"
                     "\0\0"
                     "\1\2\3\4"
                     "\xff\xff",
                     sizeof question);
    ck_assert_int_eq(request_of(question).api, API_VERSIONS);
    ck_assert_int_eq(request_of(question).correlation, 0x01020304);
    ck_assert(request_concerns(&(struct request){API_VERSIONS, 3, 0}));
    ck_assert(!request_concerns(&(struct request){API_VERSIONS, 2, 0}));
    ck_assert(!request_concerns(&(struct request){1, 11, 0}));
}
END_TEST

Suite *frames_suite(void)
{
    Suite *suite = suite_create("frames of the embedded broker");
    TCase *tests = tcase_create("frames");
    const int count = sizeof responses / sizeof responses[0];

    tcase_add_loop_test(tests, a_response_tells_the_relays_port_and_a_true_controller, 0, count);
    tcase_add_loop_test(tests, a_response_that_ends_too_early_is_no_response, 0, count);
    tcase_add_test(tests, api_versions_is_asked_in_the_version_that_every_broker_answers);
    suite_add_tcase(suite, tests);
    return suite;
}
