/* Inside transports/smtp/: what client and server say once the client is logged in (RFC 5321),
 * apart from any socket.
 *
 *     dialogue_begin(dialogue, "client.example");
 *     ... until dialogue_state(dialogue) is DIALOGUE_READY:
 *         send what dialogue_output() has, dialogue_sent() what has left of it;
 *         dialogue_take() what comes
 *     dialogue_send(dialogue, mail, "orders@shop.example", arena);
 *     ... as before, while dialogue_is_sending(); mail->answer is then what became of it
 *
 * It begins with a second EHLO, for what the server offers inside TLS.  One command is under way at
 * a time.  A server that breaks the rules, or says more than it was asked, is not gone on with. */
#ifndef QUADRILLE_SERVICES_EMAIL_TRANSPORTS_SMTP_DIALOGUE_H
#define QUADRILLE_SERVICES_EMAIL_TRANSPORTS_SMTP_DIALOGUE_H

#include "services/email/transports/transport.h"

struct dialogue;

enum dialogue_state {
    DIALOGUE_HELLO,    /* the server is asked what it offers */
    DIALOGUE_READY,    /* for a mail */
    DIALOGUE_MAIL,     /* the sender was named */
    DIALOGUE_RCPT,     /* the recipient was */
    DIALOGUE_DATA,     /* it was asked to take the text */
    DIALOGUE_ACCEPT,   /* it was given all of it; whether it has it is known when it answers */
    DIALOGUE_RESET,    /* what became of the mail is known; the server is told to forget it */
    DIALOGUE_IS_BROKEN /* the connection is of no use any more */
};

struct dialogue *dialogue_new(void);
void dialogue_free(struct dialogue *dialogue);

/* On a connection that is new; what was before is forgotten.  `name` is the client's. */
void dialogue_begin(struct dialogue *dialogue, const char *name);

enum dialogue_state dialogue_state(const struct dialogue *dialogue);

/* Has a mail carried out: `mail`, from the address `sender`.  Only when it is ready.  Until nothing
 * is being sent any more, mail and arena must live; answer and reason, in the arena, are filled
 * then. */
void dialogue_send(struct dialogue *dialogue, struct mail *mail, const char *sender,
                   struct arena *arena);

bool dialogue_is_sending(const struct dialogue *dialogue);

/* What is to be sent, and what of it has left. */
const char *dialogue_output(const struct dialogue *dialogue, size_t *length);
void dialogue_sent(struct dialogue *dialogue, size_t length);

/* Bytes that came, however they are cut. */
void dialogue_take(struct dialogue *dialogue, const char *bytes, size_t length);

/* The connection ends, whoever ended it: `why`, unless the dialogue knows better. */
void dialogue_break(struct dialogue *dialogue, const char *why);

/* Why it is broken, or why the last mail that was not answered for was put off: "451 try again
 * later"; "": nothing is wrong. */
const char *dialogue_trouble(const struct dialogue *dialogue);

/* Did the server say anything since the mail was begun? */
bool dialogue_was_answered(const struct dialogue *dialogue);

/* Is it broken by a reply that any other mail would have had too? */
bool dialogue_refuses_us(const struct dialogue *dialogue);

#endif
