#include "tools/sagactl/audit/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

enum { KEPT = 100000 }; /* findings of a check; those beyond are counted */

struct found {
    const char *subject, *text;
};

static const char *const names[CHECKS] = {
    [CHECK_ENDS] = "every order came to its end, or is within its time",
    [CHECK_DECISIONS] = "each decision follows from what was emitted before it",
    [CHECK_COMPENSATIONS] = "a cancelled order is compensated, once, and no more",
    [CHECK_CAUSES] = "each event was caused by what may cause it",
    [CHECK_IDENTITIES] = "each event has the id of its fact; repeats say the same",
    [CHECK_EMITTERS] = "each event comes from its emitter, in its topic",
    [CHECK_LOG_MONEY] = "money captured - refunded = value of confirmed orders",
    [CHECK_DRIFT] = "the databases agree with the log",
    [CHECK_COMMANDS] = "stock on hand = what stock commands lead to",
    [CHECK_ORDERS] = "every order is accounted for",
    [CHECK_MONEY] = "money captured - refunded = value of confirmed orders",
    [CHECK_STOCK] = "stock reserved = what reservations hold",
    [CHECK_MAILS] = "one mail an order",
    [CHECK_LEDGER] = "the provider's ledger agrees with payment",
    [CHECK_CONTENTS] = "rows, lines and mails say what was placed",
};

struct report {
    struct arena *arena;
    bool made[CHECKS];
    const char *details[CHECKS];
    struct found *kept[CHECKS];
    size_t counts[CHECKS], capacities[CHECKS], accepted[CHECKS];
};

struct report *report_new(void)
{
    struct report *report = calloc(1, sizeof *report);

    if (report == NULL)
        abort();
    report->arena = arena_new();
    return report;
}

void report_free(struct report *report)
{
    if (report == NULL)
        return;
    for (int check = 0; check < CHECKS; check++)
        free(report->kept[check]);
    arena_free(report->arena);
    free(report);
}

void report_begin(struct report *report, enum check check)
{
    report->made[check] = true;
}

static const char *format_kept(struct report *report, const char *format, va_list arguments)
{
    char text[1200];

    vsnprintf(text, sizeof text, format, arguments);
    return arena_copy(report->arena, text, strlen(text));
}

void report_detail(struct report *report, enum check check, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report->details[check] = format_kept(report, format, arguments);
    va_end(arguments);
}

static void room_make(struct report *report, enum check check)
{
    report->kept[check] = array_grow(report->kept[check], report->counts[check],
                                     &report->capacities[check], sizeof *report->kept[check]);
}

void finding(struct report *report, enum check check, const char *subject, const char *format, ...)
{
    va_list arguments;

    if (report->counts[check] < KEPT) {
        room_make(report, check);
        va_start(arguments, format);
        report->kept[check][report->counts[check]] =
            (struct found){arena_copy(report->arena, subject, strlen(subject)),
                           format_kept(report, format, arguments)};
        va_end(arguments);
    }
    report->counts[check]++;
}

size_t report_findings(const struct report *report)
{
    size_t total = 0;

    for (int check = 0; check < CHECKS; check++)
        total += report->counts[check];
    return total;
}

/* ---- two looks ---- */

static int by_subject(const void *a, const void *b)
{
    return strcmp(((const struct found *)a)->subject, ((const struct found *)b)->subject);
}

static int by_all(const void *a, const void *b)
{
    int order = by_subject(a, b);

    return order != 0 ? order
                      : strcmp(((const struct found *)a)->text, ((const struct found *)b)->text);
}

/* What is beyond those that are kept cannot be compared: so much is wrong that a second look tells
 * nothing. */
static void check_agree(struct report *report, const struct report *before, int check)
{
    int (*order)(const void *a, const void *b) = check == CHECK_STOCK ? by_subject : by_all;
    size_t count = report->counts[check], kept = 0, earlier = before->counts[check];
    struct found *sorted;

    if (count > KEPT || earlier > KEPT)
        return;
    sorted = calloc(earlier + 1, sizeof *sorted);
    if (sorted == NULL)
        abort();
    if (earlier > 0)
        memcpy(sorted, before->kept[check], earlier * sizeof *sorted);
    qsort(sorted, earlier, sizeof *sorted, order);
    for (size_t i = 0; i < count; i++)
        if (bsearch(&report->kept[check][i], sorted, earlier, sizeof *sorted, order) != NULL)
            report->kept[check][kept++] = report->kept[check][i];
    report->counts[check] = kept;
    free(sorted);
}

void report_agree(struct report *report, const struct report *before)
{
    for (int check = 0; check < CHECKS; check++)
        check_agree(report, before, check);
}

/* What is beyond those that are kept stays. */
void report_filter(struct report *report,
                   bool (*keep)(void *context, const char *subject, const char *text),
                   void *context, bool accepted)
{
    for (int check = 0; check < CHECKS; check++) {
        size_t kept = report->counts[check] < KEPT ? report->counts[check] : KEPT, left = 0;

        for (size_t i = 0; i < kept; i++)
            if (keep(context, report->kept[check][i].subject, report->kept[check][i].text))
                report->kept[check][left++] = report->kept[check][i];
        report->counts[check] -= kept - left;
        report->accepted[check] += accepted ? kept - left : 0;
    }
}

/* ---- on paper ---- */

static const char *source_of(int check)
{
    return check < CHECK_DRIFT ? "log" : check < CHECK_ORDERS ? "log and databases" : "databases";
}

static void print_json(const struct report *report, int check, size_t most)
{
    struct json_object *line = json_object_new_object(), *shown;

    json_add_text(line, "check", names[check]);
    json_add_text(line, "of", source_of(check));
    json_add_flag(line, "holds", report->counts[check] == 0);
    json_add_text(line, "detail", report->details[check] == NULL ? "" : report->details[check]);
    json_add_count(line, "findings", report->counts[check]);
    json_add_count(line, "accepted", report->accepted[check]);
    shown = json_add_array(line, "shown");
    for (size_t i = 0; i < report->counts[check] && i < most && i < KEPT; i++)
        json_append(shown, json_object_new_string(report->kept[check][i].text));
    json_line_print(line);
}

static void print(const struct report *report, int check, size_t most)
{
    bool holds = report->counts[check] == 0;
    size_t shown = report->counts[check] < most ? report->counts[check] : most;

    line_wrap(5, "%s%-4s%s %-55s  %s", holds ? colour_good() : colour_bad(), holds ? "ok" : "FAIL",
              colour_off(), names[check],
              report->details[check] == NULL ? "" : report->details[check]);
    if (report->accepted[check] > 0)
        printf("       %zu accepted\n", report->accepted[check]);
    for (size_t i = 0; i < shown && i < KEPT; i++)
        line_wrap(9, "       %s", report->kept[check][i].text);
    if (report->counts[check] > shown)
        printf("       and %zu more\n", report->counts[check] - shown);
}

size_t report_print(const struct report *report, bool json, size_t most)
{
    const char *source = NULL;

    for (int check = 0; check < CHECKS; check++) {
        if (!report->made[check])
            continue;
        if (json) {
            print_json(report, check, most);
            continue;
        }
        if (source == NULL || strcmp(source, source_of(check)) != 0)
            printf("%sfrom the %s%s\n", colour_dim(), source_of(check), colour_off());
        source = source_of(check);
        print(report, check, most);
    }
    return report_findings(report);
}
