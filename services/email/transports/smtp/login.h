/* Inside transports/smtp/: what the settings say of the server and of how we log in. */
#ifndef QUADRILLE_SERVICES_EMAIL_TRANSPORTS_SMTP_LOGIN_H
#define QUADRILLE_SERVICES_EMAIL_TRANSPORTS_SMTP_LOGIN_H

#include <stdbool.h>

#include "base/error.h"
#include "base/settings.h"

struct login {
    struct arena *arena;         /* of what follows */
    const char *server, *url;    /* as it is set; with our name behind it, as libcurl wants it */
    const char *name;            /* that we give ourselves in EHLO */
    const char *sender;          /* envelope sender */
    const char *user, *password; /* NULL: none */
    const char *ca_file;         /* NULL: the system's */
    bool wants_tls;              /* STARTTLS, unless TLS begins before */
    long connect_ms;
};

/* STATUS_INVALID says which setting cannot be, and what would be right.  No message holds the
 * password. */
enum status login_read(const struct settings *settings, struct login *login, struct error *error);
void login_free(struct login *login);

#endif
