/* Publishing commands to the saga's topics. */
#ifndef QUADRILLE_TOOLS_SAGACTL_SEND_H
#define QUADRILLE_TOOLS_SAGACTL_SEND_H

#include "brokers/broker.h"
#include "events/message.h"

struct sender {
    struct producer *producer;
    struct delivery delivery;
};

enum status sender_open(struct sender *sender, const struct broker_settings *broker,
                        struct error *error);

/* A new id for a command, in the arena. */
const char *command_id_make(struct arena *arena);

/* Encodes and publishes a command under a new id, unless its envelope has one already. */
enum status sender_send(struct sender *sender, struct arena *arena, struct message *command,
                        struct error *error);

/* What was sent goes on its way at once, instead of waiting for company: for who has nothing to
 * send for a while. */
void sender_push(struct sender *sender);

/* Waits until all that was sent is safe: STATUS_UNAVAILABLE when that takes more than ten
 * seconds. */
enum status sender_flush(struct sender *sender, struct error *error);

void sender_close(struct sender *sender);

#endif
