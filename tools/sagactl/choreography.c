/* sagactl choreography: who reacts to what, and the state of each service's rows, printed from the
 * tables that decide. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "events/flow.h"
#include "history/describe.h"
#include "history/routes.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

static const char *const formats[] = {"text", "mermaid", "dot", "svg", NULL};

/* clang-format off */
static const struct setting settings[] = {
    {.name = "flow", .kind = SETTING_CHOICE, .fallback = "pay-first", .choices = flow_names,
     .meaning = "which flow an order follows"},
    {.name = "format", .kind = SETTING_CHOICE, .fallback = "text", .choices = formats,
     .meaning = "how it is shown; svg is drawn by Graphviz, where that is installed"},
    {.name = NULL},
};
/* clang-format on */

enum { OWN_FACTS = 32, PASSING_FACTS = 48 };

/* ---- names ---- */

static const char *fact_name(const struct saga_table *table, int bit)
{
    const char *const *names = bit >= PASSING_FACTS ? table->passing_facts : table->own_facts;
    int number = bit - (bit >= PASSING_FACTS ? PASSING_FACTS : OWN_FACTS);

    if (bit < OWN_FACTS)
        return message_type_name((enum message_type)bit);
    for (int i = 0; i <= number; i++)
        if (names[i] == NULL)
            return "?";
    return names[number];
}

static const char *set_text(const struct saga_table *table, uint64_t facts, const char *between,
                            struct arena *arena)
{
    struct buffer out = {.arena = arena};

    buffer_text(&out, "");
    for (int bit = 0; bit < 64; bit++)
        if ((facts & UINT64_C(1) << bit) != 0)
            buffer_format(&out, "%s%s", out.length > 0 ? between : "", fact_name(table, bit));
    return out.data;
}

static const char *states_text(const struct saga_table *table, uint64_t states, struct arena *arena)
{
    struct buffer out = {.arena = arena};

    buffer_text(&out, "");
    for (int state = 0; state < table->state_count; state++)
        if ((states & STATE(state)) != 0)
            buffer_format(&out, "%s%s", out.length > 0 ? ", " : "", table->state_names[state]);
    return out.data;
}

/* "on payment.completed, known: order.created, unless doomed" */
static const char *condition_text(const struct saga_table *table, uint64_t on, uint64_t known,
                                  uint64_t unless, struct arena *arena)
{
    struct buffer out = {.arena = arena};

    buffer_format(&out, "%s%s", on == 0 ? "" : "on ", set_text(table, on, " or ", arena));
    if ((known & ~on) != 0)
        buffer_format(
            &out, "%s%s %s", out.length > 0 ? ", " : "",
            on == 0 ? "once known:" : "known:", set_text(table, known & ~on, " and ", arena));
    if (unless != 0)
        buffer_format(&out, ", unless %s", set_text(table, unless, " or ", arena));
    return out.data;
}

/* ---- who reacts to what ---- */

static bool is_taken(const struct flow *flow, int service, enum message_type type)
{
    return service_takes(catalog[service].service, message_topic(type), type) &&
           (catalog[service].service->waits_for == NULL ||
            catalog[service].service->waits_for(flow, type));
}

/* The events that the service may emit when it consumes the type: a set of FACTs. */
static uint64_t answers_to(int service, enum message_type type)
{
    uint64_t words = 0;

    for (int event = 0; event < MESSAGE_TYPES; event++)
        if (emitter_number((enum message_type)event) == service &&
            (causes_of((enum message_type)event) & FACT(type)) != 0)
            words |= FACT(event);
    return words;
}

/* What a service's own sweeper sends to it, and an operator may. */
static bool is_internal(enum message_type type)
{
    return strstr(message_topic(type), ".internal") != NULL;
}

static bool is_saga(enum message_type type)
{
    return type != STOCK_SET && type != STOCK_ADD;
}

static const char *emitted_by(enum message_type type)
{
    return is_internal(type)               ? "itself"
           : message_emitter(type) == NULL ? "anyone"
                                           : message_emitter(type);
}

static void reactions_text(const struct flow *flow, struct arena *arena)
{
    printf("flow %s: %s\n\n%-24s %-10s %-11s %s\n", flow->name, flow->meaning, "MESSAGE",
           "EMITTED BY", "CONSUMED BY", "WHICH MAY EMIT");
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        bool first = true;

        if (!is_saga((enum message_type)type))
            continue;
        for (int service = 0; service < SERVICES; service++) {
            if (!is_taken(flow, service, (enum message_type)type))
                continue;
            printf("%-24s %-10s %-11s %s\n",
                   first ? message_type_name((enum message_type)type) : "",
                   first ? emitted_by((enum message_type)type) : "", catalog[service].name,
                   facts_text(answers_to(service, (enum message_type)type), ", ", arena));
            first = false;
        }
        if (first)
            printf("%-24s %-10s nobody: it is for whoever asked\n",
                   message_type_name((enum message_type)type), emitted_by((enum message_type)type));
    }
}

/* One arrow for all that goes from one to another, and acts or compensates. */
static void edges(const struct flow *flow, FILE *out, bool dot, struct arena *arena)
{
    for (int from = -1; from < SERVICES; from++) {
        for (int to = 0; to < SERVICES; to++) {
            uint64_t forth = 0, back = 0;

            for (int type = 0; type < MESSAGE_TYPES; type++)
                if (is_saga((enum message_type)type) && !is_internal((enum message_type)type) &&
                    emitter_number((enum message_type)type) == from &&
                    is_taken(flow, to, (enum message_type)type))
                    *(((COMPENSATIONS | FACT(ORDER_CANCELLED)) & FACT(type)) != 0 ? &back
                                                                                  : &forth) |=
                        FACT(type);
            for (int round = 0; round < 2; round++) {
                uint64_t words = round == 0 ? forth : back;
                const char *emitter = from < 0 ? "producer" : catalog[from].name;

                if (words == 0)
                    continue;
                if (dot)
                    fprintf(out, "    %s -> %s [label=\"%s\"%s];\n", emitter, catalog[to].name,
                            facts_text(words, "\\n", arena), round == 0 ? "" : ", style=dashed");
                else
                    fprintf(out, "    %s %s|\"%s\"| %s\n", emitter, round == 0 ? "-->" : "-.->",
                            facts_text(words, "<br>", arena), catalog[to].name);
            }
        }
    }
}

static void reactions_json(const struct flow *flow, struct arena *arena)
{
    for (int type = 0; type < MESSAGE_TYPES; type++)
        for (int service = 0; is_saga((enum message_type)type) && service < SERVICES; service++)
            if (is_taken(flow, service, (enum message_type)type))
                json_line_print_texts(
                    "flow", flow->name, "message", message_type_name((enum message_type)type),
                    "emitted_by", emitted_by((enum message_type)type), "consumed_by",
                    catalog[service].name, "may_emit",
                    facts_text(answers_to(service, (enum message_type)type), " ", arena), NULL);
}

static void reactions_mermaid(const struct flow *flow, struct arena *arena)
{
    puts("flowchart LR\n    producer([producer])");
    for (int i = 0; i < SERVICES; i++)
        printf("    %s[%s]\n", catalog[i].name, catalog[i].name);
    edges(flow, stdout, false, arena);
}

static void reactions_dot(const struct flow *flow, FILE *out, struct arena *arena)
{
    fprintf(out,
            "digraph choreography {\n    rankdir=LR; node [shape=box, style=rounded, "
            "fontname=\"sans-serif\"]; edge [fontname=\"sans-serif\", fontsize=10];\n"
            "    label=\"flow %s\"; producer [shape=ellipse];\n",
            flow->name);
    edges(flow, out, true, arena);
    fputs("}\n", out);
}

/* ---- one service's rows ---- */

static void table_text(int service, struct arena *arena)
{
    const struct saga_table *table = catalog[service].service->table;

    printf("A row of %s is %s.\n\nFrom, on what, to:\n", catalog[service].name,
           states_text(table, (UINT64_C(1) << table->state_count) - 1, arena));
    for (size_t i = 0; i < table->transition_count; i++) {
        const struct transition *row = &table->transitions[i];

        printf("  %s -> %s%s%s\n      %s\n      %s%s%s\n", states_text(table, row->states, arena),
               table->state_names[row->next], row->effect != EFFECT_NONE ? ", effect: " : "",
               table->effect_names[row->effect],
               condition_text(table, row->on, row->known, row->unless, arena), colour_dim(),
               row->reason, colour_off());
    }
    printf("\nIn which state, on what, it emits:\n");
    for (size_t i = 0; i < table->emission_count; i++) {
        const struct emission *row = &table->emissions[i];

        printf("  %s%s%s\n      in %s\n      %s\n", colour_good(), message_type_name(row->event),
               colour_off(), states_text(table, row->states, arena),
               condition_text(table, row->on, row->known, row->unless, arena));
    }
}

static void table_json(int service, struct arena *arena)
{
    const struct saga_table *table = catalog[service].service->table;

    for (size_t i = 0; i < table->transition_count; i++) {
        const struct transition *row = &table->transitions[i];

        json_line_print_texts("from", states_text(table, row->states, arena), "when",
                              condition_text(table, row->on, row->known, row->unless, arena), "to",
                              table->state_names[row->next], "effect",
                              table->effect_names[row->effect], "reason", row->reason, NULL);
    }
    for (size_t i = 0; i < table->emission_count; i++) {
        const struct emission *row = &table->emissions[i];

        json_line_print_texts("in", states_text(table, row->states, arena), "when",
                              condition_text(table, row->on, row->known, row->unless, arena),
                              "emits", message_type_name(row->event), NULL);
    }
}

static void label_put(const char *text, FILE *out)
{
    for (; *text != '\0'; text++)
        fputc(strchr(":;\"", *text) != NULL ? ' ' : *text, out);
}

/* The reason is the label; what leads back to where it came from is left out of a picture. */
static void table_edges(int service, FILE *out, bool dot)
{
    const struct saga_table *table = catalog[service].service->table;

    for (size_t i = 0; i < table->transition_count; i++) {
        const struct transition *row = &table->transitions[i];

        for (int state = 0; state < table->state_count; state++) {
            if ((row->states & STATE(state)) == 0 ||
                (state == row->next && row->effect == EFFECT_NONE))
                continue;
            fprintf(out,
                    dot ? "    %s -> %s [label=\"" : "    %s --> %s: ", table->state_names[state],
                    table->state_names[row->next]);
            label_put(row->reason, out);
            fputs(dot ? "\"];\n" : "\n", out);
        }
    }
}

static void table_mermaid(int service)
{
    puts("stateDiagram-v2\n    [*] --> NEW");
    table_edges(service, stdout, false);
}

static void table_dot(int service, FILE *out)
{
    fprintf(out,
            "digraph %s {\n    node [shape=box, style=rounded, fontname=\"sans-serif\"]; edge "
            "[fontname=\"sans-serif\", fontsize=10];\n",
            catalog[service].name);
    table_edges(service, out, true);
    fputs("}\n", out);
}

/* ---- */

static enum exit_code svg(const struct flow *flow, int service, struct arena *arena)
{
    FILE *graphviz;
    int code;

    fflush(stdout);
    graphviz = popen("dot -Tsvg", "w");
    if (graphviz == NULL)
        return command_misused("cannot start dot");
    if (service < 0)
        reactions_dot(flow, graphviz, arena);
    else
        table_dot(service, graphviz);
    code = pclose(graphviz);
    return code == 0 ? EXIT_FINE
                     : command_misused("dot cannot draw it: --format svg needs Graphviz; --format "
                                       "dot and mermaid need nothing");
}

static enum exit_code run(const struct settings *from)
{
    const struct flow *flow = flow_find(settings_text(from, "flow"));
    const char *format = settings_text(from, "format");
    enum exit_code code = EXIT_FINE;
    size_t count;
    const char *const *arguments = settings_arguments(from, &count);
    struct arena *arena;
    int service = count == 1 ? catalog_find(arguments[0]) : SERVICE_NONE;

    if (count > 1 || (count == 1 && service < 0))
        return command_misused("unknown service \"%s\": one of %s is expected",
                               arguments[count - 1], CATALOG_LIST);
    arena = arena_new();
    if (settings_flag(from, "json"))
        service < 0 ? reactions_json(flow, arena) : table_json(service, arena);
    else if (strcmp(format, "svg") == 0)
        code = svg(flow, service, arena);
    else if (strcmp(format, "text") == 0)
        service < 0 ? reactions_text(flow, arena) : table_text(service, arena);
    else if (strcmp(format, "mermaid") == 0)
        service < 0 ? reactions_mermaid(flow, arena) : table_mermaid(service);
    else
        service < 0 ? reactions_dot(flow, stdout, arena) : table_dot(service, stdout);
    arena_free(arena);
    return code;
}

const struct command choreography_command = {
    "choreography",
    "show who reacts to what",
    "[SERVICE] [--flow FLOW] [--format FORMAT]\n\n"
    "Prints who emits what, who consumes it, and what it may emit; or, of a service, the states of "
    "its rows, what\n"
    "moves them, and when it emits what. All of it comes from the tables that the services decide "
    "by.\n\n"
    "  sagactl choreography --flow reserve-first\n"
    "  sagactl choreography payment\n"
    "  sagactl choreography payment --format mermaid",
    settings,
    run,
    CATALOG_WORDS};
