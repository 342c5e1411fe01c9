/* The HTTP client, against a server in the same wait. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http_client.h"
#include "base/wait.h"
#include "services/runtime/alerts.h"
#include "tests/unit/suites.h"

enum { PEERS = 8 };

/* A connection of the server's. */
struct peer {
    struct server *server;
    int socket;
    char got[4096];
    size_t length;
};

static struct server {
    int socket, port;
    const char *reply; /* NULL: none, it hangs */
    bool hangs_up;     /* on each request, without an answer */
    struct peer peers[PEERS];
    int accepted, asked;
    char last[4096]; /* request, whole */
} server;

static struct got {
    int answers;
    long status, retry_after_s;
    bool was_sent;
    size_t length;
    char body[256], error[300], id[20];
} got;

static bool is_whole(const struct peer *peer)
{
    const char *end = strstr(peer->got, "\r\n\r\n");
    const char *length = strstr(peer->got, "Content-Length: ");
    int bytes = 0;

    if (end == NULL || (length != NULL && sscanf(length, "Content-Length: %d", &bytes) != 1))
        return false;
    return strlen(end + 4) >= (size_t)bytes;
}

static void hang_up(struct peer *peer)
{
    wait_unwatch(peer->socket);
    close(peer->socket);
    peer->socket = 0;
}

static void on_request(void *context, short events)
{
    struct peer *peer = context;
    const ssize_t read_now =
        read(peer->socket, peer->got + peer->length, sizeof peer->got - peer->length - 1);

    (void)events;
    if (read_now <= 0) {
        hang_up(peer);
        return;
    }
    peer->length += (size_t)read_now;
    peer->got[peer->length] = '\0';
    if (!is_whole(peer))
        return;
    peer->server->asked++;
    memcpy(peer->server->last, peer->got, sizeof peer->got);
    peer->length = 0;
    if (peer->server->hangs_up)
        hang_up(peer);
    else if (peer->server->reply != NULL)
        ck_assert_int_gt(write(peer->socket, peer->server->reply, strlen(peer->server->reply)), 0);
}

static void on_connection(void *context, short events)
{
    struct server *at = context;
    struct peer *peer = &at->peers[at->accepted++ % PEERS];

    (void)events;
    *peer = (struct peer){at, accept(at->socket, NULL, NULL), "", 0};
    ck_assert_int_gt(peer->socket, 0);
    wait_watch(peer->socket, POLLIN, on_request, peer);
}

static void server_open(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memset(&server, 0, sizeof server);
    memset(&got, 0, sizeof got);
    server.socket = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(server.socket, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(server.socket, PEERS), 0);
    ck_assert_int_eq(getsockname(server.socket, (struct sockaddr *)&address, &size), 0);
    server.port = ntohs(address.sin_port);
    wait_watch(server.socket, POLLIN, on_connection, &server);
}

static void server_close(void)
{
    for (int i = 0; i < PEERS; i++)
        if (server.peers[i].socket != 0)
            hang_up(&server.peers[i]);
    wait_unwatch(server.socket);
    close(server.socket);
}

static void on_answer(void *context, const struct http_answer *answer)
{
    const char *id = http_answer_header(answer, "request-id");

    ck_assert_ptr_eq(context, &got);
    snprintf(got.id, sizeof got.id, "%s", id != NULL ? id : "");
    got.answers++;
    got.status = answer->status;
    got.retry_after_s = answer->retry_after_s;
    got.was_sent = answer->was_sent;
    got.length = answer->length;
    ck_assert_uint_eq(strlen(answer->body), answer->length);
    snprintf(got.body, sizeof got.body, "%s", answer->body);
    snprintf(got.error, sizeof got.error, "%s", answer->error != NULL ? answer->error : "");
}

static struct http_client *client_new(size_t answer_max)
{
    struct error error;
    struct http_client *client = http_client_new(
        &(struct http_settings){.user_agent = "unit/1", .answer_max = answer_max}, &error);

    ck_assert_ptr_nonnull(client);
    return client;
}

static void send_to(struct http_client *client, const char *method, const char *path,
                    const char *body, int timeout_ms)
{
    static const char *const headers[] = {"Idempotency-Key: k-1", NULL};
    char url[100];

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
    http_client_send(client, &(struct http_request){method, url, headers, body,
                                                    body != NULL ? strlen(body) : 0, timeout_ms,
                                                    on_answer, &got});
}

/* Until so many answers have come: the client is run when it is due, as a service does. */
static void answered(struct http_client *client, int count)
{
    while (got.answers < count) {
        const int64_t now_us = clock_steady_us(), due_us = http_client_due_us(client);

        if (due_us <= now_us)
            http_client_run(client);
        else
            wait_for(-1, 0, due_us - now_us > 100000 ? 100 : (int)((due_us - now_us) / 1000 + 1));
    }
}

START_TEST(a_request_goes_out_as_asked_and_its_answer_comes_in_the_wait)
{
    struct http_client *client = client_new(0);

    server.reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    send_to(client, "POST", "/v1/things", "a=1&b=2", 60000);
    ck_assert_int_eq(got.answers, 0);
    answered(client, 1);
    ck_assert_int_eq(got.status, 200);
    ck_assert(got.was_sent);
    ck_assert_str_eq(got.body, "hi");
    ck_assert_str_eq(got.error, "");
    ck_assert_ptr_eq(strstr(server.last, "POST /v1/things HTTP/1.1\r\n"), server.last);
    ck_assert_ptr_nonnull(strstr(server.last, "\r\nIdempotency-Key: k-1\r\n"));
    ck_assert_ptr_nonnull(strstr(server.last, "\r\nUser-Agent: unit/1\r\n"));
    ck_assert_ptr_null(strstr(server.last, "Expect:"));
    ck_assert_ptr_nonnull(strstr(server.last, "\r\n\r\na=1&b=2"));
    send_to(client, "GET", "/v1/things", NULL, 60000);
    answered(client, 2);
    ck_assert_ptr_eq(strstr(server.last, "GET /v1/things HTTP/1.1\r\n"), server.last);
    ck_assert_int_eq(server.accepted, 1); /* the connection was kept */
    http_client_free(client);
}
END_TEST

START_TEST(what_the_other_side_asks_for_is_told)
{
    struct http_client *client = client_new(0);

    server.reply = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nRequest-Id: "
                   "r1\r\nContent-Length: 0\r\n\r\n";
    send_to(client, "POST", "/", "", 60000);
    answered(client, 1);
    ck_assert_int_eq(got.status, 429);
    ck_assert_int_eq(got.retry_after_s, 7);
    ck_assert_str_eq(got.id, "r1");
    ck_assert_str_eq(got.body, "");
    http_client_free(client);
}
END_TEST

START_TEST(nobody_is_told_to_wait_for_long_or_for_what_is_past)
{
    static const struct {
        const char *header;
        long expected_s;
    } headers[] = {{"3600", 3600},
                   {"3601", 3600},
                   {"31536000", 3600},
                   {"9300000000000", 3600},
                   {"Fri, 31 Dec 1999 23:59:59 GMT", 0},
                   {"soon", 0}};
    struct http_client *client = client_new(0);
    char reply[200];

    server.reply = reply;
    for (int i = 0; i < (int)(sizeof headers / sizeof headers[0]); i++) {
        snprintf(reply, sizeof reply,
                 "HTTP/1.1 503 Busy\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n",
                 headers[i].header);
        send_to(client, "GET", "/", NULL, 60000);
        answered(client, i + 1);
        ck_assert_msg(got.retry_after_s == headers[i].expected_s, "%s: %ld", headers[i].header,
                      got.retry_after_s);
    }
    http_client_free(client);
}
END_TEST

START_TEST(a_redirect_is_an_answer_and_is_not_followed)
{
    struct http_client *client = client_new(0);

    server.reply = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    send_to(client, "GET", "/", NULL, 60000);
    answered(client, 1);
    ck_assert_int_eq(got.status, 302);
    ck_assert_int_eq(server.asked, 1);
    http_client_free(client);
}
END_TEST

START_TEST(silence_ends_with_the_time_given)
{
    struct http_client *client = client_new(0);

    send_to(client, "POST", "/", "a=1", 50);
    answered(client, 1);
    ck_assert_int_eq(got.status, 0);
    ck_assert(got.was_sent);
    ck_assert_int_eq(server.asked, 1);
    ck_assert_ptr_nonnull(strstr(got.error, "no answer within 50 ms"));
    ck_assert_ptr_eq(strstr(got.error, "POST http://127.0.0.1:"), got.error);
    http_client_free(client);
}
END_TEST

START_TEST(where_nobody_listens_nothing_was_sent)
{
    struct http_client *client = client_new(0);

    wait_unwatch(server.socket);
    close(server.socket);
    send_to(client, "POST", "/", "a=1", 60000);
    answered(client, 1);
    ck_assert_int_eq(got.status, 0);
    ck_assert(!got.was_sent);
    ck_assert_ptr_nonnull(strstr(got.error, "Failed to connect to 127.0.0.1"));
    http_client_free(client);
}
END_TEST

START_TEST(what_was_sent_and_not_answered_may_have_arrived)
{
    struct http_client *client = client_new(0);

    server.hangs_up = true;
    send_to(client, "POST", "/", "a=1", 60000);
    answered(client, 1);
    ck_assert_int_eq(got.status, 0);
    ck_assert(got.was_sent);
    ck_assert_int_eq(server.asked, 1);
    http_client_free(client);
}
END_TEST

START_TEST(an_answer_that_is_too_long_is_an_error)
{
    struct http_client *client = client_new(4);

    server.reply = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    send_to(client, "GET", "/", NULL, 60000);
    answered(client, 1);
    ck_assert_int_eq(got.status, 0);
    ck_assert_ptr_nonnull(strstr(got.error, "the answer is longer than 4 bytes"));
    http_client_free(client);
}
END_TEST

/* A path may be all that keeps strangers out. */
START_TEST(an_error_names_the_origin_and_nothing_behind_it)
{
    struct http_client *client = client_new(4);
    struct arena *arena = arena_new();
    char origin[60];

    send_to(client, "POST", "/secret?secret#secret", "a=1", 50);
    answered(client, 1);
    server.hangs_up = true;
    ck_assert_ptr_null(strstr(got.error, "secret"));
    send_to(client, "POST", "/secret", "a=1", 60000);
    answered(client, 2);
    snprintf(origin, sizeof origin, "POST http://127.0.0.1:%d: ", server.port);
    ck_assert_ptr_eq(strstr(got.error, origin), got.error);
    ck_assert_ptr_null(strstr(got.error, "secret"));
    ck_assert_str_eq(http_url_origin(arena, "https://me:secret@example.com/secret?secret"),
                     "https://example.com");
    ck_assert_str_eq(http_url_origin(arena, "http://[::1]:80"), "http://[::1]:80");
    arena_free(arena);
    http_client_free(client);
}
END_TEST

/* What is written to stderr until then is read from a file. */
START_TEST(an_alert_that_is_not_taken_keeps_its_url_to_itself)
{
    char path[] = "/tmp/alerts-XXXXXX", url[100], text[1000] = "";
    const int file = mkstemp(path), was = dup(STDERR_FILENO);
    struct error error;
    struct alerts *alerts;

    server.reply = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    snprintf(url, sizeof url, "http://127.0.0.1:%d/secret", server.port);
    alerts = alerts_new(url, &error);
    ck_assert_ptr_nonnull(alerts);
    ck_assert_int_eq(dup2(file, STDERR_FILENO), STDERR_FILENO);
    alerts_tell(alerts, "payment", true, "why");
    while (strstr(text, "sent again") == NULL) {
        alerts_run(alerts);
        wait_for(-1, 0, 10);
        ck_assert_int_ge(pread(file, text, sizeof text - 1, 0), 0);
    }
    dup2(was, STDERR_FILENO);
    ck_assert_ptr_nonnull(strstr(server.last, "POST /secret "));
    ck_assert_ptr_nonnull(strstr(text, "http://127.0.0.1:"));
    ck_assert_ptr_null(strstr(text, "secret"));
    alerts_free(alerts);
    close(was);
    close(file);
    unlink(path);
}
END_TEST

START_TEST(no_proxy_is_taken_from_the_environment)
{
    struct http_client *client = client_new(0);

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    server.reply = "HTTP/1.1 204 No Content\r\n\r\n";
    send_to(client, "GET", "/", NULL, 60000);
    answered(client, 1);
    ck_assert_int_eq(got.status, 204);
    unsetenv("http_proxy");
    http_client_free(client);
}
END_TEST

START_TEST(what_is_under_way_at_the_end_is_given_up_in_silence)
{
    struct http_client *client = client_new(0);

    send_to(client, "GET", "/1", NULL, 60000);
    send_to(client, "GET", "/2", NULL, 60000);
    while (server.asked < 2) {
        http_client_run(client);
        wait_for(-1, 0, 10);
    }
    http_client_free(client);
    ck_assert_int_eq(got.answers, 0);
}
END_TEST

START_TEST(a_url_is_checked_before_it_is_used)
{
    static const char *const bad[] = {"", "api.stripe.com", "ftp://api.stripe.com", "https://",
                                      "https://a b"};
    struct error error;

    ck_assert_int_eq(http_url_check("https://api.stripe.com", &error), STATUS_OK);
    ck_assert_int_eq(http_url_check("http://127.0.0.1:12111/base", &error), STATUS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(http_url_check(bad[i], &error), STATUS_INVALID);
        ck_assert_ptr_nonnull(strstr(error.message, "is no URL of HTTP"));
    }
    ck_assert_int_eq(http_url_check("hooks.example.com/secret", &error), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "\"hooks.example.com\" is no"));
    ck_assert_int_eq(http_url_check("htps://example.com/secret", &error), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "\"htps://example.com\" is no"));
    ck_assert_ptr_null(http_client_new(
        &(struct http_settings){.user_agent = "unit/1", .ca_file = "/no/such/file"}, &error));
    ck_assert_int_eq(error.status, STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "/no/such/file"));
}
END_TEST

Suite *http_client_suite(void)
{
    Suite *suite = suite_create("the HTTP client");
    TCase *cases = tcase_create("http client");

    tcase_set_timeout(cases, 0);
    tcase_add_checked_fixture(cases, server_open, server_close);
    tcase_add_test(cases, a_request_goes_out_as_asked_and_its_answer_comes_in_the_wait);
    tcase_add_test(cases, what_the_other_side_asks_for_is_told);
    tcase_add_test(cases, nobody_is_told_to_wait_for_long_or_for_what_is_past);
    tcase_add_test(cases, a_redirect_is_an_answer_and_is_not_followed);
    tcase_add_test(cases, silence_ends_with_the_time_given);
    tcase_add_test(cases, where_nobody_listens_nothing_was_sent);
    tcase_add_test(cases, what_was_sent_and_not_answered_may_have_arrived);
    tcase_add_test(cases, an_answer_that_is_too_long_is_an_error);
    tcase_add_test(cases, an_error_names_the_origin_and_nothing_behind_it);
    tcase_add_test(cases, an_alert_that_is_not_taken_keeps_its_url_to_itself);
    tcase_add_test(cases, no_proxy_is_taken_from_the_environment);
    tcase_add_test(cases, what_is_under_way_at_the_end_is_given_up_in_silence);
    tcase_add_test(cases, a_url_is_checked_before_it_is_used);
    suite_add_tcase(suite, cases);
    return suite;
}
