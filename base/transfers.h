/* libcurl's transfers on the one wait (base/wait.h): whatever the process waits for, its transfers
 * go on meanwhile.
 *
 *     struct transfers *transfers = transfers_new(64);
 *     transfers_start(transfers, &mine);     mine.easy has its options
 *     wait_for(...);                         mine.ended may be called in here
 *     if (transfers_due_us(transfers) <= clock_steady_us())
 *         transfers_run(transfers);          and in here
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

/* The certificates in the file are trusted, and no others. */
void transfer_trust(CURL *easy, const char *ca_file);

/* Whether it is over or not.  `ended` is not called any more. */
void transfers_stop(struct transfers *transfers, struct transfer *transfer);

/* Time has passed: what was started begins, what has run out of time ends. */
void transfers_run(struct transfers *transfers);

/* When to run them at the latest, of the monotonic clock; INT64_MAX: no time is set. */
int64_t transfers_due_us(const struct transfers *transfers);

/* Each transfer was stopped before.  Connections that were kept are closed. */
void transfers_free(struct transfers *transfers);

#endif
