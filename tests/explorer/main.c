/* The explorer: every interleaving of the shipped decisions for one order.
 *
 * Four consumers over their topics, in batches of one or two; crashes after the intent, after the provider acted, after the
 * commit, at each point of publishing; a provider's call of a dead process that lands later; a provider that does not answer;
 * lost events healed by the sweepers.  Wherever it ends, the saga must be closed and agree with what the provider really did.
 *
 * usage: explorer quick | full | FLOW CRASHES LOSSES BATCH */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/email/decide.h"
#include "services/inventory/decide.h"
#include "services/order/decide.h"
#include "services/payment/decide.h"
#include "tests/explorer/steps.h"

static const struct {
    const char *name;
    enum message_type commands[2];
    int count;
} scenarios[] = {
    {"place", {ORDER_PLACE, ORDER_PLACE}, 1},
    {"place, cancel", {ORDER_PLACE, ORDER_CANCEL}, 2},
    {"cancel, place", {ORDER_CANCEL, ORDER_PLACE}, 2},
    {"place, time-out", {ORDER_PLACE, ORDER_TIMEOUT}, 2},
    {"place, place", {ORDER_PLACE, ORDER_PLACE}, 2},
};

enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0], REDRIVES = 2 }; /* one for a silent provider, one for a lost event */

static const char *const truth_names[] = {"nothing", "a charge", "a decline", "a refund", "a block"};

/* What no state may show: closed while something still stands; a verdict that was something else before. */
static const char *forbidden(const struct seen *seen, size_t at)
{
    const struct world *world = &seen->worlds[at], *before = &seen->worlds[seen->parents[at]];

    if (before->state[ORDER] >= ORDER_STATE_CONFIRMED && world->state[ORDER] != before->state[ORDER])
        return "the verdict changed";
    if (world->state[ORDER] != ORDER_STATE_CANCELLED || !order_closed(world->state[ORDER], world->facts[ORDER]))
        return NULL;
    if (world->truth == TRUTH_CHARGED)
        return "closed as cancelled while the provider holds a charge";
    if (world->state[PAYMENT] == PAYMENT_STATE_NEW || world->state[PAYMENT] == PAYMENT_STATE_COMPLETED ||
        world->state[PAYMENT] == PAYMENT_STATE_CHARGING || world->state[PAYMENT] == PAYMENT_STATE_SETTLING)
        return "closed as cancelled while payment is not done";
    if (world->state[INVENTORY] == INVENTORY_STATE_NEW || world->state[INVENTORY] == INVENTORY_STATE_RESERVED)
        return "closed as cancelled while inventory is not done";
    return NULL;
}

/* What an end must be. */
static const char *wrong_end(const struct world *world, int scenario)
{
    uint64_t mailed = world->facts[EMAIL] & (FACT(ORDER_CONFIRMED) | FACT(ORDER_CANCELLED));

    if (!order_closed(world->state[ORDER], world->facts[ORDER]))
        return "ends without being closed";
    if (world->state[EMAIL] != EMAIL_STATE_SENT)
        return "ends without a mail";
    if (world->state[ORDER] == ORDER_STATE_CANCELLED)
        return mailed == FACT(ORDER_CANCELLED) ? NULL : "cancelled, and the mail is about something else";
    if (scenarios[scenario].commands[0] == ORDER_CANCEL)
        return "confirmed although it was cancelled first";
    if (world->truth != TRUTH_CHARGED || world->state[PAYMENT] != PAYMENT_STATE_COMPLETED)
        return "confirmed, and not paid";
    if (world->state[INVENTORY] != INVENTORY_STATE_RESERVED)
        return "confirmed, and not reserved";
    return mailed == FACT(ORDER_CONFIRMED) ? NULL : "confirmed, and the mail is about something else";
}

static const char *heard_name(uint8_t type)
{
    return type == MESSAGE_TYPES ? "" : message_type_name((enum message_type)type);
}

static void action_print(const struct action *action)
{
    static const char *const who[] = {"order", "payment", "inventory", "email", ""};
    static const char *const endings[] = {
        "and answers", "and one of its answers is lost", "and dies after the intent", "and dies with its call on the way",
        "and dies after the outside acted", "and dies while publishing", "the late call lands", "the late call comes to nothing",
        "the sweepers look"};

    if (action->who == SERVICES) {
        printf("    %s\n", endings[action->what]);
        return;
    }
    printf("    %s hears %s%s%s %s", who[action->who], heard_name(action->heard[0]), action->heard[1] == MESSAGE_TYPES ? "" : " and ",
           heard_name(action->heard[1]), endings[action->what]);
    if (action->what == EVENT_CRASH_PUBLISH || action->what == EVENT_DONE)
        printf(" (%d said)", action->said);
    if (action->on != 0)
        printf(", outcome %d", action->on);
}

static void path_print(const struct seen *seen, size_t at)
{
    static const struct saga_table *const tables[SERVICES] = {&order_table, &payment_table, &inventory_table, &email_table};
    const struct world *world = &seen->worlds[at];

    if (seen->parents[at] != at) {
        path_print(seen, seen->parents[at]);
        action_print(&seen->actions[at]);
    }
    if (seen->actions[at].who != SERVICES || seen->parents[at] == at)
        printf("%s-> %s, %s, %s, %s; the provider holds %s\n", seen->parents[at] == at ? "    start " : " ",
               tables[ORDER]->state_names[world->state[ORDER]], tables[PAYMENT]->state_names[world->state[PAYMENT]],
               tables[INVENTORY]->state_names[world->state[INVENTORY]], tables[EMAIL]->state_names[world->state[EMAIL]],
               truth_names[world->truth]);
}

static struct world world_new(int scenario, int crashes, int losses)
{
    struct world world;

    memset(&world, 0, sizeof world);
    world.reason = world.decided_by = MESSAGE_TYPES;
    world.crashes = (uint8_t)crashes;
    world.losses = (uint8_t)losses;
    world.redrives = REDRIVES;
    world.silence = 1;
    for (int i = 0; i < scenarios[scenario].count; i++)
        world_say(&world, scenarios[scenario].commands[i]);
    return world;
}

/* Breadth first, so that the first violation found has the shortest path.  False when there is one. */
static bool explore(struct seen *seen, const struct flow *flow, int scenario, int crashes, int losses, int batch)
{
    struct world first = world_new(scenario, crashes, losses);
    clock_t started = clock();
    size_t ends = 0;
    double seconds;

    seen_clear(seen);
    seen_add(seen, &first, 0, (struct action){.who = SERVICES});
    for (size_t at = 0; at < seen->count; at++) {
        const char *wrong = forbidden(seen, at);

        if (wrong == NULL && !steps_take(seen, at, flow, batch)) {
            ends++;
            wrong = wrong_end(&seen->worlds[at], scenario);
        }
        if (wrong != NULL) {
            printf("VIOLATION in %s, %s: %s\n", flow->name, scenarios[scenario].name, wrong);
            path_print(seen, at);
            return false;
        }
    }
    seconds = (double)(clock() - started) / CLOCKS_PER_SEC;
    printf("%-14s %-16s crashes %d losses %d batch %d: %10zu states %7zu ends %7.2f s %9.0f states/s\n", flow->name,
           scenarios[scenario].name, crashes, losses, batch, seen->count, ends, seconds, (double)seen->count / (seconds > 0 ? seconds : 1));
    fflush(stdout);
    return true;
}

static bool explore_all(struct seen *seen, const struct flow *flow, int crashes, int losses, int batch)
{
    for (int scenario = 0; scenario < SCENARIOS; scenario++)
        if (!explore(seen, flow, scenario, crashes, losses, batch))
            return false;
    return true;
}

int main(int argc, char **argv)
{
    struct seen seen = {0};
    bool fine = true;

    if (argc == 5 && flow_find(argv[1]) != NULL) {
        fine = explore_all(&seen, flow_find(argv[1]), atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
    } else if (argc == 2 && (strcmp(argv[1], "quick") == 0 || strcmp(argv[1], "full") == 0)) {
        for (int i = 0; fine && i < FLOWS; i++) {
            fine = explore_all(&seen, &flows[i], 0, 0, 2) && explore_all(&seen, &flows[i], 1, 0, 1) && explore_all(&seen, &flows[i], 0, 1, 1);
            if (fine && strcmp(argv[1], "full") == 0)
                fine = explore_all(&seen, &flows[i], 2, 0, 1) && explore_all(&seen, &flows[i], 1, 1, 2);
        }
    } else {
        fprintf(stderr, "usage: explorer quick | full | FLOW CRASHES LOSSES BATCH\n");
        return 2;
    }
    seen_free(&seen);
    printf(fine ? "explorer: no violation\n" : "explorer: a violation\n");
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
