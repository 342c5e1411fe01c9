/* Places where a test may have a service die, as if by kill -9. */
#ifndef QUADRILLE_SERVICES_RUNTIME_CRASH_H
#define QUADRILLE_SERVICES_RUNTIME_CRASH_H

#include <stdbool.h>

extern const char *const crash_points[]; /* NULL-terminated */

bool crash_wanted(const char *chosen, const char *point); /* `chosen` NULL: nowhere */

/* Does not return where it is wanted. */
void crash_point(const char *chosen, const char *point);

#endif
