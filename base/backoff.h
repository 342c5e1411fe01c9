/* How long to wait for somebody who is unavailable: twice as long each time, up to a bound. */
#ifndef QUADRILLE_BASE_BACKOFF_H
#define QUADRILLE_BASE_BACKOFF_H

/* The wait after one of `wait_ms`, which is 0 before the first: that is of `least_ms`. */
int backoff_next_ms(int wait_ms, int least_ms, int most_ms);

#endif
