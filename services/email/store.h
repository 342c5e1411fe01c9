/* The email service's rows in PostgreSQL; see schemas/sql/email. */
#ifndef QUADRILLE_SERVICES_EMAIL_STORE_H
#define QUADRILLE_SERVICES_EMAIL_STORE_H

#include "services/email/decide.h"
#include "services/email/transports/transport.h"
#include "services/runtime/service.h"

struct email_context {
    struct email_rules rules; /* first: decide is given this context as its rules */
    struct decoder *decoder;
    struct transport transport;
    const char *sender; /* address that mails come from */
};

enum status email_load(void *context, struct database *database, struct work *work, struct error *error);
enum status email_save(void *context, struct database *database, struct saga *const *rows, size_t count,
                       struct arena *arena, struct error *error);

extern const char email_due_sql[];

#endif
