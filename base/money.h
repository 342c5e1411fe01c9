/* Amounts of money for people to read. */
#ifndef QUADRILLE_BASE_MONEY_H
#define QUADRILLE_BASE_MONEY_H

#include <stdint.h>

enum { MONEY_SIZE = 32 };

/* 6120 and "GBP" make "61.20"; the number of decimals is that of ISO 4217. */
void money_format(int64_t amount_minor, const char *currency, char text[MONEY_SIZE]);

#endif
