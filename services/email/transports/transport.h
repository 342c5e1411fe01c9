/* How a mail leaves: the small interface behind which a transport stands.
 *
 * A mail is known by its Message-ID: handing the same one over again must not make a second
 * mail. */
#ifndef QUADRILLE_SERVICES_EMAIL_TRANSPORTS_TRANSPORT_H
#define QUADRILLE_SERVICES_EMAIL_TRANSPORTS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/settings.h"
#include "services/runtime/executor.h"

enum transport_answer {
    TRANSPORT_SILENT,
    TRANSPORT_ACCEPTED,
    TRANSPORT_REFUSED,
    TRANSPORT_UNAVAILABLE /* nobody was asked: tried again later */
};

/* The call of an effect (services/runtime/executor.h). */
struct mail {
    const char *id;               /* unique; the Message-ID's left side */
    const char *recipient;        /* address */
    const char *text;             /* the whole message as of RFC 5322 */
    enum transport_answer answer; /* filled by the transport */
    const char *reason;           /* of TRANSPORT_REFUSED; in the effect's arena */
    int64_t retry_after_us;       /* of SILENT and UNAVAILABLE: not before; 0: at will */
};

/* A kind of transport, found by its name: --transport chooses one, and each has settings of its
 * own. */
struct transport_kind {
    const char *name;
    const struct setting *settings;
    enum status (*open)(const struct settings *settings, struct executor *transport,
                        struct error *error);
};

/* All there are.  Whoever adds one adds it to these three lists, which kinds.c holds and which end
 * in NULL. */
extern const struct transport_kind *const transport_kinds[];
extern const char *const transport_names[];
extern const struct setting *const transport_settings[];

/* The one of that name, which must be one of transport_names. */
const struct transport_kind *transport_kind_find(const char *name);

/* A maildir (https://cr.yp.to/proto/maildir.html): one file a message, for any mail program.  Makes
 * the folder when it is not there.  Addresses under .invalid, which RFC 2606 §2 sets aside as never
 * valid, are refused. */
extern const struct transport_kind maildir_transport;
extern const struct setting maildir_settings[];

/* A mail server (RFC 5321): see smtp/smtp.c.  A mail that was taken and is given over again is
 * there twice, under one Message-ID: SMTP cannot do better. */
extern const struct transport_kind smtp_transport;
extern const struct setting smtp_settings[];

#endif
