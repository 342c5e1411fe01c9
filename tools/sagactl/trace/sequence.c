/* A timeline as a sequence diagram: a lane each emitter; an event points to who consumed it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history/describe.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/trace/timeline.h"

enum {
    LANES = SERVICES + 1,
    PRODUCER = 0,
    ORDER = 1,
    LANE_WIDTH = 210,
    LEFT = 120,
    TOP = 74,
    ROW = 34
};

static int lane_of(const struct step *step)
{
    const char *emitter = describe_emitter(&step->message.envelope);

    for (int i = 0; i < SERVICES; i++)
        if (strcmp(emitter, catalog[i].name) == 0)
            return i + 1;
    return PRODUCER;
}

static const char *lane_name(int lane)
{
    return lane == PRODUCER ? "producer" : catalog[lane - 1].name;
}

/* The lanes that a step made speak, as a set; nobody: the order service takes note of it, or it
 * ends there. */
static unsigned reached(const struct timeline *timeline, size_t number)
{
    unsigned lanes = 0;

    for (size_t i = 0; i < timeline->count; i++)
        if (i != number && timeline->steps[i].cause == number && !timeline->steps[i].dead_lettered)
            lanes |= 1u << lane_of(&timeline->steps[i]);
    if (lanes == 0)
        lanes = 1u << ORDER;
    return lanes;
}

static const char *facts_short(const struct timeline *timeline, const struct step *step)
{
    return step->readable ? describe_facts(&step->message, timeline->arena) : "cannot be read";
}

/* ---- Mermaid ---- */

/* A label may not hold what Mermaid reads as its own. */
static void label_put(const char *text)
{
    for (; *text != '\0'; text++)
        putchar(strchr(";#<>\n", *text) != NULL ? ' ' : *text);
}

void sequence_mermaid(const struct timeline *timeline)
{
    puts("sequenceDiagram");
    for (int lane = 0; lane < LANES; lane++)
        printf("    participant %s\n", lane_name(lane));
    for (size_t i = 0; i < timeline->count; i++) {
        const struct step *step = &timeline->steps[i];
        unsigned lanes = reached(timeline, i);

        for (int lane = 0; lane < LANES; lane++) {
            if ((lanes & 1u << lane) == 0)
                continue;
            printf("    %s%s%s: %s ", lane_name(lane_of(step)),
                   step->repeated || (COMPENSATIONS & FACT(step->message.type)) != 0 ? "-->>"
                                                                                     : "->>",
                   lane_name(lane), step->message.envelope.type);
            label_put(facts_short(timeline, step));
            printf(" (%lld ms)%s%s%s\n",
                   (long long)(step->timestamp_ms - timeline->steps[0].timestamp_ms),
                   step->repeated ? " again" : "", *step_mark(step) == '\0' ? "" : " ",
                   step_mark(step));
        }
    }
}

/* ---- SVG ---- */

static void escaped_put(const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", stdout);
            break;
        case '>':
            fputs("&gt;", stdout);
            break;
        case '&':
            fputs("&amp;", stdout);
            break;
        default:
            putchar(*text);
            break;
        }
    }
}

static int lane_x(int lane)
{
    return LEFT + LANE_WIDTH / 2 + lane * LANE_WIDTH;
}

static void head_put(const struct timeline *timeline, int width, int height)
{
    printf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
           "height=\"%d\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n"
           "  <title>Order ",
           width, height, width, height);
    escaped_put(timeline->order_id);
    puts("</title>\n"
         "  <style>\n"
         "    .bg { fill: #ffffff } .ink { fill: #1f2328 } .soft { fill: #57606a } .lane { stroke: "
         "#d0d7de } .box { fill: #eef4ff; stroke: #3b6fd1 }\n"
         "    .say { stroke: #3b6fd1; fill: none; stroke-width: 1.6 } .good { stroke: #1a7f37 } "
         ".bad { stroke: #c4342d } .undo { stroke: #9a6700 }\n"
         "    .again { stroke-dasharray: 3 4; opacity: .6 } .halo { paint-order: stroke; stroke: "
         "#ffffff; stroke-width: 4px }\n"
         "    @media (prefers-color-scheme: dark) {\n"
         "      .bg { fill: #0d1117 } .ink { fill: #e6edf3 } .soft { fill: #9da7b1 } .lane { "
         "stroke: #30363d } .box { fill: #132440; stroke: #6ea0ff }\n"
         "      .say { stroke: #6ea0ff } .good { stroke: #3fb950 } .bad { stroke: #ff7b72 } .undo "
         "{ stroke: #d29922 } .halo { stroke: #0d1117 }\n"
         "    }\n"
         "  </style>\n"
         "  <defs>");
    for (int i = 0; i < 4; i++) {
        static const char *const classes[] = {"say", "say good", "say bad", "say undo"};

        printf("    <marker id=\"t%d\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" "
               "markerWidth=\"8\" markerHeight=\"8\" orient=\"auto-start-reverse\">"
               "<path class=\"%s\" d=\"M1 1L9 5L1 9\"/></marker>\n",
               i, classes[i]);
    }
    printf("  </defs>\n  <rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", width, height);
}

static int kind_of(const struct step *step)
{
    return step->message.type == ORDER_CONFIRMED             ? 1
           : (COMPENSATIONS & FACT(step->message.type)) != 0 ? 3
           : is_bad_news(step->message.type)                 ? 2
                                                             : 0;
}

static void arrow_put(int from, int to, int y, const struct step *step)
{
    static const char *const classes[] = {"say", "say good", "say bad", "say undo"};
    int kind = kind_of(step), x1 = lane_x(from), x2 = lane_x(to);

    if (from == to)
        printf("  <path class=\"%s%s\" d=\"M%d %dh26v12h-22\" marker-end=\"url(#t%d)\"/>\n",
               classes[kind], step->repeated ? " again" : "", x1, y - 6, kind);
    else
        printf("  <path class=\"%s%s\" d=\"M%d %dL%d %d\" marker-end=\"url(#t%d)\"/>\n",
               classes[kind], step->repeated ? " again" : "", x1, y, x2 + (to > from ? -2 : 2), y,
               kind);
}

/* The label stands above the longest of its arrows. */
static void step_put(const struct timeline *timeline, size_t number, int y)
{
    const struct step *step = &timeline->steps[number];
    unsigned lanes = reached(timeline, number);
    int from = lane_of(step), furthest = from;
    const char *facts = facts_short(timeline, step);

    for (int lane = 0; lane < LANES; lane++) {
        if ((lanes & 1u << lane) == 0)
            continue;
        arrow_put(from, lane, y, step);
        if (abs(lane - from) > abs(furthest - from))
            furthest = lane;
    }
    printf("  <text class=\"soft\" x=\"%d\" y=\"%d\" text-anchor=\"end\" font-size=\"12\">%lld "
           "ms</text>\n",
           LEFT - 34, y + 4, (long long)(step->timestamp_ms - timeline->steps[0].timestamp_ms));
    if (furthest == from)
        printf("  <text class=\"ink halo\" x=\"%d\" y=\"%d\">", lane_x(from) + 32, y + 4);
    else
        printf("  <text class=\"ink halo\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">",
               (lane_x(from) + lane_x(furthest)) / 2, y - 8);
    escaped_put(step->message.envelope.type);
    if (*facts != '\0') {
        printf("<tspan class=\"soft\" font-size=\"11\" dx=\"6\">");
        escaped_put(facts);
        printf("</tspan>");
    }
    printf("%s%s%s</text>\n", step->repeated ? " (again)" : "", *step_mark(step) == '\0' ? "" : " ",
           step_mark(step));
}

void sequence_svg(const struct timeline *timeline)
{
    int width = LEFT + LANES * LANE_WIDTH + 60, height = TOP + (int)timeline->count * ROW + 40;

    head_put(timeline, width, height);
    for (int lane = 0; lane < LANES; lane++) {
        printf("  <path class=\"lane\" d=\"M%d 52V%d\"/>\n", lane_x(lane), height - 20);
        printf("  <rect class=\"box\" x=\"%d\" y=\"18\" width=\"120\" height=\"34\" "
               "rx=\"8\"/><text class=\"ink\" x=\"%d\" y=\"40\" text-anchor=\"middle\" "
               "font-weight=\"600\">%s</text>\n",
               lane_x(lane) - 60, lane_x(lane), lane_name(lane));
    }
    for (size_t i = 0; i < timeline->count; i++)
        step_put(timeline, i, TOP + 14 + (int)i * ROW);
    puts("</svg>");
}
