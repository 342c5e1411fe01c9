/* Mail addresses: as people write them, and as mail servers take them.
 *
 * Behind the @ a domain may have letters of any script (IDNA 2008, RFC 5891); for a mail they
 * become ASCII, mapped as UTS #46 has it, non-transitionally.  In front of the @ stands ASCII: a
 * server need not take anything else (RFC 6531). */
#ifndef QUADRILLE_EVENTS_ADDRESS_H
#define QUADRILLE_EVENTS_ADDRESS_H

#include <stdbool.h>

#include "base/error.h"

/* in characters (RFC 5321 §4.5.3.1.3); with its NUL */
enum { ADDRESS_MAX = 254, ADDRESS_SIZE = ADDRESS_MAX + 1 };

/* May a message hold it?  One @ with something on either side, nothing that a header would have to
 * quote, ASCII in front of the @. */
bool address_is_readable(const char *address);

bool address_is_ascii(const char *address);

/* The address as a mail names it.  STATUS_INVALID, with the reason, when no mail can be written to
 * it. */
enum status address_to_ascii(const char *address, char ascii[ADDRESS_SIZE], struct error *error);

#endif
