/* Stands before librdkafka's mock cluster, so that any Kafka client can talk to it.
 *
 * Two things of the mock (librdkafka 2.0 to at least 2.8) keep Java, Go and Python away.  To an
 * ApiVersions request of a version that it does not know, KIP-511 has a broker answer with version
 * 0's body; the mock's is neither that nor any other.  And it names a controller that it has not.
 * The relay asks it in version 0 then and makes the answer what it should be, and in what says
 * where brokers are it puts its own port and a controller that there is.  Everything else goes
 * through as it came.
 *
 * It is one loop around one poll, without a thread: for each client a connection to the mock behind
 * it. */
#ifndef QUADRILLE_BROKERS_EMBEDDED_RELAY_H
#define QUADRILLE_BROKERS_EMBEDDED_RELAY_H

#include <stdbool.h>
#include <stdint.h>

/* Listens on a free port of 127.0.0.1, which it tells.  The descriptor, or -1 with errno. */
int relay_listen(uint16_t *port);

/* Passes on between who comes to the listener, whose port is `port`, and port `behind` of
 * 127.0.0.1, until there is something to read from `until`.  False with errno when it cannot. */
bool relay_run(int listener, uint16_t port, uint16_t behind, int until);

#endif
