#include "brokers/topics.h"

const struct topic topics[] = {
    {"orders.commands", "what anyone asks of the order service", false},
    {"orders", "what the order service says", false},
    {"payments", "what the payment service says", false},
    {"inventory.commands", "what operators ask of the inventory service", false},
    {"inventory", "what the inventory service says", false},
    {"emails", "what the email service says", false},
    {"order.internal", "time-outs and redrives of the order service", false},
    {"payment.internal", "retries and redrives of the payment service", false},
    {"inventory.internal", "redrives of the inventory service", false},
    {"email.internal", "retries and redrives of the email service", false},
    {"order.parked", "what the order service could not process", true},
    {"payment.parked", "what the payment service could not process", true},
    {"inventory.parked", "what the inventory service could not process", true},
    {"email.parked", "what the email service could not process", true},
};

const size_t topic_count = sizeof topics / sizeof topics[0];
