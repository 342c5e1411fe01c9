/* Clocks, in microseconds. */
#ifndef QUADRILLE_BASE_CLOCK_H
#define QUADRILLE_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_us(void);        /* since 1970 */
int64_t clock_steady_us(void); /* since some time; it never goes back */

#endif
