/* What is said to a mail server, and made of what it says: first without one, then to one in the
 * same wait. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/wait.h"
#include "services/email/transports/smtp/dialogue.h"
#include "services/email/transports/smtp/login.h"
#include "tests/unit/suites.h"

static const char hello[] = "250-mail.example\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n";

struct talk {
    struct dialogue *dialogue;
    struct arena *arena;
    struct mail mail;
};

/* The server says it, `cut` bytes at a time. */
static void says_in(const struct talk *talk, const char *text, size_t cut)
{
    const size_t length = strlen(text);

    for (size_t i = 0; i < length; i += cut)
        dialogue_take(talk->dialogue, text + i, length - i < cut ? length - i : cut);
}

static void says(const struct talk *talk, const char *text)
{
    says_in(talk, text, 1);
}

static void expects(const struct talk *talk, const char *expected)
{
    size_t length;
    const char *said = dialogue_output(talk->dialogue, &length);

    ck_assert_msg(length == strlen(expected) && memcmp(said, expected, length) == 0,
                  "\"%.*s\" instead of \"%s\"", (int)length, said, expected);
    dialogue_sent(talk->dialogue, length);
}

static struct talk talk_begin(const char *offers)
{
    struct talk talk = {dialogue_new(), arena_new_small(), {0}};

    dialogue_begin(talk.dialogue, "client.example");
    expects(&talk, "EHLO client.example\r\n");
    says(&talk, offers);
    return talk;
}

static void talk_end(const struct talk *talk)
{
    dialogue_free(talk->dialogue);
    arena_free(talk->arena);
}

static void send_from(struct talk *talk, const char *sender, const char *recipient,
                      const char *text)
{
    talk->mail = (struct mail){.id = "1", .recipient = recipient, .text = text};
    ck_assert_int_eq(dialogue_state(talk->dialogue), DIALOGUE_READY);
    dialogue_send(talk->dialogue, &talk->mail, sender, talk->arena);
}

static void begin(struct talk *talk, const char *text)
{
    send_from(talk, "shop@example.com", "ada@example.com", text);
    expects(talk, "MAIL FROM:<shop@example.com>\r\n");
}

/* Up to the text, which is sent. */
static void give(struct talk *talk, const char *text, const char *sent)
{
    begin(talk, text);
    says(talk, "250 yes\r\n");
    expects(talk, "RCPT TO:<ada@example.com>\r\n");
    says(talk, "250 yes\r\n");
    expects(talk, "DATA\r\n");
    says(talk, "354 go on\r\n");
    expects(talk, sent);
}

static void check_refused(const struct talk *talk, const char *reason)
{
    ck_assert(!dialogue_is_sending(talk->dialogue));
    ck_assert_int_eq(talk->mail.answer, TRANSPORT_REFUSED);
    ck_assert_str_eq(talk->mail.reason, reason);
}

static void check_put_off(const struct talk *talk, const char *trouble)
{
    ck_assert(!dialogue_is_sending(talk->dialogue));
    ck_assert_int_eq(talk->mail.answer, TRANSPORT_SILENT);
    ck_assert_str_eq(dialogue_trouble(talk->dialogue), trouble);
}

START_TEST(one_mail_follows_another)
{
    struct talk talk = talk_begin(hello);

    for (int i = 0; i < 3; i++) {
        give(&talk, "A: b\n\nHello.\n", "A: b\r\n\r\nHello.\r\n.\r\n");
        ck_assert_int_eq(dialogue_state(talk.dialogue), DIALOGUE_ACCEPT);
        ck_assert(dialogue_is_sending(talk.dialogue));
        says_in(&talk, "250-it is\r\n250 here\r\n", (size_t)i * 3 + 1);
        ck_assert_int_eq(talk.mail.answer, TRANSPORT_ACCEPTED);
        ck_assert(!dialogue_is_sending(talk.dialogue));
    }
    talk_end(&talk);
}
END_TEST

START_TEST(a_text_cannot_end_before_its_end)
{
    static const struct {
        const char *text, *sent;
    } texts[] = {{"", ".\r\n"},
                 {".", "..\r\n.\r\n"},
                 {".\n", "..\r\n.\r\n"},
                 {"a\n.\nMAIL FROM:<x>\n", "a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n"},
                 {"a\r\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n"},
                 {"a\r.\rb\n", "a\r\n..\r\nb\r\n.\r\n"},
                 {"a\n\r.\r\n", "a\r\n\r\n..\r\n.\r\n"},
                 {"a..b\n...\n", "a..b\r\n....\r\n.\r\n"},
                 {"a\n\n\n", "a\r\n\r\n\r\n.\r\n"}};
    struct talk talk = talk_begin(hello);

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        give(&talk, texts[i].text, texts[i].sent);
        says(&talk, "250 yes\r\n");
        ck_assert_int_eq(talk.mail.answer, TRANSPORT_ACCEPTED);
    }
    talk_end(&talk);
}
END_TEST

START_TEST(what_leaves_in_pieces_is_not_answered_before)
{
    struct talk talk = talk_begin(hello);
    size_t length;

    send_from(&talk, "shop@example.com", "ada@example.com", "a\n");
    (void)dialogue_output(talk.dialogue, &length);
    dialogue_sent(talk.dialogue, length - 1);
    says(&talk, "250 yes\r\n");
    ck_assert_int_eq(dialogue_state(talk.dialogue), DIALOGUE_IS_BROKEN);
    check_put_off(&talk, "it answers what it was not asked");
    talk_end(&talk);
}
END_TEST

START_TEST(a_mail_is_refused_or_put_off_at_each_step)
{
    static const char *const steps[] = {"", "250 yes\r\n", "250 yes\r\n", "354 go on\r\n"};
    static const char *const sent[] = {"MAIL FROM:<shop@example.com>\r\n",
                                       "RCPT TO:<ada@example.com>\r\n", "DATA\r\n", "a\r\n.\r\n"};
    struct talk talk = talk_begin(hello);

    for (int step = 0; step < 4; step++)
        for (int refused = 0; refused < 2; refused++) {
            send_from(&talk, "shop@example.com", "ada@example.com", "a\n");
            for (int i = 0; i <= step; i++) {
                says(&talk, steps[i]);
                expects(&talk, sent[i]);
            }
            says(&talk, refused ? "552 no\r\n" : "451 not now\r\n");
            if (refused)
                check_refused(&talk, "552 no");
            else
                check_put_off(&talk, "451 not now");
            if (step == 1 || step == 2) { /* what was begun is ended */
                expects(&talk, "RSET\r\n");
                says(&talk, "250 yes\r\n");
            }
        }
    give(&talk, "a\n", "a\r\n.\r\n");
    says(&talk, "250 yes\r\n");
    ck_assert_int_eq(talk.mail.answer, TRANSPORT_ACCEPTED);
    talk_end(&talk);
}
END_TEST

/* These say nothing about the mail. */
START_TEST(a_server_that_wants_another_client_refuses_no_mail)
{
    static const char *const codes[] = {"421", "503", "530", "534", "535", "538"};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0] * 2; i++) {
        struct talk talk = talk_begin(hello);
        char said[16];

        begin(&talk, "a\n");
        if (i % 2 == 1) {
            says(&talk, "250 yes\r\n");
            expects(&talk, "RCPT TO:<ada@example.com>\r\n");
        }
        snprintf(said, sizeof said, "%s no\r\n", codes[i / 2]);
        says(&talk, said);
        said[6] = '\0';
        check_put_off(&talk, said);
        ck_assert_int_eq(dialogue_state(talk.dialogue), DIALOGUE_IS_BROKEN);
        ck_assert_int_eq(dialogue_refuses_us(talk.dialogue), i / 2 > 0);
        talk_end(&talk);
    }
}
END_TEST

/* It is the same for all mails. */
START_TEST(a_sender_that_is_refused_fails_no_mail)
{
    static const char *const codes[] = {"500", "501", "502", "504", "550", "553", "554", "555"};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct talk talk = talk_begin(hello);
        char said[16];

        begin(&talk, "a\n");
        snprintf(said, sizeof said, "%s no\r\n", codes[i]);
        says(&talk, said);
        said[6] = '\0';
        check_put_off(&talk, said);
        ck_assert(dialogue_refuses_us(talk.dialogue));
        talk_end(&talk);
    }
}
END_TEST

START_TEST(a_text_that_is_refused_before_its_end_is_refused)
{
    struct talk talk = talk_begin(hello);

    begin(&talk, "a\n");
    says(&talk, "250 yes\r\n");
    expects(&talk, "RCPT TO:<ada@example.com>\r\n");
    says(&talk, "250 yes\r\n");
    expects(&talk, "DATA\r\n");
    says(&talk, "354 go on\r\n");
    dialogue_sent(talk.dialogue, 2);
    says(&talk, "552-too much\r\n552 of it\r\n");
    check_refused(&talk, "552 too much of it");
    ck_assert_int_eq(dialogue_state(talk.dialogue),
                     DIALOGUE_IS_BROKEN); /* the rest would be said */
    talk_end(&talk);
}
END_TEST

START_TEST(a_reply_is_cleaned_and_bounded)
{
    struct talk talk = talk_begin(hello);
    char said[1100] = "552 ";

    begin(&talk, "a\n");
    says(&talk, "552-\x1b[1mno\r\n552 \xff\xe2\x80\xae user\r\n");
    check_refused(&talk, "552 \\u001b[1mno \\xff\\u202e user");
    begin(&talk, "a\n");
    memset(said + 4, 'x', 1000);
    memcpy(said + 1004, "\r\n", 3);
    says(&talk, said);
    ck_assert(!dialogue_is_sending(talk.dialogue));
    ck_assert_int_lt(strlen(talk.mail.reason), 200);
    begin(&talk, "a\n");
    says(&talk, "552\r\n");
    check_refused(&talk, "552 ");
    talk_end(&talk);
}
END_TEST

START_TEST(what_is_no_smtp_is_not_gone_on_with)
{
    static const char *const sayings[] = {"HTTP/1.1 400\r\n",
                                          "\r\n",
                                          "25\r\n",
                                          "150 yes\r\n",
                                          "650 yes\r\n",
                                          "2500 yes\r\n",
                                          "354 go on\r\n",
                                          "250-yes\r\n251 yes\r\n",
                                          "250 yes\r\n250 and the next\r\n"};

    for (size_t i = 0; i < sizeof sayings / sizeof sayings[0]; i++) {
        struct talk talk = talk_begin(hello);

        begin(&talk, "a\n");
        says(&talk, sayings[i]);
        ck_assert_msg(dialogue_state(talk.dialogue) == DIALOGUE_IS_BROKEN, "\"%s\" is taken",
                      sayings[i]);
        ck_assert_int_eq(talk.mail.answer, TRANSPORT_SILENT);
        ck_assert(!dialogue_is_sending(talk.dialogue));
        talk_end(&talk);
    }
}
END_TEST

START_TEST(a_server_that_never_ends_a_line_or_a_reply_is_not_gone_on_with)
{
    struct talk talk = talk_begin(hello);
    int lines = 0;

    begin(&talk, "a\n");
    for (int i = 0; i < 5000; i++)
        dialogue_take(talk.dialogue, "2", 1);
    check_put_off(&talk, "what it says is too long for SMTP");
    talk_end(&talk);

    talk = talk_begin(hello);
    begin(&talk, "a\n");
    for (; lines < 5000 && dialogue_state(talk.dialogue) == DIALOGUE_MAIL; lines++)
        says(&talk, "250-yes\r\n");
    ck_assert_int_lt(lines, 200);
    check_put_off(&talk, "what it says is no SMTP");
    talk_end(&talk);
}
END_TEST

START_TEST(a_server_says_nothing_unasked)
{
    struct talk talk = talk_begin(hello);

    says(&talk, "421 goodbye\r\n");
    ck_assert_int_eq(dialogue_state(talk.dialogue), DIALOGUE_IS_BROKEN);
    ck_assert_str_eq(dialogue_trouble(talk.dialogue), "421 goodbye");
    talk_end(&talk);

    talk = talk_begin("502 what\r\n");
    ck_assert_int_eq(dialogue_state(talk.dialogue), DIALOGUE_IS_BROKEN);
    ck_assert_str_eq(dialogue_trouble(talk.dialogue), "502 what");
    talk_end(&talk);
}
END_TEST

START_TEST(other_than_ascii_goes_to_who_takes_it)
{
    struct talk talk = talk_begin(hello);

    send_from(&talk, "shop@example.com", "zo\xc3\xab@example.com", "Zo\xc3\xab\n");
    expects(&talk, "MAIL FROM:<shop@example.com> BODY=8BITMIME SMTPUTF8\r\n");
    says(&talk, "250 yes\r\n");
    expects(&talk, "RCPT TO:<zo\xc3\xab@example.com>\r\n");
    talk_end(&talk);

    talk = talk_begin("250-mail.example\r\n250 8bitmime\r\n");
    send_from(&talk, "shop@example.com", "zo\xc3\xab@example.com", "a\n");
    check_refused(&talk, "the mail server takes no address that is not ASCII (SMTPUTF8): "
                         "zo\xc3\xab@example.com");
    send_from(&talk, "shop@example.com", "zoe@example.com", "Zo\xc3\xab\n");
    expects(&talk, "MAIL FROM:<shop@example.com> BODY=8BITMIME\r\n");
    talk_end(&talk);

    talk = talk_begin("250 SMTPUTF8\r\n"); /* the first line offers nothing */
    send_from(&talk, "shop@example.com", "zoe@example.com", "Zo\xc3\xab\n");
    check_refused(&talk, "the mail server takes no text that is not ASCII (8BITMIME)");
    talk_end(&talk);
}
END_TEST

START_TEST(an_address_adds_no_command)
{
    static const char *const addresses[] = {"",      "a@b>\r\nDATA", "a@b\nDATA", "a@b> SIZE=1",
                                            "<a@b>", "a b@c",        "a\x7f@b",   "a\xff@b"};
    struct talk talk = talk_begin(hello);

    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        send_from(&talk, "shop@example.com", addresses[i], "a\n");
        check_refused(&talk, "no mail can go by SMTP where an address is written so");
        expects(&talk, "");
    }
    talk_end(&talk);
}
END_TEST

START_TEST(a_connection_that_ends_answers_nothing)
{
    struct talk talk = talk_begin(hello);

    give(&talk, "a\n", "a\r\n.\r\n");
    dialogue_break(talk.dialogue, "it closed the connection");
    check_put_off(&talk, "it closed the connection");
    says(&talk, "250 yes\r\n");
    ck_assert_int_eq(talk.mail.answer, TRANSPORT_SILENT);
    talk_end(&talk);
}
END_TEST

/* ---- what the settings say ---- */

static const struct setting sender_setting[] = {
    {.name = "sender", .kind = SETTING_TEXT, .fallback = "orders@example.com"}, {.name = NULL}};

/* As login_read has it, of a command line. */
static enum status login_of(int argc, const char *const *argv, struct login *login,
                            struct error *error)
{
    const struct setting *const tables[] = {sender_setting, smtp_settings};
    struct settings *settings = settings_new("program", "what it is", tables, 2);
    enum status status = settings_parse(settings, argc, (char **)(uintptr_t)argv, error);

    unsetenv("QUADRILLE_SMTP_PASSWORD");
    ck_assert_int_eq(status, STATUS_OK);
    status = login_read(settings, login, error);
    settings_free(settings);
    return status;
}

START_TEST(tls_is_wanted_of_who_is_not_on_this_machine)
{
    static const struct {
        const char *server, *starttls;
        bool wants_tls;
    } servers[] = {
        {"smtp://mail.example:587", NULL, true}, {"smtp://mail.example:587", "off", false},
        {"smtp://127.example", NULL, true},      {"smtp://localhost.example", NULL, true},
        {"smtp://localhost:25", NULL, false},    {"smtp://127.0.0.1:25/", NULL, false},
        {"smtp://[::1]:25", NULL, false},        {"smtp://localhost:25", "required", true}};

    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        struct login login;
        struct error error;

        ck_assert_int_eq(login_of(servers[i].starttls == NULL ? 3 : 5,
                                  (const char *[]){"program", "--smtp-server", servers[i].server,
                                                   "--smtp-starttls", servers[i].starttls, NULL},
                                  &login, &error),
                         STATUS_OK);
        ck_assert_msg(login.wants_tls == servers[i].wants_tls, "%s", servers[i].server);
        login_free(&login);
    }
}
END_TEST

START_TEST(a_login_that_cannot_be_is_refused_with_what_would_be_right)
{
    static const struct {
        const char *options[6], *why;
    } wrongs[] = {
        {{NULL}, "smtp-server is \"\": a URL is expected"},
        {{"--smtp-server", "mail.example"}, "smtp-server is \"mail.example\": a URL is expected"},
        {{"--smtp-server", "http://mail.example"}, "a URL is expected"},
        {{"--smtp-server", "smtp://shop:secret@mail.example"}, "more than host and port"},
        {{"--smtp-server", "smtp://mail.example/shop"}, "more than host and port"},
        {{"--smtp-server", "smtp://mail.example", "--smtp-user", "shop"}, "there is no password"},
        {{"--smtp-server", "smtp://mail.example", "--smtp-user", "shop", "--smtp-password-file",
          "/dev/null"},
         "its first line is empty"},
        {{"--smtp-server", "smtp://mail.example", "--smtp-user", "shop", "--smtp-password-file",
          "/nowhere/there"},
         "cannot read it"},
        {{"--smtp-server", "smtp://mail.example", "--sender", "Shop <shop@example.com>"},
         "sender is \"Shop <shop@example.com>\": an address is expected"},
        {{"--smtp-server", "smtp://mail.example", "--smtp-envelope-sender", "a\r\n@b"},
         "an address is expected"},
        {{"--smtp-server", "smtp://mail.example", "--smtp-client-name", "a b"},
         "smtp-client-name is \"a b\""},
        {{"--smtp-server", "smtp://mail.example", "--smtp-ca-file", "/nowhere/there"},
         "smtp-ca-file is \"/nowhere/there\": cannot read it"}};

    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        const char *argv[8] = {"program"};
        struct login login;
        struct error error;
        int argc = 1;

        for (; argc < 7 && wrongs[i].options[argc - 1] != NULL; argc++)
            argv[argc] = wrongs[i].options[argc - 1];
        ck_assert_int_eq(login_of(argc, argv, &login, &error), STATUS_INVALID);
        ck_assert_msg(strstr(error.message, wrongs[i].why) != NULL, "%s", error.message);
        ck_assert_msg(strstr(error.message, "secret") == NULL, "%s", error.message);
    }
}
END_TEST

START_TEST(no_password_goes_to_another_machine_without_tls)
{
    char path[] = "/tmp/smtp-XXXXXX";
    const int file = mkstemp(path);
    const char *argv[] = {"program",
                          "--smtp-server",
                          "smtp://mail.example",
                          "--smtp-user",
                          "shop",
                          "--smtp-password-file",
                          path,
                          "--smtp-starttls",
                          "off",
                          NULL};
    struct login login;
    struct error error;

    ck_assert_int_eq(write(file, "secret\n", 7), 7);
    ck_assert_int_eq(login_of(9, argv, &login, &error), STATUS_INVALID);
    ck_assert(strstr(error.message, "under TLS only") != NULL);
    ck_assert_int_eq(login_of(7, argv, &login, &error), STATUS_OK);
    ck_assert_str_eq(login.password, "secret");
    login_free(&login);
    argv[2] = "smtps://mail.example";
    ck_assert_int_eq(login_of(9, argv, &login, &error), STATUS_OK);
    login_free(&login);
    argv[2] = "smtp://localhost";
    ck_assert_int_eq(login_of(9, argv, &login, &error), STATUS_OK);
    login_free(&login);
    close(file);
    unlink(path);
}
END_TEST

/* ---- the transport ---- */

enum { PEERS = 4, EFFECTS = 3 };

struct peer {
    int socket;
    char got[256]; /* a line that has not ended */
    size_t length;
    bool is_in_text;
};

/* What it says to MAIL and to the end of a text; NULL: it does not answer. */
static struct server {
    int socket, port, connections;
    const char *to_mail, *to_text;
    int mails, texts; /* of these, that came */
    struct peer peers[PEERS];
} server;

static void say(const struct peer *peer, const char *text)
{
    if (text != NULL)
        ck_assert_int_eq(write(peer->socket, text, strlen(text)), (ssize_t)strlen(text));
}

static void on_line(struct peer *peer, const char *line)
{
    if (peer->is_in_text && strcmp(line, ".\r\n") == 0) {
        peer->is_in_text = false;
        server.texts++;
        say(peer, server.to_text);
    } else if (strncmp(line, "MAIL ", 5) == 0) {
        server.mails++;
        say(peer, server.to_mail);
    } else if (strcmp(line, "DATA\r\n") == 0) {
        peer->is_in_text = true;
        say(peer, "354 go on\r\n");
    } else if (!peer->is_in_text) {
        say(peer, "250 yes\r\n");
    }
}

static void peer_close(struct peer *peer)
{
    wait_unwatch(peer->socket);
    close(peer->socket);
    peer->socket = 0;
}

static void on_peer(void *context, short events)
{
    struct peer *peer = context;
    char bytes[1024];
    const ssize_t count = read(peer->socket, bytes, sizeof bytes);

    (void)events;
    if (count <= 0)
        peer_close(peer);
    for (ssize_t i = 0; i < count; i++) {
        ck_assert_uint_lt(peer->length, sizeof peer->got - 1);
        peer->got[peer->length++] = bytes[i];
        if (bytes[i] != '\n')
            continue;
        peer->got[peer->length] = '\0';
        peer->length = 0;
        on_line(peer, peer->got);
    }
}

static void on_connection(void *context, short events)
{
    struct peer *peer = &server.peers[server.connections++];

    (void)context;
    (void)events;
    ck_assert_int_le(server.connections, PEERS);
    peer->socket = accept(server.socket, NULL, NULL);
    ck_assert_int_gt(peer->socket, 0);
    wait_watch(peer->socket, POLLIN, on_peer, peer);
    say(peer, "220 here\r\n");
}

static struct settings *options;
static struct executor transport;
static struct effect effects[EFFECTS];
static struct mail mails[EFFECTS];

static void server_open(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memset(&server, 0, sizeof server);
    server.to_mail = server.to_text = "250 yes\r\n";
    server.socket = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(server.socket, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(server.socket, PEERS), 0);
    ck_assert_int_eq(getsockname(server.socket, (struct sockaddr *)&address, &size), 0);
    server.port = ntohs(address.sin_port);
    wait_watch(server.socket, POLLIN, on_connection, NULL);
    for (int i = 0; i < EFFECTS; i++) {
        mails[i] = (struct mail){.id = "1", .recipient = "ada@example.com", .text = "a\n"};
        effects[i] = (struct effect){.arena = arena_new_small(), .call = &mails[i]};
    }
}

static void server_close(void)
{
    transport.close(transport.state);
    settings_free(options);
    for (int i = 0; i < PEERS; i++)
        if (server.peers[i].socket != 0)
            peer_close(&server.peers[i]);
    wait_unwatch(server.socket);
    close(server.socket);
    for (int i = 0; i < EFFECTS; i++)
        arena_free(effects[i].arena);
}

/* By one connection. */
static void transport_open(const char *timeout_ms)
{
    static const struct setting *const tables[] = {sender_setting, smtp_settings};
    static char url[60];
    struct error error;
    const char *argv[] = {"program",  "--smtp-server",      url, "--smtp-timeout-ms",
                          timeout_ms, "--smtp-connections", "1", NULL};

    options = settings_new("program", "what it is", tables, 2);
    snprintf(url, sizeof url, "smtp://127.0.0.1:%d", server.port);
    ck_assert_int_eq(settings_parse(options, 7, (char **)(uintptr_t)argv, &error), STATUS_OK);
    ck_assert_int_eq(smtp_transport.open(options, &transport, &error), STATUS_OK);
}

static void start(int first, int count)
{
    struct effect *started[EFFECTS];
    struct error error;

    for (int i = 0; i < count; i++)
        started[i] = &effects[first + i];
    ck_assert_int_eq(transport.start(transport.state, started, (size_t)count, &error), STATUS_OK);
}

/* As a service does it: waits, and collects what is due.  What has come is taken before. */
static void go_on(void)
{
    enum wait_end end = WAIT_SERVED;
    int64_t now_us, due_us;

    while (end == WAIT_SERVED)
        end = wait_for(-1, 0, 0);
    now_us = clock_steady_us();
    due_us = transport.due_us(transport.state);
    if (due_us <= now_us)
        transport.collect(transport.state);
    else
        wait_for(-1, 0, due_us - now_us > 100000 ? 100 : (int)((due_us - now_us) / 1000 + 1));
}

static void check_answered(int number, enum transport_answer answer, enum effect_outcome outcome)
{
    while (!effects[number].answered)
        go_on();
    ck_assert_int_eq(mails[number].answer, answer);
    ck_assert_int_eq(effects[number].outcome, outcome);
}

/* It is connected before, however long that takes. */
START_TEST(nothing_waits_behind_a_server_that_never_answers)
{
    transport_open("1000");
    while (mails[0].answer != TRANSPORT_ACCEPTED) {
        effects[0].answered = false;
        start(0, 1);
        while (!effects[0].answered)
            go_on();
    }
    effects[0].answered = false;
    server.to_text = NULL;
    server.texts = 0;
    start(0, 3);
    check_answered(1, TRANSPORT_UNAVAILABLE, EFFECT_FAILED);
    ck_assert_int_eq(server.texts, 1);
    ck_assert(!effects[0].answered); /* it may take ten minutes */
    check_answered(2, TRANSPORT_UNAVAILABLE, EFFECT_FAILED);
    server.to_text = "250 yes\r\n";
    say(&server.peers[0], server.to_text);
    check_answered(0, TRANSPORT_ACCEPTED, EFFECT_ANSWERED);
    ck_assert_int_eq(server.texts, 1);
}
END_TEST

START_TEST(who_cannot_be_reached_has_failed)
{
    transport_open("60000");
    wait_unwatch(server.socket);
    close(server.socket);
    start(0, 2);
    check_answered(0, TRANSPORT_SILENT, EFFECT_FAILED);
    check_answered(1, TRANSPORT_SILENT, EFFECT_FAILED);
}
END_TEST

START_TEST(who_hangs_up_has_failed)
{
    transport_open("60000");
    server.to_text = NULL;
    start(0, 1);
    while (server.texts == 0)
        go_on();
    peer_close(&server.peers[0]);
    check_answered(0, TRANSPORT_SILENT, EFFECT_FAILED);
}
END_TEST

START_TEST(who_puts_off_or_refuses_a_mail_has_answered)
{
    transport_open("60000");
    server.to_text = "451 not now\r\n";
    start(0, 1);
    check_answered(0, TRANSPORT_SILENT, EFFECT_ANSWERED);
    server.to_text = "554 no\r\n";
    start(1, 1);
    check_answered(1, TRANSPORT_REFUSED, EFFECT_ANSWERED);
    ck_assert_int_eq(server.connections, 1);
}
END_TEST

START_TEST(who_refuses_the_sender_is_not_asked_for_each_mail)
{
    transport_open("60000");
    start(0, 1);
    check_answered(0, TRANSPORT_ACCEPTED, EFFECT_ANSWERED);
    server.to_mail = "550 no\r\n";
    start(1, 2);
    check_answered(1, TRANSPORT_SILENT, EFFECT_FAILED);
    check_answered(2, TRANSPORT_SILENT, EFFECT_FAILED);
    ck_assert_int_eq(server.mails, 2);
    ck_assert_int_eq(server.connections, 1);
}
END_TEST

START_TEST(each_mail_has_a_deadline_of_its_own)
{
    int64_t due_us;

    transport_open("60000");
    server.to_mail = NULL;
    start(0, 1);
    while (server.mails == 0)
        go_on();
    due_us = transport.due_us(transport.state);
    start(1, 1);
    say(&server.peers[0], "451 not now\r\n");
    while (server.mails == 1)
        go_on();
    ck_assert_int_gt(transport.due_us(transport.state), due_us);
}
END_TEST

Suite *smtp_suite(void)
{
    Suite *suite = suite_create("smtp");
    TCase *cases = tcase_create("dialogue");

    tcase_add_test(cases, one_mail_follows_another);
    tcase_add_test(cases, a_text_cannot_end_before_its_end);
    tcase_add_test(cases, what_leaves_in_pieces_is_not_answered_before);
    tcase_add_test(cases, a_mail_is_refused_or_put_off_at_each_step);
    tcase_add_test(cases, a_server_that_wants_another_client_refuses_no_mail);
    tcase_add_test(cases, a_sender_that_is_refused_fails_no_mail);
    tcase_add_test(cases, a_text_that_is_refused_before_its_end_is_refused);
    tcase_add_test(cases, a_reply_is_cleaned_and_bounded);
    tcase_add_test(cases, what_is_no_smtp_is_not_gone_on_with);
    tcase_add_test(cases, a_server_that_never_ends_a_line_or_a_reply_is_not_gone_on_with);
    tcase_add_test(cases, a_server_says_nothing_unasked);
    tcase_add_test(cases, other_than_ascii_goes_to_who_takes_it);
    tcase_add_test(cases, an_address_adds_no_command);
    tcase_add_test(cases, a_connection_that_ends_answers_nothing);
    tcase_add_test(cases, tls_is_wanted_of_who_is_not_on_this_machine);
    tcase_add_test(cases, a_login_that_cannot_be_is_refused_with_what_would_be_right);
    tcase_add_test(cases, no_password_goes_to_another_machine_without_tls);
    suite_add_tcase(suite, cases);
    cases = tcase_create("transport");
    tcase_set_timeout(cases, 0);
    tcase_add_checked_fixture(cases, server_open, server_close);
    tcase_add_test(cases, nothing_waits_behind_a_server_that_never_answers);
    tcase_add_test(cases, who_cannot_be_reached_has_failed);
    tcase_add_test(cases, who_hangs_up_has_failed);
    tcase_add_test(cases, who_puts_off_or_refuses_a_mail_has_answered);
    tcase_add_test(cases, who_refuses_the_sender_is_not_asked_for_each_mail);
    tcase_add_test(cases, each_mail_has_a_deadline_of_its_own);
    suite_add_tcase(suite, cases);
    return suite;
}
