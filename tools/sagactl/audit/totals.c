#include "tools/sagactl/audit/totals.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"

struct total *total_of(struct totals *totals, const char *currency)
{
    for (size_t i = 0; i < totals->count; i++)
        if (strcmp(totals->all[i].currency, currency) == 0)
            return &totals->all[i];
    if (totals->count == CURRENCIES_MAX)
        return &totals->all[CURRENCIES_MAX - 1];
    snprintf(totals->all[totals->count].currency, sizeof totals->all[0].currency, "%s", currency);
    return &totals->all[totals->count++];
}

void totals_check(const struct totals *totals, struct report *report, enum check check)
{
    struct arena *arena = arena_new();
    struct buffer detail = {.arena = arena};

    buffer_text(&detail, "");
    for (size_t i = 0; i < totals->count; i++) {
        const struct total *total = &totals->all[i];
        char captured[MONEY_SIZE], refunded[MONEY_SIZE], confirmed[MONEY_SIZE];

        money_format(total->captured_minor, total->currency, captured);
        money_format(total->refunded_minor, total->currency, refunded);
        money_format(total->confirmed_minor, total->currency, confirmed);
        buffer_format(&detail, "%s%s - %s %s", i > 0 ? ", " : "", captured, refunded,
                      total->currency);
        if (total->captured_minor - total->refunded_minor != total->confirmed_minor)
            finding(report, check, total->currency,
                    "%s: captured %s - refunded %s, but confirmed orders are worth %s",
                    total->currency, captured, refunded, confirmed);
    }
    report_detail(report, check, "%s", detail.data);
    arena_free(arena);
}
