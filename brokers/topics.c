#include "brokers/topics.h"

/* A parked message is larger than what it was by the headers that say why: its topics take more than any other. */
enum { PLAIN_BYTES = 4 * 1024 * 1024, PARKED_BYTES = 6 * 1024 * 1024 };

const struct topic topics[] = {
    {"orders.commands", "what anyone asks of the order service", PLAIN_BYTES},
    {"orders", "what the order service says", PLAIN_BYTES},
    {"payments", "what the payment service says", PLAIN_BYTES},
    {"inventory.commands", "what operators ask of the inventory service", PLAIN_BYTES},
    {"inventory", "what the inventory service says", PLAIN_BYTES},
    {"emails", "what the email service says", PLAIN_BYTES},
    {"order.internal", "time-outs and redrives of the order service", PLAIN_BYTES},
    {"payment.internal", "retries and redrives of the payment service", PLAIN_BYTES},
    {"inventory.internal", "redrives of the inventory service", PLAIN_BYTES},
    {"email.internal", "retries and redrives of the email service", PLAIN_BYTES},
    {"order.parked", "what the order service could not process", PARKED_BYTES},
    {"payment.parked", "what the payment service could not process", PARKED_BYTES},
    {"inventory.parked", "what the inventory service could not process", PARKED_BYTES},
    {"email.parked", "what the email service could not process", PARKED_BYTES},
};

const size_t topic_count = sizeof topics / sizeof topics[0];
