/* What an audit found: a line a check, and under it what does not hold. */
#ifndef QUADRILLE_TOOLS_SAGACTL_AUDIT_REPORT_H
#define QUADRILLE_TOOLS_SAGACTL_AUDIT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

enum check {
    /* of the log */
    CHECK_ENDS,
    CHECK_DECISIONS,
    CHECK_COMPENSATIONS,
    CHECK_CAUSES,
    CHECK_IDENTITIES,
    CHECK_EMITTERS,
    CHECK_LOG_MONEY,
    CHECK_DRIFT,
    CHECK_COMMANDS,
    /* of the databases */
    CHECK_ORDERS,
    CHECK_MONEY,
    CHECK_STOCK,
    CHECK_MAILS,
    CHECK_LEDGER,
    CHECK_CONTENTS,
    CHECKS
};

struct report;

struct report *report_new(void);
void report_free(struct report *report); /* NULL is allowed */

/* The check is made; those that are not are not printed. */
void report_begin(struct report *report, enum check check);

/* What was looked at, for the line of the check. */
void report_detail(struct report *report, enum check check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Something about `subject`, an order, a SKU or a currency, does not hold. */
void finding(struct report *report, enum check check, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* How many there are in all. */
size_t report_findings(const struct report *report);

/* Keeps of the findings those that `before`, an earlier look at the same things, had as well: what
 * is under way while one source is read after the other is seen once, what is wrong each time.  Of
 * a SKU it is enough that something is found again, since its numbers move on. */
void report_agree(struct report *report, const struct report *before);

/* Leaves out the findings of which `keep` says so; those that are accepted are counted. */
void report_filter(struct report *report,
                   bool (*keep)(void *context, const char *subject, const char *text),
                   void *context, bool accepted);

/* Prints at most `most` findings a check, and returns how many there are in all. */
size_t report_print(const struct report *report, bool json, size_t most);

#endif
