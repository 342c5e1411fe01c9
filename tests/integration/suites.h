/* The integration tests; each suite has a stack of its own. */
#ifndef QUADRILLE_TESTS_INTEGRATION_SUITES_H
#define QUADRILLE_TESTS_INTEGRATION_SUITES_H

#include <check.h>

Suite *saga_suite(void);
Suite *faults_suite(void);

#endif
