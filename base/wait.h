/* One wait for everything: whoever waits for a descriptor waits here, and what others of the thread
 * watch is served meanwhile.
 *
 *     wait_watch(socket, POLLIN, on_socket, connection);
 *     while (!has_answered(database))
 *         wait_for(database_socket, POLLIN, 250);       on_socket may be called in here
 *     wait_unwatch(socket);
 *
 * Each thread has its own watches. */
#ifndef QUADRILLE_BASE_WAIT_H
#define QUADRILLE_BASE_WAIT_H

/* Told what the descriptor is ready for, as poll(2) says it.  It takes that in and returns: it may
 * watch and unwatch, and waits for nothing. */
typedef void wait_ready(void *context, short events);

/* From now on; one that is watched already is watched for this instead. */
void wait_watch(int descriptor, short events, wait_ready *ready, void *context);

/* Nothing happens where it was not watched. */
void wait_unwatch(int descriptor);

enum wait_end {
    WAIT_LATE,   /* the time is up, or a signal came */
    WAIT_READY,  /* the descriptor is, or has an error to tell */
    WAIT_SERVED, /* somebody who watches was */
};

/* Until the descriptor is ready, somebody was served, or `timeout_ms` have passed.  Everybody whose
 * descriptor is ready is served, whatever comes back. */
enum wait_end wait_for(int descriptor, short events, int timeout_ms);

#endif
