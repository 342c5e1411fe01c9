#define _DEFAULT_SOURCE /* explicit_bzero */
#include "services/email/transports/smtp/login.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/utf8.h"

enum { PASSWORD_MAX = 1024 };

static bool is_loopback(const char *host)
{
    const bool is_number = host[strspn(host, "0123456789.")] == '\0';

    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (is_number && strncmp(host, "127.", 4) == 0);
}

/* The parts of the URL that matter; false: it is none. */
static bool server_read(const char *url, char **scheme, char **host, bool *has_more)
{
    char *path = NULL, *user = NULL;
    CURLU *parsed = curl_url();
    bool is_url;

    if (parsed == NULL)
        abort();
    is_url = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
             curl_url_get(parsed, CURLUPART_SCHEME, scheme, 0) == CURLUE_OK &&
             curl_url_get(parsed, CURLUPART_HOST, host, 0) == CURLUE_OK &&
             (strcmp(*scheme, "smtp") == 0 || strcmp(*scheme, "smtps") == 0);
    *has_more =
        curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_OK ||
        (curl_url_get(parsed, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") != 0);
    curl_free(path);
    curl_free(user);
    curl_url_cleanup(parsed);
    return is_url;
}

static enum status server_check(const struct settings *settings, struct login *login,
                                bool *is_exposed, struct error *error)
{
    const char *server = settings_text(settings, "smtp-server");
    const char *starttls = settings_text(settings, "smtp-starttls");
    char *scheme = NULL, *host = NULL;
    bool has_more = false;
    enum status status = STATUS_OK;

    if (!server_read(server, &scheme, &host, &has_more)) {
        status = error_set(error, STATUS_INVALID,
                           "smtp-server is \"%s\": a URL is expected, as "
                           "smtp://mail.example.com:587 or smtps://mail.example.com",
                           server);
    } else if (has_more) {
        status = error_set(error, STATUS_INVALID,
                           "smtp-server has more than host and port: a user is given by "
                           "smtp-user, a password by smtp-password-file");
    } else {
        const size_t length = strlen(server);

        login->server = server;
        login->url = arena_format(login->arena, "%.*s/%s",
                                  (int)(server[length - 1] == '/' ? length - 1 : length), server,
                                  login->name);
        login->wants_tls =
            starttls != NULL ? strcmp(starttls, "required") == 0 : !is_loopback(host);
        *is_exposed = strcmp(scheme, "smtp") == 0 && !login->wants_tls && !is_loopback(host);
    }
    curl_free(scheme);
    curl_free(host);
    return status;
}

/* The first line of the file.  No copy is left behind, in a buffer of stdio's neither. */
static enum status password_read(const char *path, struct login *login, struct error *error)
{
    char line[PASSWORD_MAX];
    FILE *file = fopen(path, "re");
    const bool is_read = file != NULL && setvbuf(file, NULL, _IONBF, 0) == 0 &&
                         fgets(line, sizeof line, file) != NULL;
    const int why = errno;

    if (file != NULL)
        fclose(file);
    if (file == NULL)
        return error_set(error, STATUS_INVALID, "smtp-password-file is \"%s\": cannot read it: %s",
                         path, strerror(why));
    if (!is_read || strcspn(line, "\r\n") == 0)
        return error_set(error, STATUS_INVALID,
                         "smtp-password-file is \"%s\": its first line is empty, the password is "
                         "expected there",
                         path);
    login->password = arena_copy(login->arena, line, strcspn(line, "\r\n"));
    explicit_bzero(line, sizeof line);
    return STATUS_OK;
}

static enum status user_read(const struct settings *settings, struct login *login, bool is_exposed,
                             struct error *error)
{
    const char *file = settings_text(settings, "smtp-password-file");
    enum status status = STATUS_OK;

    login->user = settings_text(settings, "smtp-user");
    if (login->user == NULL)
        return STATUS_OK;
    if (file != NULL)
        status = password_read(file, login, error);
    else
        login->password = arena_text(login->arena, getenv("QUADRILLE_SMTP_PASSWORD"));
    if (status == STATUS_OK && login->password == NULL)
        status = error_set(error, STATUS_INVALID,
                           "smtp-user is \"%s\" and there is no password: smtp-password-file, or "
                           "QUADRILLE_SMTP_PASSWORD in the environment, is expected",
                           login->user);
    if (status == STATUS_OK && is_exposed)
        status = error_set(error, STATUS_INVALID,
                           "smtp-starttls is off and smtp-user is \"%s\": a password goes to "
                           "another machine under TLS only",
                           login->user);
    return status;
}

static bool is_plain_address(const char *address)
{
    const size_t length = strlen(address);
    const char *at = strrchr(address, '@');

    return at != NULL && at != address && at[1] != '\0' && strpbrk(address, "<> \",;") == NULL &&
           utf8_text(address, length) == length;
}

static enum status sender_read(const struct settings *settings, struct login *login,
                               struct error *error)
{
    const char *own = settings_text(settings, "smtp-envelope-sender");

    login->sender = own != NULL ? own : settings_text(settings, "sender");
    if (!is_plain_address(login->sender))
        return error_set(error, STATUS_INVALID,
                         "%s is \"%s\": an address is expected, as bounces@example.com",
                         own != NULL ? "smtp-envelope-sender" : "sender", login->sender);
    return STATUS_OK;
}

/* A domain, as far as a server can tell (RFC 5321 §4.1.2). */
static bool is_name(const char *name)
{
    return name[0] != '\0' && name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                "abcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0';
}

static enum status name_read(const struct settings *settings, struct login *login,
                             struct error *error)
{
    const char *own = settings_text(settings, "smtp-client-name");
    char host[256] = "";

    if (own != NULL && !is_name(own))
        return error_set(error, STATUS_INVALID,
                         "smtp-client-name is \"%s\": a name of this machine is expected, as "
                         "shop.example.com",
                         own);
    if (own == NULL && (gethostname(host, sizeof host - 1) != 0 || !is_name(host)))
        own = "localhost";
    login->name = own != NULL ? own : arena_text(login->arena, host);
    return STATUS_OK;
}

enum status login_read(const struct settings *settings, struct login *login, struct error *error)
{
    bool is_exposed = false;
    enum status status;

    *login = (struct login){.arena = arena_new_small()};
    login->ca_file = settings_text(settings, "smtp-ca-file");
    login->connect_ms = (long)settings_integer(settings, "smtp-timeout-ms");
    status = name_read(settings, login, error);
    if (status == STATUS_OK)
        status = server_check(settings, login, &is_exposed, error);
    if (status == STATUS_OK)
        status = user_read(settings, login, is_exposed, error);
    if (status == STATUS_OK)
        status = sender_read(settings, login, error);
    if (status == STATUS_OK && login->ca_file != NULL && access(login->ca_file, R_OK) != 0)
        status = error_set(error, STATUS_INVALID, "smtp-ca-file is \"%s\": cannot read it: %s",
                           login->ca_file, strerror(errno));
    if (status != STATUS_OK)
        login_free(login);
    return status;
}

void login_free(struct login *login)
{
    if (login->password != NULL)
        explicit_bzero((char *)(uintptr_t)login->password, strlen(login->password));
    login->password = NULL;
    arena_free(login->arena);
    login->arena = NULL;
}
