#include "tests/explorer/saga/decisions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASES = 1 << 18, ENDINGS_MAX = 64 };

struct known_case {
    uint64_t key; /* 0: free */
    struct endings endings;
};

static struct known_case cases[CASES];
static size_t case_count;
static uint64_t mail_result;

/* ---- one attempt, as the loop makes it ---- */

/* The attempt as far as it has come, and where what it can come to is noted. */
struct course {
    const struct attempt *attempt;
    union row row;
    int effect;
    uint8_t truth, silence, asked;
    struct endings *endings; /* of ENDINGS_MAX */
};

static struct ending *note(const struct course *course, enum event event, uint8_t truth)
{
    struct ending *ending = &course->endings->list[course->endings->count++];

    if (course->endings->count > ENDINGS_MAX) {
        fprintf(stderr, "explorer: more than %d endings of one attempt\n", ENDINGS_MAX);
        exit(EXIT_FAILURE);
    }
    *ending = (struct ending){.event = (uint8_t)event,
                              .truth = truth,
                              .silence = course->silence,
                              .asked = course->asked,
                              .row = row_save((enum who)course->attempt->who, &course->row)};
    return ending;
}

/* All is saved; what is emitted is each answer once, in the order of the messages. */
static void finish(const struct course *course)
{
    struct ending *ending = note(course, EVENT_DONE, course->truth);
    uint64_t all = 0;

    for (int i = 0; i < 2 && course->attempt->seen[i] != MESSAGE_TYPES; i++) {
        const struct input input = shipped_input(course->attempt->seen[i]);
        uint64_t fresh = shipped_emits((enum who)course->attempt->who, &course->row, &input) & ~all;

        all |= fresh;
        for (int type = 0; type < MESSAGE_TYPES; type++)
            if ((fresh & FACT(type)) != 0)
                ending->emitted[ending->emitted_count++] = (uint8_t)type;
    }
}

static void resolve(struct course course);

/* An outcome of an ask comes back, and is decided upon. */
static void answered(struct course course, uint64_t on, enum truth truth, bool silent)
{
    const struct input input = shipped_result((enum who)course.attempt->who, on);
    const struct transition *transition;

    if (course.attempt->who != INVENTORY)
        note(&course, EVENT_CRASH_EFFECTS, (uint8_t)truth);
    course.truth = (uint8_t)truth;
    course.silence = course.silence && !silent;
    for (course.asked = 1; on != OWN_FACT(course.asked - 1);)
        course.asked++;
    transition = shipped_decide((enum who)course.attempt->who, &course.row, &input);
    if (transition != NULL)
        course.effect = transition->effect;
    resolve(course);
}

static void call_provider(const struct course *course)
{
    struct provider_way ways[PROVIDER_WAYS_MAX];
    int count = provider_ways(course->effect, (enum truth)course->truth, course->silence, ways);

    if (course->effect == PAYMENT_EFFECT_CHARGE)
        note(course, EVENT_CRASH_CALL, course->truth);
    for (int i = 0; i < count; i++)
        answered(*course, ways[i].on, ways[i].truth, ways[i].silent);
}

/* What the row asks for, in every way that it can turn out. */
static void resolve(struct course course)
{
    enum who who = (enum who)course.attempt->who;

    if (course.effect == EFFECT_NONE ||
        (who == INVENTORY && course.effect == INVENTORY_EFFECT_RELEASE)) {
        finish(&course);
    } else if (who == INVENTORY) { /* inside the transaction */
        answered(course, INVENTORY_TAKEN, (enum truth)course.truth, false);
        answered(course, INVENTORY_SHORT, (enum truth)course.truth, false);
    } else {
        note(&course, EVENT_CRASH_INTENT, course.truth);
        if (who == EMAIL)
            answered(course, mail_result, (enum truth)course.truth, false);
        else
            call_provider(&course);
    }
}

/* The messages of the batch, in order, then whatever the row asks. */
static void work_out(const struct attempt *attempt, struct endings *endings)
{
    struct course course = {.attempt = attempt,
                            .row = row_load((enum who)attempt->who, attempt->row),
                            .effect = EFFECT_NONE,
                            .truth = attempt->truth,
                            .silence = attempt->silence,
                            .endings = endings};

    for (int i = 0; i < 2 && attempt->seen[i] != MESSAGE_TYPES; i++) {
        const struct input input = shipped_input(attempt->seen[i]);
        const struct transition *transition =
            shipped_decide((enum who)attempt->who, &course.row, &input);

        if (transition != NULL)
            course.effect = transition->effect;
    }
    resolve(course);
}

/* ---- remembering ---- */

static uint64_t key_of(const struct attempt *attempt)
{
    return UINT64_C(1) << 63 | (uint64_t)attempt->row << 32 | (uint64_t)attempt->seen[0] << 24 |
           (uint64_t)attempt->seen[1] << 16 | (uint64_t)attempt->who << 8 |
           (uint64_t)attempt->truth << 1 | attempt->silence;
}

struct endings decisions_of(const struct attempt *attempt)
{
    struct ending list[ENDINGS_MAX + 1];
    struct endings found = {.list = list};
    uint64_t key = key_of(attempt);
    size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 46);

    while (cases[at].key != 0 && cases[at].key != key)
        at = (at + 1) % CASES;
    if (cases[at].key == key)
        return cases[at].endings;
    if (++case_count > CASES / 2) {
        fprintf(stderr, "explorer: more than %d different attempts\n", CASES / 2);
        exit(EXIT_FAILURE);
    }
    work_out(attempt, &found);
    cases[at].key = key;
    cases[at].endings = (struct endings){malloc(found.count * sizeof *list), found.count};
    if (cases[at].endings.list == NULL)
        abort();
    memcpy(cases[at].endings.list, list, found.count * sizeof *list);
    return cases[at].endings;
}

void decisions_free(void)
{
    for (size_t i = 0; i < CASES; i++) {
        free(cases[i].endings.list);
        cases[i] = (struct known_case){0};
    }
    case_count = 0;
}

void decisions_start(const struct flow *flow, int64_t amount_minor, uint64_t mailed)
{
    decisions_free();
    mail_result = mailed;
    shipped_start(flow, amount_minor);
}
