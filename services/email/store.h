/* The email service's rows in PostgreSQL; see sql/. */
#ifndef QUADRILLE_SERVICES_EMAIL_STORE_H
#define QUADRILLE_SERVICES_EMAIL_STORE_H

#include "services/runtime/rows.h"

extern const struct rows mail_rows;
extern const char email_postpone_sql[]; /* see service.h */

/* Mails that may not be out. */
extern const char email_due_sql[];

extern const struct migrations email_migrations; /* of sql/ */

#endif
