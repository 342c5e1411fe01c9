/* Money, by currency: what was captured and refunded, and what confirmed orders are worth. */
#ifndef QUADRILLE_TOOLS_SAGACTL_AUDIT_TOTALS_H
#define QUADRILLE_TOOLS_SAGACTL_AUDIT_TOTALS_H

#include "base/money.h"
#include "tools/sagactl/audit/report.h"

enum { CURRENCIES_MAX = 200 }; /* ISO 4217 has fewer */

struct total {
    char currency[4];
    money_sum confirmed_minor, captured_minor, refunded_minor;
};

struct totals {
    struct total all[CURRENCIES_MAX];
    size_t count;
};

struct total *total_of(struct totals *totals, const char *currency);

/* For each currency captured - refunded is what confirmed orders are worth; the check's detail is
 * the first two. */
void totals_check(const struct totals *totals, struct report *report, enum check check);

#endif
