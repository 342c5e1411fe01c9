/* Amounts of money for people to read. */
#ifndef QUADRILLE_BASE_MONEY_H
#define QUADRILLE_BASE_MONEY_H

enum { MONEY_SIZE = 48 };

/* An amount fits an int64_t, a sum of them this. */
__extension__ typedef __int128 money_sum;

/* 6120 and "GBP" make "61.20"; the number of decimals is that of ISO 4217. */
void money_format(money_sum amount_minor, const char *currency, char text[MONEY_SIZE]);

#endif
