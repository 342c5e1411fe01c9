#include "base/money.h"

#include <string.h>

#include "base/buffer.h"

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
    struct buffer out = {.data = text, .capacity = MONEY_SIZE};
    uint64_t unit = 1;

    text[0] = '\0';
    for (int i = 0; i < decimals; i++)
        unit *= 10;
    buffer_text(&out, amount_minor < 0 ? "-" : "");
    buffer_integer(&out, (int64_t)(amount / unit));
    if (decimals == 0)
        return;
    buffer_char(&out, '.');
    for (uint64_t place = unit / 10; place > 0; place /= 10)
        buffer_char(&out, (char)('0' + amount / place % 10));
}
