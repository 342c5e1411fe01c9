/* The explorer: every interleaving of the shipped decisions for one order.
 *
 * Four consumers over their topics, in batches of one or two; crashes after the intent, after the
 * provider acted, after the commit, at each point of publishing; a provider's call of a dead
 * process that lands later; a provider that does not answer; lost events healed by the sweepers.
 * Wherever it ends, the saga must be closed and agree with what the provider really did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/explorer/saga/decisions.h"
#include "tests/explorer/saga/steps.h"
#include "tests/explorer/seen.h"

static const struct {
    const char *name;
    int kinds[3]; /* of the messages that there are to begin with */
    int count;
    int64_t amount_minor;
    uint64_t mailed; /* what comes of its mail */
} scenarios[] = {
    {"place", {ORDER_PLACE}, 1, 1, EMAIL_ACCEPTED},
    {"place, cancel", {ORDER_PLACE, ORDER_CANCEL}, 2, 1, EMAIL_ACCEPTED},
    {"cancel, place", {ORDER_CANCEL, ORDER_PLACE}, 2, 1, EMAIL_ACCEPTED},
    {"place, time-out", {ORDER_PLACE, ORDER_TIMEOUT}, 2, 1, EMAIL_ACCEPTED},
    {"place, place", {ORDER_PLACE, ORDER_PLACE}, 2, 1, EMAIL_ACCEPTED},
    {"place, forged", {ORDER_PLACE, FORGED_COMPLETED}, 2, 1, EMAIL_ACCEPTED},
    {"free, cancel", {ORDER_PLACE, ORDER_CANCEL}, 2, 0, EMAIL_ACCEPTED},
    {"no address", {ORDER_PLACE, ORDER_CANCEL}, 2, 1, EMAIL_UNADDRESSED},
};

/* one for a silent provider, one for a lost event */
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0], SWEEPS = 2 };

/* What may happen in one exploration. */
struct setting {
    int crashes, losses;
    int early; /* sweeps while something else can still happen */
    int batch;
};

static const char *const truth_names[] = {"nothing", "a charge", "a decline", "a refund",
                                          "a block"};

/* What no state may show: closed while something still stands; a decision that was something else
 * before; confirmed for nothing. */
static const char *forbidden(const struct world *world, const struct world *before,
                             const struct flow *flow, int scenario)
{
    int order = row_state(ORDER, world->row[ORDER]),
        payment = row_state(PAYMENT, world->row[PAYMENT]);
    int inventory = row_state(INVENTORY, world->row[INVENTORY]),
        was = row_state(ORDER, before->row[ORDER]);

    if (was >= ORDER_STATE_CONFIRMED && order != was)
        return "the decision changed";
    if (order == ORDER_STATE_CONFIRMED && scenarios[scenario].amount_minor > 0 &&
        world->truth != TRUTH_CHARGED)
        return "confirmed while the provider holds no charge";
    if (scenarios[scenario].amount_minor == 0 && world->truth != TRUTH_NONE)
        return "a provider was asked for nothing";
    if ((flow->when[FLOW_RESERVE] & FACT(PAYMENT_COMPLETED)) != 0 &&
        scenarios[scenario].amount_minor > 0 && world->truth == TRUTH_NONE &&
        (inventory == INVENTORY_STATE_RESERVED || inventory == INVENTORY_STATE_FAILED))
        return "the stock was asked before the order was paid";
    if (order != ORDER_STATE_CANCELLED || !order_closed(order, row_facts(ORDER, world->row[ORDER])))
        return NULL;
    if (world->truth == TRUTH_CHARGED)
        return "closed as cancelled while the provider holds a charge";
    if (payment == PAYMENT_STATE_NEW || payment == PAYMENT_STATE_COMPLETED ||
        payment == PAYMENT_STATE_CHARGING || payment == PAYMENT_STATE_SETTLING)
        return "closed as cancelled while payment is not done";
    if (inventory == INVENTORY_STATE_NEW || inventory == INVENTORY_STATE_RESERVED)
        return "closed as cancelled while inventory is not done";
    return NULL;
}

/* What an end must be. */
static const char *wrong_end(const struct world *world, int scenario)
{
    int order = row_state(ORDER, world->row[ORDER]);
    uint64_t mailed =
        row_facts(EMAIL, world->row[EMAIL]) & (FACT(ORDER_CONFIRMED) | FACT(ORDER_CANCELLED));

    if (!order_closed(order, row_facts(ORDER, world->row[ORDER])))
        return "ends without being closed";
    if (row_state(EMAIL, world->row[EMAIL]) != EMAIL_STATE_SENT)
        return "ends without a mail";
    if (order == ORDER_STATE_CANCELLED)
        return mailed == FACT(ORDER_CANCELLED) ? NULL
                                               : "cancelled, and the mail is about something else";
    if (scenarios[scenario].kinds[0] == ORDER_CANCEL)
        return "confirmed although it was cancelled first";
    if ((world->truth == TRUTH_CHARGED) != (scenarios[scenario].amount_minor > 0) ||
        row_state(PAYMENT, world->row[PAYMENT]) != PAYMENT_STATE_COMPLETED)
        return "confirmed, and not paid";
    if (row_state(INVENTORY, world->row[INVENTORY]) != INVENTORY_STATE_RESERVED)
        return "confirmed, and not reserved";
    return mailed == FACT(ORDER_CONFIRMED) ? NULL
                                           : "confirmed, and the mail is about something else";
}

/* ---- the path in words ---- */

static void types_print(const char *before, const uint8_t *types, int count, const char *between)
{
    for (int i = 0; i < count && types[i] != MESSAGE_TYPES; i++)
        printf("%s%s", i == 0 ? before : between, kind_name(types[i]));
}

static void action_print(const struct action *action)
{
    static const char *const who[SERVICES] = {"order", "payment", "inventory", "email"};
    static const char *const results[SERVICES][6] = {
        [PAYMENT] = {"the provider charges", "the provider declines",
                     "the provider does not answer", "the provider finds nothing and blocks it",
                     "the provider refunds", "the provider refuses"},
        [INVENTORY] = {"there is enough", "there is too little"},
        [EMAIL] = {"the mail goes out", "the mail is refused", "no answer", "there is no address"}};
    static const char *const endings[EVENTS] = {
        [EVENT_DONE] = "",
        [EVENT_LOST] = "",
        [EVENT_CRASH_INTENT] = "; it dies after the intent",
        [EVENT_CRASH_CALL] = "; it dies with its call on the way",
        [EVENT_CRASH_EFFECTS] = "; it dies after the outside acted",
        [EVENT_CRASH_PUBLISH] = "; it dies before the offsets are committed"};

    if (action->event == EVENT_CALL_LANDS || action->event == EVENT_CALL_VANISHES) {
        printf(action->event == EVENT_CALL_LANDS ? "the late call lands"
                                                 : "the late call comes to nothing");
        return;
    }
    if (action->event == EVENT_SWEEP) {
        types_print("the sweepers say ", action->emitted, action->emitted_count, ", ");
        return;
    }
    printf("%s consumes ", who[action->who]);
    types_print("", action->seen, 2, " and ");
    if (action->outcome != 0)
        printf("; %s", results[action->who][action->outcome - 1]);
    types_print("; emits ", action->emitted, action->emitted_count, ", ");
    printf("%s", endings[action->event]);
    if (action->event == EVENT_LOST)
        printf("; %s is lost", message_type_name((enum message_type)action->lost));
}

static void world_print(const struct world *world)
{
    printf("       order %s, payment %s, inventory %s, email %s; the provider holds %s\n",
           order_table.state_names[row_state(ORDER, world->row[ORDER])],
           payment_table.state_names[row_state(PAYMENT, world->row[PAYMENT])],
           inventory_table.state_names[row_state(INVENTORY, world->row[INVENTORY])],
           email_table.state_names[row_state(EMAIL, world->row[EMAIL])], truth_names[world->truth]);
}

/* How the second came from the first is not stored: it is found again. */
static void step_print(const struct world *before, const struct world *after, int batch)
{
    static struct action actions[STEPS_MAX];
    static struct steps steps = {.actions = actions};
    size_t i = 0;

    steps_take(before, batch, &steps);
    while (i < steps.count && memcmp(&steps.worlds[i], after, sizeof *after) != 0)
        i++;
    if (i < steps.count)
        action_print(&actions[i]);
    printf("\n");
}

static int path_print(const struct seen *seen, size_t at, int batch)
{
    const struct world *world = seen_state(seen, at);
    int number = 0;

    if (seen->parents[at] != at) {
        number = path_print(seen, seen->parents[at], batch) + 1;
        printf("  %3d  ", number);
        step_print(seen_state(seen, seen->parents[at]), world, batch);
    }
    world_print(world);
    return number;
}

/* ---- exploring ---- */

static struct world world_new(int scenario, const struct setting *setting)
{
    struct world world;

    memset(&world, 0, sizeof world);
    world.crashes = (uint8_t)setting->crashes;
    world.losses = (uint8_t)setting->losses;
    world.early = (uint8_t)setting->early;
    world.sweeps = SWEEPS;
    world.silence = 1;
    for (int i = 0; i < scenarios[scenario].count; i++)
        world_say(&world, scenarios[scenario].kinds[i]);
    return world;
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static size_t total_states;

static void setting_print(const struct flow *flow, int scenario, const struct setting *setting)
{
    printf("%-13s  %-15s  crashes %d, losses %d, early %d, batch %d", flow->name,
           scenarios[scenario].name, setting->crashes, setting->losses, setting->early,
           setting->batch);
}

/* Breadth first, so that the first violation found has the shortest path.  False when there is
 * one. */
static bool explore(struct seen *seen, const struct flow *flow, int scenario,
                    const struct setting *setting)
{
    static struct steps steps;
    struct timespec start;
    struct world first;
    size_t ends = 0;
    double seconds;

    clock_gettime(CLOCK_MONOTONIC, &start);
    seen_clear(seen);
    steps_start(flow, scenarios[scenario].amount_minor, scenarios[scenario].mailed);
    first = world_new(scenario, setting);
    seen_add(seen, &first, 1, 0);
    for (size_t at = 0; at < seen->count; at++) {
        struct world world = *(const struct world *)seen_state(seen, at);
        const char *wrong = forbidden(&world, seen_state(seen, seen->parents[at]), flow, scenario);

        steps_take(&world, setting->batch, &steps);
        if (wrong == NULL)
            wrong = shipped_wrong(); /* of a step from here */
        if (wrong == NULL && steps.count == 0) {
            ends++;
            wrong = wrong_end(&world, scenario);
        }
        if (wrong != NULL) {
            setting_print(flow, scenario, setting);
            printf("\nVIOLATION: %s\n", wrong);
            path_print(seen, at, setting->batch);
            total_states += seen->count;
            return false;
        }
        seen_add(seen, steps.worlds, steps.count, at);
    }
    seconds = seconds_since(&start);
    total_states += seen->count;
    setting_print(flow, scenario, setting);
    printf("  %10zu states  %4zu ends  %7.2f s  %4.1f M states/s\n", seen->count, ends, seconds,
           (double)seen->count / 1e6 / (seconds > 1e-9 ? seconds : 1e-9));
    fflush(stdout);
    return true;
}

static bool explore_scenarios(struct seen *seen, const struct flow *flow,
                              const struct setting *setting)
{
    for (int scenario = 0; scenario < SCENARIOS; scenario++)
        if (!explore(seen, flow, scenario, setting))
            return false;
    return true;
}

static const struct setting quick[] = {{0, 0, 0, 2}, {1, 0, 0, 1}, {0, 1, 0, 1}, {0, 0, 1, 1}},
                            full[] = {{2, 0, 0, 1}, {1, 1, 0, 2}, {1, 0, 1, 1}};

static bool explore_settings(struct seen *seen, const struct setting *settings, size_t count)
{
    bool fine = true;

    for (int i = 0; fine && i < FLOWS; i++)
        for (size_t j = 0; fine && j < count; j++)
            fine = explore_scenarios(seen, &flows[i], &settings[j]);
    return fine;
}

static int usage(FILE *file)
{
    fprintf(file,
            "usage: explorer quick | full\n"
            "       explorer FLOW CRASHES LOSSES EARLY BATCH\n"
            "\n"
            "Explores every interleaving of the shipped decisions for one order and prints, a line "
            "for each scenario, how many\n"
            "states there are, at how many of them it ends, and the time.  A violation is printed "
            "as a shortest path to it.\n"
            "\n"
            "  quick    no fault with batches of 2; one crash; one loss; one early sweep\n"
            "  full     two crashes; one crash and one loss with batches of 2; one crash and one "
            "early sweep\n"
            "  FLOW     pay-first, reserve-first or parallel\n"
            "  CRASHES  processes that may die, at any point\n"
            "  LOSSES   events that the broker may lose\n"
            "  EARLY    sweepers' commands that may come while something else can still happen\n"
            "  BATCH    how many messages a service takes at once, 1 or 2\n"
            "\n"
            "Exit code: 0 no violation, 1 a violation, 2 usage.\n");
    return file == stderr ? 2 : 0;
}

static bool number_of(const char *text, int most, int *number)
{
    char *end;
    long value = strtol(text, &end, 10);

    *number = (int)value;
    return *text != '\0' && *end == '\0' && value >= 0 && value <= most;
}

int main(int argc, char **argv)
{
    struct seen seen = {.words = WORLD_WORDS};
    struct setting setting;
    struct timespec start;
    bool fine;

    clock_gettime(CLOCK_MONOTONIC, &start);
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (argc == 2 && strcmp(argv[1], "quick") == 0) {
        fine = explore_settings(&seen, quick, sizeof quick / sizeof quick[0]);
    } else if (argc == 2 && strcmp(argv[1], "full") == 0) {
        fine = explore_settings(&seen, full, sizeof full / sizeof full[0]);
    } else if (argc == 6 && flow_find(argv[1]) != NULL && number_of(argv[2], 3, &setting.crashes) &&
               number_of(argv[3], 3, &setting.losses) && number_of(argv[4], 3, &setting.early) &&
               number_of(argv[5], 2, &setting.batch) && setting.batch > 0) {
        fine = explore_scenarios(&seen, flow_find(argv[1]), &setting);
    } else {
        return usage(stderr);
    }
    printf("explorer: %s, %zu states in %.0f s\n", fine ? "no violation" : "a violation",
           total_states, seconds_since(&start));
    seen_free(&seen);
    decisions_free();
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
