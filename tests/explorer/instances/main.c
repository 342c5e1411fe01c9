/* The second explorer: two instances of one service, one database, two orders.
 *
 * It takes the loop of a service apart into the steps between which a process can stand still, and
 * lets two instances go through them in every order, while partitions are given from one to the
 * other, processes die, and the one that lost a partition wakes up and goes on as if nothing had
 * happened.  Effects are under way meanwhile, and what they come to is decided by whoever started
 * them.  What it proves is what the fence, the locks, the announcing of effects and the finished
 * prefix are there for: no fact that was recorded is ever lost, no order is answered with two
 * different outcomes, no effect stays without a result, stock adds up, and the provider's truth is
 * what was emitted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/explorer/instances/effects.h"
#include "tests/explorer/instances/steps.h"
#include "tests/explorer/seen.h"

/* clang-format off */
static const struct scene scenes[] = {
    {"two orders race for one piece", INVENTORY, {{ORDER_CREATED}, {ORDER_CREATED}}, {1, 1}, 1, 2, false},
    {"two orders race for one piece, one is cancelled", INVENTORY, {{ORDER_CREATED, ORDER_CANCELLED}, {ORDER_CREATED}}, {2, 1}, 1, 2, false},
    {"both are cancelled, one before it is known", INVENTORY, {{ORDER_CREATED, ORDER_CANCELLED}, {ORDER_CANCELLED, ORDER_CREATED}}, {2, 2}, 1, 2, false},
    {"an order is paid", PAYMENT, {{ORDER_CREATED}}, {1, 0}, 2, 2, false},
    {"an order is paid and cancelled", PAYMENT, {{ORDER_CREATED, ORDER_CANCELLED}}, {2, 0}, 1, 1, false},
    {"an order is paid and cancelled", PAYMENT, {{ORDER_CREATED, ORDER_CANCELLED}}, {2, 0}, 0, 2, false},
    {"an order is cancelled and paid", PAYMENT, {{ORDER_CANCELLED, ORDER_CREATED}}, {2, 0}, 1, 2, false},
    {"an order is prepared and paid", PAYMENT, {{ORDER_CREATED}}, {1, 0}, 1, 1, true},
    {"an order is prepared, paid and cancelled", PAYMENT, {{ORDER_CREATED, ORDER_CANCELLED}}, {2, 0}, 1, 0, true},
    {"two orders are paid, one is cancelled", PAYMENT, {{ORDER_CREATED, ORDER_CANCELLED}, {ORDER_CREATED}}, {2, 1}, 1, 0, false},
    {"two orders are paid, one is cancelled", PAYMENT, {{ORDER_CREATED, ORDER_CANCELLED}, {ORDER_CREATED}}, {2, 1}, 0, 1, false},
    {"a cancellation meets a decision", ORDER, {{ORDER_PLACE, PAYMENT_COMPLETED, ORDER_CANCEL, INVENTORY_RESERVED}}, {4, 0}, 1, 2, false},
    {"a cancellation meets a failure", ORDER, {{ORDER_PLACE, ORDER_CANCEL, PAYMENT_FAILED}}, {3, 0}, 1, 2, false},
    {"an order is paid by one who may not", ORDER, {{ORDER_PLACE, FORGED_COMPLETED, INVENTORY_RESERVED, ORDER_CANCEL}}, {4, 0}, 1, 2, false},
    {"a payment is claimed before the order", ORDER, {{FORGED_COMPLETED, INVENTORY_RESERVED, ORDER_PLACE, PAYMENT_COMPLETED}}, {4, 0}, 1, 2, false},
    {"two orders are placed and cancelled", ORDER, {{ORDER_PLACE, ORDER_CANCEL}, {ORDER_CANCEL, ORDER_PLACE}}, {2, 2}, 1, 2, false},
    {"a mail goes out, another order has no address", EMAIL, {{ORDER_CREATED, ORDER_CONFIRMED}, {ORDER_CANCELLED, ORDER_CREATED}}, {2, 2}, 1, 1, false},
};
/* clang-format on */

enum { SCENES = sizeof scenes / sizeof scenes[0] };

static bool both(uint32_t emitted, enum message_type a, enum message_type b)
{
    return (emitted & FACT(a)) != 0 && (emitted & FACT(b)) != 0;
}

/* What no state may show. */
static const char *forbidden(const struct scene *scene, const struct state *state)
{
    int reserved = 0;

    if (state->changed)
        return "an event was emitted again with another content";
    for (int order = 0; order < ORDERS; order++) {
        const uint32_t emitted = state->emitted[order];

        if (both(emitted, PAYMENT_COMPLETED, PAYMENT_FAILED) ||
            both(emitted, PAYMENT_REFUNDED, PAYMENT_VOIDED) ||
            both(emitted, INVENTORY_RESERVED, INVENTORY_FAILED) ||
            both(emitted, INVENTORY_RELEASED, INVENTORY_VOIDED) ||
            both(emitted, ORDER_CONFIRMED, ORDER_CANCELLED))
            return "two outcomes were said of one order";
        if ((emitted & FACT(PAYMENT_VOIDED)) != 0 &&
            (state->truth[order] == TRUTH_CHARGED || state->truth[order] == TRUTH_REFUNDED))
            return "said to be void while the provider holds a charge or gave one back";
        reserved += scene->service == INVENTORY &&
                    row_state(INVENTORY, state->row[order]) == INVENTORY_STATE_RESERVED;
    }
    if (state->reserved != reserved)
        return "the stock is not what the rows have reserved";
    return reserved > ON_HAND ? "more is reserved than there is" : NULL;
}

static bool has(const struct scene *scene, int order, int kind)
{
    for (int i = 0; i < scene->lengths[order]; i++)
        if (scene->logs[order][i] == kind)
            return true;
    return false;
}

/* Does what the service knows of an order agree with what it emitted and with the outside, when all
 * is done? */
static bool agrees(const struct scene *scene, const struct state *state, int order)
{
    const bool cancelled = has(scene, order, ORDER_CANCELLED);
    const int at = row_state(scene->service, state->row[order]);
    const uint32_t emitted = state->emitted[order];

    switch (scene->service) {
    case PAYMENT:
        if (cancelled)
            return state->truth[order] != TRUTH_CHARGED &&
                   (at == PAYMENT_STATE_VOID || at == PAYMENT_STATE_FAILED ||
                    at == PAYMENT_STATE_REFUNDED);
        return (emitted & FACT(PAYMENT_COMPLETED)) != 0
                   ? at == PAYMENT_STATE_COMPLETED && state->truth[order] == TRUTH_CHARGED
                   : at == PAYMENT_STATE_FAILED && state->truth[order] == TRUTH_DECLINED;
    case INVENTORY:
        if (cancelled)
            return at == INVENTORY_STATE_RELEASED || at == INVENTORY_STATE_VOID ||
                   at == INVENTORY_STATE_FAILED;
        return at == ((emitted & FACT(INVENTORY_RESERVED)) != 0 ? INVENTORY_STATE_RESERVED
                                                                : INVENTORY_STATE_FAILED);
    case ORDER:
        return at == ((emitted & FACT(ORDER_CONFIRMED)) != 0 && has(scene, order, PAYMENT_COMPLETED)
                          ? ORDER_STATE_CONFIRMED
                          : ORDER_STATE_CANCELLED);
    default:
        return at == EMAIL_STATE_SENT;
    }
}

static const char *wrong_order(const struct scene *scene, const struct state *state, int order)
{
    for (int i = 0; i < scene->lengths[order]; i++)
        if (scene->logs[order][i] != FORGED_COMPLETED &&
            (row_facts(scene->service, state->row[order]) & FACT(scene->logs[order][i])) == 0)
            return "a recorded fact was lost";
    if (!scene_emitted(scene, state, order))
        return "an answer is missing";
    return scene->lengths[order] == 0 || agrees(scene, state, order)
               ? NULL
               : "row, words and the outside do not agree";
}

static const char *wrong_end(const struct scene *scene, const struct state *state)
{
    for (int who = 0; who < INSTANCES; who++)
        if (state->instances[who].step != STEP_TAKE)
            return "an instance waits for ever";
        else if (effects_count(&state->instances[who]) > 0)
            return "an effect is under way for ever";
    for (int order = 0; order < ORDERS; order++) {
        const char *wrong = wrong_order(scene, state, order);

        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

/* ---- exploring ---- */

static int path_print(const struct seen *seen, size_t at, struct steps *steps)
{
    static char words[STEPS_MAX][160];
    struct state before;
    int number;
    size_t i = 0;

    if (seen->parents[at] == at)
        return 0;
    number = path_print(seen, seen->parents[at], steps) + 1;
    before = *(const struct state *)seen_state(seen, seen->parents[at]);
    steps->words = words;
    steps_take(&before, steps);
    steps->words = NULL;
    while (i < steps->count && memcmp(&steps->states[i], seen_state(seen, at), sizeof before) != 0)
        i++;
    printf("  %3d  %s\n", number, i < steps->count ? words[i] : "?");
    return number;
}

static size_t total_states, total_conflicts;

static bool explore(struct seen *seen, const struct scene *scene, const struct without *without)
{
    static struct steps steps;
    struct state first = state_first(scene);
    clock_t start = clock();
    size_t ends = 0;

    steps.scene = scene;
    steps.without = without;
    steps.conflicts = 0;
    shipped_start(flow_find("parallel"), 1, scene->prepares);
    seen_clear(seen);
    seen_add(seen, &first, 1, 0);
    for (size_t at = 0; at < seen->count; at++) {
        const struct state state = *(const struct state *)seen_state(seen, at);
        const char *wrong = forbidden(scene, &state);

        steps_take(&state, &steps);
        if (wrong == NULL)
            wrong = shipped_wrong(); /* of a step from here */
        if (wrong == NULL && steps.stuck) {
            ends++;
            wrong = wrong_end(scene, &state);
        }
        if (wrong != NULL) {
            printf("%s\nVIOLATION: %s\n", scene->name, wrong);
            path_print(seen, at, &steps);
            total_states += seen->count;
            return false;
        }
        seen_add(seen, steps.states, steps.count, at);
    }
    total_states += seen->count;
    total_conflicts += steps.conflicts;
    printf("%-48s  crashes %d, rebalances %d  %9zu states  %5zu ends  %7zu refused  %5.2f s\n",
           scene->name, scene->crashes, scene->rebalances, seen->count, ends, steps.conflicts,
           (double)(clock() - start) / CLOCKS_PER_SEC);
    fflush(stdout);
    return true;
}

static int usage(FILE *file)
{
    fprintf(file,
            "usage: explorer-instances [SCENE | --without fence | stock-lock | proof | result | "
            "prefix]\n"
            "\n"
            "Explores two instances of a service over one database: every order of their steps, "
            "with processes that die and\n"
            "partitions that change hands. `refused` counts the writes that the fence on the row's "
            "version refused.\n"
            "A violation is printed as a shortest path to it. --without takes one protection away, "
            "to see what it is for; SCENE\n"
            "explores that one alone.\n"
            "\n"
            "Exit code: 0 no violation, 1 a violation, 2 usage.\n");
    return file == stderr ? 2 : 0;
}

int main(int argc, char **argv)
{
    struct seen seen = {.words = STATE_WORDS};
    static struct without without; /* outlives the search, which keeps it */
    const char *only = NULL;
    bool fine = true;

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (argc == 3 && strcmp(argv[1], "--without") == 0) {
        without = (struct without){.fence = strcmp(argv[2], "fence") == 0,
                                   .stock_lock = strcmp(argv[2], "stock-lock") == 0,
                                   .proof = strcmp(argv[2], "proof") == 0,
                                   .result = strcmp(argv[2], "result") == 0,
                                   .prefix = strcmp(argv[2], "prefix") == 0};
        if (!without.fence && !without.stock_lock && !without.proof && !without.result &&
            !without.prefix)
            return usage(stderr);
    } else if (argc == 2 && argv[1][0] != '-') {
        only = argv[1];
    } else if (argc != 1) {
        return usage(stderr);
    }
    for (int i = 0; fine && i < SCENES; i++)
        if (only == NULL || strcmp(scenes[i].name, only) == 0)
            fine = explore(&seen, &scenes[i], &without);
    seen_free(&seen);
    if (only != NULL && total_states == 0) {
        fprintf(stderr, "explorer-instances: \"%s\" is no scene\n", only);
        return 2;
    }
    if (fine && total_conflicts == 0) {
        printf("explorer-instances: the fence never refused anything: nothing was shown\n");
        fine = false;
    }
    printf("explorer-instances: %s, %zu states\n", fine ? "no violation" : "a violation",
           total_states);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
