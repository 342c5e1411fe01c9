#include "base/index.h"

#include <stdint.h>

#include "base/arena.h"
#include "tests/unit/suites.h"

enum { MEMBERS = 5000 };

static bool is_number(const void *numbers, size_t number, const void *key)
{
    return ((const uint64_t *)numbers)[number] == *(const uint64_t *)key;
}

static uint64_t spread(uint64_t number)
{
    return number * UINT64_C(0x9e3779b97f4a7c15);
}
/* nearly all look for their place in the same row */
static uint64_t crowded(uint64_t number)
{
    return number % 3;
}
/* all have the same tag */
static uint64_t folded(uint64_t number)
{
    return number << 32 | number;
}

/* Each member is found under its own number while the index grows, and nobody else ever. */
START_TEST(each_member_is_found_and_nobody_else)
{
    uint64_t (*const hashes[])(uint64_t) = {spread, crowded, folded};
    const size_t counts[] = {MEMBERS, 300, 300};
    static uint64_t numbers[MEMBERS];
    struct arena *arena = _i % 2 == 0 ? NULL : arena_new();
    struct index index = {.arena = arena};
    uint64_t (*const hash)(uint64_t) = hashes[_i / 2];

    for (size_t i = 0; i < counts[_i / 2]; i++) {
        numbers[i] = i * 7 + 1;
        ck_assert_uint_eq(index_find(&index, hash(numbers[i]), is_number, numbers, &numbers[i]),
                          INDEX_NONE);
        index_add(&index, hash(numbers[i]), i);
        ck_assert_uint_ge(index.size, 2 * (i + 1));
    }
    for (size_t i = 0; i < counts[_i / 2]; i++) {
        const uint64_t stranger = numbers[i] + 1;

        ck_assert_uint_eq(index_find(&index, hash(numbers[i]), is_number, numbers, &numbers[i]), i);
        ck_assert_uint_eq(index_find(&index, hash(stranger), is_number, numbers, &stranger),
                          INDEX_NONE);
    }
    index_free(&index);
    ck_assert_uint_eq(index_find(&index, hash(1), is_number, numbers, &numbers[0]), INDEX_NONE);
    if (arena != NULL)
        arena_free(arena);
}
END_TEST

START_TEST(what_is_reserved_does_not_grow)
{
    struct index index = {0};
    const struct index_slot *slots;

    index_reserve(&index, 1000);
    slots = index.slots;
    for (size_t i = 0; i < 1000; i++)
        index_add(&index, spread(i), i);
    ck_assert_ptr_eq(index.slots, slots);
    index_free(&index);
}
END_TEST

Suite *index_suite(void)
{
    Suite *suite = suite_create("index");
    TCase *cases = tcase_create("index");

    tcase_add_loop_test(cases, each_member_is_found_and_nobody_else, 0, 6);
    tcase_add_test(cases, what_is_reserved_does_not_grow);
    suite_add_tcase(suite, cases);
    return suite;
}
