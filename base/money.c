#include "base/money.h"

#include <stdbool.h>
#include <string.h>

static int decimals_of(const char *currency)
{
    if (strstr("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF", currency) != NULL)
        return 0;
    return strstr("BHD IQD JOD KWD LYD OMR TND", currency) != NULL ? 3 : 2;
}

void money_format(money_sum amount_minor, const char *currency, char text[MONEY_SIZE])
{
    const int decimals = decimals_of(currency);
    const bool negative = amount_minor < 0;
    char *at = text + MONEY_SIZE - 1;

    *at = '\0';
    /* from the last one on */
    for (int digits = 0; digits <= decimals || amount_minor != 0; digits++) {
        int digit = (int)(amount_minor % 10);

        if (digits == decimals && decimals > 0)
            *--at = '.';
        *--at = (char)('0' + (negative ? -digit : digit));
        amount_minor /= 10;
    }
    if (negative)
        *--at = '-';
    memmove(text, at, strlen(at) + 1);
}
