/* The explorer: every interleaving of the shipped decisions for one order.
 *
 * Four consumers over their topics, in batches of one or two; effects that are under way while
 * everything else goes on; crashes while they are, and at each point of publishing; a partition
 * that goes to another instance meanwhile; a provider's call of a dead process that lands later; a
 * provider that does not answer; lost events healed by the sweepers.  Wherever it ends, the saga
 * must be closed and agree with what the provider really did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/explorer/saga/effects.h"
#include "tests/explorer/saga/steps.h"
#include "tests/explorer/seen.h"

enum scenario {
    PLACE,
    PLACE_CANCEL,
    CANCEL_PLACE,
    PLACE_TIMEOUT,
    PLACE_PLACE,
    PLACE_FORGED,
    FREE_CANCEL,
    NO_ADDRESS,
    SILENT_MAIL,
    SCENARIOS
};

static const struct {
    const char *name;
    int kinds[3]; /* of the messages that there are to begin with */
    int count;
    int64_t amount_minor;
    uint64_t mailed;  /* what comes of its mail */
    bool mail_silent; /* see struct outside */
} scenarios[SCENARIOS] = {
    [PLACE] = {"place", {ORDER_PLACE}, 1, 1, EMAIL_ACCEPTED, false},
    [PLACE_CANCEL] = {"place, cancel", {ORDER_PLACE, ORDER_CANCEL}, 2, 1, EMAIL_ACCEPTED, false},
    [CANCEL_PLACE] = {"cancel, place", {ORDER_CANCEL, ORDER_PLACE}, 2, 1, EMAIL_ACCEPTED, false},
    [PLACE_TIMEOUT] =
        {"place, time-out", {ORDER_PLACE, ORDER_TIMEOUT}, 2, 1, EMAIL_ACCEPTED, false},
    [PLACE_PLACE] = {"place, place", {ORDER_PLACE, ORDER_PLACE}, 2, 1, EMAIL_ACCEPTED, false},
    [PLACE_FORGED] =
        {"place, forged", {ORDER_PLACE, FORGED_COMPLETED}, 2, 1, EMAIL_ACCEPTED, false},
    [FREE_CANCEL] = {"free, cancel", {ORDER_PLACE, ORDER_CANCEL}, 2, 0, EMAIL_ACCEPTED, false},
    [NO_ADDRESS] = {"no address", {ORDER_PLACE, ORDER_CANCEL}, 2, 1, EMAIL_UNADDRESSED, false},
    [SILENT_MAIL] = {"silent mail", {ORDER_PLACE, ORDER_CANCEL}, 2, 1, EMAIL_ACCEPTED, true},
};

/* What may happen in one exploration. */
struct setting {
    int crashes, losses;
    int early; /* sweeps while something else can still happen */
    int batch;
};

static struct without without;

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

    for (int i = 0; i < CALLERS; i++)
        if (world->taken[i] != LIST_EMPTY || world->orphaned[i] != LIST_EMPTY)
            return "ends with messages that are never finished";
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

static const char *const effect_names[SERVICES][3] = {
    [PAYMENT] = {"", "a charge", "a settlement"}, [EMAIL] = {"", "a mail"}};

static const char *process_name(const struct action *action)
{
    static const char *const names[SERVICES][2] = {{"order", ""},
                                                   {"payment", "payment's old instance"},
                                                   {"inventory", ""},
                                                   {"email", "email's old instance"}};

    return names[action->who][action->orphan];
}

static void batch_print(const struct action *action)
{
    static const char *const results[SERVICES][6] = {
        [PAYMENT] = {"charged", "declined", "no answer", "nothing is charged and it is blocked",
                     "refunded", "refund refused"},
        [INVENTORY] = {"there is enough", "there is too little"},
        [EMAIL] = {"the mail is out", "the mail is refused", "no answer", "there is no address"}};
    const char *between = "";

    printf("%s", process_name(action));
    if (action->seen[0] != NO_KIND) {
        printf(" consumes ");
        for (int i = 0; i < BATCH_MAX && action->seen[i] != NO_KIND; i++)
            printf("%s%s", i == 0 ? "" : " and ", kind_name(action->seen[i]));
        between = ";";
    }
    for (int i = 0; i < BATCH_MAX && action->results[i] != 0; i++, between = ";")
        printf("%s %s%s", between, action->who == INVENTORY ? "" : "decides on the answer: ",
               results[action->who][action->results[i] - 1]);
    if (action->wanted != EFFECT_NONE)
        printf("; %s %s", effect_names[action->who][action->wanted],
               action->attached ? "is under way already" : "is under way");
    types_print("; emits ", action->emitted, action->emitted_count, ", ");
    if (action->event == EVENT_CRASH_PUBLISH)
        printf("; it dies before the offsets are committed");
    if (action->event == EVENT_LOST)
        printf("; %s is lost", message_type_name((enum message_type)action->lost));
}

static void action_print(const struct action *action)
{
    static const char *const acts[6] = {"charges",         "declines",
                                        "does not answer", "finds nothing and blocks it",
                                        "refunds",         "refuses"};

    switch (action->event) {
    case EVENT_CALL_LANDS:
        printf("the late call lands");
        break;
    case EVENT_CALL_VANISHES:
        printf("the late call comes to nothing");
        break;
    case EVENT_SWEEP:
        types_print("the sweepers say ", action->emitted, action->emitted_count, ", ");
        break;
    case EVENT_ACTS:
        printf("the provider %s, asked by %s", acts[action->results[0] - 1], process_name(action));
        break;
    case EVENT_CRASH:
        printf("%s dies with its effects under way", process_name(action));
        if (action->results[0] != 0)
            printf(": the provider %s before", acts[action->results[0] - 1]);
        break;
    case EVENT_MOVED:
        printf("%s loses its partition to another instance, and goes on", process_name(action));
        break;
    default:
        batch_print(action);
    }
}

static void effects_print(const struct world *world, enum who who)
{
    for (int i = 0; i < EFFECTS_MAX; i++) {
        const struct effect *effect = &world->effects[caller_of(who)][i];

        if (effect->kind != EFFECT_NONE)
            printf("; %s under way%s%s", effect_names[who][effect->kind],
                   effect->answer != 0 ? ", answered" : "",
                   effect->orphan ? ", of the old instance" : "");
    }
}

static void world_print(const struct world *world)
{
    printf("       order %s, payment %s, inventory %s, email %s; the provider holds %s",
           order_table.state_names[row_state(ORDER, world->row[ORDER])],
           payment_table.state_names[row_state(PAYMENT, world->row[PAYMENT])],
           inventory_table.state_names[row_state(INVENTORY, world->row[INVENTORY])],
           email_table.state_names[row_state(EMAIL, world->row[EMAIL])], truth_names[world->truth]);
    effects_print(world, PAYMENT);
    effects_print(world, EMAIL);
    printf("\n");
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
    const struct outside outside = {flow, scenarios[scenario].amount_minor,
                                    scenarios[scenario].mailed, scenarios[scenario].mail_silent,
                                    without};
    struct timespec start;
    struct world first;
    size_t ends = 0;
    double seconds;

    clock_gettime(CLOCK_MONOTONIC, &start);
    seen_clear(seen);
    steps_start(&outside);
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

/* Those of the set of scenarios. */
static bool explore_scenarios(struct seen *seen, const struct flow *flow,
                              const struct setting *setting, unsigned set)
{
    for (int scenario = 0; scenario < SCENARIOS; scenario++)
        if ((set & 1u << scenario) != 0 && !explore(seen, flow, scenario, setting))
            return false;
    return true;
}

enum {
    ALL = (1 << SCENARIOS) - 1,
    SMALL = 1 << CANCEL_PLACE | 1 << FREE_CANCEL,
    MEDIUM = SMALL | 1 << PLACE_CANCEL | 1 << SILENT_MAIL,
    MOST = MEDIUM | 1 << PLACE | 1 << PLACE_TIMEOUT
};

struct selection {
    struct setting setting;
    unsigned scenarios[FLOWS]; /* in each flow */
};

static const struct selection quick[] = {
    {{0, 0, 0, 2}, {ALL, ALL, ALL}},
    {{1, 0, 0, 1}, {MEDIUM | 1 << PLACE, MEDIUM | 1 << PLACE, MOST}},
    {{0, 1, 0, 1}, {ALL, ALL, ALL}},
    {{0, 0, 1, 1}, {MEDIUM, SMALL, MEDIUM}},
};

static const struct selection full[] = {
    {{2, 0, 0, 1}, {ALL, ALL, ALL}},
    {{1, 1, 0, 2}, {ALL, ALL, ALL}},
    {{1, 0, 1, 1}, {ALL, ALL, ALL}},
};

static bool explore_selections(struct seen *seen, const struct selection *selections, size_t count)
{
    bool fine = true;

    for (int i = 0; fine && i < FLOWS; i++)
        for (size_t j = 0; fine && j < count; j++)
            fine = explore_scenarios(seen, &flows[i], &selections[j].setting,
                                     selections[j].scenarios[i]);
    return fine;
}

/* The set of the scenario that is called so; none: 0. */
static unsigned scenario_find(const char *name)
{
    unsigned set = 0;

    for (int scenario = 0; scenario < SCENARIOS; scenario++)
        if (strcmp(scenarios[scenario].name, name) == 0)
            set = 1u << scenario;
    return set;
}

static int usage(FILE *file)
{
    fprintf(
        file,
        "usage: explorer quick | full\n"
        "       explorer [--without PROTECTION] FLOW CRASHES LOSSES EARLY BATCH [SCENARIO]\n"
        "\n"
        "Explores every interleaving of the shipped decisions for one order and prints, a line "
        "for each scenario, how many\n"
        "states there are, at how many of them it ends, and the time.  A violation is printed "
        "as a shortest path to it.\n"
        "\n"
        "  quick    no fault with batches of 2; one loss; one crash or one early sweep in some of "
        "the scenarios\n"
        "  full     two crashes; one crash and one loss with batches of 2; one crash and one "
        "early sweep\n"
        "  FLOW     pay-first, reserve-first or parallel\n"
        "  CRASHES  processes that may die, or lose their partition, at any point\n"
        "  LOSSES   events that the broker may lose\n"
        "  EARLY    sweepers' commands that may come while something else can still happen\n"
        "  BATCH    how many messages and results a service takes at once, 1 or 2\n"
        "  SCENARIO only that one, as it is printed: \"place, cancel\"\n"
        "\n"
        "--without takes one protection away, to see what it is for:\n"
        "  hold     a message is committed although its effect has no result yet\n"
        "  record   a charge is started before the row knows of it\n"
        "  causes   what an effect came to is saved, and nothing is emitted for its causes\n"
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

static bool without_of(const char *what)
{
    without = (struct without){strcmp(what, "hold") == 0, strcmp(what, "record") == 0,
                               strcmp(what, "causes") == 0};
    return without.hold || without.record || without.causes;
}

int main(int argc, char **argv)
{
    struct seen seen = {.words = WORLD_WORDS};
    struct setting setting;
    struct timespec start;
    unsigned set = ALL;
    bool fine;

    clock_gettime(CLOCK_MONOTONIC, &start);
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (argc == 8 && strcmp(argv[1], "--without") == 0 && without_of(argv[2])) {
        argc -= 2;
        argv += 2;
    }
    if (argc == 2 && strcmp(argv[1], "quick") == 0) {
        fine = explore_selections(&seen, quick, sizeof quick / sizeof quick[0]);
    } else if (argc == 2 && strcmp(argv[1], "full") == 0) {
        fine = explore_selections(&seen, full, sizeof full / sizeof full[0]);
    } else if (argc >= 6 && argc <= 7 && flow_find(argv[1]) != NULL &&
               number_of(argv[2], 3, &setting.crashes) && number_of(argv[3], 3, &setting.losses) &&
               number_of(argv[4], 3, &setting.early) && number_of(argv[5], 2, &setting.batch) &&
               setting.batch > 0 && (argc == 6 || (set = scenario_find(argv[6])) != 0)) {
        fine = explore_scenarios(&seen, flow_find(argv[1]), &setting, set);
    } else {
        return usage(stderr);
    }
    printf("explorer: %s, %zu states in %.0f s\n", fine ? "no violation" : "a violation",
           total_states, seconds_since(&start));
    seen_free(&seen);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
