/* The unit tests, a suite a subject. */
#ifndef QUADRILLE_TESTS_UNIT_SUITES_H
#define QUADRILLE_TESTS_UNIT_SUITES_H

#include <check.h>

Suite *order_suite(void);
Suite *payment_suite(void);
Suite *stripe_suite(void);
Suite *inventory_suite(void);
Suite *email_suite(void);
Suite *catalog_suite(void);
Suite *choreography_suite(void);
Suite *codec_suite(void);
Suite *texts_suite(void);
Suite *json_suite(void);
Suite *envelope_suite(void);
Suite *identity_suite(void);
Suite *bytes_suite(void);
Suite *index_suite(void);
Suite *wait_suite(void);
Suite *http_client_suite(void);
Suite *smtp_suite(void);
Suite *breaker_suite(void);
Suite *dead_letter_suite(void);
Suite *settings_suite(void);
Suite *brokers_suite(void);
Suite *frames_suite(void);
Suite *lists_suite(void);
Suite *json_line_suite(void);
Suite *history_suite(void);
Suite *regroup_suite(void);

#endif
