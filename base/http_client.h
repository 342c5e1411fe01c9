/* A client of HTTP that never blocks: requests are sent, their answers come while the process waits
 * for whatever it waits for (base/wait.h).
 *
 *     struct http_client *client = http_client_new(&settings, &error);
 *     http_client_send(client, &request);
 *     wait_for(...);                        request.done may be called in here
 *     http_client_run(client);              and in here: at the time of http_client_due_us
 *
 * http and https only; certificates are verified, redirects are not followed, no proxy is taken
 * from the environment, connections are kept.  A request that went out on a kept connection which
 * then dies unanswered is sent again, once, a POST too: so give each POST an Idempotency-Key, or
 * something else that makes a second one harmless. */
#ifndef QUADRILLE_BASE_HTTP_CLIENT_H
#define QUADRILLE_BASE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct http_client;

struct http_settings {
    const char *user_agent;
    const char *ca_file; /* of certificates to trust instead of the system's; NULL: the system's */
    const char *proxy;   /* a URL; NULL: none */
    size_t answer_max;   /* bytes of an answer's body; a longer one is an error; 0: 1 MiB */
    int connections_max; /* at once; what is sent beyond it waits its turn; 0: 256 */
};

struct http_answer {
    long status;      /* 0: none came, and `error` says why */
    bool was_sent;    /* false: nothing can have reached the other side */
    const char *body; /* with a NUL behind its `length` bytes; never NULL */
    size_t length;
    long retry_after_s;  /* what the header says, an hour at most; 0: nothing */
    const char *error;   /* names method and origin; NULL when an answer came */
    const void *headers; /* see http_answer_header */
};

struct http_request {
    const char *method, *url;
    const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
    const char *body;           /* NULL: none */
    size_t length;
    int timeout_ms; /* for all of it, waiting its turn included */

    /* Called once, unless the client is freed before.  The answer lives until it returns.  It may
     * send, and waits for nothing. */
    void (*done)(void *context, const struct http_answer *answer);
    void *context;
};

/* The value of a header, whatever the case of its name; NULL: there is none.  It lives as long as
 * the answer. */
const char *http_answer_header(const struct http_answer *answer, const char *name);

/* STATUS_INVALID, and NULL, where the settings name a file that cannot be read. */
struct http_client *http_client_new(const struct http_settings *settings, struct error *error);

/* Is it a URL of http or https, with a host?  STATUS_INVALID says what is wrong with it; what may
 * be a path, which can be a secret, is left out. */
enum status http_url_check(const char *url, struct error *error);

/* "https://example.com:8443", of a URL that was checked, in `arena`: what may stand in a log.  User,
 * path and query may hold what only the other side is to know. */
const char *http_url_origin(struct arena *arena, const char *url);

/* Copies all that the request names but its context.  Never calls `done` itself. */
void http_client_send(struct http_client *client, const struct http_request *request);

/* Time has passed: begins what was sent, ends what has run out of time. */
void http_client_run(struct http_client *client);

/* When to run it at the latest, of the monotonic clock; INT64_MAX: no time is set. */
int64_t http_client_due_us(const struct http_client *client);

/* What is under way is given up, without a word to who sent it.  NULL is allowed. */
void http_client_free(struct http_client *client);

#endif
