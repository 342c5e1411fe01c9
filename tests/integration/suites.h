/* The integration tests; each suite has a stack of its own. */
#ifndef QUADRILLE_TESTS_INTEGRATION_SUITES_H
#define QUADRILLE_TESTS_INTEGRATION_SUITES_H

#include <check.h>

Suite *saga_suite(void);
Suite *faults_suite(void);
Suite *effects_suite(void);
Suite *inputs_suite(void);
Suite *together_suite(void); /* all services in one process, with one database */
Suite *apart_suite(void);    /* and with one each */
Suite *memory_suite(void);   /* alone: what is fetched twice on a busy machine takes memory twice */
Suite *sagactl_suite(void);
Suite *stripe_suite(void);   /* payments at a server that speaks as Stripe does */
Suite *database_suite(void); /* the same whatever the broker is */
Suite *tamper_suite(void);   /* and so is this */
Suite *smtp_suite(void);     /* and this */

/* On Apache Kafka, whatever BROKER says. */
Suite *scale_suite(void);
Suite *outages_suite(void);
Suite *brokers_suite(void);
Suite *replay_suite(void);

/* Tests of their own subject that take the stack of another suite. */
void texts_add(Suite *suite, void (*setup)(void));
void spoilt_add(Suite *suite, void (*setup)(void)); /* the last: rows are spoilt behind it */
void decisions_add(Suite *suite, void (*setup)(void));
void late_decisions_add(Suite *suite, void (*setup)(void)); /* which stop and start services */

/* Adds a test, run `count` times, as a case of its own name, so that CK_RUN_CASE can choose it.
 * All tests of a suite share the test environment, which `setup` opens when it is not open. */
void suite_add(Suite *suite, const char *name, const TTest *test, int count, void (*setup)(void));

/* Databases that come back from a backup, and the rows that they lost. */
void recovery_tests_add(Suite *suite, void (*setup)(void));

/* Services that move into a process and out of it. */
void regroup_usage_add(Suite *suite, void (*setup)(void));
void regroup_together_add(Suite *suite, void (*setup)(void)); /* of one process, one database */
void regroup_tests_add(Suite *suite, void (*setup)(void));

/* Tests that take from the log what other tests may want to look at: the last of a suite. */
void retention_tests_add(Suite *suite, void (*setup)(void));

/* What services emitted under an id was one event; not where a test forges some. */
void suite_add_identities(Suite *suite, void (*setup)(void));

/* The last test of a suite: everything that its tests did adds up. */
void suite_add_audit(Suite *suite, void (*setup)(void));

#endif
