/* Inside database/: the address of a database, as libpq takes it, and what it names.
 *
 * libpq has no time-out for each of several hosts where it does not wait itself, so they are tried
 * one after the other. */
#ifndef QUADRILLE_DATABASE_ADDRESS_H
#define QUADRILLE_DATABASE_ADDRESS_H

#include <stddef.h>

#include "base/error.h"

enum { ADDRESS_VALUE_MAX = 1024 };

/* Each a list with commas, or one for all, or "": what libpq's environment says. */
struct hosts {
    char host[ADDRESS_VALUE_MAX], hostaddr[ADDRESS_VALUE_MAX], port[ADDRESS_VALUE_MAX];
    int count;
};

/* STATUS_INVALID says why it can never be an address, and tells no value that might be a
 * password. */
enum status hosts_find(const char *conninfo, struct hosts *hosts, struct error *error);

/* The host of that number, by itself. */
struct hosts hosts_one(const struct hosts *hosts, int number);

/* "database NAME", and nothing of a password. */
void address_name(const char *conninfo, char *out, size_t size);

#endif
