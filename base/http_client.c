#include "base/http_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/transfers.h"

enum { ANSWER_MAX = 1024 * 1024, CONNECTIONS = 256, RETRY_AFTER_MAX_S = 3600 };

struct http_client {
    struct transfers *transfers;
    struct sent *sent; /* under way */
    struct arena *arena;
    const char *user_agent, *ca_file, *proxy;
    size_t answer_max;
};

/* A request under way. */
struct sent {
    struct transfer transfer; /* the first, so that it is found by that */
    struct sent *next, **at;
    struct http_client *client;
    struct arena *arena; /* of all that it holds, itself included */
    struct http_request request;
    struct curl_slist *headers;
    struct buffer body; /* of the answer */
    bool is_too_long;
    char error[CURL_ERROR_SIZE];
};

_Static_assert(offsetof(struct sent, transfer) == 0, "what was sent is found by its transfer");

static bool is_readable(const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file >= 0)
        close(file);
    return file >= 0;
}

struct http_client *http_client_new(const struct http_settings *settings, struct error *error)
{
    struct http_client *client;

    if (settings->ca_file != NULL && !is_readable(settings->ca_file)) {
        error_set(error, STATUS_INVALID, "%s, of certificates to trust, cannot be read: %s",
                  settings->ca_file, strerror(errno));
        return NULL;
    }
    client = calloc(1, sizeof *client);
    if (client == NULL)
        abort();
    client->transfers =
        transfers_new(settings->connections_max != 0 ? settings->connections_max : CONNECTIONS);
    client->arena = arena_new_small();
    client->user_agent = arena_text(client->arena, settings->user_agent);
    client->ca_file = arena_text(client->arena, settings->ca_file);
    client->proxy = arena_text(client->arena, settings->proxy);
    client->answer_max = settings->answer_max != 0 ? settings->answer_max : ANSWER_MAX;
    return client;
}

enum status http_url_check(const char *url, struct error *error)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL, *host = NULL;
    const bool is_url = parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK;
    const char *slashes = strstr(url, "://"), *from = slashes != NULL ? slashes + 3 : url;
    enum status status = STATUS_OK;

    if (!is_url || curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        status = error_set(error, STATUS_INVALID,
                           "\"%.*s\" is no URL of HTTP: \"https://example.com\" would be",
                           (int)(from - url) + (int)strcspn(from, "/?#"), url);
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(parsed);
    return status;
}

const char *http_url_origin(struct arena *arena, const char *url)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    const char *origin = "a URL that is none";

    if (parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        const bool has_port = curl_url_get(parsed, CURLUPART_PORT, &port, 0) == CURLUE_OK;

        origin = arena_format(arena, "%s://%s%s%s", scheme, host, has_port ? ":" : "",
                              has_port ? port : "");
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parsed);
    return origin;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct sent *sent = context;

    if (size * count > sent->client->answer_max - sent->body.length) {
        sent->is_too_long = true;
        return 0;
    }
    buffer_bytes(&sent->body, bytes, size * count);
    return size * count;
}

/* Has anything of the request left?  TLS sends nothing of it before its handshake is done. */
static bool was_sent(CURL *easy)
{
    long bytes = 0;

    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

static const char *error_of(struct sent *sent, CURLcode result)
{
    const struct http_request *request = &sent->request;
    const char *origin = http_url_origin(sent->arena, request->url);

    if (sent->is_too_long)
        return arena_format(sent->arena, "%s %s: the answer is longer than %zu bytes",
                            request->method, origin, sent->client->answer_max);
    if (result == CURLE_OPERATION_TIMEDOUT)
        return arena_format(sent->arena, "%s %s: no answer within %d ms", request->method, origin,
                            request->timeout_ms);
    return arena_format(sent->arena, "%s %s: %s", request->method, origin,
                        sent->error[0] != '\0' ? sent->error : curl_easy_strerror(result));
}

static void forget(struct sent *sent)
{
    transfers_stop(sent->client->transfers, &sent->transfer);
    curl_easy_cleanup(sent->transfer.easy);
    curl_slist_free_all(sent->headers);
    *sent->at = sent->next;
    if (sent->next != NULL)
        sent->next->at = sent->at;
    arena_free(sent->arena);
}

static void on_ended(struct transfer *transfer, CURLcode result)
{
    struct sent *sent = (struct sent *)transfer;
    struct http_answer answer = {0};
    curl_off_t retry_after_s = 0;

    if (result == CURLE_OK) {
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &answer.status);
        curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
        answer.retry_after_s = retry_after_s < 0                   ? 0
                               : retry_after_s < RETRY_AFTER_MAX_S ? (long)retry_after_s
                                                                   : RETRY_AFTER_MAX_S;
        answer.length = sent->body.length;
    } else {
        answer.error = error_of(sent, result);
    }
    answer.headers = transfer->easy;
    answer.was_sent = answer.status != 0 || was_sent(transfer->easy);
    answer.body = answer.length > 0 ? sent->body.data : "";
    sent->request.done(sent->request.context, &answer);
    forget(sent);
}

const char *http_answer_header(const struct http_answer *answer, const char *name)
{
    CURL *easy = (CURL *)(uintptr_t)answer->headers;
    struct curl_header *header;

    if (answer->status == 0 ||
        curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

static CURL *easy_new(struct sent *sent)
{
    const struct http_client *client = sent->client;
    const struct http_request *request = &sent->request;
    CURL *easy = transfer_easy_new(request->url, "http,https", client->ca_file, sent->error);

    transfer_must(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
    if (client->proxy != NULL)
        transfer_must(curl_easy_setopt(easy, CURLOPT_PROXY, client->proxy));
    transfer_must(curl_easy_setopt(easy, CURLOPT_USERAGENT, client->user_agent));
    transfer_must(curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms));
    if (request->body != NULL) {
        transfer_must(
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length));
        transfer_must(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body));
    }
    transfer_must(curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method));
    transfer_must(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, sent->headers));
    transfer_must(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body));
    transfer_must(curl_easy_setopt(easy, CURLOPT_WRITEDATA, sent));
    return easy;
}

static void header_add(struct sent *sent, const char *header)
{
    struct curl_slist *more = curl_slist_append(sent->headers, header);

    if (more == NULL)
        abort();
    sent->headers = more;
}

void http_client_send(struct http_client *client, const struct http_request *request)
{
    struct arena *arena = arena_new_small();
    struct sent *sent = arena_alloc(arena, sizeof *sent);

    *sent =
        (struct sent){.next = client->sent, .at = &client->sent, .client = client, .arena = arena};
    sent->request = *request;
    sent->request.method = arena_text(arena, request->method);
    sent->request.url = arena_text(arena, request->url);
    if (request->body != NULL)
        sent->request.body = arena_copy(arena, request->body, request->length);
    sent->request.headers = NULL;
    sent->body.arena = arena;
    header_add(sent, "Expect:"); /* no round trip to ask whether a body may come */
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
        header_add(sent, request->headers[i]);
    sent->transfer = (struct transfer){easy_new(sent), on_ended};
    if (sent->next != NULL)
        sent->next->at = &sent->next;
    client->sent = sent;
    transfers_start(client->transfers, &sent->transfer);
}

void http_client_run(struct http_client *client)
{
    transfers_run(client->transfers);
}

int64_t http_client_due_us(const struct http_client *client)
{
    return transfers_due_us(client->transfers);
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    while (client->sent != NULL)
        forget(client->sent);
    transfers_free(client->transfers);
    arena_free(client->arena);
    free(client);
}
