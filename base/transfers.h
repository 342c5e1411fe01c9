/* libcurl's transfers on the one wait (base/wait.h): whatever the process waits for, its transfers
 * go on meanwhile.
 *
 *     struct transfers *transfers = transfers_new(64);
 *     transfers_start(transfers, &mine);     mine.easy has its options
 *     wait_for(...);                         mine.ended may be called in here
 *     transfers_run(transfers);              and in here: at the time of transfers_due_us
 *
 * libcurl never blocks in here, with one exception: SMTP does, at the end of each mail.  One thread
 * uses what it made. */
#ifndef QUADRILLE_BASE_TRANSFERS_H
#define QUADRILLE_BASE_TRANSFERS_H

#include <curl/curl.h>
#include <stdint.h>

struct transfers;

struct transfer {
    CURL *easy; /* the owner's, with its options; CURLOPT_PRIVATE is taken */

    /* It is over.  The owner stops it before it starts or frees anything of it.  It may be called
     * in a wait, and waits for nothing. */
    void (*ended)(struct transfer *transfer, CURLcode result);
};

/* `connections_max`, at most 512, bounds the sockets that are open at once: what is started beyond
 * it waits its turn. */
struct transfers *transfers_new(long connections_max);

/* Never calls `ended` itself: what is known at once is told when it is run. */
void transfers_start(struct transfers *transfers, struct transfer *transfer);

/* What curl_easy_setopt says: aborts where an option was not taken.  Only memory that is exhausted,
 * or a bug of ours, makes libcurl refuse one that it knows. */
void transfer_must(CURLcode code);

/* A handle with what all of ours have: those protocols and no others, no proxy, no signal, no wait
 * for a name; the certificates in the file trusted and no others, the system's where that is NULL.
 * What libcurl says of a failure goes to `error`, which lives as long as the handle. */
CURL *transfer_easy_new(const char *url, const char *protocols, const char *ca_file,
                        char error[CURL_ERROR_SIZE]);

/* Whether it is over or not.  `ended` is not called any more. */
void transfers_stop(struct transfers *transfers, struct transfer *transfer);

/* What is due by now, if anything: what was started begins, what has run out of time ends. */
void transfers_run(struct transfers *transfers);

/* When to run them at the latest, of the monotonic clock; INT64_MAX: no time is set. */
int64_t transfers_due_us(const struct transfers *transfers);

/* Each transfer was stopped before.  Connections that were kept are closed. */
void transfers_free(struct transfers *transfers);

#endif
