/* Mails over SMTP, to a server of the tests' own (tests/outside/mailserver.py).  What it took is
 * read by Python's email package. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/environment.h"
#include "tests/integration/suites.h"

#define SERVER "tests/outside/mailserver.py"

/* In FOLDER/NAME, with options of its own; its port. */
static int64_t server_start(const char *name, const char *options)
{
    const char *folder = environment_folder();

    ck_assert_int_eq(shell("mkdir -p %s/%s && { python3 -B " SERVER
                           " serve %s/%s %d %s > %s/%s/log 2>&1 & }",
                           folder, name, folder, name, (int)getpid(), options, folder, name),
                     0);
    eventually(shell("cat %s/%s/port 2> /dev/null", folder, name) == 0);
    return output_number();
}

static void email_restart(int64_t port, const char *options)
{
    char line[800];

    snprintf(line, sizeof line, "--transport smtp --smtp-server smtp://localhost:%lld %s",
             (long long)port, options);
    service_restart("email", line);
}

static int64_t port;

/* The first server has no faults but those that recipients ask for. */
static void environment_with_a_mail_server(void)
{
    if (environment_is_open())
        return;
    environment_with_services();
    port = server_start("smtp", "");
    email_restart(port, "");
}

static void place_to(const char *order_id, const char *address)
{
    char customer[200];

    snprintf(customer, sizeof customer, "{\"name\":\"Ada\",\"email\":\"%s\"}", address);
    place_for(customer, order_id, "pm_card_visa", "thing", 1);
}

static bool shows(const char *order_id, const char *text)
{
    ck_assert_int_eq(
        shell("python3 -B " SERVER " show %s/smtp '%s'", environment_folder(), order_id), 0);
    return output_has(text);
}

START_TEST(a_mail_reads_as_it_was_meant)
{
    place_for("{\"name\":\"Zo\xc3\xab \\\"the\\\" \xd7\x90\xd7\x91, <x@y>\",\"email\":"
              "\"zoe@b\xc3\xbc"
              "cher.example\"}",
              "reads", "pm_card_visa", "thing", 1);
    eventually(is_closed("reads"));
    ck_assert(shows("reads", "envelope orders@quadrille.example zoe@xn--bcher-kva.example"));
    ck_assert(output_has("to 'Zo\xc3\xab \"the\" \xd7\x90\xd7\x91, <x@y>' "
                         "zoe@xn--bcher-kva.example"));
    ck_assert(output_has("subject Your order reads is confirmed"));
    ck_assert(output_has("A THING"));
    ck_assert(output_has("defects 0"));
    ck_assert(output_has("1 mails, 1 ids"));
}
END_TEST

START_TEST(a_mail_that_is_put_off_is_sent_later)
{
    place_to("put-off", "later@example.com");
    eventually(is_closed("put-off"));
    ck_assert_int_eq(emitted("put-off", "email.failed"), 0);
    ck_assert(shows("put-off", "1 mails, 1 ids"));
    ck_assert_int_eq(logged("email", "451 4.3.0 not now"), 1); /* of two */
    ck_assert_int_ge(logged("email", "the mail server is back"), 1);
}
END_TEST

START_TEST(a_mail_that_is_refused_fails_with_the_reply)
{
    place_to("no-such-user", "refused@example.com");
    place_to("beside-it", "ada@example.com");
    eventually(is_closed("no-such-user"));
    eventually(is_closed("beside-it"));
    ck_assert_str_eq(state("order", "no-such-user"), "CONFIRMED");
    ck_assert_int_ge(emitted("no-such-user", "email.failed"), 1);
    ck_assert(strstr(body_of("no-such-user", "email.failed"),
                     "550 5.1.1 no such user: 5.1.1 \\\\u001b[1mnobody") != NULL);
    ck_assert(shows("no-such-user", "0 mails"));
    ck_assert(shows("beside-it", "1 mails"));
}
END_TEST

/* It would be of every mail: none fails by it. */
START_TEST(a_sender_that_is_refused_fails_no_mail)
{
    const char *folder = environment_folder();

    ck_assert_int_eq(shell("touch %s/smtp/blocked", folder), 0);
    place_to("blocked", "ada@example.com");
    eventually(logged("email", "550 5.7.1 not from you") >= 1);
    ck_assert_int_eq(shell("rm %s/smtp/blocked", folder), 0);
    eventually(is_closed("blocked"));
    ck_assert_int_eq(emitted("blocked", "email.failed"), 0);
    ck_assert(shows("blocked", "1 mails, 1 ids"));
}
END_TEST

START_TEST(a_connection_may_end_in_the_middle_of_a_mail)
{
    place_to("cut", "dropped@example.com");
    eventually(is_closed("cut"));
    ck_assert(shows("cut", "1 mails, 1 ids"));
}
END_TEST

/* The server has it and could not say so: whoever reads both sees that they are one. */
START_TEST(a_mail_that_was_taken_without_an_answer_comes_twice_under_one_id)
{
    place_to("unsaid", "taken@example.com");
    eventually(is_closed("unsaid"));
    ck_assert(shows("unsaid", "2 mails, 1 ids"));
}
END_TEST

START_TEST(a_process_may_die_between_the_answer_and_its_row)
{
    email_restart(port, "--crash-at after-effects");
    place_to("dies", "ada@example.com");
    eventually(!service_is_alive("email"));
    ck_assert(shows("dies", "1 mails, 1 ids"));
    ck_assert_str_eq(state("email", "dies"), "NEW");
    email_restart(port, "");
    eventually(is_closed("dies"));
    ck_assert(shows("dies", "2 mails, 1 ids"));
    ck_assert_int_eq(ids_emitted("dies", "email.sent"), 1);
}
END_TEST

START_TEST(nothing_waits_while_the_last_answer_is_held_back)
{
    enum { ORDERS = 5 };

    email_restart(port, "--smtp-connections 2");
    place_to("held", "held@example.com");
    eventually(shows("held", "1 mails"));
    place_many("meanwhile", ORDERS);
    eventually(closed("meanwhile") == ORDERS);
    ck_assert_str_eq(state("order", "held"), "CONFIRMED");
    ck_assert_int_eq(emitted("held", "email.sent"), 0);
    ck_assert_int_eq(shell("touch %s/smtp/release", environment_folder()), 0);
    eventually(is_closed("held"));
    ck_assert(shows("held", "1 mails, 1 ids"));
}
END_TEST

START_TEST(a_server_that_is_not_there_is_tried_again)
{
    email_restart(1, "--breaker-min-calls 1");
    place_to("unreached", "ada@example.com");
    eventually(logged("email", "mail server: smtp://localhost:1") >= 1);
    eventually(logged("email", "circuit breaker closed -> open") >= 1);
    ck_assert_int_eq(emitted("unreached", "email.failed"), 0);
    email_restart(port, "");
    eventually(is_closed("unreached"));
    ck_assert(shows("unreached", "1 mails, 1 ids"));
}
END_TEST

/* Of a name that is not the server's, and then as it should be. */
START_TEST(a_server_is_known_by_its_certificate_and_we_by_a_password)
{
    const char *folder = environment_folder();
    int64_t secure;
    char options[600];

    ck_assert_int_eq(
        shell("cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "
              "/CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem "
              "-out cert.pem 2> /dev/null && echo wrong-password > wrong && echo right-password > "
              "right && chmod 600 wrong right",
              folder),
        0);
    snprintf(options, sizeof options, "--tls %s/cert.pem %s/key.pem --login shop right-password",
             folder, folder);
    secure = server_start("secure", options);
    email_restart(secure, "--smtp-starttls required");
    place_to("secret", "ada@example.com");
    eventually(logged("email", "certificate") >= 1);

    snprintf(options, sizeof options,
             "--smtp-starttls required --smtp-ca-file %s/cert.pem --smtp-user shop "
             "--smtp-password-file %s/wrong",
             folder, folder);
    email_restart(secure, options);
    eventually(logged("email", "Login denied") >= 1);
    ck_assert_int_eq(logged("email", "wrong-password"), 0);

    snprintf(options, sizeof options,
             "--smtp-starttls required --smtp-ca-file %s/cert.pem --smtp-user shop "
             "--smtp-password-file %s/right",
             folder, folder);
    email_restart(secure, options);
    eventually(is_closed("secret"));
    ck_assert_int_eq(emitted("secret", "email.failed"), 0);
    ck_assert_int_eq(shell("python3 -B " SERVER " show %s/secure secret", folder), 0);
    ck_assert(output_has("1 mails, 1 ids"));

    email_restart(port, "--smtp-starttls required");
    place_to("plain", "ada@example.com");
    eventually(logged("email", "mail server: smtp://localhost") >= 1);
    ck_assert(shows("plain", "0 mails"));
    email_restart(port, "");
    eventually(is_closed("plain"));
}
END_TEST

Suite *smtp_suite(void)
{
    Suite *suite = suite_create("smtp");

#define add(test) suite_add(suite, #test, test, 1, environment_with_a_mail_server)
    add(a_mail_reads_as_it_was_meant);
    add(a_mail_that_is_put_off_is_sent_later);
    add(a_mail_that_is_refused_fails_with_the_reply);
    add(a_sender_that_is_refused_fails_no_mail);
    add(a_connection_may_end_in_the_middle_of_a_mail);
    add(a_mail_that_was_taken_without_an_answer_comes_twice_under_one_id);
    add(a_process_may_die_between_the_answer_and_its_row);
    add(nothing_waits_while_the_last_answer_is_held_back);
    add(a_server_that_is_not_there_is_tried_again);
    add(a_server_is_known_by_its_certificate_and_we_by_a_password);
#undef add
    suite_add_identities(suite, environment_with_a_mail_server);
    return suite;
}
