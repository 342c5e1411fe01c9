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
    REFUSED,
    PREPARED,
    SCENARIOS
};

static const struct {
    const char *name;
    int kinds[3]; /* of the messages that there are to begin with */
    int count;
    int64_t amount_minor;
    uint64_t mailed;  /* what comes of its mail */
    bool mail_silent; /* see struct outside */
    bool refuses;     /* the provider may refuse the refund once */
    bool prepares;    /* it prepares a charge before it makes it */
} scenarios[SCENARIOS] = {
    [PLACE] = {"place", {ORDER_PLACE}, 1, 1, EMAIL_ACCEPTED, false, false, false},
    [PLACE_CANCEL] =
        {"place, cancel", {ORDER_PLACE, ORDER_CANCEL}, 2, 1, EMAIL_ACCEPTED, false, false, false},
    [CANCEL_PLACE] =
        {"cancel, place", {ORDER_CANCEL, ORDER_PLACE}, 2, 1, EMAIL_ACCEPTED, false, false, false},
    [PLACE_TIMEOUT] = {"place, time-out",
                       {ORDER_PLACE, ORDER_TIMEOUT},
                       2,
                       1,
                       EMAIL_ACCEPTED,
                       false,
                       false,
                       false},
    [PLACE_PLACE] =
        {"place, place", {ORDER_PLACE, ORDER_PLACE}, 2, 1, EMAIL_ACCEPTED, false, false, false},
    [PLACE_FORGED] = {"place, forged",
                      {ORDER_PLACE, FORGED_COMPLETED},
                      2,
                      1,
                      EMAIL_ACCEPTED,
                      false,
                      false,
                      false},
    [FREE_CANCEL] =
        {"free, cancel", {ORDER_PLACE, ORDER_CANCEL}, 2, 0, EMAIL_ACCEPTED, false, false, false},
    [NO_ADDRESS] =
        {"no address", {ORDER_PLACE, ORDER_CANCEL}, 2, 1, EMAIL_UNADDRESSED, false, false, false},
    [SILENT_MAIL] =
        {"silent mail", {ORDER_PLACE, ORDER_CANCEL}, 2, 1, EMAIL_ACCEPTED, true, false, false},
    [REFUSED] = {"refused refund",
                 {ORDER_PLACE, ORDER_CANCEL, PAYMENT_RETRY},
                 3,
                 1,
                 EMAIL_ACCEPTED,
                 false,
                 true,
                 false},
    [PREPARED] =
        {"prepared charge", {ORDER_PLACE, ORDER_CANCEL}, 2, 1, EMAIL_ACCEPTED, false, false, true},
};

/* What may happen in one exploration. */
struct setting {
    int crashes, losses;
    int early; /* sweeps while something else can still happen */
    int batch;
    const char *processes; /* see processes_read */
};

static struct without without;

static const char *const truth_names[] = {"nothing", "a charge", "a decline", "a refund",
                                          "a block"};

/* The rows that an event follows from. */
static const struct {
    enum message_type event;
    enum who who;
    uint64_t states;
    uint64_t facts; /* one of these is known; 0: none needs to be */
} sources[] = {
    {ORDER_CREATED, ORDER, ~STATE(ORDER_STATE_NEW), 0},
    {ORDER_CONFIRMED, ORDER, STATE(ORDER_STATE_CONFIRMED), 0},
    {ORDER_CANCELLED, ORDER, STATE(ORDER_STATE_CANCELLED), 0},
    {PAYMENT_COMPLETED, PAYMENT, ~STATE(PAYMENT_STATE_CHARGING), PAYMENT_CHARGED},
    {PAYMENT_FAILED, PAYMENT, ~UINT64_C(0), PAYMENT_DECLINED},
    {PAYMENT_PENDING, PAYMENT, ~UINT64_C(0), PAYMENT_UNANSWERED},
    {PAYMENT_REFUNDED, PAYMENT, STATE(PAYMENT_STATE_REFUNDED), 0},
    {PAYMENT_VOIDED, PAYMENT, ~STATE(PAYMENT_STATE_NEW), FACT(ORDER_CANCELLED)},
    {PAYMENT_REFUND_FAILED, PAYMENT, ~UINT64_C(0), PAYMENT_SETTLE_REFUSED},
    {INVENTORY_RESERVED, INVENTORY, ~UINT64_C(0), INVENTORY_TAKEN},
    {INVENTORY_FAILED, INVENTORY, ~UINT64_C(0), INVENTORY_SHORT},
    {INVENTORY_RELEASED, INVENTORY, STATE(INVENTORY_STATE_RELEASED), 0},
    {INVENTORY_VOIDED, INVENTORY, STATE(INVENTORY_STATE_VOID) | STATE(INVENTORY_STATE_FAILED), 0},
    {EMAIL_SENT, EMAIL, STATE(EMAIL_STATE_SENT), 0},
    {EMAIL_FAILED, EMAIL, STATE(EMAIL_STATE_FAILED), 0},
};

/* Does a row know an event that follows from nothing that is committed?  Of a forged one that is to
 * be expected. */
static bool is_unfounded(const struct world *world, int scenario)
{
    uint64_t known = 0;

    for (int who = 0; who < SERVICES; who++)
        known |= row_facts((enum who)who, world->row[who]);
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        const uint16_t row = world->row[sources[i].who];

        if ((known & FACT(sources[i].event)) == 0 ||
            (scenario == PLACE_FORGED && sources[i].event == PAYMENT_COMPLETED))
            continue;
        if ((sources[i].states & STATE(row_state(sources[i].who, row))) == 0 ||
            (sources[i].facts != 0 && (row_facts(sources[i].who, row) & sources[i].facts) == 0))
            return true;
    }
    return false;
}

/* What no state may show: a row that knows what is not committed; closed while something still
 * stands; a decision that was something else before; confirmed for nothing. */
static const char *forbidden(const struct world *world, const struct world *before,
                             const struct flow *flow, int scenario)
{
    int order = row_state(ORDER, world->row[ORDER]),
        payment = row_state(PAYMENT, world->row[PAYMENT]);
    int inventory = row_state(INVENTORY, world->row[INVENTORY]),
        was = row_state(ORDER, before->row[ORDER]);

    if (is_unfounded(world, scenario))
        return "a row knows a fact whose own row is not committed";
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

static const char *unlogged_text(enum message_type type)
{
    static char text[80];

    snprintf(text, sizeof text, "ends with a row that knows %s, which is not in the log",
             message_type_name(type));
    return text;
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
    if (world_unlogged(world) != MESSAGE_TYPES)
        return unlogged_text(world_unlogged(world));
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

static const char *const service_names[SERVICES] = {"order", "payment", "inventory", "email"};

/* The services of a database, or of a process that dies. */
static void name_print(const struct action *action)
{
    const bool whole = action->event == EVENT_CRASH || action->event == EVENT_MOVED;
    const char *between = "";

    for (int who = 0; who < SERVICES; who++) {
        if ((whole ? process_of((enum who)who) : database_of((enum who)who)) != action->who)
            continue;
        printf("%s%s", between, service_names[who]);
        between = "+";
    }
    printf("%s", action->orphan ? "'s old instance" : "");
}

static void batch_print(const struct action *action)
{
    static const char *const results[SERVICES][8] = {
        [PAYMENT] = {"charged", "declined", "no answer", "nothing is charged and it is blocked",
                     "refunded", "refund refused", "a charge is prepared", "nobody was asked"},
        [EMAIL] = {"the mail is out", "the mail is refused", "no answer", "there is no address"}};
    static const char *const stock[] = {"there is enough", "there is too little"};
    const char *between = "";

    name_print(action);
    if (action->seen[0] != NO_KIND) {
        printf(action->handed ? " is handed over " : " consumes ");
        for (int i = 0; i < SEEN_MAX && action->seen[i] != NO_KIND; i++)
            printf("%s%s", i == 0 ? "" : " and ", kind_name(action->seen[i]));
        between = ";";
    }
    for (int i = 0; i < BATCH_MAX; i++)
        if (action->results[i] != 0) {
            printf("%s decides on the answer: %s", between,
                   results[action->asked[i]][action->results[i] - 1]);
            between = ";";
        }
    if (action->stock != 0)
        printf("; %s", stock[action->stock - 1]);
    for (int i = 0; i < CALLERS; i++)
        if (action->wanted[i] != EFFECT_NONE)
            printf("; %s %s", effect_names[i == 0 ? PAYMENT : EMAIL][action->wanted[i]],
                   action->attached[i] ? "is under way already" : "is under way");
    types_print("; emits ", action->emitted, action->emitted_count, ", ");
    if (action->event == EVENT_CRASH_PUBLISH)
        printf("; it dies before the offsets are committed");
    if (action->event == EVENT_TOO_EARLY)
        printf("; what is handed over is committed, then it dies");
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
        printf("the provider %s, asked by ", acts[action->results[0] - 1]);
        name_print(action);
        break;
    case EVENT_CRASH:
        name_print(action);
        printf(" dies with what is under way");
        if (action->results[0] != 0)
            printf(": the provider %s before", acts[action->results[0] - 1]);
        break;
    case EVENT_MOVED:
        name_print(action);
        printf(" loses its partition to another instance, and goes on");
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
    world.crashes = (unsigned)setting->crashes & 15u;
    world.losses = (unsigned)setting->losses & 15u;
    world.early = (uint8_t)setting->early;
    world.silence = 1;
    world.refusal = scenarios[scenario].refuses;
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
    printf("%-13s  %-15s  crashes %d, losses %d, early %d, batch %d%s%s", flow->name,
           scenarios[scenario].name, setting->crashes, setting->losses, setting->early,
           setting->batch, *setting->processes == '\0' ? "" : ", ", setting->processes);
}

/* Breadth first, so that the first violation found has the shortest path.  False when there is
 * one. */
static bool explore(struct seen *seen, const struct flow *flow, int scenario,
                    const struct setting *setting)
{
    static struct steps steps;
    struct outside outside = {flow,
                              scenarios[scenario].amount_minor,
                              scenarios[scenario].mailed,
                              scenarios[scenario].mail_silent,
                              scenarios[scenario].prepares,
                              {0},
                              without};
    struct timespec start;
    struct world first;
    size_t ends = 0;
    double seconds;

    clock_gettime(CLOCK_MONOTONIC, &start);
    seen_clear(seen);
    processes_read(setting->processes, &outside.processes);
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
    LONG = 1 << REFUSED | 1 << PREPARED,
    NONE_LONG = ALL & ~LONG,
    SMALL = 1 << CANCEL_PLACE | 1 << FREE_CANCEL,
    MEDIUM = SMALL | 1 << PLACE_CANCEL | 1 << SILENT_MAIL,
    MOST = MEDIUM | 1 << PLACE | 1 << PLACE_TIMEOUT
};

struct selection {
    struct setting setting;
    unsigned scenarios[FLOWS]; /* in each flow */
};

/* One process and one database; a database each; payment in a process of its own. */
static const char ONE[] = "order+payment+inventory+email", HOPS[] = "order/payment/inventory/email",
                  MIXED[] = "order+inventory+email", MIXED_HOPS[] = "order/inventory/email";

static const struct selection quick[] = {
    {{0, 0, 0, 2, ""}, {NONE_LONG, NONE_LONG, NONE_LONG}},
    {{1, 0, 0, 1, ""}, {MEDIUM, MEDIUM | 1 << PLACE, MOST}},
    {{0, 1, 0, 1, ""}, {NONE_LONG, NONE_LONG, NONE_LONG}},
    {{0, 0, 1, 1, ""}, {MEDIUM, SMALL, MEDIUM}},
    {{1, 0, 0, 2, ONE}, {MOST, MOST, MOST}},
    {{1, 0, 0, 1, ONE}, {LONG, LONG, LONG}},
    {{1, 0, 0, 1, ""}, {1 << PREPARED, 1 << PREPARED, 0}},
    {{1, 0, 0, 1, HOPS},
     {SMALL | 1 << PLACE_CANCEL, SMALL | 1 << PLACE | 1 << PLACE_CANCEL, SMALL | 1 << PLACE}},
    {{1, 0, 0, 1, MIXED},
     {SMALL | 1 << PLACE | 1 << PLACE_CANCEL, SMALL | 1 << PLACE | 1 << PLACE_CANCEL,
      SMALL | 1 << PLACE_CANCEL}},
    {{1, 0, 0, 1, MIXED_HOPS},
     {SMALL | 1 << PLACE_CANCEL, SMALL | 1 << PLACE_CANCEL, SMALL | 1 << PLACE_CANCEL}},
};

static const struct selection full[] = {
    {{1, 0, 0, 2, ONE}, {ALL, ALL, ALL}},   {{1, 0, 1, 1, ONE}, {ALL, ALL, ALL}},
    {{1, 1, 0, 1, ONE}, {ALL, ALL, ALL}},   {{1, 0, 0, 1, HOPS}, {ALL, ALL, ALL}},
    {{1, 0, 0, 1, MIXED}, {ALL, ALL, ALL}}, {{1, 0, 0, 1, MIXED_HOPS}, {ALL, ALL, ALL}},
    {{2, 0, 0, 1, ""}, {ALL, ALL, ALL}},    {{1, 1, 0, 2, ""}, {ALL, ALL, ALL}},
    {{1, 0, 1, 1, ""}, {ALL, ALL, ALL}},
};

static bool explore_selections(struct seen *seen, const struct selection *selections, size_t count)
{
    bool fine = true;

    for (size_t i = 0; fine && i < count; i++)
        for (int j = 0; fine && j < FLOWS; j++)
            fine = explore_scenarios(seen, &flows[j], &selections[i].setting,
                                     selections[i].scenarios[j]);
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
        "       explorer [--without PROTECTION] [--processes TEXT] FLOW CRASHES LOSSES EARLY BATCH "
        "[SCENARIO]\n"
        "\n"
        "Explores every interleaving of the shipped decisions for one order and prints, a line "
        "for each scenario, how many\n"
        "states there are, at how many of them it ends, and the time.  A violation is printed "
        "as a shortest path to it.\n"
        "\n"
        "  quick    no fault with batches of 2; one loss; one crash or one early sweep in some of "
        "the scenarios; one crash,\n"
        "           where services share a process\n"
        "  full     one crash where services share a process; two crashes; one crash and one loss "
        "with batches of 2; one\n"
        "           crash and one early sweep\n"
        "  FLOW     pay-first, reserve-first or parallel\n"
        "  CRASHES  processes that may die, or lose their partition, at any point\n"
        "  LOSSES   events that the broker may lose\n"
        "  EARLY    sweepers' commands that may come while something else can still happen\n"
        "  BATCH    how many messages and results a service takes at once, 1 or 2\n"
        "  SCENARIO only that one, as it is printed: \"place, cancel\"\n"
        "\n"
        "--processes says which services share a process: processes are divided by commas, their "
        "databases by slashes,\n"
        "services of one database by plus signs, as in order+inventory/email,payment.  A service "
        "that is not named has a\n"
        "process of its own.\n"
        "\n"
        "--without takes one protection away, to see what it is for:\n"
        "  hold     a message is committed although its effect has no result yet\n"
        "  record   a charge is started before the row knows of it\n"
        "  causes   what an effect came to is saved, and nothing is emitted for its causes\n"
        "and, of services that share a process:\n"
        "  transaction  the rows of one database are saved one by one\n"
        "  hop          an event is handed over to another database before its row is committed\n"
        "  chain        a message is committed before all that follows from it is decided\n"
        "  log          what is handed over is not published\n"
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
    const struct {
        const char *name;
        bool *taken_away;
    } protections[] = {{"hold", &without.hold},     {"record", &without.record},
                       {"causes", &without.causes}, {"transaction", &without.transaction},
                       {"hop", &without.hop},       {"chain", &without.chain},
                       {"log", &without.log}};

    for (size_t i = 0; i < sizeof protections / sizeof protections[0]; i++)
        if (strcmp(what, protections[i].name) == 0)
            return *protections[i].taken_away = true;
    return false;
}

int main(int argc, char **argv)
{
    struct seen seen = {.words = WORLD_WORDS};
    struct setting setting = {.processes = ""};
    struct processes processes;
    struct timespec start;
    unsigned set = ALL;
    bool fine;

    clock_gettime(CLOCK_MONOTONIC, &start);
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (argc >= 8 && strcmp(argv[1], "--without") == 0 && without_of(argv[2])) {
        argc -= 2;
        argv += 2;
    }
    if (argc >= 8 && strcmp(argv[1], "--processes") == 0) {
        setting.processes = argv[2];
        if (!processes_read(argv[2], &processes)) {
            fprintf(stderr,
                    "explorer: --processes %s: expected is each of order, payment, inventory and "
                    "email once at most, divided by , / and +; order and inventory with a database "
                    "each go with payment, email or both\n",
                    argv[2]);
            return 2;
        }
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
