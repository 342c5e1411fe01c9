/* The shipping service as a value: for its main(), and for tools that ask what it would do. */
#ifndef QUADRILLE_SERVICES_SHIPPING_SERVICE_H
#define QUADRILLE_SERVICES_SHIPPING_SERVICE_H

#include "services/runtime/service.h"

extern const struct service shipping_service;

#endif
