#include "events/money.h"

#include <stdio.h>
#include <string.h>

static int decimals_of(const char *currency)
{
    if (strstr("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF", currency) != NULL)
        return 0;
    return strstr("BHD IQD JOD KWD LYD OMR TND", currency) != NULL ? 3 : 2;
}

void money_format(int64_t amount_minor, const char *currency, char text[MONEY_SIZE])
{
    uint64_t amount = amount_minor < 0 ? 0 - (uint64_t)amount_minor : (uint64_t)amount_minor;
    int decimals = decimals_of(currency);
    uint64_t unit = 1;

    for (int i = 0; i < decimals; i++)
        unit *= 10;
    if (decimals == 0)
        snprintf(text, MONEY_SIZE, "%s%llu", amount_minor < 0 ? "-" : "", (unsigned long long)amount);
    else
        snprintf(text, MONEY_SIZE, "%s%llu.%0*llu", amount_minor < 0 ? "-" : "", (unsigned long long)(amount / unit),
                 decimals, (unsigned long long)(amount % unit));
}
