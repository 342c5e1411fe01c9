/* The text of a mail. */
#ifndef QUADRILLE_SERVICES_EMAIL_MAIL_TEXT_H
#define QUADRILLE_SERVICES_EMAIL_MAIL_TEXT_H

#include "services/email/decide.h"

struct arena;

enum { MAIL_ID_SIZE = 80 };

/* The left side of the Message-ID: the ce_id of the order's email.sent. */
void mail_id(const char *order_id, char id[MAIL_ID_SIZE]);

/* What is kept of an order for its mail. */
const struct mail_text *mail_text_prepare(const struct order_created *created, struct arena *arena);

/* The address that the mail names, in `arena`; NULL, with the reason, where none can be
 * (events/address.h). */
const char *mail_text_recipient(const struct mail_text *text, struct arena *arena,
                                struct error *error);

/* The whole message, lines ended as files have them (RFC 5322; other than ASCII names as of RFC
 * 2047) about the decision that the row knows, in `arena`. */
const char *mail_text_write(const struct email_row *row, const char *sender, int64_t date_us,
                            struct arena *arena);

#endif
