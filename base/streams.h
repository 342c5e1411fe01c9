/* The standard streams, for who is started without them: a socket that gets one of their numbers
 * would be written to. */
#ifndef QUADRILLE_BASE_STREAMS_H
#define QUADRILLE_BASE_STREAMS_H

/* The first thing in main: opens /dev/null for those that are closed. */
void streams_open(void);

#endif
