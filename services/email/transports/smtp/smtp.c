/* Mails by SMTP: a few connections to one server, each with one mail at a time, and kept for the
 * next.
 *
 * libcurl connects and logs in.  Carrying the mails out as well, it would wait inside for the
 * server's answer to each (curl issue 8555), and hold up whatever else the process does: so that
 * is ours, on its socket (dialogue.h). */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/transfers.h"
#include "base/wait.h"
#include "services/email/transports/smtp/dialogue.h"
#include "services/email/transports/smtp/login.h"
#include "services/email/transports/transport.h"
#include "services/runtime/absence.h"

enum { CONNECTIONS_MAX = 64, MORE_AGAIN_MS = 1000 };

struct sending {
    struct sending *next;
    struct effect *effect;
    int64_t since_us; /* it waits */
};

struct sendings {
    struct sending *first, *last;
    size_t count;
};

struct connection {
    struct transfer transfer; /* the first; its easy is NULL where there is no connection */
    struct smtp *smtp;
    struct dialogue *dialogue;
    curl_socket_t socket; /* CURL_SOCKET_BAD: not logged in yet */
    struct sending *sending;
    enum dialogue_state deadline_of;
    int64_t deadline_us;
    size_t mails; /* that it has carried out */
    char error[CURL_ERROR_SIZE];
};

struct smtp {
    struct login login;
    struct transfers *transfers;
    struct connection connections[CONNECTIONS_MAX];
    size_t most;
    int64_t answer_us, accept_us; /* how long to wait for an answer, and for the last */
    int64_t more_at_us;           /* no connection more before, while there is one */
    int64_t answered_us;          /* when the server said last what becomes of a mail */
    struct sendings waiting, done;
    struct outages absence;
};

_Static_assert(offsetof(struct connection, transfer) == 0, "a connection is found by its transfer");

static void connections_staff(struct smtp *smtp);

/* ---- lists ---- */

static void sendings_add(struct sendings *sendings, struct sending *sending)
{
    sending->next = NULL;
    if (sendings->first == NULL)
        sendings->first = sending;
    else
        sendings->last->next = sending;
    sendings->last = sending;
    sendings->count++;
}

static void sendings_add_first(struct sendings *sendings, struct sending *sending)
{
    if (sendings->first == NULL)
        sendings->last = sending;
    sending->next = sendings->first;
    sendings->first = sending;
    sendings->count++;
}

static struct sending *sendings_take(struct sendings *sendings)
{
    struct sending *sending = sendings->first;

    if (sending != NULL) {
        sendings->first = sending->next;
        sendings->count--;
    }
    return sending;
}

/* ---- connections ---- */

static bool is_there(const struct connection *connection)
{
    return connection->transfer.easy != NULL;
}

static bool is_open(const struct connection *connection)
{
    return connection->socket != CURL_SOCKET_BAD;
}

static void connection_close(struct connection *connection)
{
    if (is_open(connection))
        wait_unwatch(connection->socket);
    connection->socket = CURL_SOCKET_BAD;
    transfers_stop(connection->smtp->transfers, &connection->transfer);
    curl_easy_cleanup(connection->transfer.easy);
    connection->transfer.easy = NULL;
    connection->deadline_us = INT64_MAX;
}

static void trouble_log(struct smtp *smtp, const char *why)
{
    struct error reason;

    error_set(&reason, STATUS_UNAVAILABLE, "mail server: %s: %s", smtp->login.server, why);
    absence_begin(&smtp->absence, reason.message);
}

/* `outcome`: did a server answer? */
static void sending_done(struct smtp *smtp, struct sending *sending, enum effect_outcome outcome)
{
    sending->effect->outcome = outcome;
    sendings_add(&smtp->done, sending);
}

/* There is no connection, and none can be made now: what waits is tried again later, each mail at
 * its own time. */
static void give_up_where_none_is_left(struct smtp *smtp)
{
    struct sending *sending;

    for (size_t i = 0; i < smtp->most; i++)
        if (is_there(&smtp->connections[i]))
            return;
    while ((sending = sendings_take(&smtp->waiting)) != NULL) {
        ((struct mail *)sending->effect->call)->answer = TRANSPORT_SILENT;
        sending_done(smtp, sending, EFFECT_FAILED);
    }
}

static void connection_failed(struct connection *connection, const char *why)
{
    struct smtp *smtp = connection->smtp;

    trouble_log(smtp, why);
    connection_close(connection);
    smtp->more_at_us = clock_steady_us() + MORE_AGAIN_MS * INT64_C(1000);
    give_up_where_none_is_left(smtp);
}

/* A kept connection that ended before the server said anything to the mail: the server closed it
 * meanwhile, and the mail goes by another. */
static bool was_stale(const struct connection *connection)
{
    return connection->mails > 0 && !dialogue_was_answered(connection->dialogue);
}

static void sending_end(struct connection *connection)
{
    struct smtp *smtp = connection->smtp;
    struct sending *sending = connection->sending;
    const struct mail *mail = sending->effect->call;
    const bool is_silent = mail->answer == TRANSPORT_SILENT;
    const bool is_broken = dialogue_state(connection->dialogue) == DIALOGUE_IS_BROKEN;

    connection->sending = NULL;
    if (is_silent && was_stale(connection)) {
        sendings_add_first(&smtp->waiting, sending);
        return;
    }
    connection->mails++;
    sending_done(smtp, sending, is_silent && is_broken ? EFFECT_FAILED : EFFECT_ANSWERED);
    if (!is_silent || !is_broken)
        smtp->answered_us = clock_steady_us();
    if (is_silent)
        trouble_log(smtp, dialogue_trouble(connection->dialogue));
    else
        absence_end(&smtp->absence);
}

static void next_begin(struct connection *connection)
{
    struct smtp *smtp = connection->smtp;

    connection->sending = sendings_take(&smtp->waiting);
    connection->deadline_of = DIALOGUE_IS_BROKEN; /* the mail before may have ended in this state */
    dialogue_send(connection->dialogue, connection->sending->effect->call, smtp->login.sender,
                  connection->sending->effect->arena);
}

/* As much as the socket takes; true: something left. */
static bool output(struct connection *connection)
{
    size_t length, sent;
    const char *bytes = dialogue_output(connection->dialogue, &length);
    CURLcode result;

    if (length == 0)
        return false;
    result = curl_easy_send(connection->transfer.easy, bytes, length, &sent);
    if (result == CURLE_OK)
        dialogue_sent(connection->dialogue, sent);
    else if (result != CURLE_AGAIN)
        dialogue_break(connection->dialogue, curl_easy_strerror(result));
    return result == CURLE_OK && sent > 0;
}

/* What there is to read, up to a bound; true: something came. */
static bool input(struct connection *connection)
{
    char bytes[4096];
    size_t length;
    const CURLcode result = curl_easy_recv(connection->transfer.easy, bytes, sizeof bytes, &length);

    if (result == CURLE_AGAIN)
        return false;
    if (result == CURLE_OK && length > 0)
        dialogue_take(connection->dialogue, bytes, length);
    else
        dialogue_break(connection->dialogue, result == CURLE_OK ? "it closed the connection"
                                                                : curl_easy_strerror(result));
    return true;
}

static void on_ready(void *context, short events);

/* The deadline of a state begins with it. */
static void deadline_set(struct connection *connection, int64_t now_us)
{
    const struct smtp *smtp = connection->smtp;
    const enum dialogue_state state = dialogue_state(connection->dialogue);

    if (state == connection->deadline_of)
        return;
    connection->deadline_of = state;
    connection->deadline_us = state == DIALOGUE_READY    ? INT64_MAX
                              : state == DIALOGUE_ACCEPT ? now_us + smtp->accept_us
                                                         : now_us + smtp->answer_us;
}

static void watch(struct connection *connection)
{
    size_t length;

    (void)dialogue_output(connection->dialogue, &length);
    wait_watch(connection->socket, (short)(length > 0 ? POLLIN | POLLOUT : POLLIN), on_ready,
               connection);
}

static void connection_end(struct connection *connection)
{
    if (connection->sending == NULL &&
        (connection->mails == 0 || dialogue_refuses_us(connection->dialogue)))
        connection_failed(connection, dialogue_trouble(connection->dialogue));
    else
        connection_close(connection);
}

/* Goes on for as long as anything moves. */
static void connection_go_on(struct connection *connection)
{
    struct smtp *smtp = connection->smtp;
    struct dialogue *dialogue = connection->dialogue;
    bool moves = true, has_ended = false;

    while (moves && !has_ended) {
        moves = output(connection);
        moves = input(connection) || moves;
        if (connection->sending != NULL && !dialogue_is_sending(dialogue))
            sending_end(connection);
        if (dialogue_state(dialogue) == DIALOGUE_READY && smtp->waiting.first != NULL) {
            next_begin(connection);
            moves = true;
        }
        has_ended = dialogue_state(dialogue) == DIALOGUE_IS_BROKEN;
        deadline_set(connection, clock_steady_us());
    }
    if (has_ended)
        connection_end(connection);
    else
        watch(connection);
}

static void on_ready(void *context, short events)
{
    struct connection *connection = context;
    struct smtp *smtp = connection->smtp;

    (void)events;
    connection_go_on(connection);
    connections_staff(smtp);
}

/* It is logged in, or it is not. */
static void on_ended(struct transfer *transfer, CURLcode result)
{
    struct connection *connection = (struct connection *)transfer;
    struct smtp *smtp = connection->smtp;

    if (result == CURLE_OK)
        result = curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &connection->socket);
    if (result != CURLE_OK || !is_open(connection)) {
        /* libcurl's own text of these has the time that it took */
        const bool is_timed = result == CURLE_COULDNT_CONNECT || result == CURLE_OPERATION_TIMEDOUT;

        connection->socket = CURL_SOCKET_BAD;
        connection_failed(connection, connection->error[0] == '\0' || is_timed
                                          ? curl_easy_strerror(result)
                                          : connection->error);
        return;
    }
    dialogue_begin(connection->dialogue, smtp->login.name);
    connection->deadline_of = DIALOGUE_IS_BROKEN;
    connection_go_on(connection);
}

static CURL *easy_new(struct connection *connection)
{
    const struct login *login = &connection->smtp->login;
    CURL *easy = transfer_easy_new(login->url, "smtp,smtps", login->ca_file, connection->error);

    transfer_must(curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L));
    transfer_must(curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L));
    transfer_must(curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, login->connect_ms));
    transfer_must(curl_easy_setopt(easy, CURLOPT_USE_SSL,
                                   (long)(login->wants_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE)));
    if (login->user != NULL) {
        transfer_must(curl_easy_setopt(easy, CURLOPT_USERNAME, login->user));
        transfer_must(curl_easy_setopt(easy, CURLOPT_PASSWORD, login->password));
    }
    return easy;
}

static void connection_open(struct connection *connection)
{
    connection->error[0] = '\0';
    connection->mails = 0;
    connection->transfer = (struct transfer){easy_new(connection), on_ended};
    transfers_start(connection->smtp->transfers, &connection->transfer);
}

/* Gives what waits to connections that are ready, and makes more of them where they are too few. */
static void connections_staff(struct smtp *smtp)
{
    const int64_t now_us = clock_steady_us();
    size_t opening = 0, there = 0;

    for (size_t i = 0; i < smtp->most; i++) {
        struct connection *connection = &smtp->connections[i];

        if (smtp->waiting.first != NULL && is_open(connection) &&
            dialogue_state(connection->dialogue) == DIALOGUE_READY)
            connection_go_on(connection);
        there += is_there(connection);
        opening += is_there(connection) && connection->mails == 0 && connection->sending == NULL;
    }
    for (size_t i = 0; i < smtp->most && smtp->waiting.count > opening &&
                       (there == 0 || now_us >= smtp->more_at_us);
         i++)
        if (!is_there(&smtp->connections[i])) {
            connection_open(&smtp->connections[i]);
            opening++;
            there++;
        }
}

/* ---- the executor ---- */

static enum status start(void *state, struct effect *const *effects, size_t count,
                         struct error *error)
{
    struct smtp *smtp = state;

    (void)error;
    for (size_t i = 0; i < count; i++) {
        struct sending *sending = arena_alloc(effects[i]->arena, sizeof *sending);

        sending->effect = effects[i];
        sending->since_us = clock_steady_us();
        sendings_add(&smtp->waiting, sending);
    }
    connections_staff(smtp);
    return STATUS_OK;
}

static void out_of_time(struct smtp *smtp, int64_t now_us)
{
    for (size_t i = 0; i < smtp->most; i++) {
        struct connection *connection = &smtp->connections[i];

        if (!is_open(connection) || connection->deadline_us > now_us)
            continue;
        dialogue_break(connection->dialogue, "no answer within the time given");
        if (connection->sending != NULL)
            sending_end(connection);
        connection_end(connection);
    }
}

/* Until when the first that waits may wait for others to be carried out.  Where nobody is logged in
 * yet, logging in has a deadline of its own, and what waits ends with it. */
static int64_t waits_until_us(const struct smtp *smtp)
{
    if (smtp->waiting.first != NULL)
        for (size_t i = 0; i < smtp->most; i++)
            if (is_open(&smtp->connections[i]))
                return smtp->waiting.first->since_us + smtp->answer_us;
    return INT64_MAX;
}

/* A server that takes long, or says nothing for as long as it may, holds up its mails alone: what
 * would wait behind them is due again later, and room for other effects. */
static void wait_no_longer(struct smtp *smtp, int64_t now_us)
{
    while (waits_until_us(smtp) <= now_us) {
        struct sending *sending = sendings_take(&smtp->waiting);
        const bool stands_still = smtp->answered_us <= sending->since_us;

        ((struct mail *)sending->effect->call)->answer = TRANSPORT_UNAVAILABLE;
        sending_done(smtp, sending, stands_still ? EFFECT_FAILED : EFFECT_ANSWERED);
        if (stands_still)
            trouble_log(smtp, "no answer yet to the mails before");
    }
}

static void collect(void *state)
{
    struct smtp *smtp = state;
    struct sending *sending;

    transfers_run(smtp->transfers);
    out_of_time(smtp, clock_steady_us());
    connections_staff(smtp);
    wait_no_longer(smtp, clock_steady_us());
    while ((sending = sendings_take(&smtp->done)) != NULL)
        sending->effect->answered = true;
}

static int64_t due_us(const void *state)
{
    const struct smtp *smtp = state;
    int64_t due = smtp->done.first != NULL ? 0 : transfers_due_us(smtp->transfers);

    if (waits_until_us(smtp) < due)
        due = waits_until_us(smtp);
    for (size_t i = 0; i < smtp->most; i++)
        if (is_open(&smtp->connections[i]) && smtp->connections[i].deadline_us < due)
            due = smtp->connections[i].deadline_us;
    return due;
}

/* Nobody waits for the answer to QUIT. */
static void goodbye(struct connection *connection)
{
    size_t sent;

    if (is_open(connection) && dialogue_state(connection->dialogue) == DIALOGUE_READY)
        (void)curl_easy_send(connection->transfer.easy, "QUIT\r\n", 6, &sent);
}

static void close_smtp(void *state)
{
    struct smtp *smtp = state;

    for (size_t i = 0; i < smtp->most; i++) {
        struct connection *connection = &smtp->connections[i];

        if (is_there(connection)) {
            goodbye(connection);
            connection_close(connection);
        }
        dialogue_free(connection->dialogue);
    }
    transfers_free(smtp->transfers);
    login_free(&smtp->login);
    free(smtp);
}

static enum status open_smtp(const struct settings *settings, struct executor *transport,
                             struct error *error)
{
    struct smtp *smtp = calloc(1, sizeof *smtp);

    if (smtp == NULL)
        abort();
    smtp->most = (size_t)settings_integer(settings, "smtp-connections");
    smtp->answer_us = settings_integer(settings, "smtp-timeout-ms") * 1000;
    smtp->accept_us = settings_integer(settings, "smtp-accept-timeout-ms") * 1000;
    if (login_read(settings, &smtp->login, error) != STATUS_OK) {
        free(smtp);
        return error->status;
    }
    smtp->transfers = transfers_new((long)smtp->most);
    for (size_t i = 0; i < smtp->most; i++)
        smtp->connections[i] = (struct connection){.smtp = smtp,
                                                   .dialogue = dialogue_new(),
                                                   .socket = CURL_SOCKET_BAD,
                                                   .deadline_us = INT64_MAX};
    *transport = (struct executor){
        .state = smtp, .start = start, .collect = collect, .due_us = due_us, .close = close_smtp};
    return STATUS_OK;
}

static const char *const starttls[] = {"required", "off", NULL};

/* clang-format off */
const struct setting smtp_settings[] = {
    {.name = "smtp-server", .kind = SETTING_TEXT, .fallback = "",
     .meaning = "URL of the mail server that the smtp transport gives mails to",
     .details = "smtp://mail.example.com:587, or smtps:// where TLS begins at once. Needed with "
                "--transport smtp."},
    {.name = "smtp-starttls", .kind = SETTING_CHOICE, .choices = starttls,
     .meaning = "whether smtp:// must become TLS before anything is said",
     .details = "Unset it is required, but not of a server on this machine. Turn it off only on a "
                "network that nobody else can listen to; a password is not sent without TLS."},
    {.name = "smtp-ca-file", .kind = SETTING_TEXT,
     .meaning = "certificates to trust instead of the system's",
     .details = "For a mail server with a certificate of your own, in PEM."},
    {.name = "smtp-user", .kind = SETTING_TEXT,
     .meaning = "user to log in as at the mail server",
     .details = "Unset, nobody logs in."},
    {.name = "smtp-password-file", .kind = SETTING_TEXT,
     .meaning = "file whose first line is that user's password",
     .details = "Let nobody else read it. Without it QUADRILLE_SMTP_PASSWORD in the environment is "
                "the password; the command line cannot hold one, since others can see that."},
    {.name = "smtp-envelope-sender", .kind = SETTING_TEXT,
     .meaning = "address that bounces go to; that of --sender where it is unset",
     .details = "Set it where bounces are read by another program than answers are."},
    {.name = "smtp-client-name", .kind = SETTING_TEXT,
     .meaning = "name that this machine gives itself in EHLO; the host name where it is unset",
     .details = "Some servers take no mail from a machine whose name is not in the DNS."},
    {.name = "smtp-connections", .kind = SETTING_INTEGER, .fallback = "4",
     .min = 1, .max = CONNECTIONS_MAX,
     .meaning = "connections to the mail server at most",
     .details = "Each carries one mail at a time and is kept for the next. Raise it where mails "
                "wait for one another; servers limit it too."},
    {.name = "smtp-timeout-ms", .kind = SETTING_INTEGER, .fallback = "30000",
     .min = 100, .max = 3600000,
     .meaning = "milliseconds for connecting and logging in, and for each answer but the last",
     .details = "Then the mail is tried again later, see --mail-retry-after-ms. A mail waits as long "
                "for others before it, and is then due again later too."},
    {.name = "smtp-accept-timeout-ms", .kind = SETTING_INTEGER, .fallback = "600000",
     .min = 100, .max = 3600000,
     .meaning = "milliseconds for the answer that says whether the whole mail was taken",
     .details = "A mail that is given up before may have been taken, and is there twice then, with "
                "one Message-ID. RFC 5321 asks for ten minutes."},
    {.name = NULL},
};
/* clang-format on */

const struct transport_kind smtp_transport = {"smtp", smtp_settings, open_smtp};
