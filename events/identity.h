/* Identities that make repetition harmless. */
#ifndef QUADRILLE_EVENTS_IDENTITY_H
#define QUADRILLE_EVENTS_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "events/message.h"

enum { IDENTITY_SIZE = 37 };

/* The namespace of all name-based ids here is 3d883b9a-5353-536a-a658-80b6a2d85512: UUIDv5 of the
 * URL namespace and "https://quadrille.example/events".
 *
 * The ce_id of an event: UUIDv5(namespace, order_id "/" type) (RFC 9562 §5.5).  The same fact has
 * the same id, whoever says it and however often. */
void event_id(const char *order_id, enum message_type type, char id[IDENTITY_SIZE]);

/* A number of the same name, for where an event has no offset: below 2^53, so that every reader of
 * JSON keeps it as it is. */
int64_t event_number(const char *order_id, enum message_type type);

/* The id of a name in the same namespace, for things that are no events: the content of an order, a
 * payment. */
void name_id(const char *name, size_t length, char id[IDENTITY_SIZE]);

/* A new random id (RFC 9562 §5.4) for a command. */
void command_id(char id[IDENTITY_SIZE]);

#endif
