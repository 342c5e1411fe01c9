#include "base/transfers.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/wait.h"

/* base/wait.h has room for 1024 descriptors; resolving a name takes one besides the connection. */
enum { CONNECTIONS_MAX = 512 };

struct transfers {
    CURLM *multi;
    int64_t due_us;
};

/* A socket of libcurl's that is watched. */
struct watched {
    struct transfers *transfers;
    curl_socket_t socket;
};

/* Only a bug of ours, or memory that is exhausted, makes libcurl refuse any of this. */
static void must(CURLMcode code)
{
    if (code != CURLM_OK)
        abort();
}

static void tell(struct transfers *transfers)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(transfers->multi, &left)) != NULL) {
        struct transfer *transfer;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        transfer->ended(transfer, message->data.result);
    }
}

static void act(struct transfers *transfers, curl_socket_t socket, int events)
{
    int running;

    must(curl_multi_socket_action(transfers->multi, socket, events, &running));
    tell(transfers);
}

/* libcurl may have the socket unwatched on the way. */
static void on_ready(void *context, short events)
{
    const struct watched *watched = context;
    int ready = 0;

    if ((events & POLLIN) != 0)
        ready |= CURL_CSELECT_IN;
    if ((events & POLLOUT) != 0)
        ready |= CURL_CSELECT_OUT;
    if ((events & (POLLERR | POLLHUP | POLLNVAL)) != 0)
        ready |= CURL_CSELECT_ERR;
    act(watched->transfers, watched->socket, ready);
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *assigned)
{
    struct transfers *transfers = context;
    struct watched *watched = assigned;
    short events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        wait_unwatch(socket);
        free(watched);
        curl_multi_assign(transfers->multi, socket, NULL);
        return 0;
    }
    if (watched == NULL) {
        watched = malloc(sizeof *watched);
        if (watched == NULL)
            abort();
        *watched = (struct watched){transfers, socket};
        curl_multi_assign(transfers->multi, socket, watched);
    }
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= POLLIN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= POLLOUT;
    wait_watch(socket, events, on_ready, watched);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct transfers *transfers = context;

    (void)multi;
    transfers->due_us = timeout_ms < 0 ? INT64_MAX : clock_steady_us() + timeout_ms * INT64_C(1000);
    return 0;
}

struct transfers *transfers_new(long connections_max)
{
    struct transfers *transfers = calloc(1, sizeof *transfers);

    assert(connections_max > 0 && connections_max <= CONNECTIONS_MAX);
    if (transfers == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    transfers->multi = curl_multi_init();
    if (transfers->multi == NULL)
        abort();
    transfers->due_us = INT64_MAX;
    must(curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETFUNCTION, on_socket));
    must(curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETDATA, transfers));
    must(curl_multi_setopt(transfers->multi, CURLMOPT_TIMERFUNCTION, on_timer));
    must(curl_multi_setopt(transfers->multi, CURLMOPT_TIMERDATA, transfers));
    must(curl_multi_setopt(transfers->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections_max));
    must(curl_multi_setopt(transfers->multi, CURLMOPT_MAXCONNECTS, connections_max));
    return transfers;
}

void transfer_must(CURLcode code)
{
    if (code != CURLE_OK)
        abort();
}

/* libcurl may be built with a folder of certificates, as Debian's is, which is trusted besides the
 * file.  NULL would be that folder again, from 8.17 on; in /dev/null there are none.  With a TLS
 * library that knows no such folders there is no such option either. */
static void trust(CURL *easy, const char *ca_file)
{
    const CURLcode code = curl_easy_setopt(easy, CURLOPT_CAPATH, "/dev/null");

    if (code != CURLE_NOT_BUILT_IN && code != CURLE_UNKNOWN_OPTION)
        transfer_must(code);
    transfer_must(curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file));
}

CURL *transfer_easy_new(const char *url, const char *protocols, const char *ca_file,
                        char error[CURL_ERROR_SIZE])
{
    CURL *easy = curl_easy_init();

    if (easy == NULL)
        abort();
    transfer_must(curl_easy_setopt(easy, CURLOPT_URL, url));
    transfer_must(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols));
    transfer_must(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
    /* it waits for no name that resolves slowly */
    transfer_must(curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L));
    transfer_must(
        curl_easy_setopt(easy, CURLOPT_PROXY, "")); /* none, whatever the environment says */
    if (ca_file != NULL)
        trust(easy, ca_file);
    transfer_must(curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error));
    return easy;
}

void transfers_start(struct transfers *transfers, struct transfer *transfer)
{
    transfer_must(curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer));
    must(curl_multi_add_handle(transfers->multi, transfer->easy));
}

void transfers_stop(struct transfers *transfers, struct transfer *transfer)
{
    must(curl_multi_remove_handle(transfers->multi, transfer->easy));
}

void transfers_run(struct transfers *transfers)
{
    if (transfers->due_us <= clock_steady_us())
        act(transfers, CURL_SOCKET_TIMEOUT, 0);
    else
        tell(transfers);
}

int64_t transfers_due_us(const struct transfers *transfers)
{
    return transfers->due_us;
}

void transfers_free(struct transfers *transfers)
{
    curl_multi_cleanup(transfers->multi);
    curl_global_cleanup();
    free(transfers);
}
