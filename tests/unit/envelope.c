#include <string.h>

#include "base/arena.h"
#include "base/timestamp.h"
#include "events/envelope.h"
#include "tests/unit/suites.h"

static struct arena *arena;
static struct error error;

static void setup(void)
{
    arena = arena_new();
}

static void teardown(void)
{
    arena_free(arena);
}

/* clang-format off */
#define HEADER(name, value) {name, value, sizeof(value) - 1}
/* clang-format on */

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

START_TEST(an_envelope_comes_back_as_it_was)
{
    const struct envelope envelope = {.id = "i",
                                      .type = "order.created",
                                      .source = "/quadrille/order",
                                      .subject = "o",
                                      .flow = "parallel",
                                      .causation_id = "c",
                                      .correlation_id = "d",
                                      .trace_parent = TRACE,
                                      .time_us = 1700000000123456};
    struct header headers[ENVELOPE_HEADERS_MAX];
    size_t count = envelope_encode(arena, &envelope, headers);
    struct envelope back;

    ck_assert_int_eq(envelope_decode(arena, headers, count, &back, &error), STATUS_OK);
    ck_assert_str_eq(back.id, "i");
    ck_assert_str_eq(back.type, "order.created");
    ck_assert_str_eq(back.flow, "parallel");
    ck_assert_str_eq(back.causation_id, "c");
    ck_assert_str_eq(back.correlation_id, "d");
    ck_assert_str_eq(back.trace_parent, TRACE);
    ck_assert_ptr_null(back.replay_of);
    ck_assert_int_eq(back.time_us, 1700000000123456);
}
END_TEST

static const struct {
    struct header headers[2];
    const char *reason;
} bad[] = {
    {{HEADER("ce_id", "x"), HEADER("x", "y")}, "ce_type is missing"},
    {{HEADER("ce_type", "order.place"), HEADER("ce_type", "order.place")}, "twice"},
    {{HEADER("ce_type", ""), HEADER("x", "y")}, "ce_type"},
    {{HEADER("ce_type", "a\nb"), HEADER("x", "y")}, "0x0a"},
    {{HEADER("ce_type", "a\xc2\x85"), HEADER("x", "y")}, "0xc2"},
    {{HEADER("ce_type", "a\xff"), HEADER("x", "y")}, "0xff"},
    {{HEADER("ce_type", "stock.set"), HEADER("ce_id", "")}, "ce_id"},
    {{HEADER("ce_type", "order.place"), HEADER("ce_flow", "a\tb")}, "ce_flow"},
    {{HEADER("ce_type", "order.place"), HEADER("ce_specversion", "0.3")}, "1.0"},
    {{HEADER("ce_type", "order.place"), {"ce_id", NULL, 0}}, "ce_id"},
};

START_TEST(a_header_that_is_wrong_is_named)
{
    struct envelope envelope;

    ck_assert_int_eq(envelope_decode(arena, bad[_i].headers, 2, &envelope, &error), STATUS_INVALID);
    ck_assert_msg(strstr(error.message, bad[_i].reason) != NULL, "%s", error.message);
}
END_TEST

/* Headers that nothing rests on. */
static const struct header unreadable[] = {
    HEADER("traceparent", ""),
    HEADER("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"),
    HEADER("traceparent", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"),
    HEADER("traceparent", "00-00000000000000000000000000000000-b7ad6b7169203331-01"),
    HEADER("traceparent", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
    HEADER("traceparent", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    HEADER("traceparent", TRACE "-more"),
    HEADER("ce_time", "2026-11-27T00:10:00+0000"),
    HEADER("ce_time", "yesterday"),
    HEADER("ce_subject", "a\nb"),
    HEADER("ce_source", ""),
    HEADER("ce_correlationid", "\xff"),
    HEADER("ce_causationid", "a\x1b[31m"),
    {"ce_replayof", NULL, 0},
};

START_TEST(what_nothing_rests_on_counts_as_not_given_where_it_cannot_be_read)
{
    const struct header headers[] = {HEADER("ce_type", "order.place"), unreadable[_i]};
    const struct envelope none = {.type = "order.place"};
    struct envelope envelope;

    ck_assert_int_eq(envelope_decode(arena, headers, 2, &envelope, &error), STATUS_OK);
    ck_assert_str_eq(envelope.type, none.type);
    envelope.type = none.type;
    ck_assert_mem_eq(&envelope, &none, sizeof none);
}
END_TEST

START_TEST(a_trace_context_given_twice_is_ignored)
{
    const struct header headers[] = {HEADER("traceparent", TRACE), HEADER("ce_type", "order.place"),
                                     HEADER("traceparent", TRACE), HEADER("traceparent", TRACE)};
    struct envelope envelope;

    ck_assert_int_eq(envelope_decode(arena, headers, 2, &envelope, &error), STATUS_OK);
    ck_assert_str_eq(envelope.trace_parent, TRACE);
    ck_assert_int_eq(envelope_decode(arena, headers, 4, &envelope, &error), STATUS_OK);
    ck_assert_ptr_null(envelope.trace_parent);
}
END_TEST

START_TEST(attributes_are_utf8)
{
    const struct header headers[] = {
        HEADER("ce_type", "stock.set"), HEADER("ce_id", "m\xc3\xbcsli-1"),
        HEADER("ce_subject", "M\xc3\x9cSLI"),
        HEADER("traceparent", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more")};
    struct envelope envelope;

    ck_assert_int_eq(envelope_decode(arena, headers, 4, &envelope, &error), STATUS_OK);
    ck_assert_str_eq(envelope.id, "m\xc3\xbcsli-1");
    ck_assert_str_eq(envelope.subject, "M\xc3\x9cSLI");
    ck_assert_ptr_nonnull(envelope.trace_parent);
}
END_TEST

static const struct {
    const char *text;
    int64_t time_us;
} times[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2026-11-22T20:15:30Z", INT64_C(1795378530000000)},
    {"2000-02-29T23:59:59.000001Z", INT64_C(951868799000001)},
    {"1969-12-31T23:59:59.5Z", INT64_C(-500000)},
    {"2026-11-22T21:15:30+01:00", INT64_C(1795378530000000)},
    {"2026-11-22t20:15:30.1234567891z", INT64_C(1795378530123456)},
    {"2016-12-31T23:59:60Z", INT64_C(1483228800000000)},
    {"2017-01-01T00:59:60+01:00", INT64_C(1483228800000000)},
    {"0000-01-01T00:00:00Z", INT64_C(-62167219200000000)},
    {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
};

START_TEST(times_are_read_and_written)
{
    char text[TIMESTAMP_SIZE];
    int64_t time_us;

    ck_assert(timestamp_parse(times[_i].text, &time_us));
    ck_assert_int_eq(time_us, times[_i].time_us);
    timestamp_format(time_us, text);
    ck_assert(timestamp_parse(text, &time_us));
    ck_assert_int_eq(time_us, times[_i].time_us);
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
    static const char *const texts[] = {"",
                                        "2026-11-22",
                                        "2026-13-01T00:00:00Z",
                                        "2026-02-29T00:00:00Z",
                                        "2026-11-22T24:00:00Z",
                                        "2026-11-22T20:15:30",
                                        "2026-11-22T20:15:30.Z",
                                        "2026-11-22T20:15:30Zx",
                                        "2026-11-22 20:15:30Z",
                                        "2026-11-22T20:15:60Z",
                                        "0000-01-01T00:00:00+00:01",
                                        "9999-12-31T23:59:59-00:01"};
    int64_t time_us;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_msg(!timestamp_parse(texts[i], &time_us), "%s", texts[i]);
}
END_TEST

Suite *envelope_suite(void)
{
    Suite *suite = suite_create("envelope");
    TCase *cases = tcase_create("envelope");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, an_envelope_comes_back_as_it_was);
    tcase_add_loop_test(cases, a_header_that_is_wrong_is_named, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_loop_test(cases, what_nothing_rests_on_counts_as_not_given_where_it_cannot_be_read, 0,
                        (int)(sizeof unreadable / sizeof unreadable[0]));
    tcase_add_test(cases, a_trace_context_given_twice_is_ignored);
    tcase_add_test(cases, attributes_are_utf8);
    tcase_add_loop_test(cases, times_are_read_and_written, 0,
                        (int)(sizeof times / sizeof times[0]));
    tcase_add_test(cases, what_is_no_time_is_refused);
    suite_add_tcase(suite, cases);
    return suite;
}
